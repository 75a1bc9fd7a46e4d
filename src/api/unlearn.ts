/** Unlearning in one call. */
import { z } from "zod";
import { checked, functionSchema, shown } from "../checked.ts";
import { splitForget } from "../data/corrupt.ts";
import { type Dataset, subset } from "../data/dataset.ts";
import { DeviceLostError, UsageError } from "../errors.ts";
import type { AdapterReport } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import type { CheckpointInfo } from "../io/checkpoint.ts";
import type { Answer } from "../metrics/answers.ts";
import type { Final } from "../metrics/final.ts";
import { metrics } from "../metrics/index.ts";
import { measureFinal } from "../metrics/measure.ts";
import type { Metric, Scores } from "../metrics/metric.ts";
import { testAccuracy } from "../metrics/test-accuracy.ts";
import type { Tensors } from "../nn/model.ts";
import { type Corrupted, requireFurtherSets } from "../scenarios/scenario.ts";
import { type Selection, selected, selectionsSchema } from "../scenarios/selection.ts";
import type { Watch } from "../train/replay.ts";
import {
  cannotEnd,
  landsIn,
  readsTest,
  levelReached,
  type Progress,
  type StopReason,
  type StopRules,
  unlearn as drive,
} from "../unlearn/driver.ts";
import type { Method, Recording } from "../unlearn/method.ts";
import type { ChosenMethod } from "../unlearn/methods/choosers.ts";
import { checkMethod, methods, methodSettings, startMethod } from "../unlearn/methods/index.ts";
import { landOn } from "../unlearn/shorten-round.ts";
import { answersToForget } from "./answers.ts";
import { type Classifier, requireClassifier, requireImages } from "./classifier.ts";
import { changingAlone, requireFields, scenarioFields, watchSchema } from "./given.ts";
import { seedSchema } from "./training-config.ts";
import {
  imagesDigest,
  readRunState,
  type RunIdentity,
  weightsDigest,
  writeRunState,
} from "./unlearn-state.ts";
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
      /** Further sets to measure on, by the names that metrics give them; `forget`, `retain`, `test` and `forgetTrue` are taken. */
      readonly sets?: Readonly<Record<string, Dataset>> | undefined;
    }
  /** The images that must go are all there is left. */
  | { readonly forget: Dataset }
);

const untilSchema: z.ZodType<StopRules> = z.strictObject({
  rounds: z.number().int().min(1).default(6),
  unlearningAccuracy: z.number().min(0).max(100).optional(),
  forgetShare: z.number().min(0).lt(1).optional(),
  unseen: z.boolean().optional(),
  forgetLoss: z.number().positive().optional(),
  testFloor: z.number().min(0).max(100).optional(),
  seconds: z.number().positive().optional(),
  land: z.boolean().optional(),
});

const named = z.union([z.string(), z.looseObject({ name: z.string() })], {
  error: "expected a name, or what defineMethod or defineMetric gave",
});

const optionsSchema = z.strictObject({
  method: z
    .union(
      [z.strictObject({ method: z.string(), settings: z.looseObject({}).optional() }), named],
      {
        error:
          "expected a method, its name, or one of the functions of `methods` with its settings",
      },
    )
    .optional(),
  until: untilSchema.default({ rounds: 6 }),
  measure: z.array(named).optional(),
  final: z.boolean().default(false),
  record: z.boolean().default(false),
  seed: seedSchema.default(1),
  onStart: functionSchema.optional(),
  onRound: functionSchema.optional(),
  resume: z.instanceof(Uint8Array, { error: "expected the bytes of a state" }).optional(),
  watch: watchSchema.default({}),
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
  /** Keep what a report is made of, the network's answer to each image of D_f among it: see {@link Unlearned.record}. Default: no. */
  readonly record?: boolean | undefined;
  /** Default: 1. */
  readonly seed?: number | undefined;
  /** Called with the scores before the first round; the run waits for it. */
  readonly onStart?: ((progress: Progress) => unknown) | undefined;
  /** Called after each round; the run waits for it. */
  readonly onRound?: ((progress: Progress, after: AfterRound) => unknown) | undefined;
  /**
   * A state of {@link AfterRound}: the run goes on after that round, to the same bits on the same adapter. The model must
   * hold the weights that the run started from, and all else but `until` must be given as it was. Of a round that had reached
   * the level there is no part to keep any more (`until.land`).
   */
  readonly resume?: Uint8Array | undefined;
  readonly watch?: Watch | undefined;
}

/** What there is after a round, as long as the run waits. */
export interface AfterRound {
  /** All that the run needs to go on from here, as the bytes of a safetensors file: see `resume`. */
  state(): Promise<Uint8Array<ArrayBuffer>>;
  /** The fine-tuning that the round recorded, for methods that record one. */
  readonly recording: Recording | undefined;
  /** Whether it got to the level that the run ends on (`until.land`): a part of it is kept then, which may be all of it. */
  readonly lands: boolean;
}

/** What an unlearning did. */
export interface Unlearned {
  /** Scores round by round, those before the first round first. */
  readonly history: readonly Progress[];
  /** Why it ended. */
  readonly reason: StopReason;
  /** UA, RA, TA and membership inference, where they were asked for. */
  readonly final?: Final;
  /** What `reportPage` makes a page of, where it was asked for. */
  readonly record?: UnlearnRecord;
}

/** An unlearning, as its report shows it. */
export interface UnlearnRecord extends Omit<Unlearned, "record"> {
  /** The method's name, its settings, and the seed. */
  readonly method: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly seed: number;
  readonly until: StopRules;
  readonly info: CheckpointInfo;
  readonly train: Dataset;
  /** Labels the network was trained on, of every training image. */
  readonly labels: ArrayLike<number>;
  /** Places of D_f among the training images. */
  readonly forget: Uint32Array;
  /** How they were asked for, where that was not by their places. */
  readonly asked?: readonly Selection[] | undefined;
  /** Images that the network was tested on. */
  readonly testImages: number;
  /** The network's answers to D_f, in its order. */
  readonly answers: Readonly<Record<"before" | "after", readonly Answer[]>>;
  readonly adapter: AdapterReport;
  /** Bytes of the device's buffers, at most. */
  readonly gpuBytes: number;
}

/**
 * Makes a classifier forget images. Its weights are changed; after an error, or where `watch.signal` ends it, they are
 * those of the last whole round.
 *
 * @throws UsageError naming every wrong setting, where the method needs images to keep and there are none, for a state
 *   of another run, or while another call changes the classifier; DataError for images that the network cannot see, and
 *   for a state that is damaged.
 */
export async function unlearn(
  model: Classifier,
  images: UnlearnImages,
  options: UnlearnOptions = {},
): Promise<Unlearned> {
  requireClassifier(model, "unlearn");
  const {
    final,
    record,
    seed,
    until: stop,
    resume,
    watch,
  } = checked(optionsSchema, options, "unlearn");
  const { onStart, onRound } = options;
  const { method, settings } = chosen(options.method);
  const asked = options.measure?.map((one) => nameOf(one));
  // What a stop rule reads is measured as well.
  const tested = readsTest(stop);
  const only =
    tested === undefined || asked === undefined
      ? asked
      : [...new Set([...asked, testAccuracy.name])];
  const corrupted = corruptedOf(model, images, seed);
  const test =
    images.test === undefined
      ? subset(corrupted.train, [])
      : requireImages(model, images.test, "unlearn: images.test");
  if (tested !== undefined && test.count === 0) {
    throw new UsageError(
      `unlearn: \`until.${tested}\` can hold only where there are \`test\` images; \`forgetShare\` needs none.`,
    );
  }
  const cannot = cannotEnd(stop, methods.find(method));
  if (cannot === "no level") {
    throw new UsageError(
      "unlearn: `until.land` needs a level to end on: unlearningAccuracy, forgetShare, unseen or forgetLoss.",
    );
  }
  if (cannot === "several levels") {
    throw new UsageError("unlearn: `until.land` ends on one level: give one of those in `until`.");
  }
  if (cannot === "begins anew") {
    throw new UsageError(
      `unlearn: method "${method}" begins anew and knows nothing of D_f at first, so that a level or a floor in \`until\` would end it at once: give rounds alone.`,
    );
  }
  await checkMethod(method, settings, {
    ...{ spec: model.model.spec, slots: model.model.slots, task: model.info.task },
    floats: corrupted.train.pixels instanceof Float32Array,
  });
  const run = async (owned: Owned): Promise<Unlearned> => {
    const work = owned.add(await workOn(model.model, model.info, corrupted, test));
    for (const name of only ?? []) requireMeasured(name, work.sets);
    const { spec } = model.model;
    // A method may change the weights as it starts: what they were is found out before.
    const identity =
      onRound === undefined && resume === undefined
        ? undefined
        : await identityOf(model, corrupted, { method, settings, seed });
    const saved =
      resume === undefined ? undefined : await readRunState(resume, await identity!(), spec.name);
    // Measured before the method starts: retraining throws the weights away at once.
    const first = record ? await answersToForget(work) : [];
    const before = saved?.history ?? [
      { round: 0, steps: 0, seconds: 0, scores: await work.evaluate(watch) },
    ];
    if (saved === undefined) await onStart?.(before[0]!);
    const whole = owned.add(await model.model.clone("last whole round"));
    const orWhole = async <T>(part: () => Promise<T>): Promise<T> => {
      try {
        return await part();
      } catch (cause) {
        if (!(cause instanceof DeviceLostError)) model.model.copyFrom(whole);
        throw cause;
      }
    };
    let preparation = 0;
    const preparing: Watch = {
      ...watch,
      addSeconds(seconds) {
        preparation += seconds;
        watch.addSeconds?.(seconds);
      },
    };
    // Retraining throws the weights away as it starts.
    const session = owned.add(
      await orWhole(() => startMethod(method, work.request(seed), settings, preparing)),
    );
    if (saved !== undefined) {
      model.model.load(saved.model);
      session.load(saved.session);
      whole.copyFrom(model.model);
    }
    // Both ends of the last round, where a part of it may be kept.
    let ends: readonly Tensors[] = stop.land === true ? [await model.model.save()] : [];
    // Who hears of no phases takes all progress for that of a round.
    const { phase, progress: told } = watch;
    const measuring: Watch = phase === undefined ? {} : { phase, progress: told };
    const done = [...before];
    const after: AfterRound = {
      state: async () =>
        writeRunState(
          { model: await model.model.save(), session: await session.save(), history: done },
          await identity!(),
          spec.name,
        ),
      get recording() {
        return session.recording;
      },
      get lands() {
        return landsIn(done, stop);
      },
    };
    const evaluate = (asked: readonly string[] | undefined = only): Promise<Scores> =>
      work.evaluate(measuring, asked);
    const rounds = {
      stop,
      preparation,
      resume: before,
      evaluate: () => evaluate(),
      onRound: async (progress: Progress) => {
        whole.copyFrom(model.model);
        if (stop.land === true) ends = [ends.at(-1)!, await model.model.save()];
        done.push(progress);
        await onRound?.(progress, after);
      },
      watch,
    };
    const { history, reason } = await orWhole(() => drive(session, rounds));
    const reached = levelReached(history, reason, stop);
    const [from, to] = ends;
    if (from !== undefined && to !== undefined && reached !== undefined) {
      const last = history.at(-1)!;
      const landed = await orWhole(() => landOn(model.model, [from, to], last, evaluate, reached));
      history.splice(-1, 1, landed);
    }
    const ended = {
      ...{ history, reason },
      ...(final ? { final: await measureFinal(work, measuring) } : {}),
    };
    if (!record) return ended;
    const { adapter, peakBytes: gpuBytes } = model.model.gpu;
    return {
      ...ended,
      record: {
        ...{ ...ended, method, settings: methodSettings(method, settings), seed, until: stop },
        ...{ info: model.info, train: corrupted.train, labels: corrupted.labels },
        ...{ forget: work.forget, asked: askedFor(images), testImages: test.count },
        ...{ adapter, gpuBytes },
        answers: { before: first, after: await answersToForget(work) },
      },
    };
  };
  return changingAlone(model.model, "unlearn", () => Owned.within(run));
}

/** What a run is of; its images, which do not change, are read when that is first asked. */
async function identityOf(
  { model }: Classifier,
  corrupted: Corrupted,
  { method, settings, seed }: Pick<RunIdentity, "method" | "seed"> & { settings: object },
): Promise<() => Promise<RunIdentity>> {
  const start = await weightsDigest(await model.save());
  let images: Promise<string> | undefined;
  return async () => ({
    ...{ method, settings: methodSettings(method, settings), seed, start },
    precision: model.gpu.precision,
    images: await (images ??= imagesDigest(corrupted)),
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

/** @throws UsageError for a metric that was asked for and cannot be measured after a round. */
function requireMeasured(name: string, sets: ReadonlyMap<string, unknown>): void {
  const metric = metrics.find(name);
  if (metric.needs === "drawn") {
    throw new UsageError(
      `unlearn: metric "${name}" is of images that a network of diffusion draws: \`rewind unlearn --grader\` measures it.`,
    );
  }
  if (metric.needs === "logits") {
    throw new UsageError(
      `unlearn: metric "${name}" is measured once, at the end: give \`final: true\` instead.`,
    );
  }
  if (!sets.has(metric.on)) {
    throw new UsageError(
      `unlearn: metric "${name}" is measured on the images "${metric.on}"; there are: ${[...sets.keys()].join(", ")}.`,
    );
  }
}

/** Training data of which some images are D_f. */
function corruptedOf(model: Classifier, images: UnlearnImages, seed: number): Corrupted {
  const whole = typeof images === "object" && images !== null && "train" in images;
  const fields = whole ? [...scenarioFields, "test"] : ["forget", "test"];
  requireFields(images, fields, "unlearn: images");
  if (!("train" in images)) {
    const train = requireImages(model, images.forget, "unlearn: images.forget");
    if (train.count === 0) throw new UsageError("unlearn: there are no images to forget.");
    const all = Array.from({ length: train.count }, (_, i) => i);
    return { train, labels: train.labels.slice(), ...splitForget(train.count, all) };
  }
  const { sets = {} } = images;
  requireFurtherSets(sets, "unlearn: images.sets");
  const train = requireImages(model, images.train, "unlearn: images.train");
  // Labels speak of the classes in the order of the images they came with.
  const { labels } =
    images.labels === undefined
      ? train
      : requireImages(model, { ...images.train, labels: images.labels }, "unlearn: images");
  const split = splitForget(train.count, placesOf(images.forget, train, seed));
  const { retain } = images as { readonly retain?: ArrayLike<number> | null };
  if (retain !== undefined && (retain === null || !sameNumbers(retain, split.retain))) {
    throw new UsageError(
      "unlearn: `images.retain` must be all images that are not in `images.forget`; leave it out.",
    );
  }
  return {
    train,
    labels: labels.slice(),
    ...split,
    sets: Object.fromEntries(
      Object.entries(sets).map(([name, set]) => [
        name,
        requireImages(model, set, `unlearn: images.sets.${name}`),
      ]),
    ),
  };
}

/** The selections that name the images to forget; undefined where their places do. */
function askedFor(images: UnlearnImages): readonly Selection[] | undefined {
  return "train" in images && areSelections(images.forget) ? images.forget : undefined;
}

function areSelections(
  forget: ArrayLike<number> | readonly Selection[],
): forget is readonly Selection[] {
  return Array.isArray(forget) && forget.some((one) => typeof one !== "number");
}

/** Places of the images to forget. */
function placesOf(
  forget: ArrayLike<number> | readonly Selection[],
  train: Dataset,
  seed: number,
): ArrayLike<number> {
  if (!Array.isArray(forget) && !(ArrayBuffer.isView(forget) && "length" in forget)) {
    throw new UsageError(
      `unlearn: \`images.forget\` must be places of training images, or selections as [{ names }], ` +
        `got ${shown(forget)}.`,
    );
  }
  if (forget.length === 0) throw new UsageError("unlearn: there are no images to forget.");
  if (!areSelections(forget)) return forget;
  return selected(train, checked(selectionsSchema, forget, "unlearn: images.forget"), seed);
}

function sameNumbers(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  return a.length === b.length && Array.from(a).every((value, i) => value === b[i]);
}
