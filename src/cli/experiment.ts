/** `rewind experiment`: the paper's experiments, every method, over seeds. */
import { Command, InvalidArgumentError, Option } from "commander";
import { DataError, UsageError } from "../errors.ts";
import { type Variant, variantOf } from "../experiments/arms.ts";
import { diffusionName, drawingOf } from "../experiments/diffusion.ts";
import { checkTunedTogether, readEarlier } from "../experiments/earlier.ts";
import { resultsFile } from "../experiments/experiment-page.ts";
import { openGrader, readGraderRecord } from "../experiments/grader.ts";
import { nowcastScenario } from "../experiments/nowcast.ts";
import {
  isOtherPart,
  isUntried,
  mergeParts,
  type Part,
  partFile,
  readPart,
  readParts,
  requestPlan,
} from "../experiments/parts.ts";
import { placeOf } from "../experiments/places.ts";
import { type PlannedRun, type Share, sharesOf } from "../experiments/plan.ts";
import { experimentNames, type Protocol } from "../experiments/protocol.ts";
import { type Reported, reportExperiment } from "../experiments/report.ts";
import {
  experimentConfig,
  type ExperimentRequest,
  graderOf,
  requestProtocol,
  unknownExperiment,
} from "../experiments/request.ts";
import { countRuns, PlanResults, runPlan } from "../experiments/run.ts";
import { type Overrides, type Size, sizeNames } from "../experiments/scale.ts";
import { summariseFinished } from "../experiments/summary.ts";
import { resultTable } from "../experiments/tables.ts";
import { readTaken } from "../experiments/taken.ts";
import { readTuning } from "../experiments/tuning-file.ts";
import type { Environment } from "../experiments/trained-network.ts";
import { usualWidenings } from "../experiments/widening.ts";
import { Owned } from "../gpu/owned.ts";
import { classesForgotten } from "../metrics/drawn.ts";
import { absolutePath } from "../platform/files.ts";
import { absolutePredictor, loadPredictor } from "../predictors/index.ts";
import { RunFolder } from "../report/run-folder.ts";
import type { DataConfig, ForgetConfig } from "../runs/config.ts";
import { defaults } from "../runs/defaults.ts";
import { fileOfNetwork } from "../runs/given-network.ts";
import { loadImages } from "../runs/images.ts";
import { inputsOf } from "../runs/inputs.ts";
import { scheduleNames } from "../train/schedule.ts";
import { checkNetwork, checkSettings, checkTraining } from "./check-inputs.ts";
import { deviceOptions, lossOption, precisionOf, withDevice } from "./device-options.ts";
import { example } from "./examples.ts";
import { type ForgetFlags, forgetConfig, forgetOptions } from "./forget-options.ts";
import { mostMinutes, timeLimit } from "./interrupt.ts";
import { givenGrader, isModelFile, loadOwnModel, readModelFile } from "./model-file.ts";
import { nonfiniteOption, takenPredictor } from "./nonfinite.ts";
import { sayNotes } from "./notes.ts";
import { nowcastExperiment, type NowcastFlags, nowcastOptions } from "./nowcast.ts";
import { answer, say } from "./output.ts";
import { integer, most, number, repeatable } from "./parse.ts";
import { withRuns } from "./progress.ts";
import { claimFolder, privateFlag, requireApart } from "./run-folder.ts";
import {
  classesOption,
  datasetOptions,
  imageSizeOption,
  imageSizeText,
  modelOption,
} from "./setup-options.ts";
import { queueOf, queueOption, storeOption } from "./queue-options.ts";
import { submitExperiment, type SubmitFlags } from "./submit.ts";
import { microBatchText, optimizerNames, optimizerOf } from "./train-options.ts";
import { setting } from "./unlearn-options.ts";
import { packageVersion } from "./version.ts";

interface ExperimentFlags extends NowcastFlags, ForgetFlags, SubmitFlags {
  readonly dataset: DataConfig["name"];
  readonly data?: string;
  readonly tuningSeed: number;
  readonly tuningSeeds?: number;
  readonly widenings?: number;
  readonly tuned?: string;
  readonly predictor?: string;
  readonly arms?: string;
  readonly variant?: readonly Variant[];
  readonly beside?: string;
  readonly size: Size;
  readonly model: string;
  readonly from?: string;
  readonly train?: number;
  readonly test?: number;
  readonly imageSize?: number;
  readonly epochs?: number;
  readonly batch?: number;
  readonly lr?: number;
  readonly schedule?: (typeof scheduleNames)[number];
  readonly optimizer?: string;
  readonly weightDecay?: number;
  readonly minutes?: number;
  readonly microBatch?: number;
  readonly recompute?: boolean;
  readonly activations?: "f32" | "f16";
  readonly onlyClasses?: string[];
  readonly grader?: string;
  readonly shard?: Share;
}

/** Priority on a queue where nothing is said. */
const usualPriority = 100;
/** Tries of a run. */
const usualAttempts = 4;

/** The word that stands in the place of an experiment's name to put shares together. */
const mergeName = "merge";
const nowcastName = "nowcast";

/** Parses `i/n`. */
function share(text: string): Share {
  const [, i = "", n = ""] = /^(\d{1,5})\/(\d{1,5})$/.exec(text) ?? [];
  const [index, of] = [Number(i), Number(n)];
  if (index >= 1 && index <= of) return { index, of };
  throw new InvalidArgumentError("needs a share and how many there are, such as 2/8.");
}

/** An object without the fields that are undefined. */
function withoutAbsent<T extends object>(given: T): T {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as T;
}

/** Collects `ARM KEY=VALUE ...`. */
function variant(text: string, before: Variant[] = []): Variant[] {
  const [arm, ...changes] = text.trim().split(/\s+/);
  if (arm === undefined || changes.length === 0) {
    throw new InvalidArgumentError(`it is an arm and settings: "rewind learningRate=1e-4".`);
  }
  const settings = changes.reduce<Record<string, unknown>>((all, one) => setting(one, all), {});
  return [...before, { arm, settings }];
}

export function registerExperiment(command: Command): void {
  command
    .argument("<name>", `one of ${experimentNames().join(", ")}, nowcast; or merge`)
    .argument("[folders...]", "merge: the folders of all shares")
    .requiredOption("--out <dir>", "folder; the same command continues an interrupted experiment")
    .option(...privateFlag);
  datasetOptions(command, { preset: true })
    .option("--seeds <n>", "seeds reported", integer(1, most.networks), 5)
    .option("--first-seed <n>", "the first of them", integer(0), 1)
    .option("--tuning-seed <n>", "first of the seeds that settings are chosen on", integer(0), 101)
    .option(
      "--tuning-seeds <n>",
      "how many of them (default: 3; at size tiny, 1)",
      integer(1, most.networks),
    )
    .option(
      "--widenings <n>",
      "how often an arm whose best settings lie at an edge of those tried is tried beyond it (default: " +
        `${usualWidenings}; at size tiny, 0)`,
      integer(0, 10),
    )
    .option(
      "--tuned <dir>",
      "take over the settings that another run of the experiment chose, and try none (its results.json, tuning.json)",
      absolutePath,
    )
    .option(
      "--predictor <dir>",
      "folder of the published InvWNN, for the arms that use it",
      absolutePredictor,
    )
    .option("--arms <list>", "only these competitors")
    .option(
      "--beside <dir>",
      "results of the same experiment (results.json, results.csv, tuning.json): its other arms are reported too",
    )
    .option(
      "--variant <arm key=value ...>",
      "also a competitor with settings changed, the others as tuned (repeatable)",
      repeatable(variant),
    );
  command.option(
    "--minutes <n>",
    "end after so many minutes, with what is done; the same command goes on another time",
    number({ above: 0, to: mostMinutes }),
  );
  command.option(
    "--shard <i/n>",
    "only the i-th of n shares, for job arrays; `experiment merge` puts their folders together",
    share,
  );
  queueOption(command)
    .addOption(storeOption())
    .option("--priority <n>", "--queue: 1 comes first, 1000 last", integer(1, 1000), usualPriority)
    .option(
      "--attempts <n>",
      "--queue: how often a run is tried before it counts as failed",
      integer(1, 100),
      usualAttempts,
    )
    .option("--detach", "--queue: submit, and do not wait; the same command without it waits")
    .option(
      "--cancel",
      "--queue: take the runs off the queue; the same command without it goes on",
    );
  nowcastOptions(command)
    .addOption(
      new Option(
        "--size <name>",
        "scaled to small machines; small, for many seeds; the paper's; `tiny` for a first look",
      )
        .choices(sizeNames)
        .default("scaled"),
    )
    .addOption(modelOption().default(defaults.network))
    .option(
      "--from <network>",
      "pretrained checkpoint that training starts from, or its folder",
      absolutePath,
    );
  classesOption(command, "diffusion: 0,1,4,7 where nothing else is said").option(
    "--grader <path>",
    "diffusion: what judges drawn images, the folder of a training or a checkpoint (default: one that is trained first)",
    absolutePath,
  );
  nonfiniteOption(command)
    .option("--train <n>", "training images instead of the size's", integer(1, most.images))
    .option("--test <n>", "test images instead of the size's", integer(1, most.images));
  imageSizeOption(command, imageSizeText)
    .option("--epochs <n>", "training epochs instead of the size's", integer(1, most.epochs))
    .option("--batch <n>", "images a training step instead of the size's", integer(1, most.images))
    .option(
      "--lr <rate>",
      "learning rate of training instead of the size's",
      number({ above: 0, to: 10 }),
    )
    .addOption(
      new Option(
        "--schedule <kind>",
        "learning rate over time instead of the size's; one-cycle for few epochs at a high rate",
      ).choices(scheduleNames),
    )
    .addOption(
      new Option("--optimizer <name>", "how training steps instead of the size's").choices(
        optimizerNames(),
      ),
    )
    .option("--weight-decay <d>", "--optimizer: weight decay of training", number({ from: 0 }))
    .option("--micro-batch <n>", `in training and methods: ${microBatchText}`, integer(1))
    .option("--recompute", "compute activations again for the backward pass")
    .addOption(
      new Option(
        "--activations <type>",
        "what activations are stored as for the backward pass",
      ).choices(["f32", "f16"]),
    );
  example(
    command,
    "two methods on drawn digits, in a minute",
    "rewind experiment label-noise --size tiny --epochs 40 --seeds 2 --arms rewind,neg-grad",
    "--out runs/label-noise",
  );
  lossOption(deviceOptions(forgetOptions(command))).action(
    async (name: string, folders: string[], asked: ExperimentFlags) => {
      const queue = queueOf(asked);
      const flags = queue === undefined ? asked : { ...asked, queue };
      requireOwnOptions(name, command, flags);
      if (name === mergeName) return merge(folders, command, flags);
      if (folders.length > 0) {
        throw new UsageError(`experiment ${name} takes no folders: "${folders[0]}".`);
      }
      requireApart(flags.out, flags.data);
      const forget = await forgetConfig(flags);
      if (name === nowcastName) {
        if (forget !== undefined) {
          throw new UsageError("experiment nowcast forgets nothing: give no --forget option.");
        }
        const request = await requestOf(nowcastScenario.name, flags, forget);
        const protocol = requestProtocol({ ...request, seeds: [] });
        const train = (seed: number) => ({ ...protocol.train(seed), scenario: nowcastScenario });
        await nowcastExperiment(train, flags);
      } else {
        await run(await requestOf(name, flags, forget), flags);
      }
    },
  );
}

/** Seeds that settings are chosen on: one would be chance, and more than a first look takes. */
function tuningSeedsOf({ tuningSeed, tuningSeeds, size }: ExperimentFlags): number[] {
  const count = tuningSeeds ?? (size === "tiny" ? 1 : 3);
  return Array.from({ length: count }, (_, i) => tuningSeed + i);
}

/** What the flags of a command ask for. */
async function requestOf(
  experiment: string,
  flags: ExperimentFlags,
  forget: ForgetConfig | undefined,
): Promise<ExperimentRequest> {
  const own = isModelFile(flags.model) ? await readModelFile(flags.model) : undefined;
  const { epochs, allowNonfinite, batch, microBatch, recompute, activations } = flags;
  const { lr: learningRate, schedule, optimizer, weightDecay } = flags;
  if (weightDecay !== undefined && optimizer === undefined) {
    throw new UsageError("--weight-decay belongs to --optimizer: give both.");
  }
  const recipe = {
    from: flags.from && (await fileOfNetwork(flags.from)),
    ...{ allowNonfinite, epochs, batch, microBatch, recompute, activations },
    ...{ learningRate, schedule },
    optimizer: optimizer === undefined ? undefined : optimizerOf({ ...flags, optimizer }),
  };
  const given = {
    published: takenPredictor(flags.predictor, flags),
    forget,
    arms: flags.arms?.split(",").map((arm) => arm.trim()),
    grader: flags.grader,
    ...precisionOf(flags),
  };
  return withoutAbsent({
    experiment,
    data: withoutAbsent({
      name: flags.dataset,
      ...{ dir: flags.data, size: flags.imageSize, classes: flags.onlyClasses },
    }),
    size: flags.size,
    ...(own ?? { model: flags.model }),
    ...given,
    overrides: withoutAbsent({
      ...{ train: flags.train, test: flags.test },
      recipe: withoutAbsent(recipe) as Overrides["recipe"] & object,
    }),
    variants: flags.variant ?? [],
    seeds: Array.from({ length: flags.seeds }, (_, i) => flags.firstSeed + i),
    tuningSeeds: tuningSeedsOf(flags),
    widenings: flags.widenings,
    tuned: flags.tuned === undefined ? undefined : await readTaken(flags.tuned, experiment),
  });
}

/** @throws UsageError for options of shares and queues that do not go together. */
function requireSpread(name: string, command: Command, flags: ExperimentFlags): void {
  const { shard, queue, store, beside } = flags;
  const spread = shard !== undefined ? "--shard" : queue !== undefined ? "--queue" : undefined;
  if (shard !== undefined && queue !== undefined) {
    throw new UsageError("--shard is for machines without a queue: give it or --queue.");
  }
  if (flags.minutes !== undefined && (queue !== undefined || name === nowcastName)) {
    throw new UsageError(
      name === nowcastName
        ? "experiment nowcast has no --minutes: leave it out."
        : "--minutes is for a command that does the runs: workers of a --queue have --idle and --runs.",
    );
  }
  if (name === nowcastName && spread !== undefined) {
    throw new UsageError(`${spread}: experiment nowcast runs in one process.`);
  }
  if (beside !== undefined && spread !== undefined) {
    throw new UsageError(`--beside is reported by one process: leave ${spread} out.`);
  }
  if (queue !== undefined && store === undefined) {
    throw new UsageError("--queue: say where the machines put their results, by --store.");
  }
  const alone = ["store", "priority", "attempts", "detach", "cancel"].find(
    (option) => queue === undefined && command.getOptionValueSource(option) === "cli",
  );
  if (flags.detach === true && flags.cancel === true) {
    throw new UsageError("--detach submits and --cancel takes back: give one of them.");
  }
  if (alone !== undefined)
    throw new UsageError(
      `--${alone} belongs to --queue (or REWIND_QUEUE, with --store): give both.`,
    );
}

/** @throws UsageError where settings would be taken over and chosen. */
function requireOneChoice(name: string, command: Command, { tuned }: ExperimentFlags): void {
  if (tuned === undefined) return;
  if (name === diffusionName || name === nowcastName) {
    throw new UsageError(`--tuned: experiment ${name} tunes nothing: leave it out.`);
  }
  const other = command.options.find(
    (option) =>
      ["--tuning-seed", "--tuning-seeds", "--widenings", "--beside"].includes(option.long ?? "") &&
      command.getOptionValueSource(option.attributeName()) === "cli",
  );
  if (other !== undefined) {
    throw new UsageError(
      `--tuned tries no settings: leave ${other.long!} out, or choose them here.`,
    );
  }
}

/** Options by what they are for: those that choose settings or arms, and those of forecasts. */
const tuningOptions = ["predictor", "beside", "widenings", "tuningSeed", "tuningSeeds"];
const armOptions = ["arms", "variant"];
const forecastOptions = nowcastOptions(new Command()).options.map((option) =>
  option.attributeName(),
);

/** Whether an experiment would not read an option. */
function lacks(experiment: string, option: string): boolean {
  if (experiment === mergeName) return false;
  if (experiment === nowcastName) return [...tuningOptions, ...armOptions].includes(option);
  if (forecastOptions.includes(option)) return true;
  return experiment === diffusionName && ["model", ...tuningOptions].includes(option);
}

/** @throws UsageError for an option that an experiment does not have. */
function requireOwnOptions(name: string, command: Command, flags: ExperimentFlags): void {
  if (![...experimentNames(), nowcastName, mergeName].includes(name)) {
    throw unknownExperiment(name);
  }
  requireSpread(name, command, flags);
  const draws = name === diffusionName;
  requireOneChoice(name, command, flags);
  const given = (option: string): boolean => command.getOptionValueSource(option) === "cli";
  if (!draws && (flags.grader !== undefined || flags.onlyClasses !== undefined)) {
    const flag = flags.grader === undefined ? "--only-classes" : "--grader";
    throw new UsageError(`${flag} belongs to experiment ${diffusionName}.`);
  }
  const foreign = command.options.find(
    (option) => lacks(name, option.attributeName()) && given(option.attributeName()),
  );
  if (foreign !== undefined) {
    throw new UsageError(`experiment ${name} has no ${foreign.long}: leave it out.`);
  }
}

/** The folders of shares become one experiment. */
async function merge(
  folders: readonly string[],
  command: Command,
  flags: ExperimentFlags,
): Promise<void> {
  const strange = command.options.find((option) => {
    const name = option.attributeName();
    const own = ["out", "private", "quiet", "json"].includes(name);
    return !own && command.getOptionValueSource(name) === "cli";
  });
  if (strange !== undefined) {
    throw new UsageError(
      `experiment merge takes folders and --out, and no ${strange.long}: the shares say the rest.`,
    );
  }
  if (folders.length === 0) {
    throw new UsageError("experiment merge: name the folders of the shares.");
  }
  const parts = await readParts(folders);
  const { request } = parts[0]!;
  await loadOwnModel(request);
  const protocol = requestProtocol(request);
  const plan = requestPlan(protocol, request);
  const folder = await claimFolder(flags, await experimentConfig(protocol, request));
  await mergeParts(plan, parts, folder.path);
  const results = new PlanResults(protocol, plan, {}, folder.path);
  await tell(folder, {
    ...{ protocol, request, plan },
    results: await results.arms(),
    tuned: await results.tuned(),
    grader: await readGraderRecord(folder.path),
  });
}

/** Writes a report and says it. */
async function tell(folder: RunFolder, reported: Reported): Promise<void> {
  const { numbers, table } = await reportExperiment(folder, reported);
  answer({ folder: folder.path, ...numbers }, `${table}\n\nreport: ${folder.file("report.md")}`);
}

/** Runs the arms of a request, or a share of them. */
async function run(request: ExperimentRequest, flags: ExperimentFlags): Promise<void> {
  const protocol = requestProtocol(request);
  const earlier =
    flags.beside === undefined
      ? undefined
      : await readEarlier(flags.beside, protocol, flags.dataset, request.seeds);
  if (earlier !== undefined) {
    checkTunedTogether(protocol, earlier);
    if (earlier.widenings !== protocol.widenings && request.tuned === undefined) {
      say(
        `--beside: the settings of ${flags.beside} were chosen with --widenings ${earlier.widenings}, these are with ${protocol.widenings}`,
      );
    }
  }
  const asked = graderOf(protocol, request);
  if (asked?.given !== undefined) await givenGrader(asked.given);
  const written = await experimentConfig(protocol, request);
  await RunFolder.check(flags.out, written);
  await checkTraining(written.train);
  const { published } = request;
  if (published !== undefined) await loadPredictor(published);
  const { shard } = flags;
  const shareRuns = (plan: readonly PlannedRun[]): readonly PlannedRun[] =>
    shard === undefined ? plan : sharesOf(plan, shard.of)[shard.index - 1]!.runs;
  if (shard !== undefined) shareRuns(requestPlan(protocol, request));
  const setup = protocol.train(flags.tuningSeed);
  const images = await loadImages(setup);
  sayNotes(images.notes);
  checkNetwork(written.train, images);
  for (const variant of request.variants) {
    const arm = variantOf(variant, protocol.arms);
    await checkSettings(arm, written.train.model, images.corrupted.train);
  }
  if (protocol.name === diffusionName && classesForgotten(images.corrupted).length === 0) {
    throw new UsageError(
      `experiment ${diffusionName}: of no class every image is to be forgotten, and what is counted is how many of that are ` +
        "drawn: give --forget-class, or leave the --forget options out.",
    );
  }
  if (flags.queue !== undefined) {
    const begin = (): Promise<RunFolder> => claimFolder(flags, written);
    const submitted = await submitExperiment(protocol, request, written, flags, begin);
    if (submitted !== undefined) await tell(await RunFolder.open(flags.out), submitted);
    return;
  }
  const folder = await claimFolder(flags, written);
  const part = shard && {
    ...{ version: await packageVersion(), request, share: shard },
    inputs: await inputsOf({ setup, images }),
  };
  if (part !== undefined) await beginPart(folder, part);
  const limit = timeLimit(flags.minutes);
  const known = shard === undefined ? ((await readTuning(folder.path)) ?? {}) : {};
  const plan = requestPlan(protocol, request, known);
  const runs = shareRuns(plan);
  const results = new PlanResults(protocol, plan, known, folder.path);
  const before = flags.minutes === undefined ? 0 : await results.count(runs);
  const ran = await withDevice(flags, (gpu) =>
    withRuns(protocol.name, countRuns(runs), limit.signal, (told) =>
      Owned.within(async (owned) => {
        const plain: Environment = { gpu, out: folder.path, ...told };
        const opened = asked && (await openGrader(asked, plain, owned));
        const judging = opened && { grader: opened.grader, drawing: drawingOf(request.size) };
        await runPlan(protocol, runs, results, { ...plain, ...(judging && { judging }) });
        return { place: placeOf(gpu), grader: opened?.record };
      }),
    ),
  ).catch((error: unknown) => {
    if (!limit.isEnd(error)) throw error;
    return undefined;
  });
  if (ran === undefined) return tellSoFar(folder, protocol, runs, results, before);
  const { place, grader } = ran;
  if (part !== undefined) {
    await folder.writeJson(partFile, { ...part, finished: true });
    const { index, of } = part.share;
    const keys: string[] = [];
    for (const one of runs) {
      if (!(await isUntried(one, folder.path))) keys.push(one.key);
    }
    answer(
      { folder: folder.path, share: part.share, runs: keys },
      `share ${index} of ${of}: ${await results.countAll(runs)} runs in ${folder.path}; with all shares: ` +
        "rewind experiment merge FOLDER… --out DIR",
    );
    return;
  }
  await tell(folder, {
    ...{ protocol, request, plan, place, grader, earlier },
    results: await results.arms(),
    tuned: { ...known, ...(await results.tuned()) },
  });
}

/** Says how far an experiment is whose time is spent. */
async function tellSoFar(
  folder: RunFolder,
  protocol: Protocol,
  runs: readonly PlannedRun[],
  results: PlanResults,
  before: number,
): Promise<void> {
  const done = await results.count(runs);
  const none =
    done > before
      ? ""
      : " None ended in this time: a training goes on from its last epoch, an unlearning from its last round, so give more minutes than one takes.";
  const all = await results.countAll(runs);
  const summaries = summariseFinished(protocol, await results.finished());
  const table =
    summaries.length === 0
      ? ""
      : `\n\n${resultTable(protocol, summaries)}\n\nOver the seeds that are done.`;
  answer(
    { folder: folder.path, finished: false, done, runs: all, summaries },
    `the time is spent: ${done} of ${all} runs are done in ${folder.path}; the same command goes on.${none}${table}`,
  );
}

/** @throws DataError where the folder is another share of the experiment. */
async function beginPart(folder: RunFolder, part: Omit<Part, "finished">): Promise<void> {
  if (!(await folder.has(partFile))) {
    if (await folder.has(resultsFile)) {
      throw new DataError(
        `"${folder.path}" holds the whole experiment: give a share another \`out\`.`,
      );
    }
    return folder.writeJson(partFile, { ...part, finished: false });
  }
  const there = await readPart(folder.path);
  if (!isOtherPart(there, part)) return;
  throw new DataError(
    `"${folder.path}" is share ${there.share.index} of ${there.share.of}, or was begun for something else ` +
      `(${partFile}): give another \`out\`.`,
  );
}
