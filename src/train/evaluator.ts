/** Totals over examples, without learning from them. */
import { UsageError } from "../errors.ts";
import type { Batches } from "../feed/feed.ts";
import type { GpuDataset } from "../feed/gpu-dataset.ts";
import { passRows, type StepQueue, type Totals } from "../feed/step-queue.ts";
import type { Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import { Graph } from "../graph/graph.ts";
import { compile, type Program } from "../graph/program.ts";
import type { Model } from "../nn/model.ts";
import type { Objective, Task } from "../tasks/task.ts";
import { largestBatch } from "./memory.ts";
import { replay, type Watch } from "./replay.ts";
import { tally } from "./tally.ts";

/** Measures loss and hits; see {@link Evaluator.create}. Owns its program, and its feed where it made it. */
export class Evaluator {
  readonly #gpu: Gpu;
  readonly #queue: StepQueue;
  readonly #program: Program;
  readonly #owned: Owned;

  private constructor(gpu: Gpu, queue: StepQueue, program: Program, owned: Owned) {
    this.#gpu = gpu;
    this.#queue = queue;
    this.#program = program;
    this.#owned = owned;
  }

  /**
   * Measures a task's network on examples of a data set, with running statistics and no augmentation.
   *
   * @param batch examples a pass at most; fewer are taken where memory or a binding does not hold them.
   * @throws OutOfMemoryError where not even one fits.
   */
  static create(model: Model, task: Task, data: GpuDataset, batch: number): Promise<Evaluator> {
    return largestBatch(batch, (rows) =>
      Owned.during(async (owned) => {
        const feed = owned.add(await task.feed(data, { batch: rows, items: data.count }));
        const objective = (graph: Graph): Objective =>
          task.objective(graph, model, feed, { norm: "frozen" });
        const label = `evaluate ${model.spec.name}`;
        return Evaluator.#make(model.gpu, feed, objective, label, owned);
      }),
    );
  }

  /** Measures any objective over a feed, which stays the caller's. */
  static of(
    gpu: Gpu,
    feed: Batches,
    objective: (graph: Graph) => Objective,
    label: string,
  ): Promise<Evaluator> {
    return Evaluator.#make(gpu, feed, objective, label, new Owned());
  }

  static async #make(
    gpu: Gpu,
    feed: Batches,
    objective: (graph: Graph) => Objective,
    label: string,
    owned: Owned,
  ): Promise<Evaluator> {
    const graph = new Graph(gpu);
    const what = graph.build(() => objective(graph));
    const bindings = new Map([...feed.bindings, ...what.built.bindings]);
    const program = await compile(
      gpu,
      [...feed.launches, ...graph.forward(), ...tally(feed.queue, what)],
      { label, bindings, purpose: "activations of evaluation" },
    );
    owned.add(program);
    return new Evaluator(gpu, feed.queue, program, owned);
  }

  /** Totals over the given examples; the loss is NaN where that of a batch is NaN or infinite. */
  async run(examples: Uint32Array, watch: Watch = {}): Promise<Totals> {
    const { batch } = this.#queue;
    if (examples.length === 0) throw new UsageError("evaluate: nothing to evaluate on.");
    const rows = passRows(examples.length, batch);
    this.#queue.load(examples, rows);
    await replay(this.#gpu, this.#program, rows.length, watch);
    const totals = await this.#queue.read();
    // A mean that leaves the bad batches out would make a broken network look good.
    return totals.badSteps > 0 ? { ...totals, loss: Number.NaN } : totals;
  }

  destroy(): void {
    this.#owned.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
