/** Fitting a predictor to a library: what is learnt from, what decides when to stop, what it is judged by. */
import type { ParameterKind } from "../weights/arena.ts";
import type { Gpu } from "../gpu/device.ts";
import { UsageError } from "../errors.ts";
import type { Tensors } from "../nn/model.ts";
import { Random } from "../random.ts";
import type { Watch } from "../train/replay.ts";
import type { Family } from "./families/family.ts";
import { type FitSettings, fitPredictor, scoreNetwork } from "./fit.ts";
import { predictHistories } from "../predictors/histories.ts";
import type { Predictor } from "../predictors/predictor.ts";
import { type Library, type Phase, phases, type Sequence } from "./sequences.ts";
import { linePrediction, meanError, nearest, type Window, WindowSource } from "./windows.ts";

/** What is kept from the fit. */
export interface HoldOut {
  readonly architecture: string;
  readonly source: string;
}

/** What decides the weights, given a library and an adapter. */
export interface FitRequest {
  readonly family: Family;
  readonly holdOut: HoldOut;
  /** Phases learnt from; all are scored. */
  readonly phases: readonly Phase[];
  readonly settings: FitSettings;
  /** Windows that decide when to stop. */
  readonly validation: number;
  /** Windows of a kind and phase that are scored. */
  readonly scored: number;
}

/** Mean errors on held-out windows of one kind and phase, in mean steps of each weight. */
export interface Score {
  readonly set: string;
  readonly kind: ParameterKind;
  readonly phase: Phase;
  readonly windows: number;
  readonly fitted: number;
  /** The straight line through oldest and newest snapshot. */
  readonly linear: number;
  /** Predicting no change. */
  readonly noChange: number;
  /** Other predictors of the same window and target, by name. */
  readonly others: Readonly<Record<string, number>>;
}

/** A fitted set. */
export interface FittedSet {
  readonly set: string;
  readonly tensors: Tensors;
  readonly scores: readonly Score[];
  /** Validation error by epoch. */
  readonly losses: readonly number[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** Parts of a library: learnt from neither, stopped by either, scored by both of what is held out. */
export interface Split {
  readonly training: readonly Sequence[];
  readonly validation: readonly Sequence[];
  readonly test: readonly Sequence[];
}

/**
 * Splits a library by architecture and data set.
 *
 * @throws UsageError if a part has no trainings.
 */
export function splitLibrary({ sequences }: Library, { architecture, source }: HoldOut): Split {
  const held = (one: Sequence): number =>
    Number(one.architecture === architecture) + Number(one.source === source);
  const split = {
    training: sequences.filter((one) => held(one) === 0),
    validation: sequences.filter((one) => held(one) === 1),
    test: sequences.filter((one) => held(one) === 2),
  };
  for (const [part, what] of [
    ["training", "neither of them"],
    ["validation", "just one of them"],
    ["test", "both"],
  ] as const) {
    if (split[part].length > 0) continue;
    const list = (of: (one: Sequence) => string): string =>
      [...new Set(sequences.map(of))].sort().join(", ");
    throw new UsageError(
      `fit: with "${architecture}" and "${source}" held out no training of the library has ${what}. It has the ` +
        `networks ${list((one) => one.architecture)} and the sources ${list((one) => one.source)}.`,
    );
  }
  return split;
}

/** Fits and scores the sets of a predictor; `show` runs a labelled part under a progress bar. */
export async function* fitLibrary(
  gpu: Gpu,
  library: Library,
  request: FitRequest,
  against: Readonly<Record<string, Predictor>>,
  show: <T>(label: string, work: (watch: Watch) => Promise<T>) => Promise<T>,
): AsyncGenerator<FittedSet> {
  const { family, settings } = request;
  const split = splitLibrary(library, request.holdOut);
  for (const [set, kinds] of Object.entries(family.sets)) {
    const serves = (one: Sequence): boolean => kinds.includes(one.kind);
    const learnt = (one: Sequence): boolean => serves(one) && request.phases.includes(one.phase);
    const source = (part: keyof Split): WindowSource =>
      new WindowSource(split[part].filter(learnt), family.shape, `to fit ${set} (${part})`);
    const training = source("training");
    const random = new Random(settings.seed).fork(`validation of ${set}`);
    const validation = source("validation").draw(request.validation, random);
    const { tensors, losses } = await show(`fitting ${family.name} ${set}`, (watch) =>
      fitPredictor(gpu, family, { training, validation }, settings, watch),
    );
    const groups = testGroups(split.test.filter(serves), request);
    const fitted = await scoreNetwork(
      gpu,
      family,
      tensors,
      groups.map(({ windows }) => windows),
    );
    const scores: Score[] = [];
    for (const [i, { windows, kind, phase }] of groups.entries()) {
      const others: Record<string, number> = {};
      for (const [name, predictor] of Object.entries(against)) {
        others[name] = await predictorError(gpu, predictor, kind, windows);
      }
      scores.push({
        ...{ set, kind, phase, windows: windows.length, fitted: fitted[i]!, others },
        linear: meanError(windows, (window) => linePrediction(window, family.shape)),
        noChange: meanError(windows, (window) => nearest(window, family.shape)),
      });
    }
    yield {
      set,
      tensors: family.finish(tensors),
      scores,
      losses,
      metadata: provenance(gpu, library, request, { set, kinds, training, losses, scores }),
    };
  }
}

/** Held-out windows by kind and phase, where there are any. */
function testGroups(
  sequences: readonly Sequence[],
  { family, scored, settings }: FitRequest,
): { windows: Window[]; kind: ParameterKind; phase: Phase }[] {
  const kinds = [...new Set(sequences.map(({ kind }) => kind))];
  return kinds.flatMap((kind) =>
    phases.flatMap((phase) => {
      const some = sequences.filter((one) => one.kind === kind && one.phase === phase);
      if (!some.some((one) => one.rows.length > 0 && family.shape.places(one).length > 0))
        return [];
      const random = new Random(settings.seed).fork(`held-out ${kind} ${phase}`);
      const source = new WindowSource(some, family.shape, `of ${kind}, ${phase}`);
      return [{ windows: source.draw(scored, random), kind, phase }];
    }),
  );
}

/** Mean error of a predictor, in mean steps of each weight. */
export async function predictorError(
  gpu: Gpu,
  predictor: Predictor,
  kind: ParameterKind,
  windows: readonly Window[],
): Promise<number> {
  const set = predictor.sets.find(({ kinds }) => kinds.includes(kind));
  if (set === undefined) {
    throw new UsageError(`predictor "${predictor.name}" has no set for ${kind} parameters.`);
  }
  const histories = windows.map(({ history }) => history);
  const { predicted } = await predictHistories(gpu, predictor, set, histories);
  const found = new Map(windows.map((window, i) => [window, predicted[i]!]));
  return meanError(windows, (window) => found.get(window)!);
}

function provenance(
  gpu: Gpu,
  library: Library,
  request: FitRequest,
  fit: {
    set: string;
    kinds: readonly ParameterKind[];
    training: WindowSource;
    losses: readonly number[];
    scores: readonly Score[];
  },
): Record<string, string> {
  const { family, settings, holdOut } = request;
  const mean = (of: (score: Score) => number): string =>
    (fit.scores.reduce((sum, score) => sum + of(score), 0) / fit.scores.length).toFixed(4);
  const best = fit.losses.indexOf(Math.min(...fit.losses));
  return {
    format: `rewind ${family.name} 1`,
    kinds: fit.kinds.join(","),
    window: String(family.shape.window),
    horizon: String(family.horizon),
    base: family.base,
    library: library.description,
    heldOut: `network ${holdOut.architecture} and source ${holdOut.source}; either alone decided when to stop`,
    trainings: String(fit.training.trainings),
    phases: request.phases.join(","),
    network: family.spec.name,
    fit: Object.entries(settings)
      .map(([name, value]) => `${name} ${value}`)
      .join(", "),
    fitEpochs: `${best + 1} of ${fit.losses.length}`,
    loss: `l1, each window in units of its weight's mean step; L1 ${settings.kernelL1} on kernels`,
    heldOutError: mean((score) => score.fitted),
    heldOutErrorLinear: mean((score) => score.linear),
    heldOutErrorNoChange: mean((score) => score.noChange),
    errorUnit: "mean |predicted - true| / mean step of the weight, averaged over kinds and phases",
    adapter: gpu.adapter.description,
  };
}
