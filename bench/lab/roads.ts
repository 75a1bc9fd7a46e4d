/** The roads of the lab: small kernels from the naive one on, one change at a time, and what they compute. */
import { readFileSync } from "node:fs";
import { conv2d, linear } from "../../src/ops/index.ts";
import type { Value } from "../../src/graph/value.ts";

/** A kernel on the way. */
export interface Step {
  /** Its file below the road's folder, without `.wgsl`. */
  readonly file: string;
  /** What is new in it. */
  readonly change: string;
  /** Rows and columns of the result, seen as a matrix, that a workgroup makes. */
  readonly tile: readonly [rows: number, columns: number];
}

/** What all kernels of a road compute, of one size. */
export interface Problem {
  /** Shapes of the two operands, in the order of their bindings; that of the result comes after them. */
  readonly operands: readonly [readonly number[], readonly number[]];
  /** The result as a matrix [rows, columns]. */
  readonly result: readonly [rows: number, columns: number];
  /** What kernels are told of the sizes. */
  readonly constants: Readonly<Record<string, number>>;
  readonly flop: number;
  /** The same by the engine's operation. */
  readonly engine: (a: Value, b: Value) => Value;
  /** Calls `add(result, a, b)` for each product of elements that a result is the sum of, by their places. */
  readonly terms: (add: (result: number, a: number, b: number) => void) => void;
}

/** An operation and the kernels on the way to the engine's. */
export interface Road {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Sizes to time on a software adapter and on a GPU, and to test. */
  readonly problems: Readonly<Record<"software" | "gpu" | "test", Problem>>;
}

/** The text of a step's kernel. */
export function shaderOf({ name }: Pick<Road, "name">, { file }: Pick<Step, "file">): string {
  return readFileSync(new URL(`${name}/${file}.wgsl`, import.meta.url), "utf8");
}

/** c = a b of n×n matrices, n a multiple of 128: whole tiles only, so that nothing hides the idea. */
function product(n: number): Problem {
  return {
    ...{ operands: [[n, n] as const, [n, n] as const], result: [n, n], constants: { N: n } },
    flop: 2 * n ** 3,
    engine: (a, b) => linear(a, b, null),
    terms(add) {
      for (let i = 0; i < n; i++) {
        for (let k = 0; k < n; k++) {
          for (let j = 0; j < n; j++) add(n * i + j, n * i + k, n * k + j);
        }
      }
    },
  };
}

/** y = x convolved with w [3, 3, c, k], of n images of side×side and c channels, at the borders with 0 beyond. */
function convolution(n: number, side: number, c: number, k: number): Problem {
  const inside = (place: number): boolean => place >= 0 && place < side;
  return {
    operands: [
      [n, side, side, c],
      [3, 3, c, k],
    ],
    ...{ result: [n * side ** 2, k], constants: { H: side, W: side, C: c, K: k } },
    flop: 18 * n * side ** 2 * c * k,
    engine: (x, w) => conv2d(x, w, null, { padding: 1 }),
    terms(add) {
      for (let pixel = 0; pixel < n * side ** 2; pixel++) {
        for (let tap = 0; tap < 9; tap++) {
          const [down, right] = [Math.floor(tap / 3) - 1, (tap % 3) - 1];
          if (
            !inside((Math.floor(pixel / side) % side) + down) ||
            !inside((pixel % side) + right)
          ) {
            continue;
          }
          const from = pixel + down * side + right;
          for (let i = 0; i < c; i++) {
            for (let o = 0; o < k; o++) add(k * pixel + o, c * from + i, k * (c * tap + i) + o);
          }
        }
      }
    },
  };
}

export const roads: readonly Road[] = [
  {
    name: "matmul",
    problems: { software: product(512), gpu: product(4096), test: product(128) },
    steps: [
      { file: "1-one-result", change: "a lane makes one result", tile: [16, 16] },
      { file: "2-shared-tile", change: "lanes share tiles in workgroup memory", tile: [16, 16] },
      { file: "3-four-columns", change: "four columns a lane, read as vec4", tile: [16, 64] },
      { file: "4-four-by-four", change: "4×4 results a lane, in registers", tile: [16, 64] },
      { file: "5-eight-by-sixteen", change: "8×16 results a lane", tile: [64, 64] },
      { file: "6-shared-four-by-four", change: "shared tiles, 4×4 results a lane", tile: [64, 64] },
      {
        ...{ file: "7-shared-eight-by-eight", change: "shared tiles, 8×8 results a lane" },
        tile: [128, 128],
      },
    ],
  },
  {
    name: "conv2d",
    problems: {
      software: convolution(8, 32, 64, 64),
      gpu: convolution(128, 32, 128, 128),
      // The side is no multiple of the workgroup's rows; four pixels lie in one row of an image.
      test: convolution(4, 12, 5, 64),
    },
    steps: [
      { file: "1-one-output", change: "a lane makes one result", tile: [16, 16] },
      { file: "2-tap-outside", change: "the border is looked at once a tap", tile: [16, 16] },
      { file: "3-four-channels", change: "four channels a lane, read as vec4", tile: [16, 64] },
      { file: "4-four-pixels", change: "four pixels × four channels a lane", tile: [16, 64] },
      { file: "5-sixteen-channels", change: "four pixels × 16 channels a lane", tile: [64, 64] },
    ],
  },
];
