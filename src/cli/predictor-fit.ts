/** `rewind predictor fit`: a predictor fitted to a library of trajectories. */
import { type Command, Option } from "commander";
import { UsageError } from "../errors.ts";
import { writeSafetensors } from "../io/safetensors.ts";
import { join, makeDir, writeAtomic } from "../platform/files.ts";
import type { Family } from "../predictors-lab/families/family.ts";
import { fittables } from "../predictors-lab/families/index.ts";
import { fitDefaults } from "../predictors-lab/fit.ts";
import { loadPredictor } from "../predictors/index.ts";
import type { Predictor } from "../predictors/predictor.ts";
import { fitLibrary, type FitRequest, type Score } from "../predictors-lab/fit-library.ts";
import { openLibrary, type Phase, phases } from "../predictors-lab/sequences.ts";
import { listed } from "../registry.ts";
import { defaults } from "../runs/defaults.ts";
import { json } from "../platform/json.ts";
import { type Column, markdownTable, textTable } from "../report/table.ts";
import { example } from "./examples.ts";
import { answer } from "./output.ts";
import { withProgress } from "./progress.ts";
import { type DeviceFlags, deviceOptions, openDevice } from "./device-options.ts";
import { interruptSignal } from "./interrupt.ts";
import { integer, most, number, texts, validate } from "./parse.ts";
import { jsonWith, requireReplaceable, tensorsWith } from "./replaced-files.ts";
import { settingOptions, settingsGiven } from "./setting-options.ts";

/** Flags of every command that fits. */
export interface FittingFlags extends DeviceFlags {
  readonly library: string;
  readonly out: string;
  readonly shared?: true;
  readonly phases: string;
  readonly holdOutModel: string;
  readonly holdOutSource: string;
  readonly epochs: number;
  readonly windows: number;
  readonly validation: number;
  readonly scored: number;
  readonly batch: number;
  readonly lr: number;
  readonly patience: number;
  readonly superpose: number;
  readonly line: number;
  readonly seed: number;
}

interface FitFlags extends FittingFlags {
  readonly predictor: string;
  readonly against?: readonly string[];
}

/** The family that flags name. */
function familyOf(flags: FitFlags): Family {
  const { predictor, shared } = flags;
  const fittable = fittables.find(predictor);
  const given = settingsGiven(fittable, fittables.all, flags, {
    unused: `${predictor} has a fixed one`,
  });
  const settings = validate(fittable.settings, given, "predictor fit");
  return fittable.family({ ...settings, shared });
}

/** @throws UsageError naming the phase that does not exist. */
function phasesOf(list: string): Phase[] {
  return list.split(",").map((name) => {
    const phase = phases.find((one) => one === name);
    if (phase === undefined)
      throw new UsageError(`no phase "${name}"; there are: ${phases.join(", ")}.`);
    return phase;
  });
}

/** Scores as a table: kinds and phases down, predictors across. */
function scoreTable(
  scores: readonly Score[],
  others: readonly string[],
): [Column[], (string | number | undefined)[][]] {
  const columns: Column[] = [
    { title: "kind" },
    { title: "phase" },
    { title: "windows", decimals: 0 },
    ...["fitted", "straight line", "no change", ...others].map((title) => ({ title, decimals: 3 })),
  ];
  const rows = scores.map((score) => [
    ...[score.kind, score.phase, score.windows, score.fitted, score.linear, score.noChange],
    ...others.map((name) => score.others[name]),
  ]);
  return [columns, rows];
}

/** @throws UsageError unless the errors of a predictor are of what the fit predicts, from the same snapshots. */
function requireComparable(spec: string, predictor: Predictor, family: Family): void {
  const { window, direction, horizon, times, sets } = predictor;
  const { shape } = family;
  const refuse = (why: string, which: string): never => {
    throw new UsageError(`--against ${spec}: ${why}; only predictors ${which} can be compared.`);
  };
  const served = new Set(sets.flatMap(({ kinds }) => kinds));
  const without = Object.values(family.sets)
    .flat()
    .filter((kind) => !served.has(kind));
  if (without.length > 0) {
    refuse(
      `it has no weights for single ones of the kinds ${without.join(", ")}`,
      "that look at each weight alone",
    );
  }
  if (window !== shape.window) {
    refuse(`its window is ${window}, that of the fit ${shape.window}`, "of the same window");
  }
  if (direction !== shape.direction || horizon !== family.horizon) {
    refuse(
      `it predicts the ${direction}, ${predictor.reach}, and the fit the ${shape.direction}, ${family.horizon} epochs`,
      "of the same horizon",
    );
  }
  const span = times === undefined ? window - 1 : times.at(-1)! - times[0]!;
  if (Math.abs(horizon! / span - shape.ahead) > 1e-9) {
    refuse("its snapshots are taken at other times than those of the fit", "of the same times");
  }
}

/** How a family is fitted, by the flags. */
export function requestOf(flags: FittingFlags, family: Family): FitRequest {
  const {
    epochs,
    windows,
    validation,
    scored,
    batch,
    lr: learningRate,
    patience,
    superpose,
    line: lineShare,
    seed,
  } = flags;
  return {
    family,
    holdOut: { architecture: flags.holdOutModel, source: flags.holdOutSource },
    phases: phasesOf(flags.phases),
    settings: {
      ...fitDefaults,
      epochs,
      windows,
      batch,
      learningRate,
      patience,
      superpose,
      lineShare,
      seed,
    },
    validation,
    scored,
  };
}

/** File of a weight set. */
function fileOf({ name }: Family, set: string): string {
  return `${name}-${set}.safetensors`;
}

async function fit(flags: FitFlags): Promise<void> {
  const family = familyOf(flags);
  const against: Record<string, Predictor> = {};
  for (const spec of flags.against ?? []) {
    const predictor = await loadPredictor(spec);
    requireComparable(spec, predictor, family);
    against[predictor.name] = predictor;
  }
  const request = requestOf(flags, family);
  const library = await openLibrary(flags.library);
  const format = `rewind ${family.name} 1`;
  await requireReplaceable(flags.out, [
    ...Object.keys(family.sets).map((set) => ({
      path: join(flags.out, fileOf(family, set)),
      isOwn: tensorsWith((metadata) => metadata["format"] === format),
    })),
    { path: join(flags.out, "fit.json"), isOwn: jsonWith("holdOut") },
    { path: join(flags.out, "fit.md") },
  ]);
  const gpu = await openDevice(flags);
  const signal = interruptSignal();
  await makeDir(flags.out);
  const scores: Score[] = [];
  const losses: Record<string, readonly number[]> = {};
  for await (const fitted of fitLibrary(gpu, library, request, against, (label, work) =>
    withProgress(label, signal, work),
  )) {
    const file = fileOf(family, fitted.set);
    const bytes = writeSafetensors(fitted.tensors, fitted.metadata);
    await writeAtomic(join(flags.out, file), bytes);
    scores.push(...fitted.scores);
    losses[fitted.set] = fitted.losses;
  }
  const [columns, rows] = scoreTable(scores, Object.keys(against));
  const { settings, phases: learnt, holdOut } = request;
  const report = {
    library: library.description,
    holdOut,
    phases: learnt,
    settings,
    scores,
    losses,
  };
  await writeAtomic(join(flags.out, "fit.json"), json(report));
  const head =
    `# ${family.spec.name}\n\nFitted to ${library.description}; held out: ${holdOut.architecture} on ` +
    `${holdOut.source}. Mean |predicted - true| in units of each weight's mean step, on held-out windows.\n\n`;
  await writeAtomic(join(flags.out, "fit.md"), `${head}${markdownTable(columns, rows)}\n`);
  answer(
    { folder: flags.out, ...report },
    `${textTable(columns, rows)}\n\nweights, fit.md and fit.json in ${flags.out}`,
  );
}

export function registerPredictorFit(group: Command): void {
  const titles = fittables.all.map(({ title }) => title);
  const command = group
    .command("fit")
    .description(`fit ${listed(titles, "or")} to a library of trajectories`)
    .addOption(
      new Option("--predictor <name>", "what to fit")
        .choices(fittables.names)
        .default(defaults.fitted),
    );
  settingOptions(command, fittables.all).option(
    "--against <predictor>",
    "score it on the same windows (repeatable)",
    texts,
  );
  example(
    command,
    "InvWNN fitted anew, beside the straight line",
    "rewind predictor fit --library runs/library --against linear --out runs/fit",
  );
  fitOptions(command).action(fit);
}

/** Options of every command that fits. */
export function fitOptions(command: Command): Command {
  command
    .requiredOption("--library <dir>", "folder that `predictor record` made")
    .requiredOption("--out <dir>", "where the results go")
    .option("--shared", "one weight set for every kind of parameter")
    .option("--phases <list>", "phases to learn from", phases.join(","))
    .option("--hold-out-model <name>", "network never learnt from", defaults.heldOut.network)
    .option("--hold-out-source <name>", "images never learnt from", defaults.heldOut.dataset)
    .option("--epochs <n>", "epochs at most", integer(1, most.epochs), fitDefaults.epochs)
    .option("--windows <n>", "windows of an epoch", integer(1, most.images), fitDefaults.windows)
    .option("--validation <n>", "windows that decide when to stop", integer(1, most.images), 8192)
    .option(
      "--scored <n>",
      "windows of a kind and phase in the scores",
      integer(1, most.images),
      4096,
    )
    .option("--batch <n>", "windows a step", integer(1, most.images), fitDefaults.batch)
    .option("--lr <rate>", "learning rate", number({ above: 0, to: 1 }), fitDefaults.learningRate)
    .option("--patience <n>", "epochs without progress", integer(1), fitDefaults.patience)
    .option(
      "--superpose <n>",
      "windows added up to one that is learnt from: towards a linear predictor",
      integer(1),
      fitDefaults.superpose,
    )
    .option(
      "--line <share>",
      "share of the straight line in the target",
      number({ from: 0, to: 1 }),
      fitDefaults.lineShare,
    )
    .option("--seed <n>", "seed of everything random", integer(0), fitDefaults.seed);
  return deviceOptions(command);
}
