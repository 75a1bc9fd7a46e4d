/**
 * A float64 interpreter of graphs: every operation the models use, by the book. It shares no code with
 * the kernels, so a whole network's loss and gradients can be held against it.
 */
import { Graph, type Operation } from "../src/graph/graph.ts";
import type { Value } from "../src/graph/value.ts";
import type { Shape } from "../src/shape.ts";

interface Recorded {
  readonly name: string;
  readonly attrs: unknown;
  readonly inputs: readonly Value[];
  readonly output: Value;
}

/** A graph that also remembers its operations. */
export class RecordingGraph extends Graph {
  readonly recorded: Recorded[] = [];

  override apply<A>(
    operation: Operation<A>,
    inputs: readonly Value[],
    attrs: A,
    label?: string,
  ): Value {
    const output = super.apply(operation, inputs, attrs, label);
    this.recorded.push({ name: operation.name, attrs, inputs, output });
    return output;
  }

  /** Evaluates `result` from values of the inputs, all in float64. */
  evaluate(result: Value, inputs: ReadonlyMap<Value, ArrayLike<number>>): Float64Array {
    const values = new Map<Value, ArrayLike<number>>(inputs);
    for (const { name, attrs, inputs: used, output } of this.recorded) {
      const compute = references[name];
      if (compute === undefined) throw new Error(`no float64 reference of "${name}"`);
      const tensors = used.map((value) => ({ shape: value.shape, data: values.get(value)! }));
      const y = new Float64Array(output.size);
      compute(tensors, { shape: output.shape, data: y }, (attrs ?? {}) as Attrs);
      values.set(output, y);
      if (output === result) return y;
    }
    throw new Error(`"${result.label}" is not of this graph`);
  }
}

interface Tensor<D = ArrayLike<number>> {
  readonly shape: Shape;
  readonly data: D;
}

type Attrs = Readonly<Record<string, unknown>>;
type Reference = (inputs: readonly Tensor[], y: Tensor<Float64Array>, attrs: Attrs) => void;

const map =
  (f: (x: number) => number): Reference =>
  ([x], { data: y }) => {
    for (let i = 0; i < y.length; i++) y[i] = f(x!.data[i]!);
  };

/** NumPy's broadcasting: the index into `shape` of element i of `whole`. */
function broadcastIndex(whole: Shape, shape: Shape, i: number): number {
  let [index, stride] = [0, 1];
  for (let axis = 1; axis <= shape.length; axis++) {
    const size = whole.at(-axis)!;
    const own = shape.at(-axis)!;
    index += own === 1 ? 0 : (i % size) * stride;
    stride *= own;
    i = Math.floor(i / size);
  }
  return index;
}

const pairwise =
  (f: (a: number, b: number) => number): Reference =>
  ([a, b], { shape, data }) => {
    for (let i = 0; i < data.length; i++) {
      data[i] = f(
        a!.data[broadcastIndex(shape, a!.shape, i)]!,
        b!.data[broadcastIndex(shape, b!.shape, i)]!,
      );
    }
  };

/** Error function by its Taylor series (|x| < 3) or continued fraction, to float64 rounding. */
function erf(x: number): number {
  const a = Math.abs(x);
  if (a < 3) {
    let [term, sum] = [a, a];
    for (let n = 1; Math.abs(term) > 1e-17 * sum; n++) {
      term *= (-a * a) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 60; n >= 1; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction));
}

/** Visits every (output position, input position, tap) of a window that lies inside the image. */
function windows(
  x: Shape,
  y: Shape,
  taps: readonly [number, number],
  attrs: { stride: number; before: readonly [number, number] },
  visit: (n: number, out: number, source: number, tap: number) => void,
): void {
  const [n, h, w] = x as readonly number[] as [number, number, number];
  const [, oh, ow] = y as readonly number[] as [number, number, number];
  for (let image = 0; image < n; image++) {
    for (let i = 0; i < oh; i++) {
      for (let j = 0; j < ow; j++) {
        for (let u = 0; u < taps[0]; u++) {
          for (let v = 0; v < taps[1]; v++) {
            const [row, column] = [
              i * attrs.stride + u - attrs.before[0],
              j * attrs.stride + v - attrs.before[1],
            ];
            if (row < 0 || row >= h || column < 0 || column >= w) continue;
            const out = (image * oh + i) * ow + j;
            visit(image, out, (image * h + row) * w + column, u * taps[1] + v);
          }
        }
      }
    }
  }
}

/** Zeros before the first row and column of a convolution; "same" is TensorFlow's rule. */
function paddingBefore(
  x: Shape,
  y: Shape,
  w: Shape,
  { stride = 1, padding = 0 }: { stride?: number; padding?: number | "same" },
): { stride: number; before: readonly [number, number] } {
  const before = ([1, 2] as const).map((axis) => {
    if (padding !== "same") return padding;
    return Math.floor(Math.max(0, (y[axis]! - 1) * stride + w[axis - 1]! - x[axis]!) / 2);
  });
  return { stride, before: before as unknown as readonly [number, number] };
}

/** Mean and variance of the numbers a row has, or of those a channel has over all rows. */
function moments(values: readonly number[]): { mean: number; variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, variance };
}

const references: Readonly<Record<string, Reference>> = {
  relu: map((x) => Math.max(0, x)),
  gelu([x], y, { approximate }) {
    if (approximate !== "none") throw new Error("only the exact GELU has a reference");
    map((v) => (v * (1 + erf(v / Math.SQRT2))) / 2)([x!], y, {});
  },
  reshape: map((x) => x),
  flatten: map((x) => x),
  add: pairwise((a, b) => a + b),
  mul: pairwise((a, b) => a * b),
  conv2d([x, w, b], y, attrs) {
    const [kh, kw, cin, cout] = w!.shape as readonly number[] as [number, number, number, number];
    for (let i = 0; i < y.data.length; i++) y.data[i] = b?.data[i % cout] ?? 0;
    const where = paddingBefore(x!.shape, y.shape, w!.shape, attrs);
    windows(x!.shape, y.shape, [kh, kw], where, (_, out, source, tap) => {
      for (let c = 0; c < cin; c++) {
        const pixel = x!.data[source * cin + c]!;
        for (let f = 0; f < cout; f++) {
          y.data[out * cout + f]! += pixel * w!.data[(tap * cin + c) * cout + f]!;
        }
      }
    });
  },
  depthwiseConv2d([x, w, b], y, attrs) {
    const [kh, kw, c] = w!.shape as readonly number[] as [number, number, number];
    for (let i = 0; i < y.data.length; i++) y.data[i] = b?.data[i % c] ?? 0;
    const where = paddingBefore(x!.shape, y.shape, w!.shape, attrs);
    windows(x!.shape, y.shape, [kh, kw], where, (_, out, source, tap) => {
      for (let f = 0; f < c; f++) {
        y.data[out * c + f]! += x!.data[source * c + f]! * w!.data[tap * c + f]!;
      }
    });
  },
  linear([x, w, b], { data: y }) {
    const [inputs, units] = w!.shape as readonly number[] as [number, number];
    for (let i = 0; i < y.length; i++) {
      const [row, unit] = [Math.floor(i / units), i % units];
      let sum = b?.data[unit] ?? 0;
      for (let k = 0; k < inputs; k++) {
        sum += x!.data[row * inputs + k]! * w!.data[k * units + unit]!;
      }
      y[i] = sum;
    }
  },
  layerNorm([x, gamma, beta], { data: y }, { epsilon }) {
    const c = gamma!.shape[0]!;
    for (let start = 0; start < y.length; start += c) {
      const row = Array.from({ length: c }, (_, i) => x!.data[start + i]!);
      const { mean, variance } = moments(row);
      row.forEach((value, i) => {
        const normed = (value - mean) / Math.sqrt(variance + (epsilon as number));
        y[start + i] = gamma!.data[i]! * normed + beta!.data[i]!;
      });
    }
  },
  batchNorm([x, gamma, beta, runningMean, runningVariance], { data: y }, { mode, epsilon }) {
    const c = gamma!.shape[0]!;
    for (let channel = 0; channel < c; channel++) {
      const all = Array.from({ length: y.length / c }, (_, row) => x!.data[row * c + channel]!);
      const { mean, variance } =
        mode === "train"
          ? moments(all)
          : { mean: runningMean!.data[channel]!, variance: runningVariance!.data[channel]! };
      all.forEach((value, row) => {
        const normed = (value - mean) / Math.sqrt(variance + (epsilon as number));
        y[row * c + channel] = gamma!.data[channel]! * normed + beta!.data[channel]!;
      });
    }
  },
  maxPool([x], y, attrs) {
    const { size, stride, padding } = attrs as { size: number; stride: number; padding: number };
    const c = x!.shape[3]!;
    y.data.fill(-Infinity);
    const where = { stride, before: [padding, padding] as const };
    windows(x!.shape, y.shape, [size, size], where, (_, out, source) => {
      for (let f = 0; f < c; f++) {
        y.data[out * c + f] = Math.max(y.data[out * c + f]!, x!.data[source * c + f]!);
      }
    });
  },
  globalAveragePool([x], { data: y }) {
    const [n, h, w, c] = x!.shape as readonly number[] as [number, number, number, number];
    for (let i = 0; i < n * h * w * c; i++) {
      y[Math.floor(i / (h * w * c)) * c + (i % c)]! += x!.data[i]! / (h * w);
    }
  },
  pad([x], { shape, data: y }, attrs) {
    const { top, left } = attrs as { top: number; left: number };
    const [n, h, w, c] = x!.shape as readonly number[] as [number, number, number, number];
    const [, oh, ow] = shape as readonly number[] as [number, number, number];
    for (let i = 0; i < n * h * w * c; i++) {
      const [channel, column, row] = [i % c, Math.floor(i / c) % w, Math.floor(i / c / w) % h];
      const image = Math.floor(i / c / w / h);
      y[((image * oh + row + top) * ow + column + left) * c + channel] = x!.data[i]!;
    }
  },
  attention([q, k, v], { data: y }, attrs) {
    const { heads, scale } = attrs as { heads: number; scale?: number };
    const [b, lq, width] = q!.shape as readonly number[] as [number, number, number];
    const lk = k!.shape[1]!;
    const d = width / heads;
    for (let n = 0; n < b; n++) {
      for (let h = 0; h < heads; h++) {
        for (let i = 0; i < lq; i++) {
          const from = (n * lq + i) * width + h * d;
          const weights = Array.from({ length: lk }, (_, j) => {
            const key = (n * lk + j) * width + h * d;
            let score = 0;
            for (let c = 0; c < d; c++) score += q!.data[from + c]! * k!.data[key + c]!;
            return Math.exp(score * (scale ?? 1 / Math.sqrt(d)));
          });
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          weights.forEach((weight, j) => {
            const value = (n * lk + j) * width + h * d;
            for (let c = 0; c < d; c++) y[from + c]! += (weight / total) * v!.data[value + c]!;
          });
        }
      }
    }
  },
};
