/** The convolution by its definition, for tests of its kernels. */

/** One convolution: x [n, h, w, cin], window [kh, kw], cout filters. */
export interface Case {
  readonly x: readonly [number, number, number, number];
  readonly window: readonly [number, number];
  readonly cout: number;
  readonly stride?: readonly [number, number];
  /** top, bottom, left, right. */
  readonly padding?: readonly [number, number, number, number];
  readonly bias?: boolean;
}

/** Rows and columns of the output. */
export function outputSize({
  x,
  window,
  stride = [1, 1],
  padding = [0, 0, 0, 0],
}: Case): [number, number] {
  const rows = Math.floor((x[1] + padding[0] + padding[1] - window[0]) / stride[0]) + 1;
  const columns = Math.floor((x[2] + padding[2] + padding[3] - window[1]) / stride[1]) + 1;
  return [rows, columns];
}

/** The convolution by its definition, in float64. */
export function reference(c: Case): (inputs: readonly Float64Array[]) => Float64Array {
  const [n, height, width, cin] = c.x;
  const [kh, kw] = c.window;
  const [strideH, strideW] = c.stride ?? [1, 1];
  const [top, , left] = c.padding ?? [0, 0, 0, 0];
  const [oh, ow] = outputSize(c);
  return ([x, w, b]: readonly Float64Array[]): Float64Array => {
    const y = new Float64Array(n * oh * ow * c.cout);
    let at = 0;
    for (let image = 0; image < n; image++) {
      for (let i = 0; i < oh; i++) {
        for (let j = 0; j < ow; j++) {
          for (let o = 0; o < c.cout; o++) {
            let sum = b?.[o] ?? 0;
            for (let p = 0; p < kh; p++) {
              for (let q = 0; q < kw; q++) {
                const row = i * strideH + p - top;
                const column = j * strideW + q - left;
                if (row < 0 || row >= height || column < 0 || column >= width) continue;
                for (let k = 0; k < cin; k++) {
                  const pixel = x![((image * height + row) * width + column) * cin + k]!;
                  sum += pixel * w![((p * kw + q) * cin + k) * c.cout + o]!;
                }
              }
            }
            y[at++] = sum;
          }
        }
      }
    }
    return y;
  };
}
