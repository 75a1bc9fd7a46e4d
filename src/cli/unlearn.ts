/** `rewind unlearn`: makes a network forget D_f: one of `rewind train`, or one that was trained elsewhere. */
import { z } from "zod";
import { taskOf } from "../../models/index.ts";
import { imageFolder } from "../data/image-folder.ts";
import { absolutePath, exists, join } from "../platform/files.ts";
import type { Command } from "commander";
import { DataError, UsageError } from "../errors.ts";
import { type SetupConfig, setupSchema, trainSchema, type UnlearnConfig } from "../runs/config.ts";
import {
  forgetFile,
  forgetRecord,
  forgetText,
  holdsForgotten,
  keptThatWereForgotten,
  readForgetRecord,
  recordForget,
  runOf,
  wrongLabelsIn,
} from "../runs/forget-record.ts";
import {
  type GivenNetwork,
  readNetwork,
  readRunNetwork,
  requirePrepared,
} from "../runs/given-network.ts";
import { loadImages, type RunImages } from "../runs/images.ts";
import { graderOn } from "../runs/grader.ts";
import { changedInput, inputsFile, inputsOf, recordInputs, requireInputs } from "../runs/inputs.ts";
import { prepareJob } from "../runs/job.ts";
import { RunFolder } from "../report/run-folder.ts";
import { diffusion } from "../tasks/diffusion.ts";
import { Owned } from "../gpu/owned.ts";
import { hasLevel } from "../unlearn/driver.ts";
import { methods } from "../unlearn/methods/index.ts";
import { shippedIn } from "../runs/unlearn-run.ts";
import { checkNetwork, checkUnlearning, specOf } from "./check-inputs.ts";
import { type ForgetFlags, forgetConfig, forgetOptions } from "./forget-options.ts";
import { givenGrader, loadOwnModel } from "./model-file.ts";
import { type NonfiniteFlags, nonfiniteOption } from "./nonfinite.ts";
import { imagesFlag } from "./report.ts";
import { claimFolder, type FolderFlags, privateFlag, requireApart } from "./run-folder.ts";
import { sayNotes } from "./notes.ts";
import {
  dataOf,
  dataOptions,
  networkOf,
  networkOptions,
  preprocessingGiven,
  preprocessingOptions,
  present,
  scenarioOf,
  type SetupFlags,
} from "./setup-options.ts";
import { unlearnConfig, type UnlearnFlags, unlearnOptions } from "./unlearn-options.ts";
import { profileOption, startProfile, writeProfile } from "./profile.ts";
import { type DeviceFlags, deviceOptions, lossOption, withDevice } from "./device-options.ts";
import { interruptSignal } from "./interrupt.ts";
import { integer, validate } from "./parse.ts";
import {
  readRetrained,
  requireMeasured,
  requireSameTask,
  showFinished,
  unlearnAndReport,
} from "./unlearn-job.ts";

type Flags = UnlearnFlags &
  DeviceFlags &
  SetupFlags &
  ForgetFlags &
  NonfiniteFlags &
  FolderFlags & {
    run?: string;
    from?: string;
    key?: string;
    reference?: string;
    grader?: string;
    profile?: boolean;
    images: boolean;
  };

export function registerUnlearn(command: Command): void {
  command
    .requiredOption("--out <dir>", "run folder; the same command continues an interrupted run")
    .option(...privateFlag)
    .option(...imagesFlag)
    .optionsGroup("The network, one of:")
    .option("--run <dir>", "folder of `rewind train`: its network, data and D_f", absolutePath)
    .option(
      "--from <checkpoint>",
      "trained elsewhere: .pt, .pth or .safetensors, or a folder with config.json and model.safetensors",
      absolutePath,
    )
    .optionsGroup("With --from:");
  const before = command.options.length;
  command.option(
    "--key <key>",
    "where the tensors of a PyTorch file lie, such as model_ema (default: the first of the usual keys)",
  );
  preprocessingOptions(
    networkOptions(command, { preset: false, tasks: ["classification", "diffusion"] }),
  );
  dataOptions(command, { preset: false });
  const ofFrom = command.options.slice(before);
  forgetOptions(command);
  unlearnOptions(command)
    .option("--reference <dir>", "run folder of --method retrain: gaps are measured to its network")
    .option(
      "--grader <path>",
      `diffusion: classifier that judges ${judged.count} drawn images after each round, the folder of a training or a checkpoint`,
      absolutePath,
    )
    .option("--seed <n>", "seed of the order of D_f", integer(0), 1)
    .addHelpText(
      "after",
      `
Three images and a class must go from a network trained elsewhere:
  rewind unlearn --from resnet18.pth --model resnet18-imagenet --preprocess imagenet \\
    --class-names classes.txt --image-size 224 --data photos \\
    --forget-files gone.txt --forget-class cat --predictor late --until-unseen --land --out forgotten`,
    );
  profileOption(lossOption(deviceOptions(nonfiniteOption(command)))).action((flags: Flags) => {
    const given = ofFrom.find(
      (option) => command.getOptionValueSource(option.attributeName()) === "cli",
    );
    if (flags.run !== undefined && flags.from === undefined && given !== undefined) {
      throw new UsageError(
        `${given.long} belongs to --from: a run knows its own data and network.`,
      );
    }
    return unlearn(flags);
  });
}

/** What is drawn to be judged, after each round. */
const judged = { count: 200, steps: 20 } as const;

/** What is made to forget: a configuration for the run's folder, and the parts of its job. */
interface Subject {
  /** Written into the folder. */
  readonly config: object;
  readonly setup: SetupConfig;
  readonly given: GivenNetwork;
  /** D_f, where it is not that of the training. */
  readonly forget: SetupConfig["forget"];
  readonly unlearn: ReturnType<typeof unlearnConfig>;
}

async function unlearn(flags: Flags): Promise<void> {
  const started = performance.now();
  const { reference } = flags;
  const { config, setup, given, forget, unlearn: asked } = await subjectOf(flags);
  const grader = flags.grader === undefined ? undefined : await givenGrader(flags.grader);
  if (grader !== undefined && taskOf(given.network) !== diffusion.name) {
    throw new UsageError(
      `--grader judges what a network draws, and "${given.network.name}" draws nothing.`,
    );
  }
  const written = {
    ...config,
    unlearn: asked,
    ...(grader && { grader: grader.digest }),
    ...(await shippedIn(asked)),
  };
  const retrained = reference === undefined ? undefined : await readRetrained(reference);
  const files =
    reference === undefined ? [] : [["reference", join(reference, "report.json")] as const];
  requireApart(flags.out, setup.data?.dir, setup.forget?.dir, forget?.dir);
  if (await RunFolder.check(flags.out, written)) {
    const finished = await RunFolder.open(flags.out);
    await requireInputs(finished, await inputsOf({ setup, given, unlearn: asked }));
    await requireMeasured(finished, files);
    if (await showFinished(finished)) return;
  }
  const images = await loadImages(setup, { given, forget });
  if (flags.run !== undefined) await requireTrainedOn(flags.run, images);
  sayNotes([
    ...given.notes,
    ...images.notes,
    forgetText(images.corrupted, { ...setup, forget: forget ?? setup.forget }),
    ...(flags.from === undefined ? [] : await forgottenNotes(flags.from, images)),
    ...endlessNotes(flags, asked, { given, images }),
    ...recipeNotes(flags, asked),
  ]);
  checkNetwork(setup, images, given);
  await checkUnlearning(asked, images, given.network);
  const record = await forgetRecord(images.corrupted, { forget: forget ?? setup.forget });
  if (flags.sameAs !== undefined && !holdsForgotten(record, await readForgetRecord(flags.sameAs))) {
    throw new DataError(
      `the images of the D_f of "${flags.sameAs}" have other contents or labels here: give the data that run had.`,
    );
  }
  const inputs = await inputsOf({ setup, given, unlearn: asked, images, files });
  if (retrained !== undefined) {
    await requireSameTask(retrained, {
      digest: record.digest,
      inputs,
      model: specOf(given.network, images.corrupted.train).name,
    });
  }
  const folder = await claimFolder(flags, written);
  await recordInputs(folder, inputs);
  await recordForget(folder, record);
  const signal = interruptSignal();
  await withDevice(flags, async (gpu) => {
    startProfile(gpu, flags.profile);
    const judging = grader && {
      grader: await graderOn(gpu, grader, new Owned()),
      drawing: { ...judged, seed: flags.seed },
    };
    const job = await prepareJob(gpu, setup, { images, given, forget, judging });
    await unlearnAndReport(folder, job, asked, {
      record,
      asked: forget ?? setup.forget,
      source: flags.run ?? flags.from,
      images: flags.images,
      signal,
      started,
      retrained: retrained?.final,
    });
    await writeProfile(gpu, folder);
  });
}

/** @throws DataError where a run's images are not those that it was trained on: others would be D_f. */
async function requireTrainedOn(
  run: string,
  { trained: corrupted, test }: RunImages,
): Promise<void> {
  const inputs = await inputsOf({ images: { corrupted, test } });
  const changed = await changedInput(await RunFolder.open(run), inputs);
  if (changed === undefined) return;
  throw new DataError(
    `${changed}: they are not those that "${run}" was trained on (${inputsFile}), as files were added, removed, renamed or ` +
      `changed since, and D_f would be other images. Put them back; or give what is there now, and name what must go of it: ` +
      `--from ${run} --data DIR --forget-files LIST.`,
  );
}

/** A note where images that a network of an earlier unlearning has forgotten are in D_r here, in a list. */
async function forgottenNotes(from: string, { corrupted }: RunImages): Promise<string[]> {
  const run = await runOf(from);
  if (!(await exists(join(run, forgetFile))) || !(await exists(join(run, "config.json"))))
    return [];
  if (!isUnlearning(await (await RunFolder.open(run)).config())) return [];
  const count = await keptThatWereForgotten(corrupted, await readForgetRecord(run));
  if (count === 0) return [];
  return [
    `${count} of the images that "${run}" has forgotten (${forgetFile}) are in D_r here: they count as kept, and methods ` +
      `that read D_r teach them again. Take them out of the data, or let them go once more: --same-as ${run}`,
  ];
}

const sharesSchema = z.looseObject({
  data: z.looseObject({ name: z.string(), testShare: z.number().optional() }).optional(),
});

/**
 * Holds the share of images that are held back to test on against that of the run which a network is from.
 *
 * @throws UsageError for another share: images that were learnt would be tested on, or others taken for learnt.
 */
async function requireSameShare(from: string, { data }: SetupConfig): Promise<void> {
  const run = await runOf(from);
  if (data?.testShare === undefined || !(await exists(join(run, inputsFile)))) return;
  const config = (await (await RunFolder.open(run)).config()) as Record<string, unknown>;
  const parsed = sharesSchema.safeParse(config["train"] ?? config["setup"] ?? config);
  const known = parsed.success ? parsed.data.data : undefined;
  if (known?.name !== imageFolder.name || known.testShare === data.testShare) return;
  const then = known.testShare === undefined ? "without one" : `with ${known.testShare}`;
  throw new UsageError(
    `--test-share ${data.testShare}: the network of "${run}" was made ${then}. Images that it learnt would be tested on, or others ` +
      "taken for learnt: give its images as they were given then.",
  );
}

/** A note where a network is trained anew by another recipe than its own, in a list. */
function recipeNotes({ from }: Flags, { method, settings }: UnlearnConfig): string[] {
  if (from === undefined || methods.find(method).reference !== true) return [];
  return [
    `how "${from}" was trained is not read with --from: --method ${method} takes ${String(settings["epochs"])} epochs and its own ` +
      "settings unless --set says otherwise; of a run's folder --run takes those of the training",
  ];
}

/** A note where nothing but the rounds ends a run, and nobody asked for them, in a list. */
function endlessNotes(
  flags: Flags,
  asked: UnlearnConfig,
  { given, images: { corrupted, test } }: { given: GivenNetwork; images: RunImages },
): string[] {
  const ends = [flags.rounds, asked.testFloor, asked.seconds].some((rule) => rule !== undefined);
  const anew = methods.find(asked.method).reference === true;
  if (ends || anew || hasLevel(asked) || taskOf(given.network) === diffusion.name) return [];
  const level =
    wrongLabelsIn(corrupted) > 0 || test.count === 0
      ? "--until-share 0.5 --land ends where half of it is left"
      : "--until-unseen --land ends where D_f is answered as images that were never seen";
  return [
    `all ${asked.rounds} rounds are run, however much of the rest goes with D_f, as no level ends them: ${level}`,
  ];
}

/** Whether a configuration is that of an unlearning, which a training's is not. */
function isUnlearning(config: unknown): boolean {
  return typeof config === "object" && config !== null && "unlearn" in config;
}

async function subjectOf(flags: Flags): Promise<Subject> {
  const { run, from, seed } = flags;
  if (run !== undefined && from !== undefined) {
    throw new UsageError("--run and --from each name a network: give one of them.");
  }
  if (run === undefined && from === undefined) {
    throw new UsageError(
      "which network? Give --run DIR (a folder of `rewind train`) or --from CHECKPOINT (trained elsewhere).",
    );
  }
  const forget = await forgetConfig(flags);
  if (run !== undefined) {
    const folder = await RunFolder.open(run);
    const config = await folder.config();
    if (isUnlearning(config)) {
      throw new DataError(
        `--run ${run}: it is the folder of an unlearning, and --run takes that of a training. To forget more, give its network ` +
          `and images: --from ${run} --data DIR, and what must go now by --forget options. What it has forgotten belongs out of DIR, ` +
          `or goes once more by --same-as ${run}.`,
      );
    }
    await loadOwnModel(config);
    const train = validate(trainSchema, config, `${run}/config.json`, DataError);
    await folder.requireCheckpoint("checkpoint.safetensors");
    const { dir } = train.data;
    if (dir !== undefined && !(await exists(dir))) {
      throw new DataError(
        `--run ${run}: its images were in "${dir}", which is no longer there. Where they have moved: --from ${run} --data DIR; ` +
          `where only those that must go are left: --from ${run} --forget-data DIR.`,
      );
    }
    const given = await readRunNetwork(folder.file("checkpoint.safetensors"), {
      model: train.model,
      allowNonfinite: flags.allowNonfinite ?? train.allowNonfinite,
    });
    return {
      config: { run, train, ...(forget && { forget }) },
      setup: train,
      given,
      forget,
      unlearn: unlearnConfig(flags, train),
    };
  }
  if (forget === undefined) {
    throw new UsageError(
      "which images must go? Name them by --forget-files, --forget-class, --forget-data or another --forget option.",
    );
  }
  const setup = validate(
    setupSchema,
    present({
      data: dataOf(flags),
      scenario: scenarioOf({}, forget),
      forget: present({
        ...forget,
        size: flags.dataset === undefined ? flags.imageSize : undefined,
      }),
      ...(await networkOf(flags)),
      checkpoint: from,
      key: flags.key,
      allowNonfinite: flags.allowNonfinite,
      ...(await preprocessingGiven(flags)),
      seed,
    }),
    "options",
  );
  const noImages = flags.dataset === undefined && forget.dir === undefined;
  const isRun =
    (await exists(join(from!, "config.json"))) && (await exists(join(from!, "inputs.json")));
  if (noImages && isRun) {
    const config = await (await RunFolder.open(from!)).config();
    const again = isUnlearning(config) ? "" : "--run in place of --from; ";
    throw new UsageError(
      `--from ${from}: it is the folder of a run, whose images are not read here: give ${again}--data DIR with it; ` +
        "--forget-data DIR where only those that must go are left.",
    );
  }
  await requireSameShare(from!, setup);
  const { model: { name: _, ...settings } = {} } = await networkOf(flags, false);
  const given = requirePrepared(await readNetwork(from!, { ...setup, settings }));
  if (noImages) {
    throw new UsageError(
      "which images? Give --data DIR (or --dataset), or --forget-data DIR where only those that must go are left.",
    );
  }
  return { config: { setup }, setup, given, forget: undefined, unlearn: unlearnConfig(flags) };
}
