/** What a network of diffusion draws, beside the real images that it learnt: what metrics of drawn images are made from. */
import { type Dataset, subset } from "../data/dataset.ts";
import { DivergedError } from "../errors.ts";
import { Owned } from "../gpu/owned.ts";
import type { CheckpointInfo } from "../io/checkpoint.ts";
import type { Model } from "../nn/model.ts";
import { unprepared } from "../nn/preprocessing.ts";
import { Random } from "../random.ts";
import type { Watch } from "../train/replay.ts";
import { Sampler, type SampleOptions } from "../train/sampler.ts";
import type { Answer } from "./answers.ts";
import { drawnSet, type Grader } from "./grader.ts";
import { kernelInceptionDistance } from "./kernel-distance.ts";

/** Real images that are compared at most, of each kind. */
const mostReal = 1000;

/** Images that a network has drawn, graded. */
export interface Drawn {
  /** In the units of pixels, [count, height, width, channels]. */
  readonly pixels: Float32Array;
  /** By image, of the grader's classes. */
  readonly answers: readonly Answer[];
  /** Places among the grader's classes of those that D_f holds all images of; empty where it holds other ones. */
  readonly forgotten: readonly number[];
  /** Kernel inception distance to images of D_f, and of D_r; undefined where there are fewer than two. */
  readonly distances: {
    readonly forget: number | undefined;
    readonly retain: number | undefined;
  };
}

/** What is drawn to be judged. */
export type Drawing = Pick<SampleOptions, "count" | "steps" | "seed">;

/** A network that draws. */
export interface Drawer {
  readonly model: Model;
  readonly info: CheckpointInfo;
}

/** The images that a network learnt. */
export interface Learnt {
  readonly train: Dataset;
  /** Labels it was trained with. */
  readonly labels: ArrayLike<number>;
  readonly forget: Uint32Array;
  readonly retain: Uint32Array;
}

/** Classes of which D_f holds every image. */
export function classesForgotten({ train, labels, forget, retain }: Learnt): string[] {
  const kept = new Set(Array.from(retain, (i) => labels[i]!));
  const gone = new Set(Array.from(forget, (i) => labels[i]!));
  return train.classes.filter((_, label) => gone.has(label) && !kept.has(label));
}

/** Real images that drawn ones are compared with, as a grader sees them. */
export class RealImages {
  readonly grader: Grader;
  /** How many real images were graded, and the share of them that is taken for its class, %. */
  readonly known: { readonly images: number; readonly accuracy: number };
  readonly #forgotten: readonly number[];
  readonly #features: { readonly forget: Float32Array; readonly retain: Float32Array };
  /** What features are multiplied by: with it KID is the same in whatever units they are. */
  readonly #scale: number;
  readonly #size: Pick<Dataset, "height" | "width" | "channels">;

  private constructor(
    grader: Grader,
    learnt: Learnt,
    features: { forget: Float32Array; retain: Float32Array },
    known: { readonly images: number; readonly accuracy: number },
  ) {
    this.grader = grader;
    this.known = known;
    this.#size = learnt.train;
    this.#features = features;
    this.#forgotten = classesForgotten(learnt).flatMap((name) => {
      const place = grader.classes.indexOf(name);
      return place < 0 ? [] : [place];
    });
    const all = [features.forget, features.retain];
    const squares = all.reduce(
      (sum, part) => part.reduce((total, one) => total + one * one, sum),
      0,
    );
    const count = all.reduce((sum, { length }) => sum + length, 0);
    this.#scale = squares > 0 ? Math.sqrt(count / squares) : 1;
  }

  /**
   * Grades images of D_f and D_r; `seed` chooses which, where there are many.
   *
   * @throws UsageError for a grader without features; ShapeError for one that has learnt images of another size.
   */
  static async of(grader: Grader, learnt: Learnt, seed: number): Promise<RealImages> {
    let [images, right] = [0, 0];
    const features = async (places: Uint32Array): Promise<Float32Array> => {
      if (places.length === 0) return new Float32Array();
      const order = new Random(seed).fork("real images").permutation(places.length);
      const taken = Array.from(order.slice(0, mostReal), (i) => places[i]!);
      const real = subset(learnt.train, taken);
      const graded = await grader.grade(real);
      images += graded.answers.length;
      right += grader.rightAmong(real, graded.answers);
      return graded.features;
    };
    const forget = await features(learnt.forget);
    const retain = await features(learnt.retain);
    const known = { images, accuracy: images === 0 ? 0 : (100 * right) / images };
    return new RealImages(grader, learnt, { forget, retain }, known);
  }

  /** Grades drawn images, in the units of pixels. */
  async compare(pixels: Float32Array, watch: Watch = {}): Promise<Drawn> {
    const { answers, features } = await this.grader.grade(drawnSet(this.#size, pixels), watch);
    const width = features.length / answers.length;
    const drawn = this.#scaled(features);
    const distance = (real: Float32Array): number | undefined =>
      real.length < 2 * width || answers.length < 2
        ? undefined
        : kernelInceptionDistance(this.#scaled(real), drawn, width);
    const { forget, retain } = this.#features;
    const distances = { forget: distance(forget), retain: distance(retain) };
    return { pixels, answers, forgotten: this.#forgotten, distances };
  }

  #scaled(features: Float32Array): Float64Array {
    return Float64Array.from(features, (one) => one * this.#scale);
  }
}

/** Draws with a network as it stands, and grades what it draws. Owns its sampler. */
export class Judge {
  readonly grader: Grader;
  readonly #drawing: Drawing;
  readonly #info: CheckpointInfo;
  readonly #sampler: Sampler;
  readonly #real: RealImages;
  #last: Drawn | undefined;

  private constructor(drawing: Drawing, info: CheckpointInfo, sampler: Sampler, real: RealImages) {
    this.grader = real.grader;
    this.#drawing = drawing;
    this.#info = info;
    this.#sampler = sampler;
    this.#real = real;
  }

  /** @throws UsageError for a network that draws nothing, and as {@link RealImages.of} does. */
  static create(
    grader: Grader,
    drawing: Drawing,
    { model, info, ...learnt }: Learnt & Drawer,
  ): Promise<Judge> {
    return Owned.during(async (owned) => {
      const sampler = owned.add(await Sampler.create(model, drawing));
      const real = await RealImages.of(grader, learnt, drawing.seed);
      return new Judge(drawing, info, sampler, real);
    });
  }

  /** Draws and grades. */
  async run(watch: Watch = {}): Promise<Drawn> {
    watch.phase?.("measuring");
    const values = await this.#sampler.run(this.#drawing, watch);
    if (!values.every(Number.isFinite)) {
      throw new DivergedError(
        "the images that it draws are NaN or infinite: its weights went too far.",
      );
    }
    const { preprocessing, input } = this.#info;
    const drawn = await this.#real.compare(unprepared(values, preprocessing, input[2]));
    this.#last = drawn;
    return drawn;
  }

  /** What was drawn last and not taken yet. */
  take(): Drawn | undefined {
    const last = this.#last;
    this.#last = undefined;
    return last;
  }

  destroy(): void {
    this.#sampler.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
