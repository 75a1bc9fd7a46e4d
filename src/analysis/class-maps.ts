/**
 * Class activation maps: where in an image a network sees a class.
 *
 * Where the logits are a linear layer on the global average of feature maps A [H, W, K], the map of class c is
 * Σ_k W[k, c] A_k (CAM, Zhou et al., 2016). For any other network with feature maps it is Σ_k a_k A_k with a_k the
 * mean over positions of d logit_c / d A_k (Grad-CAM, Selvaraju et al., 2017; negative values are kept, and left aside by
 * who reads them). For networks of the first kind the second is the first, divided by H · W.
 */
import { UsageError } from "../errors.ts";
import type { GpuDataset } from "../feed/gpu-dataset.ts";
import { ImageFeed } from "../feed/image-feed.ts";
import { passRows, type StepQueue } from "../feed/step-queue.ts";
import type { Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import { Bound } from "../graph/bound.ts";
import { applyOperation, Graph, type Operation } from "../graph/graph.ts";
import { compile, type Program } from "../graph/program.ts";
import type { Launch, Value } from "../graph/value.ts";
import type { Model } from "../nn/model.ts";
import { globalAveragePool, matmul, reshape } from "../ops/index.ts";
import { largestBatch, passOver } from "../train/memory.ts";
import { replay, type Watch } from "../train/replay.ts";

/** How maps weigh the feature maps: by the head's weights (CAM), or by the logit's gradient (Grad-CAM). */
export type MapWeights = "head" | "gradient";

/** Maps of images, a class each. */
export interface ClassMaps {
  /** [images, height, width], row-major; the larger, the more of the class. */
  readonly maps: Float32Array;
  readonly height: number;
  readonly width: number;
  readonly weights: MapWeights;
}

/** Feature maps of a network, and what weighs them. */
interface Features {
  /** [N, H, W, K]. */
  readonly value: Value;
  /** Weights of the head [K, classes], where it stands on the global average of the feature maps. */
  readonly head: Value | undefined;
}

const oneHot: Operation<{ readonly classes: number }> = {
  name: "oneHot",
  takes: { labels: "u32" },
  shape: ([labels], { classes }) => [labels![0]!, classes],
  forward: ({ inputs: [labels], y }) => [
    {
      shader: "analysis/one-hot",
      constants: { B: y.shape[0]!, C: y.shape[1]! },
      bind: { labels: labels!, y },
      threads: y.size,
    },
  ],
};

/**
 * The feature maps of a network: what the global average before its head is of; in other networks the last value with
 * height and width that is not pooled.
 *
 * @throws UsageError where it has none.
 */
function featuresOf(graph: Graph, logits: Value, name: string): Features {
  const head = graph.origin(logits);
  const [pooled, weights] = head?.inputs ?? [];
  const average = pooled && graph.origin(pooled);
  if (head?.neurons === "dense" && average?.name === "globalAveragePool") {
    return { value: average.inputs[0]!, head: weights };
  }
  const value = graph.values.findLast(
    (one) =>
      one.shape.length === 4 &&
      one.shape[1]! * one.shape[2]! > 1 &&
      graph.origin(one)?.name.endsWith("Pool") === false,
  );
  if (value !== undefined) return { value, head: undefined };
  throw new UsageError(
    `network "${name}" has no feature maps (values with height and width): there is nothing to draw over an image.`,
  );
}

/** Launches that compute the maps of a batch [N, H, W] after its images and labels. */
function mapLaunches(
  graph: Graph,
  logits: Value,
  labels: Value,
  { value: features, head }: Features,
): { launches: readonly Launch[]; maps: Value } {
  const [n, h, w, k] = features.shape as [number, number, number, number];
  graph.adopt(labels);
  graph.stage();
  const chosen = applyOperation(oneHot, [labels], { classes: logits.shape[1]! });
  const gradient =
    head === undefined ? graph.backward(logits, [features], { cotangent: chosen }) : undefined;
  graph.stage();
  let weights: Value;
  if (head !== undefined) {
    weights = matmul(chosen, head, { transB: true });
  } else {
    const slope = gradient!.of.get(features)!;
    graph.adopt(slope);
    weights = graph.build(() => globalAveragePool(slope));
  }
  const product = matmul(reshape(features, [n, h * w, k]), reshape(weights, [n, k, 1]));
  const maps = reshape(product, [n, h, w]);
  const stages = graph.forwardStages();
  return {
    launches: [...stages.slice(0, -1).flat(), ...(gradient?.launches ?? []), ...stages.at(-1)!],
    maps,
  };
}

/** What a {@link ClassMapper} is made of. */
interface MapperParts {
  readonly owned: Owned;
  readonly queue: StepQueue;
  readonly program: Program;
  readonly all: GPUBuffer;
  readonly shape: Omit<ClassMaps, "maps">;
}

/** Makes class activation maps of a data set's images. Owns its feed, its program and the maps on the device. */
export class ClassMapper {
  readonly #gpu: Gpu;
  readonly #parts: MapperParts;

  private constructor(gpu: Gpu, parts: MapperParts) {
    this.#gpu = gpu;
    this.#parts = parts;
  }

  /**
   * @param data images with the class whose map is wanted as their label.
   * @param options `batch`: images a pass at most; fewer where memory does not hold them. `weights`: `gradient` asks for
   *   Grad-CAM where the head's weights would do.
   * @throws UsageError where the network has no feature maps; OutOfMemoryError where not even one image fits.
   */
  static create(
    model: Model,
    data: GpuDataset,
    options: { readonly batch?: number; readonly weights?: "gradient" } = {},
  ): Promise<ClassMapper> {
    const { gpu } = model;
    const { batch = 64, weights } = options;
    return largestBatch(passOver(data.count, batch), (rows) =>
      Owned.during(async (owned) => {
        const feed = owned.add(await ImageFeed.create(data, { batch: rows, items: data.count }));
        const graph = new Graph(gpu);
        const built = model.build(graph, feed.inputs, "frozen", feed.queue.step);
        const found = featuresOf(graph, built.output, model.spec.name);
        const features = weights === "gradient" ? { ...found, head: undefined } : found;
        const { launches, maps } = mapLaunches(graph, built.output, feed.labels, features);
        const [, height, width] = maps.shape as [number, number, number];
        const { all } = await gpu.allocate({ all: 4 * data.count * height * width });
        owned.add({ destroy: () => gpu.free(all) });
        const bound = new Bound();
        const collect: Launch = {
          shader: "train/collect",
          constants: { B: rows, C: height * width },
          bind: { logits: maps, step: feed.queue.step, all: bound.buffer("all", all) },
          threads: maps.size,
        };
        const program = owned.add(
          await compile(gpu, [...feed.launches, ...launches, collect], {
            label: `class maps ${model.spec.name}`,
            purpose: "activations of evaluation",
            bindings: new Map([...feed.bindings, ...built.bindings, ...bound.bindings]),
          }),
        );
        const kind: MapWeights = features.head === undefined ? "gradient" : "head";
        const shape = { height, width, weights: kind };
        return new ClassMapper(gpu, { owned, queue: feed.queue, program, all, shape });
      }),
    );
  }

  /** The maps of images, in their order. @throws UsageError if there are none. */
  async run(images: Uint32Array, watch: Watch = {}): Promise<ClassMaps> {
    if (images.length === 0) throw new UsageError("class maps: there are no images.");
    const { queue, program, all, shape } = this.#parts;
    const rows = passRows(images.length, queue.batch);
    queue.load(images, rows);
    await replay(this.#gpu, program, rows.length, watch);
    const size = 4 * images.length * shape.height * shape.width;
    const maps = await this.#gpu.readFloats({ buffer: all, offset: 0, size });
    return { maps, ...shape };
  }

  destroy(): void {
    this.#parts.owned.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
