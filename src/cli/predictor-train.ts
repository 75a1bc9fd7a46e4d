/** `rewind predictor train`: weights of a window's steps, or an InvWNN, learnt for what unlearning is for. */
import { z } from "zod";
import { type Command, InvalidArgumentError, Option } from "commander";
import { DataError, UsageError } from "../errors.ts";
import { loadDataset } from "../data/index.ts";
import type { Split } from "../data/source.ts";
import type { Gpu } from "../gpu/device.ts";
import { writeSafetensors } from "../io/safetensors.ts";
import { makeDir, readBytes, readJson } from "../platform/files.ts";
import { linearPredictor } from "../predictors/linear.ts";
import { invWnnLoader } from "../predictors/invwnn/loader.ts";
import { type Predictor, type Weighting, weightings } from "../predictors/predictor.ts";
import {
  filterLoader,
  latePredictor,
  learntLoaders,
  mixLoader,
  weightsOfFile,
} from "../predictors/weighted-steps/predictor.ts";
import { parseWeightFile, states } from "../predictors/weight-file.ts";
import { type StepWeights, usualWindow } from "../predictors/weighted-steps/weights.ts";
import {
  endStateMetadata,
  endStateScores,
  type EndStateSettings,
  endTraining,
  makeEndState,
  taught,
  taughtScenarios,
} from "../predictors-lab/downstream/end-states.ts";
import { Place, strengthFactors } from "../predictors-lab/downstream/episode.ts";
import { type Learner, stepLearner } from "../predictors-lab/downstream/learner.ts";
import { NetworkLearner } from "../predictors-lab/network-learner.ts";
import {
  type Division,
  metaStart,
  type MetaSettings,
  type MetaStanding,
  type MetaState,
  metaStateSchema,
  metaStep,
  Places,
  standingOf,
  triedAs,
  triedSeed,
} from "../predictors-lab/downstream/train.ts";
import { libraryArchitectures, type LibrarySource } from "../predictors-lab/library.ts";
import { listed as inWords } from "../registry.ts";
import type { RunFolder } from "../report/run-folder.ts";
import { type Cell, type Column, markdownTable, textTable } from "../report/table.ts";
import type { TrainConfig } from "../runs/config.ts";
import { defaults } from "../runs/defaults.ts";
import { inputsOf, recordInputs, textDigest } from "../runs/inputs.ts";
import type { EndScores } from "../scenarios/meta-training.ts";
import { type DeviceFlags, deviceOptions, openDevice, precisionOf } from "./device-options.ts";
import { example } from "./examples.ts";
import { interruptSignal } from "./interrupt.ts";
import { answer } from "./output.ts";
import { integer, most, number, repeatable } from "./parse.ts";
import { sourceOption } from "./predictor-record.ts";
import { withProgress } from "./progress.ts";
import { claimFolder, requireApart } from "./run-folder.ts";

interface TrainFlags extends DeviceFlags {
  readonly out: string;
  readonly library: string;
  readonly predictor: string;
  readonly weighting: Weighting;
  readonly scenario?: readonly string[];
  readonly source?: readonly LibrarySource[];
  readonly architectures: string;
  readonly imageSize: number;
  readonly images: string;
  readonly clean: number;
  readonly epochs: number;
  readonly trainings: number;
  readonly validation: number;
  readonly steps: number;
  readonly episodes: number;
  readonly tryEvery: number;
  readonly lr?: number;
  readonly start?: string;
  readonly metaSeeds: number;
  readonly seed: number;
}

/** Learning rates where none is asked for: of weights of the steps, and of a network. */
const usualRates = { steps: 0.03, network: 3e-4 } as const;

/** An end state of the library. */
interface Listed {
  readonly file: string;
  readonly source: string;
  readonly train: TrainConfig;
  readonly scores: EndScores;
  readonly unfit?: string;
}

/** Names of networks. @throws UsageError for one that is not there. */
function architecturesOf(list: string): EndStateSettings["architectures"] {
  return list.split(",").map((part) => {
    const name = part.trim();
    const known = libraryArchitectures.find((one) => one === name);
    if (known !== undefined) return known;
    throw new UsageError(
      `--architectures ${list}: ${name === "" ? "a name is empty" : `no network "${name}" here`}; there are: ` +
        `${libraryArchitectures.join(", ")}.`,
    );
  });
}

/** What a meta-training begins at: a filter, or where a mix is learnt a mix. */
async function startOf({
  start,
  predictor,
  weighting,
}: TrainFlags): Promise<StepWeights | undefined> {
  if (start === undefined) return undefined;
  const file = await parseWeightFile(await readBytes(start), start, {});
  const mix = predictor === mixLoader.name && states(file, mixLoader.name);
  if (!mix && !states(file, filterLoader.name)) {
    const needed = predictor === mixLoader.name ? "a filter or a mix" : "a filter";
    throw new UsageError(
      `--start ${start}: ${predictor} begins at ${needed}, a .safetensors file of \`predictor train\`; this holds ` +
        `"${file.metadata["format"] ?? file.format}".`,
    );
  }
  const weights = weightsOfFile(file, mix);
  if (mix && weights.weighting !== weighting) {
    throw new UsageError(
      `--start ${start}: its images count by --weighting ${weights.weighting}; give that.`,
    );
  }
  if (weights.window === usualWindow) return weights;
  throw new UsageError(
    `--start ${start}: it looks at ${weights.window} snapshots; here it is ${usualWindow}.`,
  );
}

/** A scenario that predictors are meta-trained on, beside those before it. */
function scenario(name: string, before: readonly string[] = []): string[] {
  const names = taughtScenarios().map((one) => one.name);
  if (!names.includes(name)) {
    throw new InvalidArgumentError(`it is one of ${names.join(", ")}.`);
  }
  if (before.includes(name)) throw new InvalidArgumentError("it is there already.");
  return [...before, name];
}

/** Numbers of images. */
function countsOf(list: string): number[] {
  return list.split(",").map((text) => {
    const count = Number(text);
    if (Number.isInteger(count) && count >= 20 && count <= most.images) return count;
    throw new UsageError(`--images ${list}: "${text}" is no number of images from 20 on.`);
  });
}

/** Of `all` trainings that take turns, those of scenario `s` of `of`: of the first ones one more where they do not share evenly. */
const shareOf = (all: number, s: number, of: number): number => Math.ceil((all - s) / of);

/** @throws UsageError where a scenario has no training to learn from, whatever they turn out to be. */
function requireSomeToLearn({ trainings, validation }: TrainFlags, names: readonly string[]): void {
  if (validation < names.length) {
    throw new UsageError(
      `--validation ${validation}: ${names.length} scenarios need one training kept apart each.`,
    );
  }
  for (const [s, name] of names.entries()) {
    const all = shareOf(trainings, s, names.length);
    if (all > shareOf(validation, s, names.length)) continue;
    throw new UsageError(
      `--validation ${validation}: of ${trainings} trainings ${name} has ${all}, and none would be left to learn from; ` +
        "keep fewer apart, or make more (--trainings).",
    );
  }
}

/** Scores of an end state that is there already. @throws DataError for a file that is damaged, or of another training. */
async function knownScores(
  folder: RunFolder,
  file: string,
  train: TrainConfig,
): Promise<EndScores | undefined> {
  try {
    const known = await folder.readCheckpoint(file);
    return known && endStateScores(known, train, folder.file(file));
  } catch (cause) {
    if (!(cause instanceof DataError)) throw cause;
    throw new DataError(`${cause.message} Remove it and it is made again.`, { cause });
  }
}

/** Makes the end states that a library lacks; lists all, the unfit with the reason. */
async function library(
  flags: TrainFlags,
  folder: RunFolder,
  gpu: Gpu,
  trainingOf: (i: number) => { source: string; train: TrainConfig },
  signal: AbortSignal,
): Promise<Listed[]> {
  const listed: Listed[] = [];
  for (let i = 0; i < flags.trainings; i++) {
    const { source, train } = trainingOf(i);
    const file = `end-state-${String(i + 1).padStart(4, "0")}.safetensors`;
    let scores = await knownScores(folder, file, train);
    if (scores === undefined) {
      const what = `${train.scenario.name}, ${train.model.name}, ${source}, ${train.data.trainCount} images`;
      const made = await withProgress(
        `end state ${i + 1} of ${flags.trainings} (${what})`,
        signal,
        (watch) => makeEndState(gpu, train, watch),
      );
      scores = made.scores;
      await folder.writeCheckpoint(file, made.tensors, endStateMetadata(train, scores));
    }
    const reason = taught(train.scenario.name).metaTraining.unfit(scores);
    listed.push({ file, source, train, scores, ...(reason && { unfit: reason }) });
  }
  return listed;
}

/** A state with the digest of what it says. */
async function sealedState(said: MetaState): Promise<z.input<typeof sealedSchema>> {
  // Its parts in the schema's order, as it is read.
  const state = metaStateSchema.parse(said);
  return { sha256: await textDigest(state), state };
}

const sealedSchema = z.object({ sha256: z.string(), state: metaStateSchema });

/** The state of a meta-training. @throws DataError for a file that is damaged, or of another meta-training. */
async function readState(
  path: string,
  { steps }: MetaSettings,
  learner: Learner,
): Promise<MetaState> {
  const advice = "Remove it and this meta-training starts over.";
  const read = await readJson(path).catch((cause: unknown) => {
    throw new DataError(`${(cause as Error).message} ${advice}`, { cause });
  });
  const parsed = sealedSchema.safeParse(read);
  if (!parsed.success) {
    throw new DataError(`"${path}" holds no state of a meta-training. ${advice}`);
  }
  const { sha256, state } = parsed.data;
  if (sha256 !== (await sealedState(state)).sha256) {
    throw new DataError(`"${path}" is damaged: its SHA-256 is another. ${advice}`);
  }
  const numbers = learner.start.length;
  if (state.values.length !== numbers || state.step > steps) {
    throw new DataError(
      `"${path}" is of another meta-training: ${state.values.length} numbers after step ${state.step}, where ${numbers} ` +
        `and ${steps} steps at most are asked for. ${advice}`,
    );
  }
  return state;
}

/** Runs meta-training of one seed to its end, from where it is. */
async function metaTraining(
  folder: RunFolder,
  name: string,
  settings: MetaSettings,
  learner: Learner,
  places: Places,
  signal: AbortSignal,
): Promise<MetaState> {
  const file = `${name}.json`;
  let state = (await folder.has(file))
    ? await readState(folder.file(file), settings, learner)
    : metaStart(learner);
  await withProgress(name, signal, async (watch) => {
    while (state.step < settings.steps) {
      state = await metaStep(state, settings, learner, places, { signal: watch.signal });
      await folder.writeJson(file, await sealedState(state));
      watch.progress?.(state.step, settings.steps);
    }
  });
  return state;
}

/**
 * Which end states are learnt from, and which are kept apart: the last of those that are fit, of each scenario as many, of the
 * first ones one more where they do not share evenly.
 */
function divided(
  listed: readonly Listed[],
  names: readonly string[],
  validation: number,
): Division[] {
  return names.map((name, s) => {
    const apart = shareOf(validation, s, names.length);
    const all = [...listed.keys()].filter((i) => listed[i]!.train.scenario.name === name);
    const fit = all.filter((i) => listed[i]!.unfit === undefined);
    if (fit.length <= apart) {
      const reasons = all.flatMap((i) => {
        const { file, unfit: reason } = listed[i]!;
        return reason === undefined ? [] : `${file}: ${reason}`;
      });
      throw new UsageError(
        `${name}: only ${fit.length} of ${all.length} end states are fit, and ${apart} are kept apart: make more ` +
          `(--trainings), or train longer (--epochs), in another --library. ${reasons.slice(0, 4).join("; ")}.`,
      );
    }
    return { scenario: name, learnt: fit.slice(0, -apart), kept: fit.slice(-apart) };
  });
}

const trainingsOf = (count: number): string => `${count} training${count === 1 ? "" : "s"}`;

/** How a predictor stands, by scenario: "gain in test accuracy 5.123 on 4 trainings of label-noise kept apart". */
function standingText({ means }: MetaStanding, divisions: readonly Division[]): string {
  return divisions
    .map(({ scenario: name, kept }) => {
      const { statistic } = taught(name).experiment;
      return `${statistic.name} ${means[name]!.toFixed(3)} on ${trainingsOf(kept.length)} of ${name} kept apart`;
    })
    .join("; ");
}

async function train(flags: TrainFlags): Promise<void> {
  const sources = flags.source ?? [{ name: defaults.dataset, data: { name: defaults.dataset } }];
  const names = flags.scenario ?? [defaults.damage];
  const settings: EndStateSettings = {
    seed: flags.seed,
    scenarios: names,
    architectures: architecturesOf(flags.architectures),
    size: flags.imageSize,
    counts: countsOf(flags.images),
    clean: flags.clean,
    epochs: flags.epochs,
  };
  const gradients = flags.predictor === mixLoader.name;
  if (!gradients && flags.weighting !== "even") {
    throw new UsageError(
      `--weighting ${flags.weighting}: ${flags.predictor} reads no gradients on D_f; take --predictor ${mixLoader.name}.`,
    );
  }
  const network = flags.predictor === invWnnLoader.name;
  const start = await startOf(flags);
  const meta = {
    ...{ gradients, steps: flags.steps, episodes: flags.episodes, tryEvery: flags.tryEvery },
    learningRate: flags.lr ?? (network ? usualRates.network : usualRates.steps),
    ...(gradients && { weighting: flags.weighting }),
  };
  const { trainings, validation, predictor } = flags;
  requireSomeToLearn(flags, names);
  requireApart(flags.library, ...sources.map(({ data }) => data.dir));
  requireApart(flags.out, flags.library, ...sources.map(({ data }) => data.dir));
  const splits: Split[] = [];
  for (const { data } of sources) splits.push(await loadDataset({ ...data, seed: flags.seed }));
  const shelved = { ...settings, sources, ...precisionOf(flags) };
  const shelf = await claimFolder({ out: flags.library, called: "library" }, shelved);
  await recordInputs(shelf, await inputsOf({ splits }));
  const folder = await claimFolder(flags, {
    ...{ predictor, trainings, validation, strengthFactors, ...meta },
    library: shelved,
    ...(start !== undefined && { start: await textDigest([...start.values]) }),
  });
  const gpu = await openDevice(flags);
  const signal = interruptSignal();
  const trainingOf = (i: number): ReturnType<typeof endTraining> =>
    endTraining(i, sources, settings);
  const listed = await library(flags, shelf, gpu, trainingOf, signal);
  const files = listed.map(({ file }) => ["library", shelf.file(file)] as const);
  await recordInputs(folder, await inputsOf({ files }));
  // It is read from here on, and others may do so at the same time.
  await shelf.close();
  const open = async (i: number): Promise<Place> => {
    const { file, train: config, scores } = listed[i]!;
    const { tensors } = (await shelf.readCheckpoint(file))!;
    return Place.open(gpu, config, { tensors, scores });
  };
  const divisions = divided(listed, names, validation);
  using places = new Places(open, divisions);
  using nonlinear = network ? await NetworkLearner.create(gpu, start) : undefined;
  const learner = nonlinear ?? stepLearner({ gradients, weighting: meta.weighting, begin: start });
  const controls: Record<string, MetaStanding> = {};
  const tried = (name: string, of: Predictor): Promise<MetaStanding> =>
    withProgress(`${name} on the trainings kept apart`, signal, (watch) =>
      standingOf(of, places, triedSeed, { signal: watch.signal }),
    );
  controls["line"] = await tried("line", linearPredictor());
  controls["late line"] = await tried("late line", latePredictor());
  if (network || start !== undefined) {
    const [name, what] =
      start === undefined ? ["as shipped", "as shipped"] : ["start", "as it begins"];
    controls[name] = await tried(`${predictor} ${what}`, learner.predictor(learner.start));
  }
  const results: ({ metaSeed: number; file: string; step: number } & MetaStanding)[] = [];
  for (let metaSeed = 1; metaSeed <= flags.metaSeeds; metaSeed++) {
    const name = `${predictor}-${metaSeed}`;
    const state = await metaTraining(
      folder,
      name,
      { ...meta, seed: metaSeed },
      learner,
      places,
      signal,
    );
    const { step, values, ...standing } = state.best!;
    const made = {
      objective: "clean loss at matched forgetting",
      scenarios: names.join(),
      selected: `step ${step} of ${meta.steps}: ${standingText(standing, divisions)}`,
      ...{ metaSeed: String(metaSeed), adapter: gpu.adapter.description },
    };
    const files = learner.files(values);
    if (files.length > 1) await makeDir(folder.file(name));
    for (const { name: end, tensors, metadata } of files) {
      const bytes = writeSafetensors(tensors, { ...metadata, ...made });
      await folder.write(`${name}${end}`, bytes);
    }
    const file = files.length > 1 ? name : `${name}${files[0]!.name}`;
    results.push({ metaSeed, file, step, ...standing });
  }
  const manifest = {
    format: "rewind meta-training 1",
    ...{ predictor, settings: meta, library: settings, sources: sources.map(({ name }) => name) },
    ...{ triedAs, strengthFactors, divisions, adapter: gpu.adapter.description },
    ...(start !== undefined && { start: [...start.values] }),
    // Folders of this machine stay out of the manifest.
    endStates: listed.map(({ train: { data, ...rest }, ...one }) => {
      const { dir: _, ...images } = data;
      return { ...one, train: { ...rest, data: images } };
    }),
    ...{ controls, results },
  };
  await folder.writeJson("train.json", manifest);
  const several = names.length > 1;
  const columns: Column[] = [
    { title: "predictor" },
    { title: "chosen at step", decimals: 0 },
    ...names.map((name) => ({ title: several ? name : "statistic", decimals: 3 })),
    ...(several ? [{ title: "together", decimals: 3 }] : []),
  ];
  const row = (name: string, step: number | undefined, standing: MetaStanding): Cell[] => [
    name,
    step,
    ...names.map((one) => standing.means[one]),
    ...(several ? [standing.statistic] : []),
  ];
  const rows = [
    ...Object.entries(controls).map(([name, standing]) => row(name, undefined, standing)),
    ...results.map(({ metaSeed, step, ...standing }) =>
      row(`${predictor}, meta-seed ${metaSeed}`, step, standing),
    ),
  ];
  const parts = divisions.map(({ scenario: name, learnt, kept }) => {
    const all = listed.filter(({ train: { scenario: of } }) => of.name === name).length;
    const { statistic } = taught(name).experiment;
    return (
      `- ${name}: ${statistic.name} (${statistic.definition}${statistic.never ? "" : "; 0 for a rewind that never gets there"}), ` +
      `on ${trainingsOf(kept.length)} kept apart; learnt from ${learnt.length}, ${all - learnt.length - kept.length} left out as unfit.\n`
    );
  });
  const together = several
    ? "Together is the mean of these, each in units of the difference that counts in its experiment. "
    : "";
  const strengths = inWords(
    strengthFactors.map((times) => String(times * triedAs.strength)),
    "or",
  );
  const head =
    `# Learnt end to end\n\n${parts.join("")}\nRate ${triedAs.learningRate}, strength ` +
    `${strengths}: the first that gets there. ${together}The same trainings chose the step, so that another set of images has to show what it ` +
    "is worth.\n\n";
  await folder.write("train.md", `${head}${markdownTable(columns, rows)}\n`);
  answer(
    { folder: flags.out, controls, results },
    `${textTable(columns, rows)}\n\nweights, train.md and train.json in ${flags.out}`,
  );
}

export function registerPredictorTrain(group: Command): void {
  const command = group
    .command("train")
    .description("a predictor learnt for what unlearning is for; the same command goes on")
    .addOption(
      new Option(
        "--objective <name>",
        "what they are learnt for: a better network after forgetting",
      )
        .choices(["downstream"])
        .default("downstream"),
    )
    .addOption(
      new Option(
        "--predictor <name>",
        "filter: weights of the steps alone; mix: and of two gradients on D_f; invwnn: the network, from the shipped one on, or from --start",
      )
        .choices([...learntLoaders, invWnnLoader].map(({ name }) => name))
        .default(filterLoader.name),
    )
    .addOption(
      new Option(
        "--weighting <name>",
        "mix: how images of D_f count in the runner-up's gradient: alike, or by how far each is forgotten",
      )
        .choices(weightings)
        .default("even"),
    )
    .requiredOption("--out <dir>", "where the weights and the state go")
    .requiredOption(
      "--library <dir>",
      "folder of trained networks; those that are missing are trained",
    );
  const scenarioText = `what is forgotten (repeatable; default: ${defaults.damage}): ${taughtScenarios()
    .map(({ name }) => name)
    .join(", ")}`;
  command.option("--scenario <name>", scenarioText, repeatable(scenario));
  sourceOption(command)
    .option("--architectures <list>", "networks, in turn", "mlp,tiny-cnn,tiny-resnet,tiny-vit")
    .option("--image-size <n>", "side of the images, in pixels", integer(4, most.side), 16)
    .option("--images <list>", "images of a training, drawn from these numbers", "300,500")
    .option("--clean <n>", "clean images that measure", integer(20, most.images), 1000)
    .option("--epochs <n>", "epochs of a training", integer(1, most.epochs), 150)
    .option(
      "--trainings <n>",
      "trained networks, the scenarios in turn",
      integer(2, most.networks),
      48,
    )
    .option("--validation <n>", "trained networks kept apart", integer(1, most.networks), 12)
    .option("--steps <n>", "meta-steps", integer(1, most.epochs), 300)
    .option("--episodes <n>", "rewinds of a meta-step", integer(1, 1000), 4)
    .option("--try-every <n>", "meta-steps between tries on those kept apart", integer(1), 25)
    .option(
      "--lr <rate>",
      `learning rate, which falls along a cosine (default: ${usualRates.steps}; invwnn: ${usualRates.network})`,
      number({ above: 0, to: 1 }),
    )
    .option("--start <file>", "a learnt filter to begin at; mix: or a learnt mix")
    .option("--meta-seeds <n>", "meta-trainings, each with a seed of its own", integer(1, 100), 3)
    .option("--seed <n>", "seed of the trained networks", integer(0), 1);
  example(
    command,
    "a mix on drawn digits, small enough for two cores",
    "rewind predictor train --objective downstream --predictor mix --architectures mlp --image-size 14",
    "--trainings 16 --validation 4 --steps 50 --library runs/end-states --out runs/mix",
  );
  deviceOptions(command).action(train);
}
