/**
 * The runs of an experiment, in their order: what one process does, what a share of one is, and what a queue spreads.
 *
 * A run is a folder: a training, a trial of an arm on a tuning seed, or an arm on a reported seed. What a run takes from
 * others it reads in their folders, so that any process that has these can do it.
 */
import { UsageError } from "../errors.ts";
import { join } from "../platform/files.ts";
import type { Arm, Settings } from "../unlearn/arm.ts";
import { isReference } from "./arms.ts";
import type { Protocol } from "./protocol.ts";
import { widest } from "./widening.ts";

/** The trials of an arm on the tuning seeds, and the settings that won. */
export interface Tuned {
  readonly settings: Settings;
  readonly trials: readonly {
    readonly settings: Settings;
    /** Mean over the tuning seeds, as in a summary; undefined where none reaches it. */
    readonly statistic: number | undefined;
    /** Tuning seeds that reach it. */
    readonly reached?: number;
    /** Where on the x axis the runs ended, on average: decides where no trial reaches the statistic. */
    readonly end: number;
  }[];
}

/** What every planned run has. */
interface Planned {
  /** Its folder in that of the experiment, which no other run has. */
  readonly key: string;
  /** Keys of the runs that must be finished before it; they stand before it in the plan. */
  readonly after: readonly string[];
}

/** The training of what judges drawn images. */
export interface PlannedGrader extends Planned {
  readonly kind: "grader";
}

/** The training of the network that all arms of a seed start from. */
export interface PlannedTraining extends Planned {
  readonly kind: "training";
  readonly seed: number;
  /** Folder of the seed. */
  readonly group: string;
}

/** Which trial beyond the edges of an arm's others. */
export interface Widening {
  /** How often settings were tried beyond an edge with it, from 1. */
  readonly time: number;
  /** Which of the settings beyond that edge, from 0. */
  readonly which: number;
}

/** An arm with one choice of settings, on a tuning seed or with the best choice on a reported one. */
export interface PlannedArm extends Planned {
  readonly kind: "trial" | "arm";
  readonly seed: number;
  readonly group: string;
  readonly arm: Arm;
  /** The settings that a trial tries, on each tuning seed; those of an arm follow from its trials. */
  readonly choice?: Settings;
  /** A trial beyond an edge of the others: these say whether there is anything to try, and what. */
  readonly widening?: Widening;
  /** The run of the retrained network whose unlearning accuracy it ends at. */
  readonly reference?: string;
}

/** One run of an experiment. */
export type PlannedRun = PlannedGrader | PlannedTraining | PlannedArm;

/** Whether a run is a trial beyond an edge, which may turn out to have nothing to try. */
export function isWider(run: PlannedRun): run is PlannedArm {
  return run.kind === "trial" && run.widening !== undefined;
}

/** What of an experiment is run. */
export interface PlanOptions {
  /** Seeds reported; none: only settings are chosen. */
  readonly seeds: readonly number[];
  /** The seeds that settings are chosen on; none: they are those that are known. */
  readonly tuningSeeds?: readonly number[];
  /** What is tuned already; arms whose trials are the same are not tuned again. */
  readonly known?: Readonly<Record<string, Tuned>>;
  /** Its first run is the training of a grader. */
  readonly grader?: boolean;
}

/** Folder of an arm: its name, without what file systems mind. */
export function folderOf(name: string): string {
  return name.replaceAll(/[^\w.-]+/g, "-");
}

/** Key of the training of a seed. */
const trainingKey = (group: string): string => join(group, "trained");

/** The settings that are tried of each arm; of the reference, which others are measured against, its own once. */
function choicesOf(
  protocol: Protocol,
  known: Readonly<Record<string, Tuned>>,
): { readonly arm: Arm; readonly choices: readonly Settings[] }[] {
  const isKnown = (arm: Arm, choices: readonly Settings[]): boolean => {
    // Trials beyond an edge of these stand after them.
    const before = known[arm.name]?.trials.slice(0, choices.length);
    return JSON.stringify(before?.map(({ settings }) => settings)) === JSON.stringify(choices);
  };
  const open = protocol.arms
    .filter((arm) => arm.trials.length > 0 && !isKnown(arm, arm.trials))
    .map((arm) => ({ arm, choices: arm.trials }));
  const reference = protocol.againstRetrained ? protocol.arms.find(isReference) : undefined;
  if (reference === undefined || reference.trials.length > 0) return open;
  // Others end where it ends: it is run with them, known or not.
  const once = { arm: reference, choices: [{}] };
  return open.length > 0 || !isKnown(reference, once.choices) ? [once, ...open] : open;
}

/**
 * Trials beyond the edges of those that are planned, on the same seeds: as many as there may be, of which those run that
 * have something to try.
 *
 * @param time how often it is tried with them, from 1.
 */
function widerTrials(planned: readonly PlannedRun[], time: number): PlannedRun[] {
  const trials = planned.filter((run): run is PlannedArm => run.kind === "trial");
  // Each is read with its reference.
  const before = new Map<Arm, Set<string>>();
  for (const { arm, key, reference } of trials) {
    const keys = before.get(arm) ?? new Set();
    before.set(arm, keys.add(key));
    if (reference !== undefined) keys.add(reference);
  }
  const seen = new Set<string>();
  return trials.flatMap((trial) => {
    const { choice: _, ...first } = trial;
    const { arm, group } = first;
    const name = join(group, arm.name);
    if (seen.has(name)) return [];
    seen.add(name);
    const after = [...new Set([...first.after, ...before.get(arm)!])];
    return Array.from({ length: widest(arm, time) }, (__, which): PlannedArm => {
      const key = `${name}-wider-${time}-${which + 1}`;
      return { ...first, key, after, widening: { time, which } };
    });
  });
}

/** The runs of an experiment: each stands after those that it needs. */
export function planOf(protocol: Protocol, options: PlanOptions): readonly PlannedRun[] {
  const { seeds, tuningSeeds = [], known = {}, grader = false } = options;
  const first: PlannedRun[] = grader ? [{ kind: "grader", key: "grader", after: [] }] : [];
  const before = first.map(({ key }) => key);
  const tuning = tuningSeeds.length === 0 ? [] : choicesOf(protocol, known);
  const isMeasured = (arm: Arm): boolean => protocol.againstRetrained && isReference(arm);
  /** The runs of one seed, with its training first. */
  const ofSeed = (
    seed: number,
    group: string,
    runs: readonly Omit<PlannedArm, "seed" | "group" | "reference">[],
  ): PlannedRun[] => {
    const trained = trainingKey(group);
    let reference: string | undefined;
    const planned = runs.map((run): PlannedArm => {
      const own = reference === undefined ? {} : { reference };
      if (isMeasured(run.arm)) reference = run.key;
      const after = [trained, ...(own.reference === undefined ? [] : [reference!]), ...run.after];
      return { ...run, ...own, seed, group, after };
    });
    return [{ kind: "training", key: trained, seed, group, after: before }, ...planned];
  };
  const trialsOf = (seed: number): PlannedRun[] => {
    const group = join("tuning", `seed-${seed}`);
    const trials = tuning.flatMap(({ arm, choices }) =>
      choices.map((choice, i) => ({
        ...({ kind: "trial", arm, choice, after: [] } as const),
        key: join(group, `${arm.name}-${i + 1}`),
      })),
    );
    return trials.length === 0 ? [] : ofSeed(seed, group, trials);
  };
  const trials = tuningSeeds.flatMap(trialsOf);
  const tried = (name: string): string[] =>
    trials.flatMap((run) => (run.kind === "trial" && run.arm.name === name ? [run.key] : []));
  for (let time = 1; time <= protocol.widenings; time++) {
    trials.push(...widerTrials(trials, time));
  }
  return [
    ...first,
    ...trials,
    ...seeds.flatMap((seed) => {
      const group = `seed-${seed}`;
      const runs = protocol.arms.map((arm) => ({
        ...({ kind: "arm", arm } as const),
        key: join(group, folderOf(arm.name)),
        after: tried(arm.tunedAs ?? arm.name),
      }));
      return ofSeed(seed, group, runs);
    }),
  ];
}

/** One share of an experiment: the i-th of n, from 1. */
export interface Share {
  readonly index: number;
  readonly of: number;
}

/** The runs of a share. */
export interface ShareRuns {
  /** All that are done, in the order of the plan: its own, and what these need of others. */
  readonly runs: readonly PlannedRun[];
  /** Keys of the arms on seeds that are this share's and no other's. */
  readonly own: ReadonlySet<string>;
}

/** Runs with all that they need, in the order of the plan. */
function withNeeds(plan: readonly PlannedRun[], keys: ReadonlySet<string>): PlannedRun[] {
  const needed = new Set(keys);
  for (const { key, after } of plan.toReversed()) {
    if (needed.has(key)) for (const one of after) needed.add(one);
  }
  return plan.filter(({ key }) => needed.has(key));
}

/**
 * Splits a plan into shares that need no word of each other: what several need (a training, the trials of an arm) each of
 * them does itself. They are cut by seeds or by arms, whichever leaves the longest share shorter.
 *
 * @throws UsageError where there are fewer runs than shares.
 */
export function sharesOf(plan: readonly PlannedRun[], count: number): readonly ShareRuns[] {
  const arms = plan.filter((run): run is PlannedArm => run.kind === "arm");
  if (count > arms.length) {
    throw new UsageError(
      `\`shard\`: ${count} shares of ${arms.length} runs; an arm on a seed is not split further.`,
    );
  }
  const tunedAs = ({ arm }: PlannedArm): string => arm.tunedAs ?? arm.name;
  const names = [...new Set(arms.map(tunedAs))];
  const byArm = names.flatMap((name) => arms.filter((run) => tunedAs(run) === name));
  const ways = [arms, byArm].map((order) =>
    Array.from({ length: count }, (_, i): ShareRuns => {
      const cut = (at: number): number => Math.round((at * order.length) / count);
      const own = new Set(order.slice(cut(i), cut(i + 1)).map(({ key }) => key));
      return { own, runs: withNeeds(plan, own) };
    }),
  );
  const longest = ways.map((shares) => Math.max(...shares.map(({ runs }) => runs.length)));
  return ways[longest[1]! < longest[0]! ? 1 : 0]!;
}
