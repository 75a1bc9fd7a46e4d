/**
 * Holds a random graph against float64: the output, the slope of every gradient along a random direction, the same bits
 * twice, and no number that nobody wrote.
 *
 * What float32 may do to a graph depends on the graph, so that it is measured there. The float64 reference runs again
 * with each operation's output moved by what float32's roundings make of it (`roundings.ts`): by how much that moves
 * the result, eight times, is what the result may be off by. Gradients may be off by that much as well, and by the
 * roundings of the backward pass: sums of K terms at most, of gradients of a length G all together, 2^-24 (8 + 4 sqrt(K)) G.
 *
 * A slope is the central difference of the loss along signs of 1 and -1 for each element, so that one wrong element
 * shows. Where a kink (of ReLU, |x|, a maximum) lies so near that a rounding may cross it, nothing can be said.
 */
import type { Gpu, Tuning } from "../../src/gpu/device.ts";
import { compile } from "../../src/graph/program.ts";
import type { Value } from "../../src/graph/value.ts";
import { Random } from "../../src/random.ts";
import type { Built } from "./graphs.ts";
import { marginOf, roundingOf } from "./roundings.ts";

/** What came of a graph. */
export interface Checked {
  /** Names of its operations. */
  readonly operations: readonly string[];
  /** Why nothing could be said, if so. */
  readonly undecided?: "near a kink" | "ill-conditioned";
  /** The largest error as a share of what is allowed. */
  readonly worst: number;
}

/** A graph whose result is not what the reference says. */
export class Mismatch extends Error {
  override name = "Mismatch";
}

/** Disturbed runs of the reference; what they move is taken so many times. */
const runs = 2;
const safety = 8;
/** Length of a step along a direction, for each element. */
const step = 1e-8;
/** Distance from a kink that rounding may cross, as a share of the largest number there. */
const nearKink = 1e-5;
/** Share of the largest number that roundings may move without making a graph useless. */
const mostMoved = 1e-3;
const unit = 2 ** -24;

/** Makes a graph for a tuning, always the same one. */
export type Maker = (tuning: Tuning) => Built;

/**
 * Checks a graph on devices.
 *
 * @param seed of the cotangent, the directions and the roundings.
 * @throws Mismatch saying what differs.
 */
export async function checkGraph(
  make: Maker,
  seed: number,
  gpus: readonly Gpu[],
): Promise<Checked> {
  const expected = expect(make("software"), seed);
  const { operations } = expected;
  if (expected.undecided !== undefined) {
    return { operations, undecided: expected.undecided, worst: 0 };
  }
  let worst = 0;
  for (const gpu of gpus) worst = Math.max(worst, await compare(gpu, make(gpu.tuning), expected));
  return { operations, worst };
}

interface Expected {
  readonly operations: readonly string[];
  readonly undecided?: Checked["undecided"];
  readonly cotangent: Float64Array;
  readonly output: Float64Array;
  /** What each element of the output may be off by. */
  readonly allowed: number;
  /** By input: signs, the slope along them, and what it may be off by besides the backward pass's roundings. */
  readonly slopes: readonly {
    readonly input: number;
    readonly signs: Float64Array;
    readonly want: number;
    readonly allowed: number;
  }[];
  /** Terms of the longest sum. */
  readonly terms: number;
}

function expect({ graph, inputs, output }: Built, seed: number): Expected {
  const random = new Random(seed).fork("check");
  const operations = graph.recorded.map(({ name }) => name);
  const values = new Map<Value, Float64Array>(inputs.map(({ value, data }) => [value, data]));
  let [kinked, terms] = [false, Math.max(...inputs.map(({ value }) => value.size))];
  const bounds: Float64Array[] = [];
  const exact = graph.evaluate(output, values, (computed) => {
    const { magnitude, sums } = roundingOf(computed);
    const margin = marginOf(computed);
    const largest = computed.inputs[0]!.data;
    const top = Array.from(largest).reduce((most, v) => Math.max(most, Math.abs(v)), 1);
    if (margin < nearKink * top) kinked = true;
    terms = Math.max(terms, sums, computed.y.data.length);
    bounds.push(magnitude.map((size) => unit * (1 + Math.sqrt(sums)) * size));
  });
  const cotangent = Float64Array.from(exact, () => Math.fround(2 * random.float() - 1));
  const disturbances = Array.from({ length: runs }, () =>
    bounds.map((bound) => bound.map((size) => size * (2 * random.float() - 1))),
  );
  const evaluate = (
    at: ReadonlyMap<Value, Float64Array>,
    disturbance?: readonly Float64Array[],
  ): Float64Array => {
    let number = 0;
    return graph.evaluate(output, at, ({ y }) => {
      const moved = disturbance?.[number++];
      if (moved !== undefined) for (let i = 0; i < moved.length; i++) y.data[i]! += moved[i]!;
    });
  };
  const slope = (input: number, signs: Float64Array, moved?: readonly Float64Array[]): number => {
    const { value, data } = inputs[input]!;
    const at = (by: number): Float64Array =>
      evaluate(
        new Map(values).set(
          value,
          data.map((v, i) => v + by * signs[i]!),
        ),
        moved,
      );
    const [above, below] = [at(step), at(-step)];
    // Differences first: the loss itself may be large, and its last digits lost.
    return cotangent.reduce((sum, c, i) => sum + c * (above[i]! - below[i]!), 0) / (2 * step);
  };
  const moved = disturbances.map((disturbance) => evaluate(values, disturbance));
  const spread = Math.max(...moved.map((y) => farthest(y, exact)));
  const size = exact.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const slopes = inputs.flatMap(({ gradient, data }, input) => {
    if (!gradient || kinked) return [];
    const signs = data.map(() => (random.int(2) === 0 ? -1 : 1));
    const want = slope(input, signs);
    const off = Math.max(...disturbances.map((d) => Math.abs(slope(input, signs, d) - want)));
    // Roundings of the differences: some 2^-53 of each output over the step.
    const rest = (8 * 2 ** -53 * Math.max(1, size) * Math.sqrt(exact.length)) / step;
    return [{ input, signs, want, allowed: safety * off + rest }];
  });
  const allowed = safety * spread + unit * size;
  const ill = !Number.isFinite(size) || allowed > mostMoved * Math.max(size, 1e-6);
  const undecided = kinked ? "near a kink" : ill ? "ill-conditioned" : undefined;
  return {
    ...{ operations, cotangent, output: exact, allowed, slopes, terms },
    ...(undecided === undefined ? {} : { undecided }),
  };
}

/** Largest distance of two lists of numbers. */
function farthest(a: Float64Array, b: Float64Array): number {
  return a.reduce((most, v, i) => Math.max(most, Math.abs(v - b[i]!)), 0);
}

/** Runs the graph on a device; gives the largest error as a share of what is allowed. */
async function compare(gpu: Gpu, built: Built, expected: Expected): Promise<number> {
  const [first, again] = await run(gpu, built, expected);
  first!.forEach((part, i) => {
    if (!part.every(Number.isFinite)) {
      throw new Mismatch(`${gpu.tuning}: ${labelOf(i)} has a number that is not finite`);
    }
    if (part.some((v, at) => v !== again![i]![at])) {
      throw new Mismatch(`${gpu.tuning}: ${labelOf(i)} has other bits the second time`);
    }
  });
  const [output, ...gradients] = first!;
  let worst = 0;
  const hold = (label: string, got: number, want: number, allowed: number): void => {
    const error = Math.abs(got - want);
    if (error > 0) worst = Math.max(worst, error / allowed);
    if (error > allowed) {
      throw new Mismatch(`${gpu.tuning}: ${label} is ${got}, not ${want}; ${allowed} is allowed`);
    }
  };
  expected.output.forEach((want, i) => {
    hold(`output[${i}]`, output![i]!, want, expected.allowed);
  });
  const whole = Math.hypot(...gradients.map((gradient) => Math.hypot(...gradient)));
  const backward = unit * (8 + 4 * Math.sqrt(expected.terms)) * whole;
  expected.slopes.forEach(({ input, signs, want, allowed }, i) => {
    const got = gradients[i]!.reduce((sum, g, at) => sum + g * signs[at]!, 0);
    hold(`the gradient of input ${input}`, got, want, allowed + backward);
  });
  return worst;
}

function labelOf(part: number): string {
  return part === 0 ? "the output" : `gradient ${part - 1}`;
}

/** The output and the gradients, twice, on memory that holds NaN first. */
async function run(
  gpu: Gpu,
  { graph, inputs, output }: Built,
  { cotangent }: Expected,
): Promise<Float32Array[][]> {
  const start = graph.input("cotangent", output.shape);
  const wrt = inputs.filter(({ gradient }) => gradient).map(({ value }) => value);
  const targets = new Map(
    wrt.map((value) => [value, graph.input(`d ${value.label}`, value.shape)]),
  );
  const { launches } = graph.backward(output, wrt, { cotangent: start, targets });
  const given = [...inputs, { value: start, data: cotangent }];
  const bound = [...given.map(({ value }) => value), ...targets.values()];
  const buffers = Object.values<GPUBuffer>(
    await gpu.allocate(Object.fromEntries(bound.map((value, i) => [`${i}`, value.bytes]))),
  );
  try {
    const bindings = new Map(
      bound.map((value, i) => [value, { buffer: buffers[i]!, offset: 0, size: value.bytes }]),
    );
    const forward = graph.forward();
    const program = await compile(gpu, [...forward, ...launches], {
      label: "fuzz",
      bindings,
      keep: [output],
    });
    try {
      const results = [output, ...targets.values()];
      const replays: Float32Array[][] = [];
      for (let replay = 0; replay < 2; replay++) {
        for (const { value, data } of given) {
          const numbers = value.dtype === "u32" ? Uint32Array.from(data) : Float32Array.from(data);
          gpu.write(bindings.get(value)!.buffer, numbers);
        }
        for (const value of results) {
          gpu.write(program.view(value).buffer, new Float32Array(value.size).fill(Number.NaN));
        }
        program.run();
        const parts = await gpu.read(...results.map((value) => program.view(value)));
        replays.push(parts.map((bytes) => new Float32Array(bytes)));
      }
      return replays;
    } finally {
      program.destroy();
    }
  } finally {
    gpu.free(...buffers);
  }
}
