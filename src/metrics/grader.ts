/**
 * A grader: a classifier of our own that says what drawn images show, and whose features say how near they are to real
 * ones. Numbers of two graders do not compare; results name theirs by its digest.
 */
import type { Dataset } from "../data/dataset.ts";
import { ShapeError, UsageError } from "../errors.ts";
import { GpuDataset } from "../feed/gpu-dataset.ts";
import { Owned } from "../gpu/owned.ts";
import type { CheckpointInfo } from "../io/checkpoint.ts";
import type { Model } from "../nn/model.ts";
import { concat, flatten } from "../ops/index.ts";
import { classification } from "../tasks/classification.ts";
import { Collector, type Reading } from "../train/collector.ts";
import type { Watch } from "../train/replay.ts";
import { type Answer, answersOf } from "./answers.ts";

/** Images a pass; larger only costs memory. */
const batch = 256;

/** What a grader says of images. */
export interface Graded {
  /** By image: the class it is taken for, of the grader's, and the probability. */
  readonly answers: readonly Answer[];
  /** What enters the grader's last layer, [images, width]. */
  readonly features: Float32Array;
}

/** What enters the last layer, then the logits, a row an image. */
const featuresAndLogits: Reading = (graph, logits) => {
  const last = graph.origin(logits);
  const [features] = last?.inputs ?? [];
  if (last?.neurons !== "dense" || features === undefined) {
    throw new UsageError("a grader's last layer is a linear one, whose inputs are its features.");
  }
  return graph.build(() => concat([flatten(features), logits], -1));
};

/**
 * Requires that a network can grade images.
 *
 * @param size of the images: height, width, channels; those that it has learnt where it is left out.
 * @throws UsageError for a network that is no classifier, ShapeError for images of another size than it has learnt.
 */
export function requireGrader(
  { task, network, input }: CheckpointInfo,
  size: readonly number[] = input,
): void {
  if (task !== classification.name) {
    throw new UsageError(`a grader is a classifier, and "${network.name}" is for ${task}.`);
  }
  if (input.some((extent, axis) => extent !== size[axis])) {
    throw new ShapeError(
      `the grader has learnt images of ${input.join("×")} and is to judge ${size.join("×")}: train one ` +
        "on images of this size.",
    );
  }
}

/** A classifier that grades images; see {@link Grader.of}. The model stays the caller's. */
export class Grader {
  /** Class names, in the order of the answers. */
  readonly classes: readonly string[];
  /** SHA-256 of its checkpoint. */
  readonly digest: string;
  readonly #model: Model;
  readonly #info: CheckpointInfo;

  private constructor(model: Model, info: CheckpointInfo, digest: string) {
    this.classes = info.classes;
    this.digest = digest;
    this.#model = model;
    this.#info = info;
  }

  /** How many images are taken for their own class, by its name; answers of {@link grade} to them. */
  rightAmong(
    { classes, labels }: Pick<Dataset, "classes" | "labels">,
    answers: readonly Answer[],
  ): number {
    return answers.filter((one, i) => this.classes[one.class] === classes[labels[i]!]).length;
  }

  /** @throws UsageError for a network that is no classifier. */
  static of(model: Model, info: CheckpointInfo, digest: string): Grader {
    requireGrader(info);
    return new Grader(model, info, digest);
  }

  /**
   * Grades images as they are shown: values below 0 and above 1 are taken for these.
   *
   * @throws ShapeError for images of another size than it has learnt.
   */
  async grade(images: Dataset, watch: Watch = {}): Promise<Graded> {
    const { height, width, channels, count } = images;
    const { preprocessing, classes } = this.#info;
    requireGrader(this.#info, [height, width, channels]);
    return Owned.within(async (owned) => {
      const { gpu } = this.#model;
      const { mean, deviation } = preprocessing;
      // Labels do not matter, and may be of other classes.
      const set = { ...images, classes, labels: new Uint16Array(count) };
      const data = owned.add(await GpuDataset.upload(gpu, set, mean, deviation));
      const collector = owned.add(
        await Collector.create(this.#model, classification, data, batch, featuresAndLogits),
      );
      const rows = await collector.run(
        Uint32Array.from({ length: count }, (_, i) => i),
        watch,
      );
      const all = rows.length / count;
      const [features, logits] = [
        new Float32Array(count * (all - classes.length)),
        new Float32Array(count * classes.length),
      ];
      for (let i = 0; i < count; i++) {
        const row = rows.subarray(i * all, (i + 1) * all);
        features.set(row.subarray(0, all - classes.length), i * (all - classes.length));
        logits.set(row.subarray(all - classes.length), i * classes.length);
      }
      return { answers: answersOf(logits, classes.length), features };
    });
  }
}

/** Drawn images as a data set, clipped to what can be shown. */
export function drawnSet(
  { height, width, channels }: Pick<Dataset, "height" | "width" | "channels">,
  pixels: Float32Array,
): Dataset {
  const count = pixels.length / (height * width * channels);
  return {
    ...{ name: "drawn images", classes: ["drawn"], height, width, channels, count },
    pixels: Float32Array.from(pixels, (value) => Math.min(1, Math.max(0, value))),
    labels: new Uint16Array(count),
  };
}
