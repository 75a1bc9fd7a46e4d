/** The outputs of a model for each image, for metrics that need more than totals. */
import { GpuError } from "../errors.ts";
import { Bound } from "../graph/bound.ts";
import { Graph } from "../graph/graph.ts";
import { compile, type Program } from "../graph/program.ts";
import type { Model } from "../nn/model.ts";
import { type GpuDataset, ImageFeed } from "../feed/image-feed.ts";
import { fitting } from "./fitting.ts";
import { passRows } from "../feed/step-queue.ts";
import { replay, type Watch } from "./trainer.ts";

/** Logits of images in evaluation mode, without augmentation. */
export class Collector {
  readonly #model: Model;
  readonly #feed: ImageFeed;
  readonly #program: Program;
  readonly #all: GPUBuffer;
  readonly #classes: number;

  private constructor(
    model: Model,
    feed: ImageFeed,
    program: Program,
    all: GPUBuffer,
    classes: number,
  ) {
    this.#model = model;
    this.#feed = feed;
    this.#program = program;
    this.#all = all;
    this.#classes = classes;
  }

  /** @param batch images a step at most; fewer are taken where memory or a binding does not hold them. */
  static async create(model: Model, data: GpuDataset, batch: number): Promise<Collector> {
    const { gpu } = model;
    const classes = model.spec.output[0]!;
    const { all } = await gpu.allocate({ all: 4 * data.count * classes });
    try {
      return await fitting(Math.min(batch, data.count), async (rows) => {
        const feed = await ImageFeed.create(data, { batch: rows, items: data.count });
        try {
          const program = await collecting(model, feed, all);
          return new Collector(model, feed, program, all, classes);
        } catch (error) {
          feed.queue.destroy();
          throw error;
        }
      });
    } catch (error) {
      gpu.free(all);
      throw error;
    }
  }

  /** Logits [images, classes], row-major, in the order of `images`. */
  async run(images: Uint32Array, watch: Watch = {}): Promise<Float32Array> {
    if (images.length === 0) throw new GpuError("collect: there are no images.");
    const { queue } = this.#feed;
    const rows = passRows(images.length, queue.batch);
    queue.load(images, rows);
    await replay(this.#model.gpu, this.#program, rows.length, watch);
    return this.#model.gpu.readFloats({
      buffer: this.#all,
      offset: 0,
      size: 4 * images.length * this.#classes,
    });
  }

  destroy(): void {
    this.#program.destroy();
    this.#feed.queue.destroy();
    this.#model.gpu.free(this.#all);
  }
}

/** A step that writes the logits of its images to where they belong in `all`. */
function collecting(model: Model, feed: ImageFeed, all: GPUBuffer): Promise<Program> {
  const graph = new Graph(model.gpu.tuning);
  const { output, bindings } = model.build(graph, [feed.x], "frozen");
  const [rows, classes] = output.shape as [number, number];
  const bound = new Bound();
  const launches = [
    ...feed.launches,
    ...graph.forward(),
    {
      shader: "train/collect",
      constants: { B: rows, C: classes },
      bind: { logits: output, step: feed.queue.step, all: bound.buffer("all", all) },
      threads: rows * classes,
    },
  ];
  return compile(model.gpu, launches, {
    label: `collect ${model.spec.name}`,
    bindings: new Map([...feed.bindings, ...bindings, ...bound.bindings]),
  });
}
