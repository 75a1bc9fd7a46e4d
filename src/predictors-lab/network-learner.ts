/** InvWNN learnt for what unlearning is for: does a nonlinear answer add anything to weights of the steps? */
import { UsageError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import { RowFeed } from "../feed/row-feed.ts";
import { passRows } from "../feed/step-queue.ts";
import { Bound } from "../graph/bound.ts";
import { Graph } from "../graph/graph.ts";
import { compile, type Program } from "../graph/program.ts";
import type { Value } from "../graph/value.ts";
import { readSafetensors } from "../io/safetensors.ts";
import { Model, type Tensors } from "../nn/model.ts";
import { mul, sum } from "../ops/index.ts";
import { invWnnPredictor } from "../predictors/invwnn/predictor.ts";
import { invWnnSpec } from "../predictors/invwnn/weights.ts";
import { setNames } from "../predictors/loader.ts";
import type { Predictor } from "../predictors/predictor.ts";
import { shippedBytes } from "../predictors/shipped.ts";
import { fromTensors } from "../predictors/two-stream.ts";
import { type RowName, rowNames, type StepWeights } from "../predictors/weighted-steps/weights.ts";
import { Random } from "../random.ts";
import { replay } from "../train/replay.ts";
import { addGradients } from "../unlearn/gradients.ts";
import { Arena } from "../weights/arena.ts";
import { invWnnFamily } from "./families/invwnn.ts";
import { evenWeight, inTraining, type Learner, type LearntFile } from "./downstream/learner.ts";
import type { RecordedRound } from "./downstream/meta-gradient.ts";
import type { Vector } from "./downstream/slope.ts";

/** Weights of a set that a derivative looks at, at most, and those of a pass. */
const [mostWindows, batch] = [16_384, 512] as const;

const family = invWnnFamily();

/** Floats of a row: the network's inputs, and what its residual's derivative is multiplied by. */
const columns = family.widths.reduce((sum, width) => sum + width, 1);

/** The set that serves a kind of tensor. */
const setOf: Readonly<Record<RowName, (typeof setNames)[number]>> = {
  ...{ conv: "conv", depthwise: "conv", dense: "fc", "last-dense": "fc", bias: "bias" },
};

type Tensor = Tensors extends Map<string, infer T> ? T : never;

/** What f(x) - f(-x) is of x, f the leaky ReLU of the network. */
const pair = 1 + 0.3;

/**
 * A set that answers as weights of the steps do, and can learn to answer otherwise.
 *
 * Two units of each layer of the difference stream carry the weighted sum and its negative, one of which is 0 after the
 * compression's ReLU; the gate adds nothing to them. All other units keep their weights among themselves, and the output
 * reads none of them yet. It is exact up to rounding and the output's tanh, which takes off r³ / 3 of a residual r.
 *
 * @param weights of the K - 1 steps, oldest first: the residual is minus their weighted sum.
 */
function answeringAs(tensors: Tensors, weights: readonly number[]): Tensors {
  /** A kernel [in, out] with other weights. */
  const changed = (
    name: string,
    to: (w: number, row: number, column: number) => number,
  ): readonly [string, Tensor] => {
    const { shape, data } = tensors.get(name)!;
    const columns = shape[1]!;
    return [name, { shape, data: data.map((w, i) => to(w, Math.floor(i / columns), i % columns)) }];
  };
  /** A kernel with rows and columns 0 and 1 replaced: what goes from one pair of units to the next. */
  const paired = (
    name: string,
    between: (row: number, column: number) => number,
  ): readonly [string, Tensor] =>
    changed(name, (w, row, column) => (row < 2 || column < 2 ? between(row, column) : w));
  const sign = (unit: number): number => (unit === 0 ? 1 : -1);
  /** The sum out of the two units behind a leaky ReLU, in the first of a pair of units as it is, in the second negated. */
  const sum = (row: number, column: number): number =>
    row < 2 && column < 2 ? (sign(row) * sign(column)) / pair : 0;
  const same = (row: number, column: number): number => (row === column ? 1 : 0);
  const tail = tensors.get("output.weight")!.data.length / 2;
  return new Map([
    ...tensors,
    // Differences are newest first and of the other sign: each is minus a step.
    changed("difference.first.weight", (w, step, unit) =>
      unit < 2 ? sign(unit) * weights[weights.length - 1 - step]! : w,
    ),
    paired("difference.second.weight", sum),
    paired("difference.compress.weight", same),
    paired("difference.linear.weight", same),
    paired("difference.amplitude.weight", () => 0),
    paired("difference.rate.weight", () => 0),
    paired("difference.third.weight", same),
    changed("output.weight", (_, row) => (row === tail ? 1 : row === tail + 1 ? -1 : 0)),
  ]);
}

/**
 * The weights that a set begins at, those of the first kind of tensor that it serves, which has most of its weights; those of
 * all sets together are as much as the straight line's.
 *
 * @throws UsageError for weights that lead nowhere, or forward.
 */
function beginning({ window, values }: StepWeights): (set: (typeof setNames)[number]) => number[] {
  const steps = window - 1;
  const row = (set: (typeof setNames)[number]): Float32Array => {
    const r = rowNames.findIndex((name) => setOf[name] === set);
    return values.subarray(r * steps, (r + 1) * steps);
  };
  const total = setNames.reduce((sum, set) => sum + row(set).reduce((a, b) => a + b, 0), 0);
  if (!(total > 0))
    throw new UsageError(
      "a filter to begin at has weights that add up to more than 0; these lead nowhere, or forward.",
    );
  const scale = (evenWeight * steps * setNames.length) / total;
  return (set) => Array.from(row(set), (w) => scale * w);
}

/** A tensor of a round: the histories of its weights, and what the slope is multiplied by. */
interface Part {
  readonly history: Float32Array;
  readonly slope: ArrayLike<number>;
  readonly strength: number;
}

/** A program that adds up derivatives of residuals in a network's weights, and what it reads and writes. */
interface Parts {
  readonly gpu: Gpu;
  readonly model: Model;
  /** Histories newest first, their differences, and what each residual's derivative is multiplied by. */
  readonly feed: RowFeed;
  readonly program: Program;
  readonly sums: Arena;
}

/**
 * An InvWNN of three sets, from the shipped one on, which answers as a straight line does, or from one on that answers as
 * a filter does, but for its limit of a step and for the length that all weights together are brought to.
 *
 * Its residual is taken as it is, times the strength: other than the weights of the steps it is not made as long as the
 * line's. The slope is one at matched forgetting, which a longer or shorter last step does not change. Owns its program.
 */
export class NetworkLearner implements Learner {
  readonly start: readonly number[];
  readonly rates: readonly number[];
  readonly #begin: Readonly<Record<string, Tensors>>;
  readonly #parts: Parts;
  readonly #owned: Owned;
  /** Tensors that are learnt, in the order of the numbers of a set. */
  readonly #names: readonly string[];

  private constructor(begin: Readonly<Record<string, Tensors>>, parts: Parts, owned: Owned) {
    this.#begin = begin;
    this.#parts = parts;
    this.#owned = owned;
    const learnt = parts.model.slots.filter((slot) => family.rate(slot) !== 0);
    this.#names = learnt.map(({ name }) => name);
    const rates = learnt.flatMap((slot) =>
      Array.from({ length: slot.size }, () => family.rate(slot)),
    );
    this.rates = setNames.flatMap(() => rates);
    this.start = setNames.flatMap((set) =>
      this.#names.flatMap((name) => [...begin[set]!.get(name)!.data]),
    );
  }

  /** @param from a filter's weights to begin at; the shipped InvWNN where there are none. */
  static async create(gpu: Gpu, from?: StepWeights): Promise<NetworkLearner> {
    const weightsOf = from && beginning(from);
    const files = setNames.map(async (set) => {
      const { tensors } = readSafetensors(await shippedBytes(set));
      return [set, weightsOf ? answeringAs(tensors, weightsOf(set)) : tensors] as const;
    });
    const begin = Object.fromEntries(await Promise.all(files));
    return Owned.during(async (owned) => {
      const model = owned.add(await Model.create(gpu, family.spec, 1));
      const rows = new Float32Array(mostWindows * columns);
      const feed = owned.add(await RowFeed.create(gpu, rows, [...family.widths, 1], batch));
      const { layout } = model.parameters;
      const sums = owned.add(await Arena.create(gpu, layout, "slope", "gradients"));
      const gradients = owned.add(await Arena.create(gpu, layout, "gradients", "gradients"));
      const bound = owned.add(new Bound());
      const graph = new Graph(gpu);
      const cotangent = feed.blocks.at(-1) as Value;
      graph.adopt(cotangent);
      const built = graph.build(() => model.build(graph, feed.blocks.slice(0, -1), "train"));
      const loss = graph.build(() => sum(mul(built.output, cotangent)));
      const targets = bound.gradients(gradients, built.parameters);
      const launches = [
        ...feed.launches,
        ...graph.forward(),
        ...graph.backward(loss, [...targets.keys()], { targets }).launches,
        ...addGradients(gpu.tuning, bound, { gradients, sums }, feed.queue.step),
      ];
      const bindings = new Map([...feed.bindings, ...built.bindings, ...bound.bindings]);
      const program = owned.add(
        await compile(gpu, launches, { label: "derivative of InvWNN", bindings }),
      );
      return new NetworkLearner(begin, { gpu, model, feed, program, sums }, owned);
    });
  }

  /** The network of a set with the numbers that are learnt. */
  #tensors(values: readonly number[], set: (typeof setNames)[number]): Tensors {
    const begin = this.#begin[set]!;
    let at = setNames.indexOf(set) * (values.length / setNames.length);
    const learnt = this.#names.map((name) => {
      const { shape, data } = begin.get(name)!;
      const part = Float32Array.from(values.slice(at, at + data.length));
      at += data.length;
      return [name, { shape, data: part }] as const;
    });
    return new Map([...begin, ...learnt]);
  }

  predictor(values: readonly number[]): Predictor {
    const { horizon, base } = family;
    const sources = setNames.map((set) => {
      const weights = fromTensors(invWnnSpec, this.#tensors(values, set));
      return [set, { weights, source: inTraining.source }] as const;
    });
    return invWnnPredictor(inTraining.name, Object.fromEntries(sources), { horizon, base });
  }

  async gradient(
    rounds: readonly RecordedRound[],
    values: readonly number[],
    slope: Vector,
    seed: number,
  ): Promise<Float64Array> {
    const result = new Float64Array(values.length);
    const each = values.length / setNames.length;
    for (const [i, set] of setNames.entries()) {
      const parts = rounds.flatMap(({ tensors, strength }) =>
        tensors
          .filter(({ row }) => setOf[rowNames[row]!] === set)
          .map(({ name, history }): Part => ({ history, strength, slope: slope.get(name)! })),
      );
      if (parts.length === 0) continue;
      const random = new Random(seed).fork(set);
      const of = await this.#derivative(this.#tensors(values, set), parts, random);
      result.set(
        this.#names.flatMap((name) => [...of.get(name)!]),
        i * each,
      );
    }
    return result;
  }

  /** The derivative, by tensor, of the sum of slope · strength · residual over all weights of some tensors. */
  async #derivative(
    tensors: Tensors,
    parts: readonly Part[],
    random: Random,
  ): Promise<Map<string, Float32Array>> {
    const { gpu, model, feed, program, sums } = this.#parts;
    const { window } = family.shape;
    const ends: number[] = [];
    for (const { history } of parts) ends.push((ends.at(-1) ?? 0) + history.length / window);
    const all = ends.at(-1)!;
    const count = Math.min(all, mostWindows);
    // Rows of zeros fill the last pass.
    const rows = new Float32Array(Math.ceil(count / batch) * batch * columns);
    let largest = 0;
    for (let r = 0; r < count; r++) {
      const place = all === count ? r : random.int(all);
      const p = ends.findIndex((end) => place < end);
      const { history, slope, strength } = parts[p]!;
      const size = history.length / window;
      const i = place - (ends[p - 1] ?? 0);
      const row = rows.subarray(r * columns, (r + 1) * columns);
      const own = Float32Array.from({ length: window }, (_, k) => history[k * size + i]!);
      row.set(family.encode({ history: own, target: 0 }).inputs);
      row[columns - 1] = strength * slope[i]!;
      largest = Math.max(largest, Math.abs(row[columns - 1]!));
    }
    // The largest is 1 then, but for the rows of a pass, by which the kernel multiplies.
    const unit = largest === 0 ? 1 : largest;
    for (let r = 0; r < count; r++) rows[(r + 1) * columns - 1]! /= unit * batch;
    model.load(tensors);
    feed.refill(rows);
    sums.clear();
    const order = Uint32Array.from({ length: rows.length / columns }, (_, r) => r);
    const pass = passRows(order.length, batch);
    feed.queue.load(order, pass);
    await replay(gpu, program, pass.length);
    const factor = (unit * all) / count;
    const found = await sums.read();
    return new Map([...found].map(([name, data]) => [name, data.map((g) => factor * g)]));
  }

  files(values: readonly number[]): LearntFile[] {
    const { name, horizon, base, shape } = family;
    return setNames.map((set) => ({
      name: `/${name}-${set}.safetensors`,
      tensors: family.finish(this.#tensors(values, set)),
      metadata: {
        format: `rewind ${name} 1`,
        ...{ set, horizon: String(horizon), base, window: String(shape.window) },
      },
    }));
  }

  destroy(): void {
    this.#owned.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
