/**
 * Runs the arms of a protocol over seeds, each in a run folder of its own.
 *
 * Everything is resumable: a folder with a result is done, one without goes on from its last checkpoint.
 * Tuning runs on a seed of its own, picks each arm's settings by the experiment's statistic, and is
 * written down with every trial.
 */
import { Owned } from "../gpu/owned.ts";
import { join } from "../platform/files.ts";
import type { Arm, Settings } from "../unlearn/arm.ts";
import { isReference } from "./arms.ts";
import type { Protocol } from "./protocol.ts";
import {
  type ArmResult,
  type Environment,
  settingsOf,
  TrainedNetwork,
  unlearningAccuracyOf,
} from "./trained-network.ts";

/** The trials of an arm on the tuning seed, and the settings that won. */
export interface Tuned {
  readonly settings: Settings;
  readonly trials: readonly {
    readonly settings: Settings;
    readonly statistic: number | undefined;
    /** Where on the x axis the run ended: decides where no trial reaches the statistic. */
    readonly end: number;
  }[];
}

/** Folder of an arm: its name, without what file systems mind. */
export function folderOf(name: string): string {
  return name.replaceAll(/[^\w.-]+/g, "-");
}

/** A finished run in one line. */
function lineOf({ statistic }: Protocol, result: ArmResult, started: number): string {
  const last = result.history.at(-1)!;
  const value = result.statistic?.toFixed(statistic.decimals) ?? "not reached";
  const seconds = (performance.now() - started) / 1000;
  return (
    `${result.arm}, seed ${result.seed}: ${statistic.name} ${value}; ${last.round} rounds, ` +
    `stopped by ${result.stoppedBy}, ${seconds.toFixed(0)} s`
  );
}

/** The trial with the best statistic; where none reaches it, the one that got furthest along x. */
function bestTrial(protocol: Protocol, trials: Tuned["trials"]): Tuned["trials"][number] {
  const sign = protocol.statistic.better === "higher" ? 1 : -1;
  const along = protocol.reverseX ? -1 : 1;
  const [best] = [...trials].sort((a, b) => {
    if (a.statistic !== undefined && b.statistic !== undefined) {
      return sign * (b.statistic - a.statistic);
    }
    if (a.statistic !== undefined || b.statistic !== undefined) {
      return a.statistic === undefined ? 1 : -1;
    }
    return along * (b.end - a.end);
  });
  return best!;
}

/** The settings that are tried of an arm, and those known to have won already. */
function trialsOf(
  protocol: Protocol,
  known: Readonly<Record<string, Tuned>>,
): { readonly arm: Arm; readonly choices: readonly Settings[]; readonly before?: Tuned }[] {
  return protocol.arms.flatMap((arm) => {
    if (arm.trials.length === 0 && !(isReference(arm) && protocol.againstRetrained)) return [];
    const before = known[arm.name];
    const same =
      JSON.stringify(before?.trials.map(({ settings }) => settings)) === JSON.stringify(arm.trials);
    const choices = arm.trials.length === 0 ? [{}] : arm.trials;
    return [before !== undefined && same ? { arm, choices: [], before } : { arm, choices }];
  });
}

/** How many runs an experiment has: {@link Environment.log} is called once for each. */
export function countRuns(
  protocol: Protocol,
  seeds: readonly number[],
  known: Readonly<Record<string, Tuned>>,
): number {
  const tuning = trialsOf(protocol, known).map(({ choices }) => choices.length);
  return tuning.reduce((a, b) => a + b, 0) + seeds.length * protocol.arms.length;
}

/**
 * Tries every trial of every arm on one seed and keeps the best settings of each.
 *
 * @param known what is tuned already; arms whose trials are the same are not tuned again.
 */
export async function tune(
  protocol: Protocol,
  seed: number,
  environment: Environment,
  known: Readonly<Record<string, Tuned>> = {},
): Promise<Record<string, Tuned>> {
  const path = join(environment.out, "tuning", `seed-${seed}`);
  const tuned: Record<string, Tuned> = {};
  return Owned.within(async (owned) => {
    let network: TrainedNetwork | undefined;
    let retrainedUa: number | undefined;
    for (const { arm, choices, before } of trialsOf(protocol, known)) {
      if (before !== undefined) {
        tuned[arm.name] = before;
        continue;
      }
      network ??= owned.add(await TrainedNetwork.open(protocol, seed, path, environment));
      const trials: Tuned["trials"][number][] = [];
      for (const [i, chosen] of choices.entries()) {
        const started = performance.now();
        const settings = settingsOf(protocol, arm, chosen);
        const run = { arm, settings, seed, path: join(path, `${arm.name}-${i + 1}`), retrainedUa };
        const result = await network.run(protocol, run, environment);
        if (protocol.againstRetrained && isReference(arm))
          retrainedUa = unlearningAccuracyOf(result);
        const end = result.history.at(-1)!.scores[protocol.x.score]!;
        trials.push({ settings: chosen, statistic: result.statistic, end });
        environment.log(`tuning ${JSON.stringify(chosen)} ${lineOf(protocol, result, started)}`);
      }
      tuned[arm.name] = { settings: bestTrial(protocol, trials).settings, trials };
    }
    return tuned;
  });
}

/** Runs every arm on the given seeds with its tuned settings. */
export async function runSeeds(
  protocol: Protocol,
  seeds: readonly number[],
  tuned: Readonly<Record<string, Tuned>>,
  environment: Environment,
): Promise<ArmResult[]> {
  const results: ArmResult[] = [];
  for (const seed of seeds) {
    const path = join(environment.out, `seed-${seed}`);
    await Owned.within(async (owned) => {
      const network = owned.add(await TrainedNetwork.open(protocol, seed, path, environment));
      let retrainedUa: number | undefined;
      for (const arm of protocol.arms) {
        const started = performance.now();
        const chosen = tuned[arm.tunedAs ?? arm.name]?.settings ?? {};
        const run = {
          arm,
          settings: settingsOf(protocol, arm, chosen),
          seed,
          path: join(path, folderOf(arm.name)),
          retrainedUa: protocol.againstRetrained ? retrainedUa : undefined,
        };
        const result = await network.run(protocol, run, environment);
        if (protocol.againstRetrained && isReference(arm))
          retrainedUa = unlearningAccuracyOf(result);
        results.push(result);
        environment.log(lineOf(protocol, result, started));
      }
    });
  }
  return results;
}
