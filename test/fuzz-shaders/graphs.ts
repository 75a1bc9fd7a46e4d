/**
 * Small random graphs of operations with legal shapes, drawn from lists of numbers: each number is a choice, 0 the
 * simplest one, so that shorter lists and smaller numbers make simpler graphs.
 */
import fc from "fast-check";
import type { DType, Value } from "../../src/graph/value.ts";
import * as ops from "../../src/ops/index.ts";
import { Random } from "../../src/random.ts";
import { count, type Shape } from "../../src/shape.ts";
import { RecordingGraph } from "../float64.ts";
import type { Tuning } from "../../src/gpu/device.ts";

/** A drawn graph, and the seed of the values that it is computed on. */
export interface Drawn {
  readonly start: readonly number[];
  readonly steps: readonly (readonly number[])[];
  readonly seed: number;
}

const choices = (length: number): fc.Arbitrary<number[]> =>
  fc.array(fc.nat(9999), { minLength: length, maxLength: length });

/** All graphs of up to `steps` operations. */
export function drawnGraphs(steps: number): fc.Arbitrary<Drawn> {
  return fc.record({
    start: choices(5),
    steps: fc.array(choices(10), { minLength: 1, maxLength: steps }),
    seed: fc.nat(9999),
  });
}

/** An input with its numbers. */
export interface Given {
  readonly value: Value;
  readonly data: Float64Array;
  /** Whether gradients in it are asked for. */
  readonly gradient: boolean;
}

/** A graph with its inputs. */
export interface Built {
  readonly graph: RecordingGraph;
  readonly inputs: readonly Given[];
  readonly output: Value;
}

/** Sizes around those of quads, tiles and workgroups, the simplest first. */
const sizes = [
  1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 48, 63, 64, 65, 96, 127, 128, 129,
];

/** Elements of a value, and products of an operation, at most: the reference takes some 10 ns for each. */
const mostElements = 6000;
const mostProducts = 400_000;

/** One number after the other decides. */
class Choices {
  readonly #numbers: readonly number[];
  #at = 0;

  constructor(numbers: readonly number[]) {
    this.#numbers = numbers;
  }

  /** One of `n`. */
  below(n: number): number {
    return (this.#numbers[this.#at++] ?? 0) % n;
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  yes(): boolean {
    return this.below(2) === 1;
  }

  /** A size of up to `most`. */
  size(most: number): number {
    return this.of(sizes.filter((size) => size <= Math.max(1, most)));
  }
}

class Builder {
  readonly graph: RecordingGraph;
  readonly inputs: Given[] = [];
  readonly made: Value[] = [];
  readonly #random: Random;
  #step: Value | undefined;

  constructor(tuning: Tuning, seed: number) {
    this.graph = new RecordingGraph(tuning);
    this.#random = new Random(seed);
  }

  /** An input of normal numbers, or of what `make` draws. */
  input(
    shape: Shape,
    make: (random: Random) => number = (random) => random.normal(),
    { gradient = true, dtype = "f32" }: { gradient?: boolean; dtype?: DType } = {},
  ): Value {
    const value = this.graph.input(`input ${this.inputs.length}`, shape, dtype);
    const data = Float64Array.from({ length: value.size }, () => Math.fround(make(this.#random)));
    this.inputs.push({ value, data, gradient });
    return value;
  }

  /** An input of given numbers. */
  table(data: ArrayLike<number>, dtype: DType): Value {
    let at = 0;
    return this.input([data.length], () => data[at++]!, { gradient: false, dtype });
  }

  /** Weights that keep numbers of about one size: `fan` of them meet. */
  weights(shape: Shape, fan: number): Value {
    return this.input(shape, (random) => random.normal() / Math.sqrt(fan));
  }

  bias(c: Choices, size: number): Value | null {
    return c.yes() ? this.input([size]) : null;
  }

  /** The record that dropout takes its seed from. */
  get step(): Value {
    this.#step ??= this.input([8], (random) => random.int(2 ** 20), {
      gradient: false,
      dtype: "u32",
    });
    return this.#step;
  }
}

/** A kind of step: absent where x does not fit it. */
type Step = (b: Builder, c: Choices, x: Value) => Value | undefined;

/** A window of a convolution: how it is placed, and how many rows and columns it has at most. */
function placed(c: Choices, shape: Shape, kh: number, kw: number): ops.Conv2dAttrs | undefined {
  const [, h, w] = shape as readonly number[] as [number, number, number];
  const stride = c.yes() ? ([1 + c.below(3), 1 + c.below(3)] as const) : 1 + c.below(2);
  const kind = c.below(3);
  if (kind === 1) return { stride, padding: "same" };
  const sides = kind === 0 ? [0, 0, 0, 0] : [c.below(3), c.below(3), c.below(3), c.below(3)];
  const [top, bottom, left, right] = sides as [number, number, number, number];
  if (h + top + bottom < kh || w + left + right < kw) return { stride, padding: "same" };
  return { stride, padding: [top, bottom, left, right] };
}

function pooled(pool: typeof ops.maxPool): Step {
  return (_, c, x) => {
    if (x.shape.length !== 4) return undefined;
    const size = 1 + c.below(4);
    const stride = 1 + c.below(3);
    const padding = Math.min(size - 1, c.below(3));
    const fits = Math.min(x.shape[1]!, x.shape[2]!) + 2 * padding >= size;
    return fits ? pool(x, { size, stride: c.yes() ? stride : size, padding }) : undefined;
  };
}

/** An operand for x: an earlier value of its shape, or a new one that broadcasts. */
function operand(b: Builder, c: Choices, x: Value): Value | undefined {
  const earlier = b.made.filter((value) => value !== x && value.shape.join() === x.shape.join());
  if (earlier.length > 0 && c.yes()) return c.of(earlier);
  const kind = c.below(4);
  if (kind === 0) return b.input(x.shape);
  if (kind === 1) return b.input(x.shape.slice(-1));
  const shape = x.shape.map((size) => (c.yes() ? 1 : size));
  if (kind === 2) return b.input(shape);
  // Both are repeated where x has a size of 1.
  const grown = shape.map((size, axis) => (x.shape[axis] === 1 ? c.size(9) : size));
  const whole = grown.map((size, axis) => Math.max(size, x.shape[axis]!));
  return count(whole) <= mostElements ? b.input(grown) : undefined;
}

/** Operands broadcast over groups of axes: more than four of these are refused. */
function broadcasts(of: (a: Value, b: Value) => Value): Step {
  return (b, c, x) => {
    const other = x.shape.length <= 4 ? operand(b, c, x) : b.input(x.shape);
    if (other === undefined) return undefined;
    return c.yes() ? of(x, other) : of(other, x);
  };
}

const everywhere =
  (of: (x: Value, c: Choices) => Value): Step =>
  (_, c, x) =>
    of(x, c);

const steps: Readonly<Record<string, Step>> = {
  relu: everywhere(ops.relu),
  leakyRelu: everywhere((x, c) => ops.leakyRelu(x, c.of([0.3, 0, 0.01, 1]))),
  tanh: everywhere(ops.tanh),
  abs: everywhere(ops.abs),
  silu: everywhere(ops.silu),
  gelu: everywhere((x, c) => ops.gelu(x, { approximate: c.of(["none", "tanh"]) })),
  // Of bounded numbers: the exponential of large ones drowns all others.
  exp: everywhere((x) => ops.exp(ops.tanh(x))),
  scale: everywhere((x, c) => ops.scale(x, c.of([1, -2, 0.5, 0, 1 / 3]))),
  dropout: (b, c, x) =>
    ops.dropout(x, b.step, { rate: c.of([0.5, 0, 0.1, 0.9]), salt: c.below(99), rows: c.yes() }),
  add: broadcasts(ops.add),
  mul: broadcasts(ops.mul),
  linear(b, c, x) {
    if (x.shape.length < 2) return undefined;
    const features = x.shape.at(-1)!;
    const rows = x.size / features;
    const units = c.size(Math.min(mostElements / rows, mostProducts / x.size));
    return ops.linear(x, b.weights([features, units], features), b.bias(c, units));
  },
  conv2d(b, c, x) {
    if (x.shape.length !== 4) return undefined;
    const [n, h, w, cin] = x.shape as readonly number[] as [number, number, number, number];
    const [kh, kw] = [c.of([3, 1, 2, 5, 4]), c.of([3, 1, 2, 5, 7])];
    const taps = kh * kw * cin;
    const attrs = placed(c, x.shape, kh, kw);
    // Padding adds at most two on each side.
    const pixels = n * (h + 4) * (w + 4);
    const cout = c.size(Math.min(mostElements / pixels, mostProducts / pixels / taps));
    if (pixels * taps > mostProducts) return undefined;
    return ops.conv2d(x, b.weights([kh, kw, cin, cout], taps), b.bias(c, cout), attrs);
  },
  depthwiseConv2d(b, c, x) {
    if (x.shape.length !== 4) return undefined;
    const channels = x.shape[3]!;
    const [kh, kw] = [c.of([3, 1, 2, 5, 7]), c.of([3, 1, 2, 5, 7])];
    if (x.size * kh * kw > mostProducts) return undefined;
    const attrs = placed(c, x.shape, kh, kw);
    return ops.depthwiseConv2d(
      x,
      b.weights([kh, kw, channels], kh * kw),
      b.bias(c, channels),
      attrs,
    );
  },
  matmul(b, c, x) {
    if (x.shape.length < 2) return undefined;
    const [transA, transB] = [c.yes(), c.yes()];
    const [rows, inner] = transA
      ? [x.shape.at(-1)!, x.shape.at(-2)!]
      : [x.shape.at(-2)!, x.shape.at(-1)!];
    const batch = x.size / rows / inner;
    const columns = c.size(
      Math.min(mostElements / batch / Math.max(rows, inner), mostProducts / x.size),
    );
    const shape = [...x.shape.slice(0, -2), ...(transB ? [columns, inner] : [inner, columns])];
    return ops.matmul(x, b.weights(shape, inner), { transA, transB });
  },
  attention(b, c, x) {
    if (x.shape.length !== 3) return undefined;
    const [n, lq, width] = x.shape as readonly number[] as [number, number, number];
    const heads = c.of([1, 2, 3, 4].filter((h) => width % h === 0));
    const lk = c.yes() ? lq : c.size(mostElements / n / width);
    if (n * lq * lk * width > mostProducts) return undefined;
    const attrs = c.yes() ? { heads } : { heads, scale: 0.25 };
    if (lk === lq && c.yes()) return ops.attention(x, x, x, attrs);
    return ops.attention(x, b.input([n, lk, width]), b.input([n, lk, width]), attrs);
  },
  maxPool: pooled(ops.maxPool),
  avgPool: pooled(ops.avgPool),
  globalAveragePool: (_, _c, x) => (x.shape.length === 4 ? ops.globalAveragePool(x) : undefined),
  pad(_, c, x) {
    if (x.shape.length !== 4) return undefined;
    const [top, bottom, left, right] = [c.below(4), c.below(4), c.below(4), c.below(4)];
    const [n, h, w, channels] = x.shape as readonly number[] as [number, number, number, number];
    if (n * (h + top + bottom) * (w + left + right) * channels > mostElements) return undefined;
    return ops.pad(x, { top, bottom, left, right });
  },
  layerNorm(b, c, x) {
    const channels = x.shape.at(-1)!;
    return ops.layerNorm(x, b.input([channels]), b.input([channels]), {
      epsilon: c.of([1e-2, 1e-1]),
    });
  },
  batchNorm(b, c, x) {
    const channels = x.shape.at(-1)!;
    const still = { gradient: false };
    const mean = b.input([channels], (random) => random.normal(), still);
    const variance = b.input([channels], (random) => 0.5 + random.float(), still);
    const [gamma, beta] = c.yes() ? [null, null] : [b.input([channels]), b.input([channels])];
    return ops.batchNorm(x, gamma, beta, mean, variance, {
      mode: c.of(["train", "frozen"]),
      epsilon: c.of([1e-2, 1e-1]),
    });
  },
  groupNorm(b, c, x) {
    const channels = x.shape.at(-1)!;
    if (x.shape.length < 2) return undefined;
    const [gamma, beta] = c.yes() ? [null, null] : [b.input([channels]), b.input([channels])];
    return ops.groupNorm(x, gamma, beta, {
      groups: c.of([1, 2, 3, 4, 8].filter((groups) => channels % groups === 0)),
      epsilon: c.of([1e-2, 1e-1]),
    });
  },
  upsample: (_, _c, x) =>
    x.shape.length === 4 && 4 * x.size <= mostElements ? ops.upsample(x) : undefined,
  broadcastTo(_, c, x) {
    if (x.shape.length > 3) return undefined;
    const most = Math.min(9, mostElements / x.size);
    return ops.broadcastTo(x, [c.size(most), ...x.shape]);
  },
  sinusoidalEmbedding(_, c, x) {
    if (x.size > 129) return undefined;
    return ops.sinusoidalEmbedding(ops.reshape(x, [x.size]), {
      size: 2 * c.size(16),
      highest: c.of([1, 2]),
    });
  },
  permute(_, c, x) {
    if (x.shape.length > 5) return undefined;
    const axes = x.shape.map((_size, axis) => axis);
    return ops.permute(x, new Random(c.below(9999)).shuffle(axes));
  },
  concat(b, c, x) {
    const axis = c.below(x.shape.length);
    const others = 1 + c.below(2);
    const rest = x.size / x.shape[axis]!;
    const parts = Array.from({ length: others }, () => {
      const size = c.size(Math.min(17, mostElements / rest / 3));
      return b.input(x.shape.map((own, i) => (i === axis ? size : own)));
    });
    if (x.size + parts.reduce((sum, part) => sum + part.size, 0) > mostElements) return undefined;
    parts.splice(c.below(parts.length + 1), 0, x);
    return ops.concat(parts, axis);
  },
  reshape(_, c, x) {
    const divisors = sizes.filter((size) => x.size % size === 0);
    const first = c.of(divisors);
    const second = c.of(divisors.filter((size) => (x.size / first) % size === 0));
    const kinds: Shape[] = [
      [first, x.size / first],
      [x.size],
      [first, second, x.size / first / second],
      [1, first, second, x.size / first / second],
    ];
    return ops.reshape(x, c.of(kinds));
  },
  flatten: everywhere(ops.flatten),
  gather(b, c, x) {
    if (x.shape.length !== 2 || x.shape[1]! % 4 !== 0) return undefined;
    const edges = c.size(mostElements / x.shape[1]!);
    return ops.gather(x, ends(b, c, edges, x.shape[0]!));
  },
  segmentSum(b, c, x) {
    if (x.shape.length !== 2 || x.shape[1]! % 4 !== 0) return undefined;
    const nodes = c.size(Math.min(64, mostElements / x.shape[1]!));
    return ops.segmentSum(x, ends(b, c, x.shape[0]!, nodes));
  },
};

/** Steps that end a graph, with a scalar. */
const losses: Readonly<Record<string, Step>> = {
  sum: (b, c, x) => (c.yes() ? ops.sum(x) : ops.weightedSum(x, b.input(x.shape))),
  l1Loss: (b, c, x) => ops.l1Loss(x, b.input(x.shape), c.yes() ? {} : { scale: 0.1 }),
  meanSquaredError(b, _, x) {
    if (x.shape.length < 1) return undefined;
    const weights = b.input(x.shape.slice(0, 1), (random) => random.float(), { gradient: false });
    return ops.meanSquaredError(x, b.input(x.shape), weights);
  },
  l1Norm: (_, c, x) => ops.l1Norm(x, c.of([1, 1e-2, -0.5])),
  softmaxCrossEntropy(b, c, x) {
    if (x.shape.length !== 2) return undefined;
    const [rows, classes] = x.shape as readonly number[] as [number, number];
    const labels = b.input([rows], (random) => random.int(classes), {
      gradient: false,
      dtype: "u32",
    });
    const weights = b.input([rows], (random) => random.float(), { gradient: false });
    return ops.softmaxCrossEntropy(x, labels, weights, { smoothing: c.of([0, 0.1]) });
  },
  distillation(b, c, x) {
    if (x.shape.length !== 2) return undefined;
    const still = { gradient: false };
    const teacher = b.input(x.shape, (random) => 2 * random.normal(), still);
    const weights = b.input(x.shape.slice(0, 1), (random) => random.float(), still);
    return ops.distillation(x, teacher, weights, c.of([1, 4, 0.5]));
  },
};

/** Names of the steps, those that end a graph last. */
export const kinds: readonly string[] = [...Object.keys(steps), ...Object.keys(losses)];

function ends(b: Builder, c: Choices, edges: number, nodes: number): ops.EdgeEnds {
  const random = new Random(c.below(9999));
  const sorted = ops.sortEdges(
    Uint32Array.from({ length: edges }, () => random.int(nodes)),
    nodes,
  );
  return {
    node: b.table(sorted.node, "u32"),
    starts: b.table(sorted.starts, "u32"),
    order: b.table(sorted.order, "u32"),
  };
}

/** Values to start from: matrices, images, sequences, and any number of axes. */
function started(b: Builder, c: Choices): Value {
  const kind = c.of(["matrix", "images", "sequences", "images", "any"]);
  const numbers = Array.from({ length: 4 }, () => c.below(9999));
  const size = (axis: number, most: number): number => new Choices([numbers[axis]!]).size(most);
  if (kind === "matrix") return b.input([size(0, 129), size(1, 33)]);
  if (kind === "images") return b.input([size(0, 3), size(1, 12), size(2, 12), size(3, 17)]);
  if (kind === "sequences") return b.input([size(0, 4), size(1, 33), size(2, 33)]);
  const shape = [1 + (numbers[0]! % 3), size(0, 5), size(1, 5), size(2, 5), size(3, 5)];
  return b.input(shape.slice(numbers[0]! % 5));
}

/**
 * Builds a drawn graph. A step that does not fit gives way to the next one in the list that does; only the last may be one
 * that ends the graph.
 */
export function build({ start, steps: drawn, seed }: Drawn, tuning: Tuning): Built {
  const b = new Builder(tuning, seed);
  let x = started(b, new Choices(start));
  b.made.push(x);
  for (const [at, numbers] of drawn.entries()) {
    const table = at === drawn.length - 1 ? { ...steps, ...losses } : steps;
    const list = Object.values(table);
    const first = numbers[0]! % list.length;
    for (const step of [...list.slice(first), ...list.slice(0, first)]) {
      const y = step(b, new Choices(numbers.slice(1)), x);
      if (y === undefined) continue;
      x = y;
      b.made.push(y);
      break;
    }
  }
  return { graph: b.graph, inputs: b.inputs, output: x };
}
