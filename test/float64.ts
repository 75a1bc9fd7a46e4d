/**
 * A float64 interpreter of graphs: every operation the models use, by the book. It shares no code with
 * the kernels, so a whole network's loss and gradients can be held against it.
 */
import { Graph, type Operation } from "../src/graph/graph.ts";
import type { Value } from "../src/graph/value.ts";
import type { Conv2dAttrs } from "../src/ops/conv2d.ts";
import type { DropoutAttrs } from "../src/ops/dropout.ts";
import { count, type Shape } from "../src/shape.ts";

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

  /**
   * Evaluates `result` from values of the inputs, all in float64.
   *
   * @param after looks at each operation when it is computed, and may change its output.
   */
  evaluate(
    result: Value,
    inputs: ReadonlyMap<Value, ArrayLike<number>>,
    after?: (computed: Computed) => void,
  ): Float64Array {
    const values = new Map<Value, ArrayLike<number>>(inputs);
    for (const { name, attrs, inputs: used, output } of this.recorded) {
      const tensors = used.map((value) => ({ shape: value.shape, data: values.get(value)! }));
      const y = new Float64Array(output.size);
      const whole = { shape: output.shape, data: y };
      referenceOf(name)(tensors, whole, (attrs ?? {}) as Attrs);
      after?.({ name, inputs: tensors, y: whole, attrs: (attrs ?? {}) as Attrs });
      values.set(output, y);
      if (output === result) return y;
    }
    throw new Error(`"${result.label}" is not of this graph`);
  }
}

/** An operation with the numbers it was computed from. */
export interface Computed {
  readonly name: string;
  readonly inputs: readonly Tensor[];
  readonly y: Tensor<Float64Array>;
  readonly attrs: Attrs;
}

export interface Tensor<D = ArrayLike<number>> {
  readonly shape: Shape;
  readonly data: D;
}

export type Attrs = Readonly<Record<string, unknown>>;
export type Reference = (inputs: readonly Tensor[], y: Tensor<Float64Array>, attrs: Attrs) => void;

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
export function erf(x: number): number {
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
export function windows(
  x: Shape,
  y: Shape,
  taps: readonly [number, number],
  attrs: { stride: readonly [number, number]; before: readonly [number, number] },
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
              i * attrs.stride[0] + u - attrs.before[0],
              j * attrs.stride[1] + v - attrs.before[1],
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

/** Strides of a convolution and zeros before its first row and column; "same" is TensorFlow's rule. */
function paddingBefore(
  x: Shape,
  y: Shape,
  w: Shape,
  { stride = 1, padding = 0 }: Conv2dAttrs,
): { stride: readonly [number, number]; before: readonly [number, number] } {
  const strides = typeof stride === "number" ? ([stride, stride] as const) : stride;
  const sides = typeof padding === "number" ? [padding, padding, padding, padding] : padding;
  const before = ([0, 1] as const).map((axis) => {
    if (sides !== "same") return sides[2 * axis]!;
    const reach = (y[axis + 1]! - 1) * strides[axis] + w[axis]!;
    return Math.floor(Math.max(0, reach - x[axis + 1]!) / 2);
  });
  return { stride: strides, before: before as unknown as readonly [number, number] };
}

/** Mean and variance of the numbers a row has, or of those a channel has over all rows. */
export function moments(values: readonly number[]): { mean: number; variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, variance };
}

/** Places of the elements of each group of each example, as group norm divides channels. */
export function groupPlaces(shape: Shape, groups: number): number[][] {
  const channels = shape.at(-1)!;
  const pixels = count(shape.slice(1, -1));
  const own = channels / groups;
  return Array.from({ length: shape[0]! * groups }, (_, group) => {
    const start = Math.floor(group / groups) * pixels * channels + (group % groups) * own;
    return Array.from(
      { length: pixels * own },
      (_element, i) => start + Math.floor(i / own) * channels + (i % own),
    );
  });
}

/** Logarithms of a row's softmax. */
function logShares({ shape, data }: Tensor, row: number, temperature: number): number[] {
  const z = Array.from({ length: shape[1]! }, (_, c) => data[row * shape[1]! + c]! / temperature);
  const top = Math.max(...z);
  const total = z.reduce((sum, v) => sum + Math.exp(v - top), 0);
  return z.map((v) => v - top - Math.log(total));
}

/** The PCG permutation of 32 bits, in JavaScript's integer arithmetic. */
export function hash(seed: number): number {
  const state = (Math.imul(seed, 747796405) + 2891336453) >>> 0;
  const word = Math.imul((state >>> ((state >>> 28) + 4)) ^ state, 277803737) >>> 0;
  return ((word >>> 22) ^ word) >>> 0;
}

/** What dropout multiplies by, element by element. */
export function dropoutFactors(shape: Shape, seed: number, attrs: DropoutAttrs): number[] {
  const a = hash((seed + attrs.salt) >>> 0);
  const b = hash((a ^ seed) >>> 0);
  const group = attrs.rows === true ? count(shape.slice(1)) : 1;
  return Array.from({ length: count(shape) }, (_, i) => {
    const draw = hash((hash((Math.floor(i / group) ^ a) >>> 0) + b) >>> 0);
    return draw < attrs.rate * 2 ** 32 ? 0 : 1 / (1 - attrs.rate);
  });
}

/** The reference of an operation. @throws Error if it has none. */
export function referenceOf(name: string): Reference {
  const compute = references[name];
  if (compute === undefined) throw new Error(`no float64 reference of "${name}"`);
  return compute;
}

const references: Readonly<Record<string, Reference>> = {
  relu: map((x) => Math.max(0, x)),
  leakyRelu([x], y, { slope }) {
    map((v) => (v > 0 ? v : (slope as number) * v))([x!], y, {});
  },
  tanh: map(Math.tanh),
  exp: map(Math.exp),
  abs: map(Math.abs),
  silu: map((x) => x / (1 + Math.exp(-x))),
  scale([x], y, { factor }) {
    map((v) => (factor as number) * v)([x!], y, {});
  },
  gelu([x], y, { approximate }) {
    const root = Math.sqrt(2 / Math.PI);
    const f =
      approximate === "tanh"
        ? (v: number) => (v * (1 + Math.tanh(root * (v + 0.044715 * v ** 3)))) / 2
        : (v: number) => (v * (1 + erf(v / Math.SQRT2))) / 2;
    map(f)([x!], y, {});
  },
  dropout([x, step], { data: y }, attrs) {
    const { rate, salt, rows } = attrs as { rate: number; salt: number; rows: boolean };
    const factors = dropoutFactors(x!.shape, step!.data[2]!, { rate, salt, rows });
    for (let i = 0; i < y.length; i++) y[i] = x!.data[i]! * factors[i]!;
  },
  permute([x], { shape, data: y }, { axes }) {
    const strides = x!.shape.map((_, axis) => count(x!.shape.slice(axis + 1)));
    for (let i = 0; i < y.length; i++) {
      let [from, rest] = [0, i];
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        from += (rest % shape[axis]!) * strides[(axes as readonly number[])[axis]!]!;
        rest = Math.floor(rest / shape[axis]!);
      }
      y[i] = x!.data[from]!;
    }
  },
  concat(inputs, { shape, data: y }, { axis }) {
    const inner = count(shape.slice((axis as number) + 1));
    const outer = count(shape.slice(0, axis as number));
    let at = 0;
    for (let row = 0; row < outer; row++) {
      for (const { shape: own, data } of inputs) {
        const width = own[axis as number]! * inner;
        for (let i = 0; i < width; i++) y[at++] = data[row * width + i]!;
      }
    }
  },
  sum([x], { data: y }) {
    for (let i = 0; i < x!.data.length; i++) y[0]! += x!.data[i]!;
  },
  matmul([a, b], { shape, data: y }, { transA, transB }) {
    const [m, n] = shape.slice(-2) as [number, number];
    const k = a!.shape.at(transA === true ? -2 : -1)!;
    for (let i = 0; i < y.length; i++) {
      const [matrix, row, column] = [Math.floor(i / (m * n)), Math.floor(i / n) % m, i % n];
      for (let j = 0; j < k; j++) {
        const left = matrix * m * k + (transA === true ? j * m + row : row * k + j);
        const right = matrix * k * n + (transB === true ? column * k + j : j * n + column);
        y[i]! += a!.data[left]! * b!.data[right]!;
      }
    }
  },
  gather([x, node], { shape, data: y }) {
    for (let i = 0; i < y.length; i++) {
      y[i] = x!.data[node!.data[Math.floor(i / shape[1]!)]! * shape[1]! + (i % shape[1]!)]!;
    }
  },
  segmentSum([x, node], { shape, data: y }) {
    for (let i = 0; i < x!.data.length; i++) {
      y[node!.data[Math.floor(i / shape[1]!)]! * shape[1]! + (i % shape[1]!)]! += x!.data[i]!;
    }
  },
  l1Loss([x, t], { data: y }, { scale }) {
    for (let i = 0; i < x!.data.length; i++) {
      y[0]! += (scale as number) * Math.abs(x!.data[i]! - t!.data[i]!);
    }
  },
  l1Norm([x], { data: y }, { scale }) {
    for (let i = 0; i < x!.data.length; i++) y[0]! += (scale as number) * Math.abs(x!.data[i]!);
  },
  softmaxCrossEntropy([logits, labels, weights], { data: y }, { smoothing }) {
    const [rows, classes] = logits!.shape as readonly number[] as [number, number];
    for (let b = 0; b < rows; b++) {
      const shares = logShares(logits!, b, 1);
      shares.forEach((share, c) => {
        const own = c === labels!.data[b] ? 1 - (smoothing as number) : 0;
        y[0]! -= weights!.data[b]! * (own + (smoothing as number) / classes) * share;
      });
    }
  },
  distillation([student, teacher, weights], { data: y }, { temperature }) {
    const t = temperature as number;
    for (let b = 0; b < student!.shape[0]!; b++) {
      const [own, wanted] = [logShares(student!, b, t), logShares(teacher!, b, t)];
      wanted.forEach((share, c) => {
        y[0]! += weights!.data[b]! * t * t * Math.exp(share) * (share - own[c]!);
      });
    }
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
  batchNorm([x, ...given], { data: y }, { mode, epsilon }) {
    const [runningMean, runningVariance] = given.slice(-2);
    const [gamma, beta] = given.length > 2 ? given : [];
    const c = x!.shape.at(-1)!;
    for (let channel = 0; channel < c; channel++) {
      const all = Array.from({ length: y.length / c }, (_, row) => x!.data[row * c + channel]!);
      const { mean, variance } =
        mode === "train"
          ? moments(all)
          : { mean: runningMean!.data[channel]!, variance: runningVariance!.data[channel]! };
      all.forEach((value, row) => {
        const normed = (value - mean) / Math.sqrt(variance + (epsilon as number));
        y[row * c + channel] = (gamma?.data[channel] ?? 1) * normed + (beta?.data[channel] ?? 0);
      });
    }
  },
  groupNorm([x, gamma, beta], { data: y }, { groups, epsilon }) {
    const c = x!.shape.at(-1)!;
    for (const places of groupPlaces(x!.shape, groups as number)) {
      const { mean, variance } = moments(places.map((at) => x!.data[at]!));
      for (const at of places) {
        const normed = (x!.data[at]! - mean) / Math.sqrt(variance + (epsilon as number));
        y[at] = (gamma?.data[at % c] ?? 1) * normed + (beta?.data[at % c] ?? 0);
      }
    }
  },
  upsample([x], { shape, data: y }) {
    const [n, h, w, c] = x!.shape as readonly number[] as [number, number, number, number];
    // Both pixels of an axis that a pixel of twice the resolution lies between, and the second one's share.
    const between = (at: number, length: number): readonly [number, number, number] => {
      const place = Math.min(Math.max((at - 0.5) / 2, 0), length - 1);
      const first = Math.floor(place);
      return [first, Math.min(first + 1, length - 1), place - first];
    };
    for (let image = 0; image < n; image++) {
      for (let i = 0; i < shape[1]!; i++) {
        const [top, bottom, v] = between(i, h);
        for (let j = 0; j < shape[2]!; j++) {
          const [left, right, u] = between(j, w);
          for (let k = 0; k < c; k++) {
            const at = (row: number, column: number): number =>
              x!.data[((image * h + row) * w + column) * c + k]!;
            y[((image * 2 * h + i) * 2 * w + j) * c + k] =
              (1 - v) * ((1 - u) * at(top, left) + u * at(top, right)) +
              v * ((1 - u) * at(bottom, left) + u * at(bottom, right));
          }
        }
      }
    }
  },
  broadcastTo([x], { shape, data: y }) {
    for (let i = 0; i < y.length; i++) y[i] = x!.data[broadcastIndex(shape, x!.shape, i)]!;
  },
  sinusoidalEmbedding([x], { shape, data: y }, { lowest, highest }) {
    const [low, high] = [lowest as number, highest as number];
    const half = shape[1]! / 2;
    for (let i = 0; i < y.length; i++) {
      const k = i % half;
      const frequency = low * (high / low) ** (half === 1 ? 0 : k / (half - 1));
      const angle = 2 * Math.PI * frequency * x!.data[Math.floor(i / shape[1]!)]!;
      y[i] = i % shape[1]! < half ? Math.sin(angle) : Math.cos(angle);
    }
  },
  meanSquaredError([x, t, weights], { data: y }) {
    const elements = x!.data.length / x!.shape[0]!;
    for (let i = 0; i < x!.data.length; i++) {
      const weight = weights!.data[Math.floor(i / elements)]! / elements;
      y[0]! += weight * (x!.data[i]! - t!.data[i]!) ** 2;
    }
  },
  maxPool([x], y, attrs) {
    const { size, stride, padding } = attrs as { size: number; stride: number; padding: number };
    const c = x!.shape[3]!;
    y.data.fill(-Infinity);
    const where = { stride: [stride, stride], before: [padding, padding] } as const;
    windows(x!.shape, y.shape, [size, size], where, (_, out, source) => {
      for (let f = 0; f < c; f++) {
        y.data[out * c + f] = Math.max(y.data[out * c + f]!, x!.data[source * c + f]!);
      }
    });
  },
  avgPool([x], y, attrs) {
    const { size, stride, padding } = attrs as { size: number; stride: number; padding: number };
    const c = x!.shape[3]!;
    const where = { stride: [stride, stride], before: [padding, padding] } as const;
    const pixels = new Float64Array(y.data.length / c);
    windows(x!.shape, y.shape, [size, size], where, (_, out, source) => {
      pixels[out]!++;
      for (let f = 0; f < c; f++) y.data[out * c + f]! += x!.data[source * c + f]!;
    });
    for (let i = 0; i < y.data.length; i++) y.data[i]! /= pixels[Math.floor(i / c)]!;
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
