/** The slope at which a network stands: how its loss on clean images changes with its weights at matched forgetting. */
import type { GpuDataset } from "../../feed/gpu-dataset.ts";
import { ImageFeed } from "../../feed/image-feed.ts";
import { passRows } from "../../feed/step-queue.ts";
import { Owned } from "../../gpu/owned.ts";
import { Bound } from "../../graph/bound.ts";
import { Graph } from "../../graph/graph.ts";
import { compile, type Program } from "../../graph/program.ts";
import type { Value } from "../../graph/value.ts";
import type { Model } from "../../nn/model.ts";
import { classification } from "../../tasks/classification.ts";
import { Collector } from "../../train/collector.ts";
import { replay, type Watch } from "../../train/replay.ts";
import { addGradients } from "../../unlearn/gradients.ts";
import { Arena } from "../../weights/arena.ts";

/** Images of a pass. */
const batch = 250;

/** Parameters of a network by name. */
export type Vector = ReadonlyMap<string, ArrayLike<number>>;

/** Sum of products over all parameters of `a`. */
export function dot(a: Vector, b: Vector): number {
  let sum = 0;
  for (const [name, x] of a) {
    const y = b.get(name)!;
    for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!;
  }
  return sum;
}

/** Logits [images, C] and labels of images, with the softmax at a temperature. */
export class Answers {
  readonly #logits: Float32Array;
  readonly #labels: ArrayLike<number>;
  readonly #classes: number;

  constructor(logits: Float32Array, labels: ArrayLike<number>) {
    this.#logits = logits;
    this.#labels = labels;
    this.#classes = logits.length / labels.length;
  }

  /** Mean cross-entropy at a temperature, in nats. */
  loss(temperature: number): number {
    const C = this.#classes;
    let sum = 0;
    for (let b = 0; b < this.#labels.length; b++) {
      const row = this.#logits.subarray(b * C, (b + 1) * C);
      const top = Math.max(...row);
      let total = 0;
      for (const z of row) total += Math.exp((z - top) / temperature);
      sum += Math.log(total) - (row[this.#labels[b]!]! - top) / temperature;
    }
    return sum / this.#labels.length;
  }

  /** The temperature from 1/20 to 20 at which the cross-entropy is least, to a thousandth. */
  bestTemperature(): number {
    const ratio = (Math.sqrt(5) - 1) / 2;
    let [low, high] = [-Math.log(20), Math.log(20)];
    while (high - low > 1e-3) {
      const [a, b] = [high - ratio * (high - low), low + ratio * (high - low)];
      if (this.loss(Math.exp(a)) < this.loss(Math.exp(b))) high = b;
      else low = a;
    }
    return Math.exp((low + high) / 2);
  }

  /** The derivative of the mean cross-entropy in the logits, [images, C]. */
  cotangent(temperature: number): Float32Array {
    const C = this.#classes;
    const result = new Float32Array(this.#logits.length);
    const scale = 1 / (temperature * this.#labels.length);
    for (let b = 0; b < this.#labels.length; b++) {
      const row = this.#logits.subarray(b * C, (b + 1) * C);
      const top = Math.max(...row);
      const powers = [...row].map((z) => Math.exp((z - top) / temperature));
      const total = powers.reduce((sum, v) => sum + v, 0);
      powers.forEach((v, c) => {
        result[b * C + c] = scale * (v / total - Number(c === this.#labels[b]));
      });
    }
    return result;
  }
}

/** Answers to images, and gradients of anything that is a function of them. Owns its programs and arenas. */
export class Slope {
  readonly #model: Model;
  readonly #items: Uint32Array;
  readonly #labels: ArrayLike<number>;
  readonly #collector: Collector;
  readonly #feed: ImageFeed;
  readonly #program: Program;
  readonly #sums: Arena;
  readonly #bound: Bound;
  readonly #cotangent: Value;
  readonly #owned: Owned;

  private constructor(parts: {
    readonly model: Model;
    readonly items: Uint32Array;
    readonly labels: ArrayLike<number>;
    readonly collector: Collector;
    readonly feed: ImageFeed;
    readonly program: Program;
    readonly sums: Arena;
    readonly bound: Bound;
    readonly cotangent: Value;
    readonly owned: Owned;
  }) {
    this.#model = parts.model;
    this.#items = parts.items;
    this.#labels = parts.labels;
    this.#collector = parts.collector;
    this.#feed = parts.feed;
    this.#program = parts.program;
    this.#sums = parts.sums;
    this.#bound = parts.bound;
    this.#cotangent = parts.cotangent;
    this.#owned = parts.owned;
  }

  /**
   * @param items images of the data set, by number.
   * @param labels theirs, in the order of `items`.
   */
  static create(
    model: Model,
    data: GpuDataset,
    items: Uint32Array,
    labels: ArrayLike<number>,
  ): Promise<Slope> {
    const { gpu, parameters } = model;
    const { layout } = parameters;
    return Owned.during(async (owned) => {
      const rows = Math.min(batch, items.length);
      const collector = owned.add(await Collector.create(model, classification, data, rows));
      const feed = owned.add(await ImageFeed.create(data, { batch: rows, items: items.length }));
      const sums = owned.add(await Arena.create(gpu, layout, "slope", "gradients"));
      const gradients = owned.add(await Arena.create(gpu, layout, "gradients", "gradients"));
      const bound = owned.add(new Bound());
      const graph = new Graph(gpu);
      const built = graph.build(() => model.build(graph, feed.inputs, "frozen", feed.queue.step));
      const { output } = built;
      const cotangent = await bound.zeros(gpu, "cotangent", output.shape);
      const targets = bound.gradients(gradients, built.parameters);
      const wrt = [...targets.keys()];
      const accumulate = addGradients(gpu.tuning, bound, { gradients, sums }, feed.queue.step);
      const program = owned.add(
        await compile(
          gpu,
          [
            ...feed.launches,
            ...graph.forward(),
            ...graph.backward(output, wrt, { targets, cotangent }).launches,
            ...accumulate,
          ],
          {
            label: "slope",
            bindings: new Map([...feed.bindings, ...built.bindings, ...bound.bindings]),
          },
        ),
      );
      const parts = { model, items, labels, collector, feed, program, sums };
      return new Slope({ ...parts, bound, cotangent, owned });
    });
  }

  /** The network's answers as it stands. */
  async answers(watch: Watch = {}): Promise<Answers> {
    return new Answers(await this.#collector.run(this.#items, watch), this.#labels);
  }

  /** The gradient, by parameter, of a function of the logits with this derivative, [images, C]. */
  async gradient(cotangent: Float32Array, watch: Watch = {}): Promise<Map<string, Float32Array>> {
    const { gpu } = this.#model;
    const { queue } = this.#feed;
    const view = this.#bound.at(this.#cotangent);
    const classes = cotangent.length / this.#items.length;
    this.#sums.clear();
    for (let first = 0; first < this.#items.length; first += queue.batch) {
      const items = this.#items.subarray(first, first + queue.batch);
      const part = new Float32Array(view.size / 4);
      // The kernel multiplies by the images of the pass, as for means.
      const of = cotangent.subarray(first * classes, (first + items.length) * classes);
      part.set(of.map((value) => value / items.length));
      gpu.write(view.buffer, part, view.offset);
      const pass = passRows(items.length, queue.batch);
      queue.load(items, pass);
      await replay(gpu, this.#program, pass.length, watch);
    }
    return this.#sums.read();
  }

  destroy(): void {
    this.#owned.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}

/** At most what the gradient of forgetting is multiplied by. */
const mostShare = 1;

/**
 * The slope of the clean loss where forgetting stays as it is: what a change of the weights would forget less or more is
 * made up for by a longer or shorter last step.
 *
 * @param clean gradient of the clean loss.
 * @param forgotten gradient of the loss on D_f.
 * @param last the last step.
 */
export function matched(clean: Vector, forgotten: Vector, last: Vector): Map<string, Float64Array> {
  const along = dot(last, forgotten);
  const wanted = along === 0 ? 0 : dot(last, clean) / along;
  const share = Math.max(-mostShare, Math.min(mostShare, wanted));
  return new Map(
    [...clean].map(([name, g]) => {
      const f = forgotten.get(name)!;
      return [name, Float64Array.from(g, (value, i) => value - share * f[i]!)];
    }),
  );
}
