/** What the kernels of the lab compute: sizes, operands, and the engine's way to the same. */
import type { Precision, Tuning, Gpu } from "../../src/gpu/device.ts";
import type { Bound } from "../../src/graph/bound.ts";
import { Graph } from "../../src/graph/graph.ts";
import { type Launch, Value } from "../../src/graph/value.ts";
import { attention, conv2d, linear } from "../../src/ops/index.ts";
import { invWnnSet } from "../../src/predictors/invwnn/predictor.ts";
import { bothStreams, invwnnFlop } from "../../src/predictors/invwnn/streams.ts";
import { turnedInvWnn, valuesOfInvWnn, weightsOfInvWnn, window } from "./invwnn-weights.ts";

/** What all kernels of a road compute, of one size. */
export interface Problem {
  /** Shapes of the operands, in the order of their bindings; that of the result comes after them. */
  readonly operands: readonly (readonly number[])[];
  /** Numbers in the result. */
  readonly size: number;
  /** What workgroups are spread over, as a matrix [rows, columns]: the result, or what stands for pieces of it. */
  readonly grid: readonly [rows: number, columns: number];
  /** Numbers that kernels of a step may leave for each other, in a binding after the result. */
  readonly scratch?: number;
  /** What kernels are told of the sizes. */
  readonly constants: Readonly<Record<string, number>>;
  readonly flop: number;
  /** Values of the operands from drawn numbers of deviation one, where not all are just drawn. */
  readonly values?: (draw: () => number) => Float32Array[];
  readonly engine: (place: EnginePlace) => EngineWork | Promise<EngineWork>;
}

/** What the engine is asked with. */
export interface EnginePlace {
  readonly gpu: Gpu;
  readonly tuning: Tuning;
  readonly precision: Precision;
  /** Takes the memory of what it needs besides the operands. */
  readonly bound: Bound;
  readonly values: readonly Float32Array[];
}

/** The engine's way to a result. */
export interface EngineWork {
  /** What stands for the operands: all of them, or the first. */
  readonly operands: readonly Value[];
  readonly launches: readonly Launch[];
  readonly result: Value;
}

/** Numbers in a shape. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b);

/** Values of a problem's operands from drawn numbers of deviation one. */
export function valuesOf({ operands, values }: Problem, draw: () => number): Float32Array[] {
  return (
    values?.(draw) ??
    operands.map((shape) => Float32Array.from({ length: sizeOf(shape) }, () => draw()))
  );
}

/** An operation of the engine on operands of given shapes. */
function operation(
  shapes: Problem["operands"],
  build: (...operands: Value[]) => Value,
): Problem["engine"] {
  return ({ tuning, precision }) => {
    const graph = new Graph({ tuning, precision });
    const operands = shapes.map((shape, i) => graph.input(`operand ${i}`, [...shape]));
    const result = build(...operands);
    return { operands, launches: graph.forward(), result };
  };
}

/** c = a b of n×n matrices, n a multiple of 128: whole tiles only, so that nothing hides the idea. */
export function product(n: number): Problem {
  const operands = [
    [n, n],
    [n, n],
  ];
  return {
    ...{ operands, size: n ** 2, grid: [n, n], constants: { N: n }, flop: 2 * n ** 3 },
    engine: operation(operands, (a, b) => linear(a!, b!, null)),
  };
}

/** y = x convolved with w [3, 3, c, k], of n images of side×side and c channels, at the borders with 0 beyond. */
export function convolution(n: number, side: number, c: number, k: number): Problem {
  const operands = [
    [n, side, side, c],
    [3, 3, c, k],
  ];
  const pixels = n * side ** 2;
  return {
    ...{ operands, size: pixels * k, grid: [pixels, k] },
    constants: { H: side, W: side, C: c, K: k },
    flop: 18 * pixels * c * k,
    engine: operation(operands, (x, w) => conv2d(x!, w!, null, { padding: 1 })),
  };
}

/** Width of a head, as in PVTv2: kernels keep that many numbers of a query in registers. */
const head = 32;

/** Whether short loops are to stay loops: see the kernels. */
export type Loops = "rolled" | "unrolled";

/** y = softmax(q kᵀ / √32) v for each of `count` heads of width 32, of b sequences of lq queries and lk keys. */
export function heads(b: number, count: number, lq: number, lk: number, loops: Loops): Problem {
  const queries = [b, lq, count * head];
  const keys = [b, lk, count * head];
  const operands = [queries, keys, keys];
  return {
    ...{ operands, size: sizeOf(queries), grid: [b * count, lq] },
    scratch: b * count * lq * lk,
    constants: { HEADS: count, LQ: lq, LK: lk, ROLLED: +(loops === "rolled") },
    flop: 4 * sizeOf(queries) * lk,
    engine: operation(operands, (q, k, v) => attention(q!, k!, v!, { heads: count })),
  };
}

const zeros = valuesOfInvWnn(() => 0);
const network = weightsOfInvWnn(zeros);

/** InvWNN's prediction of n coordinates, both streams, from histories [15, n]. */
export function coordinates(n: number, loops: Loops): Problem {
  return {
    operands: [[window, n], [zeros.length], [turnedInvWnn(network).length]],
    constants: { N: n, ROLLED: +(loops === "rolled") },
    ...{ size: n, grid: [1, n], flop: n * invwnnFlop(network) },
    values(draw) {
      const levels = Float32Array.from({ length: n }, draw);
      const history = Float32Array.from(
        { length: window * n },
        (_, i) => 0.5 * levels[i % n]! + 0.2 * draw(),
      );
      const weights = valuesOfInvWnn(draw);
      return [history, weights, turnedInvWnn(weightsOfInvWnn(weights))];
    },
    async engine({ gpu, tuning, bound, values }) {
      const weights = weightsOfInvWnn(values[1]!);
      const set = invWnnSet("lab", ["fc"], { weights, source: "the lab" }, bothStreams);
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
      const packed: Record<string, Value> = {};
      for (const [name, data] of Object.entries(set.weights!(tuning))) {
        packed[name] = await bound.upload(gpu, name, data, [data.length], { usage });
      }
      const history = new Value("history", [window * n], "f32", "bound");
      const result = new Value("predicted", [n], "f32", "planned");
      const range = { first: 0, count: n, stride: n, outFirst: 0 };
      const workgroupStorage = gpu.device.limits.maxComputeWorkgroupStorageSize;
      const place = { range, history, predicted: result } as const;
      const job = { tuning, workgroupStorage, base: "oldest", ...place } as const;
      return {
        operands: [history],
        launches: set.launches({ ...job, weights: packed }),
        result,
      };
    },
  };
}
