/**
 * Does the runs of a plan, each in a run folder of its own.
 *
 * Everything is resumable: a folder with a result is done, one without goes on from its last checkpoint.
 * Tuning runs on seeds of its own, picks each arm's settings by the experiment's statistic, and is
 * written down with every trial.
 */
import { UsageError } from "../errors.ts";
import { Owned } from "../gpu/owned.ts";
import { meanAndDeviation } from "../metrics/statistics.ts";
import { join } from "../platform/files.ts";
import type { Settings } from "../unlearn/arm.ts";
import { takesSettings } from "../unlearn/methods/index.ts";
import { isWider, planOf, type PlannedArm, type PlannedRun, type Tuned } from "./plan.ts";
import type { Protocol } from "./protocol.ts";
import {
  type ArmResult,
  type Environment,
  finishedRun,
  settingsOf,
  TrainedNetwork,
  unlearningAccuracyOf,
} from "./trained-network.ts";
import { beyondEdge } from "./widening.ts";

/** The settings that a trial tried. */
function triedIn({ arm, choice }: PlannedArm, { settings }: ArmResult): Settings {
  if (choice !== undefined) return choice;
  const names = new Set(arm.trials.flatMap((trial) => Object.keys(trial)));
  return Object.fromEntries(Object.entries(settings).filter(([name]) => names.has(name)));
}

/** A finished run in one line; `ms`: what it took, where that is known. */
export function lineOf(
  { statistic }: Protocol,
  run: PlannedArm,
  result: ArmResult,
  ms?: number,
): string {
  const last = result.history.at(-1)!;
  const value = result.statistic?.toFixed(statistic.decimals) ?? "not reached";
  const trial = run.kind === "trial" ? `tuning ${JSON.stringify(triedIn(run, result))} ` : "";
  return (
    `${trial}${result.arm}, seed ${result.seed}: ${statistic.name} ${value}; ${last.round} rounds, ` +
    `stopped by ${result.stoppedBy}${ms === undefined ? "" : `, ${(ms / 1000).toFixed(0)} s`}`
  );
}

/**
 * The trial with the best statistic, of those that reach it on any seed; where some seeds count as nothing, that which
 * reaches it on most; where none does, the one that got furthest along x.
 */
function bestTrial(
  protocol: Protocol,
  trials: readonly (Tuned["trials"][number] & { readonly reached: number })[],
): Tuned["trials"][number] {
  const everyCounts = protocol.statistic.never !== undefined;
  const sign = protocol.statistic.better === "higher" ? 1 : -1;
  const along = protocol.reverseX ? -1 : 1;
  const [best] = [...trials].sort((a, b) => {
    if (a.statistic !== undefined && b.statistic !== undefined) {
      const more = everyCounts ? 0 : b.reached - a.reached;
      return more || sign * (b.statistic - a.statistic);
    }
    if (a.statistic !== undefined || b.statistic !== undefined) {
      return a.statistic === undefined ? 1 : -1;
    }
    return along * (b.end - a.end);
  });
  return best!;
}

/** Whether a run is of an arm, a trial or not: what else there is are trainings. */
function isTold(run: PlannedRun): run is PlannedArm {
  return run.kind === "trial" || run.kind === "arm";
}

/**
 * How many runs of a plan are told of for certain: {@link Environment.log} is called once for each, and
 * {@link Environment.added} for each that comes to them.
 */
export function countRuns(runs: readonly PlannedRun[]): number {
  return runs.filter((run) => isTold(run) && !isWider(run)).length;
}

/** Results of a plan's runs, as their folders have them. */
export class PlanResults {
  readonly #protocol: Protocol;
  readonly #plan: readonly PlannedRun[];
  readonly #known: Readonly<Record<string, Tuned>>;
  readonly #out: string;
  readonly #results = new Map<string, ArmResult>();
  /** What {@link tunedOf} has read: results that are there do not change. */
  readonly #tuned = new Map<string, Tuned>();

  /** @param known what was tuned before, of arms that the plan has no trials of. */
  constructor(
    protocol: Protocol,
    plan: readonly PlannedRun[],
    known: Readonly<Record<string, Tuned>>,
    out: string,
  ) {
    this.#protocol = protocol;
    this.#plan = plan;
    this.#known = known;
    this.#out = out;
  }

  /** The result of a run; undefined where it is not finished. */
  async of(key: string): Promise<ArmResult | undefined> {
    const known = this.#results.get(key);
    if (known !== undefined) return known;
    const run = this.#plan.find((one) => one.key === key) as PlannedArm;
    const path = join(this.#out, key);
    const result = await finishedRun(this.#protocol, path, await this.retrainedUa(run));
    if (result !== undefined) this.#results.set(key, result);
    return result;
  }

  /** The result of a run that others need. @throws UsageError where it is not finished. */
  async #needed(key: string): Promise<ArmResult> {
    const result = await this.of(key);
    if (result !== undefined) return result;
    throw new UsageError(`${key} is not finished in "${this.#out}": do it before what needs it.`);
  }

  /** Unlearning accuracy that a run ends at, %; undefined where it ends otherwise. */
  async retrainedUa({ reference }: PlannedArm): Promise<number | undefined> {
    return reference === undefined
      ? undefined
      : unlearningAccuracyOf(await this.#needed(reference));
  }

  /**
   * The trials of an arm and the settings that won; undefined where it is not tuned.
   *
   * @param widenings how often of those beyond its edges are counted.
   */
  async tunedOf(
    name: string,
    widenings: number = this.#protocol.widenings,
  ): Promise<Tuned | undefined> {
    const key = `${widenings} ${name}`;
    const tuned = this.#tuned.get(key) ?? (await this.#readTuned(name, widenings));
    if (tuned !== undefined) this.#tuned.set(key, tuned);
    return tuned;
  }

  async #readTuned(name: string, widenings: number): Promise<Tuned | undefined> {
    const mine = this.#plan.filter(
      (run): run is PlannedArm =>
        run.kind === "trial" &&
        run.arm.name === name &&
        (run.widening === undefined || run.widening.time <= widenings),
    );
    if (mine.length === 0) return this.#known[name];
    const choices = new Map<string, { choice: Settings; runs: PlannedArm[] }>();
    for (const run of mine) {
      const choice = await this.#choiceOf(run);
      if (choice === undefined) continue;
      const name = JSON.stringify(choice);
      choices.set(name, { choice, runs: [...(choices.get(name)?.runs ?? []), run] });
    }
    const { statistic, x } = this.#protocol;
    const trials: Parameters<typeof bestTrial>[1][number][] = [];
    for (const { choice, runs } of choices.values()) {
      const results = await Promise.all(runs.map(({ key }) => this.#needed(key)));
      const reached = results.filter((one) => one.statistic !== undefined).length;
      const values = results.flatMap(
        (one) => one.statistic ?? statistic.never?.(one.history) ?? [],
      );
      const ends = results.map(({ history }) => history.at(-1)!.scores[x.score]!);
      trials.push({
        settings: choice,
        statistic: reached === 0 ? undefined : meanAndDeviation(values).mean,
        reached,
        end: meanAndDeviation(ends).mean,
      });
    }
    return { settings: bestTrial(this.#protocol, trials).settings, trials };
  }

  /** The settings that a trial tries; undefined where what came before leaves it none. */
  async #choiceOf({ arm, choice, widening }: PlannedArm): Promise<Settings | undefined> {
    if (widening === undefined) return choice;
    const { settings: best, trials } = (await this.tunedOf(arm.name, widening.time - 1))!;
    const tried = trials.map(({ settings }) => settings);
    const allowed = (settings: Settings): boolean =>
      takesSettings(arm.method, { ...settings, ...arm.settings });
    return beyondEdge(arm, best, tried, allowed)[widening.which];
  }

  /**
   * Whether a run is to be done: a trial beyond an edge is where the best of the others lies there.
   *
   * @throws UsageError where one that it needs is not finished.
   */
  async isNeeded(run: PlannedRun): Promise<boolean> {
    return !isWider(run) || (await this.#choiceOf(run)) !== undefined;
  }

  /** What is tuned, by the name of the arm. */
  async tuned(): Promise<Record<string, Tuned>> {
    const names = this.#protocol.arms.map(({ name }) => name);
    const tuned: Record<string, Tuned> = {};
    for (const name of names) {
      const one = await this.tunedOf(name);
      if (one !== undefined) tuned[name] = one;
    }
    return tuned;
  }

  /** The settings that a run is made with. */
  async settingsOf(run: PlannedArm): Promise<Settings> {
    const { arm, kind } = run;
    const chosen =
      kind === "trial"
        ? await this.#choiceOf(run)
        : (await this.tunedOf(arm.tunedAs ?? arm.name))?.settings;
    return settingsOf(this.#protocol, arm, chosen ?? {});
  }

  /**
   * Results of the arms on the reported seeds that are finished, in the order of the plan.
   *
   * @param among only these runs are looked at; absent: all of them.
   */
  async finished(among?: ReadonlySet<string>): Promise<ArmResult[]> {
    return this.#endedOf(
      this.#plan.filter(({ kind, key }) => kind === "arm" && among?.has(key) !== false),
    );
  }

  /** How many of some runs are finished, of those that are told of. */
  async count(runs: readonly PlannedRun[]): Promise<number> {
    return (await this.#endedOf(runs)).length;
  }

  /** How many of some runs are told of, as far as is known: those of {@link countRuns}, and finished ones beyond an edge. */
  async countAll(runs: readonly PlannedRun[]): Promise<number> {
    return countRuns(runs) + (await this.#endedOf(runs.filter(isWider))).length;
  }

  async #endedOf(runs: readonly PlannedRun[]): Promise<ArmResult[]> {
    const results = await Promise.all(runs.map((run) => this.#ended(run)));
    return results.filter((result) => result !== undefined);
  }

  /** The result of a trial or an arm that is finished, and where its reference is. */
  async #ended(run: PlannedRun): Promise<ArmResult | undefined> {
    if (!isTold(run)) return undefined;
    const { key, reference } = run;
    if (reference !== undefined && (await this.of(reference)) === undefined) return undefined;
    return this.of(key);
  }

  /** Results of the arms on the reported seeds, in the order of the plan. @throws UsageError where one is not finished. */
  async arms(): Promise<ArmResult[]> {
    const results: ArmResult[] = [];
    for (const { key, kind } of this.#plan) {
      if (kind === "arm") results.push(await this.#needed(key));
    }
    return results;
  }
}

/**
 * Does runs of a plan on a device: one after the other, in any order that has what a run needs before it. The trained
 * network of the last one stays on the device.
 */
export class PlanRunner {
  readonly results: PlanResults;
  readonly #protocol: Protocol;
  readonly #environment: Environment;
  #network: { readonly group: string; readonly trained: TrainedNetwork } | undefined;

  constructor(protocol: Protocol, results: PlanResults, environment: Environment) {
    this.results = results;
    this.#protocol = protocol;
    this.#environment = environment;
  }

  /** Does a run, or finds that it is done or has nothing to try; the grader's is done by who opens it. */
  async do(run: PlannedRun): Promise<void> {
    if (run.kind === "grader" || !(await this.results.isNeeded(run))) return;
    if (isWider(run)) this.#environment.added?.();
    const started = performance.now();
    const network = await this.#trained(run);
    if (run.kind === "training") return;
    const { results } = this;
    const settings = await results.settingsOf(run);
    const retrainedUa = await results.retrainedUa(run);
    const { arm, seed, key } = run;
    const path = join(this.#environment.out, key);
    await network.run(
      this.#protocol,
      { arm, settings, seed, path, retrainedUa },
      this.#environment,
    );
    const result = (await results.of(key))!;
    const line = lineOf(this.#protocol, run, result, performance.now() - started);
    this.#environment.log(line);
  }

  /** The network that a run starts from. */
  async #trained({
    group,
    seed,
  }: Exclude<PlannedRun, { kind: "grader" }>): Promise<TrainedNetwork> {
    if (this.#network?.group === group) return this.#network.trained;
    this.destroy();
    const path = join(this.#environment.out, group);
    const trained = await TrainedNetwork.open(this.#protocol, seed, path, this.#environment);
    this.#network = { group, trained };
    return trained;
  }

  destroy(): void {
    this.#network?.trained.destroy();
    this.#network = undefined;
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}

/** Does runs of a plan, one after the other. */
export async function runPlan(
  protocol: Protocol,
  runs: readonly PlannedRun[],
  results: PlanResults,
  environment: Environment,
): Promise<void> {
  await Owned.within(async (owned) => {
    const runner = owned.add(new PlanRunner(protocol, results, environment));
    for (const run of runs) await runner.do(run);
  });
}

/**
 * Tries every trial of every arm on some seeds and keeps the best settings of each.
 *
 * @param known what is tuned already; arms whose trials are the same are not tuned again.
 */
export async function tune(
  protocol: Protocol,
  tuningSeeds: readonly number[],
  environment: Environment,
  known: Readonly<Record<string, Tuned>> = {},
): Promise<Record<string, Tuned>> {
  const plan = planOf(protocol, { seeds: [], tuningSeeds, known });
  const results = new PlanResults(protocol, plan, known, environment.out);
  await runPlan(protocol, plan, results, environment);
  return results.tuned();
}

/** Runs every arm on the given seeds with its tuned settings. */
export async function runSeeds(
  protocol: Protocol,
  seeds: readonly number[],
  tuned: Readonly<Record<string, Tuned>>,
  environment: Environment,
): Promise<ArmResult[]> {
  const plan = planOf(protocol, { seeds });
  const results = new PlanResults(protocol, plan, tuned, environment.out);
  await runPlan(protocol, plan, results, environment);
  return results.arms();
}
