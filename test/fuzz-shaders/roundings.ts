/** What float32 does to each operation: how large the numbers are that it rounds, and where a rounding changes sides. */
import {
  type Computed,
  groupPlaces,
  moments,
  referenceOf,
  type Tensor,
  windows,
} from "../float64.ts";

/** Numbers of the size of those that are rounded on the way to each element, and how many are added up. */
export interface Rounding {
  readonly magnitude: Float64Array;
  readonly sums: number;
}

/** Operations that round nothing: they only move numbers, or set some to 0. */
const exact = [
  ...[
    "relu",
    "abs",
    "reshape",
    "flatten",
    "pad",
    "permute",
    "concat",
    "gather",
    "maxPool",
    "broadcastTo",
  ],
];

/** Sums of products, and how many there are in one. The numbers rounded are as large as those of |inputs|. */
const sums: Readonly<Record<string, (computed: Computed) => number>> = {
  add: () => 1,
  mul: () => 1,
  scale: () => 1,
  dropout: () => 2,
  leakyRelu: () => 1,
  linear: ({ inputs }) => inputs[1]!.shape[0]!,
  conv2d: ({ inputs }) => inputs[1]!.shape.slice(0, 3).reduce((product, n) => product * n, 1),
  depthwiseConv2d: ({ inputs }) => inputs[1]!.shape[0]! * inputs[1]!.shape[1]!,
  matmul: ({ inputs, attrs }) => inputs[0]!.shape.at(attrs["transA"] === true ? -2 : -1)!,
  avgPool: ({ attrs }) => (attrs["size"] as number) ** 2,
  globalAveragePool: ({ inputs }) => inputs[0]!.shape[1]! * inputs[0]!.shape[2]!,
  upsample: () => 4,
  sum: ({ inputs }) => inputs[0]!.data.length,
  segmentSum: ({ inputs }) => inputs[0]!.shape[0]!,
};

/** The others: numbers as large as those that are rounded. */
const magnitudes: Readonly<Record<string, (computed: Computed) => Rounding>> = {
  // WGSL lets e^x be off by 3 + 2 |x| units in the last place; x is rounded itself. tanh is made of it.
  exp: each((x, y) => (4 + 3 * Math.abs(x)) * y),
  tanh: each((x, y) => 4 * Math.abs(y) + Math.min(1, Math.abs(x))),
  silu: each((x, y) => (6 + 3 * Math.abs(x)) * Math.abs(y)),
  // The error function's approximation is good to 1e-7 |x|.
  gelu: each((x) => 8 * Math.abs(x)),
  layerNorm: ({ inputs, y, attrs }) => {
    const channels = y.shape.at(-1)!;
    const rows = y.data.length / channels;
    const places = (row: number): number[] =>
      Array.from({ length: channels }, (_, c) => row * channels + c);
    return normalised(
      { inputs, y, attrs },
      Array.from({ length: rows }, (_, row) => places(row)),
    );
  },
  batchNorm: ({ inputs, y, attrs }) => {
    const channels = y.shape.at(-1)!;
    const rows = y.data.length / channels;
    const places = (c: number): number[] =>
      Array.from({ length: rows }, (_, row) => row * channels + c);
    const groups = Array.from({ length: channels }, (_, c) => places(c));
    return normalised({ inputs, y, attrs }, groups);
  },
  groupNorm: (computed) =>
    normalised(computed, groupPlaces(computed.y.shape, computed.attrs["groups"] as number)),
  // WGSL lets sines be off by 2^-11, that is 2^13 units; the angle's rounding is 2 pi times the frequency's of x.
  sinusoidalEmbedding: ({ inputs: [x], y, attrs }) => {
    const turns = (attrs["highest"] as number) * largest(x!);
    return { magnitude: y.data.map(() => 2 ** 13 + 13 * turns), sums: 1 };
  },
  // A score that is off by e makes its weight off by a share of e.
  attention: ({ inputs, y, attrs }) => {
    const [q, k, v] = inputs as [Tensor, Tensor, Tensor];
    const d = q.shape[2]! / (attrs["heads"] as number);
    const score = largest(q) * largest(k) * d * ((attrs["scale"] as number) ?? 1 / Math.sqrt(d));
    const magnitude = y.data.map(() => largest(v) * (4 + 4 * score));
    return { magnitude, sums: k.shape[1]! };
  },
  l1Loss: ({ inputs: [x, t], attrs }) =>
    all((attrs["scale"] as number) * (total(x!) + total(t!)), x!),
  meanSquaredError: ({ inputs: [x, t, weights] }) =>
    all((largest(x!) + largest(t!)) ** 2 * total(weights!), x!),
  l1Norm: ({ inputs: [x], attrs }) => all((attrs["scale"] as number) * total(x!), x!),
  softmaxCrossEntropy: ({ inputs: [z, , weights] }) =>
    all((4 + 4 * largest(z!)) * total(weights!), z!),
  distillation: ({ inputs: [z, t, weights], attrs }) => {
    const temperature = attrs["temperature"] as number;
    const logits = largest(z!) + largest(t!);
    return all(temperature ** 2 * (4 + (8 * logits) / temperature) * total(weights!), z!);
  },
};

/** What float32 rounds in an operation. @throws Error for one that is not known here. */
export function roundingOf(computed: Computed): Rounding {
  const { name, inputs, y, attrs } = computed;
  if (exact.includes(name)) return { magnitude: new Float64Array(y.data.length), sums: 1 };
  const terms = sums[name]?.(computed);
  if (terms === undefined) {
    const of = magnitudes[name];
    if (of === undefined) throw new Error(`nothing is known of the roundings of "${name}"`);
    return of(computed);
  }
  const sizes = inputs.map(({ shape, data }) => ({
    shape,
    data: Float64Array.from(data, Math.abs),
  }));
  const whole = { shape: y.shape, data: new Float64Array(y.data.length) };
  referenceOf(name)(sizes, whole, attrs);
  return { magnitude: whole.data.map(Math.abs), sums: terms };
}

function each(of: (x: number, y: number) => number): (computed: Computed) => Rounding {
  return ({ inputs: [x], y }) => ({
    magnitude: y.data.map((value, i) => of(x!.data[i]!, value)),
    sums: 1,
  });
}

/** Rounding of a scalar that is a sum over all of x. */
function all(magnitude: number, x: Tensor): Rounding {
  return { magnitude: Float64Array.of(Math.abs(magnitude)), sums: x.data.length };
}

function largest({ data }: Tensor): number {
  return Array.from(data).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

function total({ data }: Tensor): number {
  return Array.from(data).reduce((sum, value) => sum + Math.abs(value), 0);
}

/** What is subtracted from a number is as large as the group's largest; the deviation makes it larger. */
function normalised(
  { inputs, y, attrs }: Pick<Computed, "inputs" | "y" | "attrs">,
  groups: readonly (readonly number[])[],
): Rounding {
  const [x, ...given] = inputs as [Tensor, ...Tensor[]];
  const running = "mode" in attrs;
  const [mean, variance] = running ? given.slice(-2) : [];
  const [gamma, beta] = given.length === (running ? 2 : 0) ? [] : given;
  const frozen = attrs["mode"] === "frozen";
  const channels = x.shape.at(-1)!;
  const magnitude = new Float64Array(y.data.length);
  groups.forEach((places, group) => {
    const values = places.map((at) => x.data[at]!);
    const own = frozen
      ? { mean: mean!.data[group]!, variance: variance!.data[group]! }
      : moments(values);
    const top = values.reduce((most, v) => Math.max(most, Math.abs(v)), Math.abs(own.mean));
    const scale = (4 * top) / Math.sqrt(own.variance + (attrs["epsilon"] as number));
    for (const at of places) {
      const c = at % channels;
      magnitude[at] = scale * Math.abs(gamma?.data[c] ?? 1) + Math.abs(beta?.data[c] ?? 0);
    }
  });
  return { magnitude, sums: groups[0]!.length };
}

/** How far an operation's inputs are from where its derivative jumps; infinite where it never does. */
export function marginOf(computed: Computed): number {
  const {
    name,
    inputs: [x, t],
    attrs,
  } = computed;
  const nearest = (of: (i: number) => number): number =>
    Array.from(x!.data).reduce<number>((least, _, i) => Math.min(least, Math.abs(of(i))), Infinity);
  switch (name) {
    case "leakyRelu":
      return attrs["slope"] === 1 ? Infinity : nearest((i) => x!.data[i]!);
    case "relu":
    case "abs":
    case "l1Norm":
      return nearest((i) => x!.data[i]!);
    case "l1Loss":
      return nearest((i) => x!.data[i]! - t!.data[i]!);
    case "maxPool":
      return leadOf(computed);
    default:
      return Infinity;
  }
}

/**
 * The least that a window's largest number is above the next that is not the same: numbers that are the same, such as
 * zeros of a ReLU, are so in float32 as well.
 */
function leadOf({ inputs: [x], y, attrs }: Computed): number {
  const { size, stride, padding } = attrs as { size: number; stride: number; padding: number };
  const channels = y.shape[3]!;
  const second = y.data.map(() => -Infinity);
  const where = { stride: [stride, stride], before: [padding, padding] } as const;
  windows(x!.shape, y.shape, [size, size], where, (_, out, source) => {
    for (let c = 0; c < channels; c++) {
      const [at, value] = [out * channels + c, x!.data[source * channels + c]!];
      if (value < y.data[at]!) second[at] = Math.max(second[at]!, value);
    }
  });
  return second.reduce((least, value, at) => Math.min(least, y.data[at]! - value), Infinity);
}
