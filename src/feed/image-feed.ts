/** Feeds images and labels: the launches that gather, normalise and augment a batch of them. */
import { UsageError } from "../errors.ts";
import type { BufferView } from "../gpu/device.ts";
import { Bound } from "../graph/bound.ts";
import { type Launch, Value } from "../graph/value.ts";
import type { Augmentation } from "./augment.ts";
import type { ExampleFeed } from "./feed.ts";
import type { GpuDataset } from "./gpu-dataset.ts";
import { StepQueue } from "./step-queue.ts";

/** A batch of images and labels of a data set. Owns its queue; the data set stays the caller's. */
export class ImageFeed implements ExampleFeed {
  readonly queue: StepQueue;
  /** Images [batch, H, W, C], normalised. */
  readonly x: Value;
  readonly labels: Value;
  readonly weights: Value;
  readonly launches: readonly Launch[];
  readonly bindings: ReadonlyMap<Value, BufferView>;

  private constructor(data: GpuDataset, queue: StepQueue, augment: Augmentation | undefined) {
    this.queue = queue;
    const { batch, order, step } = queue;
    const bound = new Bound();
    const [h, w, c] = data.image;
    const normalisation = bound.buffer("normalisation", data.normalisation, "f32", (h * w + 1) * c);
    const all = bound.buffer("all labels", data.labels, "u32", data.count);
    this.x = new Value("images", [batch, h, w, c], "f32", "planned");
    this.labels = new Value("labels", [batch], "u32", "planned");
    this.weights = new Value("weights", [batch], "f32", "planned");
    const plain = data.floats || (c !== 1 && c !== 3);
    if (plain) requirePlain(data, augment);
    const changes = augment === undefined ? undefined : drawChanges(data, queue, augment);
    this.launches = [
      ...queue.launches,
      {
        shader: "data/labels",
        constants: { B: batch },
        bind: { all, order, step, labels: this.labels, weights: this.weights },
        threads: batch,
      },
      ...(changes?.launches ?? []),
      ...data.shards.flatMap(({ buffer, first, count }) => {
        const [height, width] = data.stored;
        const values = count * height * width * c;
        const pixels = data.floats
          ? bound.buffer("pixels", buffer, "f32", values)
          : bound.buffer("pixels", buffer, "u32", Math.ceil(values / 4));
        const shard = { pixels, first, count };
        if (plain) return [gatherPlain(data, queue, shard, { normalisation, x: this.x })];
        return gatherLaunches(data, queue, shard, { normalisation, x: this.x, augment, changes });
      }),
    ];
    this.bindings = new Map([...queue.bindings, ...bound.bindings]);
  }

  /** @param options images a pass, the longest order list of an epoch, and random changes if any. */
  static async create(
    data: GpuDataset,
    options: {
      batch: number;
      step?: number | undefined;
      items: number;
      augment?: Augmentation | undefined;
    },
  ): Promise<ImageFeed> {
    const queue = await StepQueue.create(data.gpu, {
      ...options,
      count: data.count,
      permit: data.permit,
    });
    return new ImageFeed(data, queue, options.augment);
  }

  get inputs(): readonly Value[] {
    return [this.x];
  }

  destroy(): void {
    this.queue.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}

/** The random changes of a batch. */
interface Changes {
  /** [batch, 16]: see `shaders/data/transforms.wgsl`. */
  readonly transforms: Value;
  /** [batch, 3]: mean of each image's channels, where a change needs it. */
  readonly channels: Value | null;
  readonly launches: readonly Launch[];
  /** Constants of the cut-outs. */
  readonly cuts: { readonly CUTS: number; readonly CUT: number };
}

/** Draws the changes of a batch from the seed of its step. */
function drawChanges(data: GpuDataset, queue: StepQueue, augment: Augmentation): Changes {
  const { batch, step } = queue;
  const [h, w] = data.image;
  const { count, side } = augment.cutouts ?? { count: 0, side: 0 };
  const cuts = { CUTS: count, CUT: side };
  const colour = count > 0 || augment.contrast !== undefined || augment.saturation !== undefined;
  const transforms = new Value("transforms", [batch, 16], "f32", "planned");
  const launch = {
    shader: "data/transforms",
    constants: {
      B: batch,
      H: h,
      W: w,
      ROTATION: augment.rotation ?? 0,
      SHIFT: augment.shift ?? 0,
      SHEAR: augment.shear ?? 0,
      ZOOM_LOW: augment.zoom?.[0] ?? 1,
      ZOOM_HIGH: augment.zoom?.[1] ?? 1,
      FLIP: augment.flip ?? 0,
      CONTRAST_LOW: augment.contrast?.[0] ?? 1,
      CONTRAST_HIGH: augment.contrast?.[1] ?? 1,
      SATURATION_LOW: augment.saturation?.[0] ?? 1,
      SATURATION_HIGH: augment.saturation?.[1] ?? 1,
      ...cuts,
    },
    bind: { step, transforms },
    threads: batch,
  };
  const channels = colour ? new Value("channels", [batch, 3], "f32", "planned") : null;
  return { transforms, channels, launches: [launch], cuts };
}

/** @throws UsageError if values that are no colours are to be changed at random or enlarged. */
function requirePlain(data: GpuDataset, augment: Augmentation | undefined): void {
  const [h, w, c] = data.image;
  const [height, width] = data.stored;
  if (augment === undefined && height === h && width === w) return;
  throw new UsageError(
    `images of ${data.floats ? "floats" : "bytes"} in ${c} channels are not ` +
      `${augment === undefined ? "enlarged (`size`)" : "changed at random (`augment`)"}: bytes in 1 or 3 channels are.`,
  );
}

/** Gathers the images of a batch that lie in one shard, of any number of channels, normalised. */
function gatherPlain(
  data: GpuDataset,
  { batch, order, step }: StepQueue,
  { pixels, first, count }: { pixels: Value; first: number; count: number },
  { normalisation, x }: { normalisation: Value; x: Value },
): Launch {
  const [h, w, c] = data.image;
  return {
    shader: "data/gather-values",
    parts: [data.floats ? "data/stored-floats" : "data/stored-bytes"],
    constants: { B: batch, SIZE: h * w * c, C: c, FIRST: first, COUNT: count },
    bind: { pixels, normalisation, order, step, x },
    threads: batch * h * w * c,
  };
}

/** Gathers the images of a batch that lie in one shard, changed and normalised. */
function gatherLaunches(
  data: GpuDataset,
  { batch, order, step }: StepQueue,
  { pixels, first, count }: { pixels: Value; first: number; count: number },
  options: {
    normalisation: Value;
    x: Value;
    augment: Augmentation | undefined;
    changes: Changes | undefined;
  },
): Launch[] {
  const { normalisation, x, augment, changes } = options;
  const { transforms = null, channels = null, cuts = { CUTS: 0, CUT: 0 } } = changes ?? {};
  const [h, w, c] = data.image;
  const [storedH, storedW] = data.stored;
  const enlarged = storedH !== h || storedW !== w;
  const shard = {
    ...{ B: batch, H: h, W: w, C: c, FIRST: first, COUNT: count },
    ...{ STORED_H: storedH, STORED_W: storedW },
  };
  const launches: Launch[] = [];
  if (channels !== null) {
    launches.push({
      shader: "data/channel-means",
      entry: enlarged ? "enlarged" : "main",
      constants: shard,
      bind: { pixels, order, step, channels },
      groups: [batch, 1, 1],
    });
  }
  launches.push({
    shader: "data/gather",
    constants: {
      ...shard,
      ENLARGE: enlarged,
      AUGMENT: transforms !== null,
      NEAREST: augment?.sampling === "nearest",
      REFLECT: augment?.fill === "reflect",
      BYTES: channels !== null,
      ...cuts,
    },
    bind: { pixels, normalisation, order, step, transforms, channels, x },
    threads: batch * h * w,
  });
  return launches;
}
