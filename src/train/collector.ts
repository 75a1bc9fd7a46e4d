/** The outputs of a model for each example, for metrics that need more than totals. */
import { UsageError } from "../errors.ts";
import type { ExampleFeed } from "../feed/feed.ts";
import type { GpuDataset } from "../feed/gpu-dataset.ts";
import { passRows, type StepQueue } from "../feed/step-queue.ts";
import type { Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import { Bound } from "../graph/bound.ts";
import { Graph } from "../graph/graph.ts";
import { compile, type Program } from "../graph/program.ts";
import { Value } from "../graph/value.ts";
import type { Model } from "../nn/model.ts";
import type { Task } from "../tasks/task.ts";
import { largestBatch, passOver } from "./memory.ts";
import { replay, type Watch } from "./replay.ts";

/** What is collected: a value of the network's graph, found from its output or made of others. */
export type Reading = (graph: Graph, output: Value) => Value;

const outputs: Reading = (_, output) => output;

/** Numbers that are collected of an example. */
function widthOf(model: Model, read: Reading): number {
  const graph = new Graph(model.gpu);
  const inputs = model.spec.inputs.map(
    (shape, i) => new Value(`input ${i}`, [1, ...shape], "f32", "planned"),
  );
  return read(graph, model.build(graph, inputs, "frozen").output).size;
}

/** Outputs of a network in evaluation mode, without augmentation. Owns its feed, its program and the outputs. */
export class Collector {
  readonly #gpu: Gpu;
  readonly #queue: StepQueue;
  readonly #program: Program;
  readonly #all: GPUBuffer;
  readonly #width: number;
  readonly #owned: Owned;

  private constructor(
    gpu: Gpu,
    parts: { queue: StepQueue; program: Program; all: GPUBuffer; width: number; owned: Owned },
  ) {
    this.#gpu = gpu;
    this.#queue = parts.queue;
    this.#program = parts.program;
    this.#all = parts.all;
    this.#width = parts.width;
    this.#owned = parts.owned;
  }

  /**
   * @param batch examples a pass at most; fewer are taken where memory or a binding does not hold them.
   * @param read what to collect in place of the outputs; a value with a row an example.
   * @throws OutOfMemoryError where not even one fits.
   */
  static create(
    model: Model,
    task: Task,
    data: GpuDataset,
    batch: number,
    read: Reading = outputs,
  ): Promise<Collector> {
    const { gpu } = model;
    const width = widthOf(model, read);
    return Owned.during(async (owned) => {
      const { all } = await gpu.allocate({ all: 4 * data.count * width });
      owned.add({ destroy: () => gpu.free(all) });
      return largestBatch(passOver(data.count, batch), (rows) =>
        Owned.during(async (parts) => {
          const feed = parts.add(await task.feed(data, { batch: rows, items: data.count }));
          const program = parts.add(await collecting(model, feed, all, read));
          owned.add(parts);
          return new Collector(gpu, { queue: feed.queue, program, all, width, owned });
        }),
      );
    });
  }

  /** Outputs [examples, …] (logits of a classifier), row-major, in the order of `examples`. @throws UsageError if there are none. */
  async run(examples: Uint32Array, watch: Watch = {}): Promise<Float32Array> {
    if (examples.length === 0) throw new UsageError("collect: there are no examples.");
    const rows = passRows(examples.length, this.#queue.batch);
    this.#queue.load(examples, rows);
    await replay(this.#gpu, this.#program, rows.length, watch);
    const size = 4 * examples.length * this.#width;
    return this.#gpu.readFloats({ buffer: this.#all, offset: 0, size });
  }

  destroy(): void {
    this.#owned.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}

/** A step that writes the outputs of its examples to where they belong in `all`. */
function collecting(
  model: Model,
  feed: ExampleFeed,
  all: GPUBuffer,
  read: Reading,
): Promise<Program> {
  const graph = new Graph(model.gpu);
  const { output: last, bindings } = model.build(graph, feed.inputs, "frozen", feed.queue.step);
  const output = read(graph, last);
  const rows = feed.queue.batch;
  const width = output.size / rows;
  const bound = new Bound();
  const launches = [
    ...feed.launches,
    ...graph.forward(),
    {
      shader: "train/collect",
      constants: { B: rows, C: width },
      bind: { logits: output, step: feed.queue.step, all: bound.buffer("all", all) },
      threads: rows * width,
    },
  ];
  return compile(model.gpu, launches, {
    label: `collect ${model.spec.name}`,
    purpose: "activations of evaluation",
    bindings: new Map([...feed.bindings, ...bindings, ...bound.bindings]),
  });
}
