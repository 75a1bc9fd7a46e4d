/** Feeds noisy images with the noise that is in them. Times and noise are drawn on the GPU from the seed of the step. */
import type { BufferView } from "../gpu/device.ts";
import { type Launch, Value } from "../graph/value.ts";
import type { ExampleFeed } from "./feed.ts";
import type { GpuDataset } from "./gpu-dataset.ts";
import { ImageFeed } from "./image-feed.ts";
import { angles } from "./noise-schedule.ts";
import type { StepQueue } from "./step-queue.ts";

/** A batch of noisy images of a data set. Owns its queue; the data set stays the caller's. */
export class NoiseFeed implements ExampleFeed {
  readonly #images: ImageFeed;
  /** Noisy images [batch, H, W, C]. */
  readonly noisy: Value;
  /** The noise in them, of their shape, with variance 1. */
  readonly noise: Value;
  /** Variance of each one's share of noise, [batch]. */
  readonly variance: Value;
  readonly launches: readonly Launch[];

  private constructor(images: ImageFeed) {
    this.#images = images;
    const { x, queue } = images;
    const [batch, ...rest] = x.shape as [number, ...number[]];
    this.noisy = new Value("noisy images", x.shape, "f32", "planned");
    this.noise = new Value("noise", x.shape, "f32", "planned");
    this.variance = new Value("noise variance", [batch], "f32", "planned");
    const { noisy, noise, variance } = this;
    const SIZE = rest.reduce((product, n) => product * n, 1);
    this.launches = [
      ...images.launches,
      {
        shader: "diffusion/noise",
        constants: { B: batch, SIZE, START: angles.start, END: angles.end },
        bind: { x, step: queue.step, noisy, noise, variance },
        threads: x.size,
      },
    ];
  }

  /** @param options images a pass, the longest order list of an epoch, and random changes if any. */
  static async create(
    data: GpuDataset,
    options: Parameters<typeof ImageFeed.create>[1],
  ): Promise<NoiseFeed> {
    return new NoiseFeed(await ImageFeed.create(data, options));
  }

  get queue(): StepQueue {
    return this.#images.queue;
  }

  get weights(): Value {
    return this.#images.weights;
  }

  get inputs(): readonly Value[] {
    return [this.noisy, this.variance];
  }

  get bindings(): ReadonlyMap<Value, BufferView> {
    return this.#images.bindings;
  }

  destroy(): void {
    this.#images.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
