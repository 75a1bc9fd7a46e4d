/**
 * Accuracies over a plane of weights, by one recorded program: every step sets the weights of its point, takes its batch of
 * its set, and adds up hits and loss for the point and the set.
 */
import { UsageError } from "../errors.ts";
import type { GpuDataset } from "../feed/gpu-dataset.ts";
import { ImageFeed } from "../feed/image-feed.ts";
import type { StepRow } from "../feed/step-queue.ts";
import type { Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import { Bound } from "../graph/bound.ts";
import { elementwise } from "../graph/elementwise.ts";
import { Graph } from "../graph/graph.ts";
import { compile, type Program } from "../graph/program.ts";
import type { Value } from "../graph/value.ts";
import type { Model } from "../nn/model.ts";
import { classification } from "../tasks/classification.ts";
import { passOver } from "../train/memory.ts";
import { replay, type Watch } from "../train/replay.ts";
import { tally, totalWords } from "../train/tally.ts";
import { Arena } from "../weights/arena.ts";
import type { WeightSet } from "./plane.ts";

/** A point of a plane: that many times its first and its second axis away from the origin. */
export interface PlanePoint {
  readonly a: number;
  readonly b: number;
}

/** What a network with the weights of a point makes of a set of images. */
export interface PointTotals {
  /** % */
  readonly accuracy: number;
  /** Mean cross-entropy, nats; NaN where it is not finite. */
  readonly loss: number;
}

/** Rows of a step table at most: points are taken in parts where there are more. */
const mostRows = 2 ** 16;

/** Examples a pass at most. */
const most = 256;

/** The weights of an arena one after the other. */
export async function weightSet(arena: Arena): Promise<WeightSet> {
  const parts = await arena.read();
  const set = new Float32Array(arena.layout.parameters);
  let at = 0;
  for (const { name, size } of arena.layout.slots) {
    set.set(parts.get(name)!, at);
    at += size;
  }
  return set;
}

/** Puts weights one after the other into an arena. */
function writeSet(arena: Arena, set: WeightSet): void {
  let at = 0;
  for (const { name, size } of arena.layout.slots) {
    arena.write(name, set.slice(at, at + size));
    at += size;
  }
}

/** What a {@link PlaneEvaluator} is made of. */
interface Parts {
  readonly owned: Owned;
  readonly model: Model;
  readonly sets: readonly Uint32Array[];
  readonly feed: ImageFeed;
  readonly program: Program;
  readonly axes: readonly [Arena, Arena];
  readonly points: Value;
  readonly totals: Value;
  readonly bound: Bound;
  /** Points a part. */
  readonly part: number;
}

/**
 * Measures a network over a plane through its weights. Owns the axes and the origin on the device; the model, whose
 * parameters it changes, stays the caller's and is put back by {@link restore}.
 */
export class PlaneEvaluator {
  readonly #gpu: Gpu;
  readonly #parts: Parts;
  readonly #origin: Arena;

  private constructor(gpu: Gpu, parts: Parts, origin: Arena) {
    this.#gpu = gpu;
    this.#parts = parts;
    this.#origin = origin;
  }

  /**
   * @param model its weights are the origin; running statistics stay as they are.
   * @param data images of all sets. @param sets which of them each set has.
   */
  static async create(
    model: Model,
    data: GpuDataset,
    sets: readonly Uint32Array[],
  ): Promise<PlaneEvaluator> {
    const { gpu, parameters } = model;
    if (sets.length === 0 || sets.some((set) => set.length === 0)) {
      throw new UsageError("landscape: every set needs an image.");
    }
    return Owned.during(async (owned) => {
      const arena = async (label: string): Promise<Arena> =>
        owned.add(await Arena.create(gpu, parameters.layout, label));
      const origin = await arena("origin of the plane");
      const axes = [await arena("first axis"), await arena("second axis")] as const;
      gpu.submit((encoder) => origin.copyFrom(parameters, encoder));
      const batch = passOver(Math.max(...sets.map((set) => set.length)), most);
      const perPoint = sets.reduce((sum, set) => sum + Math.ceil(set.length / batch), 0);
      const part = Math.max(1, Math.floor(mostRows / perPoint));
      const feed = owned.add(
        await ImageFeed.create(data, { batch, items: part * perPoint * batch }),
      );
      const bound = owned.add(new Bound());
      const points = await bound.zeros(gpu, "points", [part, 2]);
      const totals = await bound.zeros(gpu, "totals", [part * sets.length * totalWords], "u32");
      const graph = new Graph(gpu);
      const { built, loss, hits } = graph.build(() =>
        classification.objective(graph, model, feed, { norm: "frozen" }),
      );
      const { step } = feed.queue;
      const [take, ...gather] = feed.launches;
      const move = parameters.layout.shards.map((size, shard) =>
        elementwise(gpu.tuning, { shader: "analysis/plane", constants: {} }, size, {
          origin: bound.shard(origin, shard),
          first: bound.shard(axes[0], shard),
          second: bound.shard(axes[1], shard),
          points,
          step,
          y: bound.shard(parameters, shard),
        }),
      );
      const add = tally(
        { step, totals },
        { loss, ...(hits === undefined ? {} : { hits }) },
        { shader: "analysis/tally-point", constants: { SETS: sets.length } },
      );
      const launches = [take!, ...move, ...gather, ...graph.forward(), ...add];
      const program = owned.add(
        await compile(gpu, launches, {
          label: `landscape ${model.spec.name}`,
          purpose: "activations of evaluation",
          bindings: new Map([...feed.bindings, ...built.bindings, ...bound.bindings]),
        }),
      );
      const parts = { owned, model, sets, feed, program, axes, points, totals, bound, part };
      return new PlaneEvaluator(gpu, parts, origin);
    });
  }

  /** Chooses the axes of the plane. */
  turn([first, second]: readonly [WeightSet, WeightSet]): void {
    writeSet(this.#parts.axes[0], first);
    writeSet(this.#parts.axes[1], second);
  }

  /** Measures points; for each of them one total a set. */
  async run(points: readonly PlanePoint[], watch: Watch = {}): Promise<PointTotals[][]> {
    const { part } = this.#parts;
    const all: PointTotals[][] = [];
    for (let first = 0; first < points.length; first += part) {
      const some = points.slice(first, first + part);
      const progress = (done: number, steps: number): void =>
        watch.progress?.(first + (some.length * done) / steps, points.length);
      all.push(...(await this.#part(some, { ...watch, progress })));
    }
    return all;
  }

  async #part(points: readonly PlanePoint[], watch: Watch): Promise<PointTotals[][]> {
    const { sets, feed, program, bound, totals, points: places } = this.#parts;
    const { queue } = feed;
    const order = Uint32Array.from(sets.flatMap((set) => [...set]));
    const rows: StepRow[] = points.flatMap((_, point) => {
      let first = 0;
      return sets.flatMap((set, index) => {
        const start = first;
        first += set.length;
        return Array.from({ length: Math.ceil(set.length / queue.batch) }, (_, i) => ({
          rows: Math.min(queue.batch, set.length - i * queue.batch),
          first: start + i * queue.batch,
          seed: point,
          learningRate: 0,
          corrections: [1, 1] as const,
          micro: { index, share: 1 },
        }));
      });
    });
    const values = new Float32Array(places.size);
    for (const [i, { a, b }] of points.entries()) values.set([a, b], 2 * i);
    this.#gpu.write(bound.at(places).buffer, values);
    this.#gpu.write(bound.at(totals).buffer, new Uint32Array(totals.size));
    queue.load(order, rows);
    await replay(this.#gpu, program, rows.length, watch);
    const [bytes] = await this.#gpu.read(bound.at(totals));
    const [words, floats] = [new Uint32Array(bytes!), new Float32Array(bytes!)];
    return points.map((_, point) =>
      sets.map((_, set) => {
        const at = totalWords * (point * sets.length + set);
        const [, hits, count, , bad] = words.subarray(at, at + totalWords);
        return {
          accuracy: (100 * hits!) / count!,
          loss: bad === 0 ? floats[at]! / count! : Number.NaN,
        };
      }),
    );
  }

  /** Puts the model's parameters back to the origin. */
  restore(): void {
    const { parameters } = this.#parts.model;
    this.#gpu.submit((encoder) => parameters.copyFrom(this.#origin, encoder));
  }

  destroy(): void {
    this.#parts.owned.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
