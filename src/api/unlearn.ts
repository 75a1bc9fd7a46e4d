/** Unlearning in one call. */
import { z } from "zod";
import { splitForget } from "../data/corrupt.ts";
import { type Dataset, subset } from "../data/dataset.ts";
import { DataError, UsageError } from "../errors.ts";
import { Owned } from "../gpu/owned.ts";
import type { Final } from "../metrics/final.ts";
import { metrics } from "../metrics/index.ts";
import { measureFinal } from "../metrics/measure.ts";
import type { Metric } from "../metrics/metric.ts";
import type { Corrupted } from "../scenarios/scenario.ts";
import { type Selection, selected } from "../scenarios/selection.ts";
import type { Watch } from "../train/replay.ts";
import {
  type Progress,
  type StopReason,
  type StopRules,
  unlearn as drive,
} from "../unlearn/driver.ts";
import type { Method } from "../unlearn/method.ts";
import type { ChosenMethod } from "../unlearn/methods/choosers.ts";
import { methods, startMethod } from "../unlearn/methods/index.ts";
import { type Classifier, requireImages } from "./classifier.ts";
import { checked } from "./train.ts";
import { workOn } from "./work.ts";

/** Which images must go, and what there is besides to measure on or to learn from. */
export type UnlearnImages = {
  /** Images to measure on that the network was not trained on. */
  readonly test?: Dataset | undefined;
} & (
  | {
      /** Training images, of which some must go. */
      readonly train: Dataset;
      /** Labels they were trained with, [count]; absent: their own. */
      readonly labels?: Uint16Array<ArrayBuffer> | undefined;
      /** Places of those that must go, or what names them. */
      readonly forget: ArrayLike<number> | readonly Selection[];
      /** Further sets to measure on, by the names that metrics give them. */
      readonly sets?: Readonly<Record<string, Dataset>> | undefined;
    }
  /** The images that must go are all there is left. */
  | { readonly forget: Dataset }
);

const untilSchema = z.strictObject({
  rounds: z.number().int().min(1).default(6),
  unlearningAccuracy: z.number().min(0).max(100).optional(),
  forgetShare: z.number().min(0).lt(1).optional(),
  forgetLoss: z.number().positive().optional(),
  testFloor: z.number().min(0).max(100).optional(),
  seconds: z.number().positive().optional(),
});

/** Settings of {@link unlearn}. */
export interface UnlearnOptions {
  /** Default: the rewind with our InvWNN. */
  readonly method?: ChosenMethod | Method | string | undefined;
  /** When to stop; the first rule that holds. Default: after 6 rounds. */
  readonly until?: Partial<StopRules> | undefined;
  /** What is measured after each round, where not all is needed. */
  readonly measure?: readonly (string | Pick<Metric, "name">)[] | undefined;
  /** Measure the metrics that need every image's logits at the end. Default: no. */
  readonly final?: boolean | undefined;
  /** Default: 1. */
  readonly seed?: number | undefined;
  /** Called after each round. */
  readonly onRound?: ((progress: Progress) => void) | undefined;
  readonly watch?: Watch | undefined;
}

/** What an unlearning did. */
export interface Unlearned {
  /** Scores round by round, those before the first round first. */
  readonly history: readonly Progress[];
  /** Why it ended. */
  readonly reason: StopReason;
  /** UA, RA, TA and membership inference, where they were asked for. */
  readonly final?: Final;
}

/**
 * Makes a classifier forget images. Its weights are changed; after an error they are those of the last whole round.
 *
 * @throws UsageError naming every wrong setting, or where the method needs images to keep and there are none; DataError
 *   for images that the network cannot see.
 */
export async function unlearn(
  model: Classifier,
  images: UnlearnImages,
  options: UnlearnOptions = {},
): Promise<Unlearned> {
  const { final = false, seed = 1, onRound, watch = {} } = options;
  checked(z.number().int().min(0), seed, "unlearn: seed");
  const stop = checked(untilSchema, options.until ?? {}, "unlearn: until");
  const { method, settings } = chosen(options.method);
  const only = options.measure?.map((one) => nameOf(one));
  const corrupted = corruptedOf(model, images, seed);
  const test =
    images.test === undefined ? subset(corrupted.train, []) : requireImages(model, images.test);
  return Owned.within(async (owned) => {
    const work = owned.add(await workOn(model.model, model.info, corrupted, test));
    // Measured before the method starts: retraining throws the weights away at once.
    const first = { round: 0, steps: 0, seconds: 0, scores: await work.evaluate(watch) };
    const session = owned.add(await startMethod(method, work.request(seed), settings, watch));
    const { history, reason } = await drive(session, {
      stop,
      resume: [first],
      evaluate: () => work.evaluate({}, only),
      onRound: async (progress) => onRound?.(progress),
      watch,
    });
    return { history, reason, ...(final ? { final: await measureFinal(work) } : {}) };
  });
}

/** The method's name and its settings. */
function chosen(method: UnlearnOptions["method"] = "rewind"): {
  method: string;
  settings: object;
} {
  if (typeof method !== "string" && "method" in method) {
    const { settings = {} } = method;
    return { method: methods.find(method.method).name, settings };
  }
  return { method: methods.known(method).name, settings: {} };
}

/** The name of a metric that there is. */
function nameOf(metric: string | Pick<Metric, "name">): string {
  return metrics.find(typeof metric === "string" ? metric : metric.name).name;
}

/** Training data of which some images are D_f. */
function corruptedOf(model: Classifier, images: UnlearnImages, seed: number): Corrupted {
  if (!("train" in images)) {
    const train = requireImages(model, images.forget);
    if (train.count === 0) throw new UsageError("unlearn: there are no images to forget.");
    const all = Array.from({ length: train.count }, (_, i) => i);
    return { train, labels: train.labels.slice(), ...splitForget(train.count, all) };
  }
  const { forget, labels, sets } = images;
  const train = requireImages(model, images.train);
  if (labels !== undefined && labels.length !== train.count) {
    throw new DataError(`unlearn: ${labels.length} labels for ${train.count} training images.`);
  }
  const places = isSelection(forget) ? selected(train, forget, seed) : forget;
  if (places.length === 0) throw new UsageError("unlearn: there are no images to forget.");
  return {
    train,
    labels: (labels ?? train.labels).slice(),
    ...splitForget(train.count, places),
    ...(sets === undefined ? {} : { sets }),
  };
}

function isSelection(
  forget: ArrayLike<number> | readonly Selection[],
): forget is readonly Selection[] {
  return forget.length > 0 && typeof forget[0] === "object";
}
