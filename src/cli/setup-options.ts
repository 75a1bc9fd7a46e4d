/** The options that say what a run works on: which images, what is wrong with them, and which network. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { type ModelConfig, namedNetworks, networks, taskOf } from "../../models/index.ts";
import type { NetworkTask } from "../../models/network.ts";
import { imageFolder } from "../data/image-folder.ts";
import { datasets } from "../data/index.ts";
import { DataError, UsageError } from "../errors.ts";
import {
  parsePreprocessing,
  type PreprocessingConfig,
  preprocessingNames,
} from "../nn/preprocessing.ts";
import { absolutePath, exists, join, readJson, readText } from "../platform/files.ts";
import { listed } from "../registry.ts";
import type { DataConfig, ForgetConfig, TrainConfig } from "../runs/config.ts";
import { defaults } from "../runs/defaults.ts";
import { scenarios } from "../scenarios/index.ts";
import { isModelFile, readModelFile } from "./model-file.ts";
import { integer, number, most } from "./parse.ts";
import { refuseUnused, settingOptions, settingsGiven } from "./setting-options.ts";

/** Flags as commander parses them. */
export interface SetupFlags {
  dataset?: DataConfig["name"];
  data?: string;
  train?: number;
  test?: number;
  testShare?: number;
  imageSize?: number;
  onlyClasses?: string[];
  scenario?: TrainConfig["scenario"]["name"];
  model?: string;
  classNames?: string;
  preprocess?: string;
}

/** Adds the options of the images; `preset`: a data set is taken where none is named. */
export function dataOptions(command: Command, { preset }: { preset: boolean }): Command {
  if (preset) command.optionsGroup("Images:");
  datasetOptions(command, { preset })
    .option("--train <n>", "training images, class-balanced", integer(1, most.images))
    .option("--test <n>", "test images, class-balanced", integer(1, most.images))
    .option(
      "--test-share <share>",
      "image-folder without test images (DIR/CLASS/*.jpg): hold this share back for that, by the images' names",
      number({ from: 0, below: 1 }),
    );
  classesOption(command);
  return imageSizeOption(command, imageSizeText);
}

/** Adds `--only-classes`. */
export function classesOption(command: Command, text = "the others are left out"): Command {
  return command.option(
    "--only-classes <names>",
    `classes whose images are taken, as 0,1,4,7; ${text}`,
    (names: string) => names.split(",").map((name) => name.trim()),
  );
}

/** What help says of the size of images. */
export const imageSizeText: string = "side the images are resized to; smaller ones on the GPU";

/** Adds `--image-size`, and its earlier name `--picture-size`, which help does not show. */
export function imageSizeOption(command: Command, text: string, usual?: number): Command {
  const parse = integer(1, most.side);
  const option = new Option("--image-size <pixels>", text).argParser(parse);
  return command
    .addOption(usual === undefined ? option : option.default(usual))
    .addOption(new Option("--picture-size <pixels>").argParser(parse).hideHelp())
    .hook("preAction", () => {
      const { pictureSize } = command.opts<{ pictureSize?: number }>();
      if (pictureSize === undefined) return;
      if (command.getOptionValueSource("imageSize") === "cli") {
        throw new UsageError(
          "--picture-size is the earlier name of --image-size: give one of them.",
        );
      }
      command.setOptionValueWithSource("imageSize", pictureSize, "cli");
    });
}

/**
 * Adds `--dataset` and `--data`: a folder alone says by its content which data set it holds.
 *
 * @param preset whether a data set is taken where neither is given.
 */
export function datasetOptions(command: Command, { preset }: { preset: boolean }): Command {
  const otherwise = preset ? `; else ${defaults.dataset}` : "";
  return command
    .addOption(
      new Option("--dataset <name>", `images (default: what --data holds${otherwise})`).choices(
        datasets.names,
      ),
    )
    .option("--data <dir>", "folder of the data set's files", absolutePath)
    .hook("preAction", async () => {
      const { dataset, data, testShare } = command.opts<SetupFlags>();
      if (dataset !== undefined) return;
      if (data !== undefined) {
        const name = await recognisedIn(data, testShare !== undefined);
        command.setOptionValueWithSource("dataset", name, "content");
      } else if (preset) {
        command.setOptionValueWithSource("dataset", defaults.dataset, "default");
      }
    });
}

/**
 * The data set whose files a folder holds; `parted`: a part to test on is made of it, where there is none.
 *
 * @throws DataError where it is none that is known.
 */
async function recognisedIn(dir: string, parted: boolean): Promise<string> {
  if (!(await exists(dir))) throw new DataError(`--data ${dir}: there is no such folder.`);
  for (const { name, recognises } of datasets.all) {
    if ((await recognises?.(dir)) === true) return name;
  }
  if (parted || (await exists(join(dir, "train")))) return imageFolder.name;
  throw new DataError(
    `--data ${dir}: its content does not say which data set it is. An image folder holds train/CLASS/*.jpg and ` +
      "test/CLASS/*.jpg; of CLASS/*.jpg alone --test-share 0.2 holds a fifth back to test on; else say which it is by --dataset.",
  );
}

/** Adds the option of the scenario, and those of its settings; `usual`: what it is where nothing says it. */
export function scenarioOptions(
  command: Command,
  usual = `${defaults.scenario}: nothing`,
): Command {
  command.addOption(
    new Option("--scenario <name>", `what is wrong with D_f (default: ${usual})`).choices(
      scenarios.names,
    ),
  );
  return settingOptions(command, scenarios.all);
}

/** Adds the options of the network; `preset`: one is taken where none is named; `tasks`: what it may be for. */
export function networkOptions(
  command: Command,
  { preset, tasks }: { preset: boolean; tasks?: readonly NetworkTask[] | undefined },
): Command {
  const model = modelOption(tasks);
  if (preset) command.optionsGroup("Network:");
  command.addOption(preset ? model.default(defaults.network) : model);
  return settingOptions(command, networks.all);
}

/** `--model`: a name or a file. */
export function modelOption(forTasks: readonly NetworkTask[] = ["classification"]): Option {
  const names = namedNetworks(forTasks);
  return new Option(
    "--model <name>",
    `network: one of ${names.join(", ")}; or a file with your own: a module (.ts, .js) or a description (.json)`,
  ).argParser((text) => {
    if (names.includes(text) || isModelFile(text)) return text;
    if (namedNetworks().includes(text)) {
      throw new InvalidArgumentError(
        `"${text}" is for ${taskOf({ name: text })}, which this command does not know.`,
      );
    }
    throw new InvalidArgumentError(`allowed are ${names.join(", ")}, or a file.`);
  });
}

/** Adds the options that say how images become what the network sees, and what its outputs are. */
export function preprocessingOptions(command: Command): Command {
  return command
    .option(
      "--preprocess <how>",
      `${listed(preprocessingNames, "or")}, or a JSON file with mean, deviation (or std) and crop`,
    )
    .option(
      "--class-names <file>",
      "class names in the order of the network's outputs, one a line",
    );
}

/** The images that flags name. */
export function dataOf(flags: SetupFlags): object | undefined {
  const { dataset: name, data: dir, train, test, testShare, imageSize, onlyClasses } = flags;
  if (name === undefined) {
    const [flag] = Object.entries({
      "--train": train,
      "--test": test,
      "--test-share": testShare,
      "--only-classes": onlyClasses,
    }).find(([, value]) => value !== undefined) ?? [undefined];
    if (flag === undefined) return undefined;
    throw new UsageError(
      `${flag} is of a data set: say which by --dataset ${datasets.names.join("|")}.`,
    );
  }
  if (dir !== undefined && !datasets.find(name).folder) {
    throw new UsageError(`--data is a folder of files; --dataset ${name} has none.`);
  }
  const counts = { trainCount: train, testCount: test, testShare };
  return present({ name, dir, ...counts, size: imageSize, classes: onlyClasses });
}

/** The scenario that flags name; else one that leaves D_f as it is. */
export function scenarioOf(flags: SetupFlags, forget: ForgetConfig | undefined): object {
  const name = flags.scenario ?? defaults.scenario;
  const scenario = scenarios.find(name);
  const given = settingsGiven(scenario, scenarios.all, flags, {
    unused: `--scenario ${name} does not use it`,
  });
  if (forget === undefined) return { name, ...given };
  if ((flags as { share?: number }).share !== undefined) {
    throw new UsageError(
      "--share draws D_f at random: with images that are named give no --share.",
    );
  }
  const { share: _, ...rest } = given;
  return { name, ...rest };
}

/**
 * The network that flags name, and its file where it is the user's own.
 *
 * @param defaults whether options that are left out give their defaults: not where a file says what they are.
 */
export async function networkOf(
  flags: SetupFlags,
  defaults = true,
): Promise<{ model?: ModelConfig }> {
  const { model } = flags;
  if (model === undefined) {
    refuseUnused([], networks.all, flags, "without --model nothing uses it");
    return {};
  }
  const own = isModelFile(model) ? await readModelFile(model) : { model: { name: model } };
  const settings = settingsGiven(networks.find(own.model.name), networks.all, flags, {
    unused: `--model ${model} does not use it`,
    defaults,
  });
  return { ...own, model: { ...own.model, ...settings } };
}

/** How images are prepared, and what the outputs are, where flags say it. */
export async function preprocessingGiven(flags: SetupFlags): Promise<object> {
  const { preprocess, classNames: names } = flags;
  return present({
    preprocessing: preprocess === undefined ? undefined : await preprocessing(preprocess),
    classes: names === undefined ? undefined : await classNames(names),
  });
}

async function preprocessing(how: string): Promise<PreprocessingConfig> {
  const name = preprocessingNames.find((one) => one === how);
  if (name !== undefined) return name;
  if (!/[./\\]/.test(how)) {
    throw new UsageError(
      `--preprocess ${how}: it takes ${listed(preprocessingNames)}, or a JSON file.`,
    );
  }
  return parsePreprocessing(await readJson(how), how);
}

/** Class names of a file. @throws DataError for one that is empty or stands twice. */
export async function classNames(file: string): Promise<string[]> {
  const json = /\.json$/i.test(file);
  const names = json ? await readJson(file) : namesIn(await readText(file));
  if (!(Array.isArray(names) && names.every((name) => typeof name === "string"))) {
    throw new DataError(`${file}: it is not a list of class names.`);
  }
  if (names.length === 0) throw new DataError(`${file}: it names no classes.`);
  const place = (i: number): string => (json ? `name ${i + 1}` : `line ${i + 1}`);
  const blank = names.findIndex((name) => name.trim() === "");
  if (blank >= 0) {
    throw new DataError(`${file}: ${place(blank)} is empty; it needs a name for each class.`);
  }
  const again = names.findIndex((name, i) => names.indexOf(name) < i);
  if (again >= 0) {
    const name = names[again]!;
    throw new DataError(
      `${file}: ${place(names.indexOf(name))} and ${place(again)} are both "${name}"; each class needs a name of its own.`,
    );
  }
  return names;
}

/** Names one a line; empty lines at the end are none. */
function namesIn(text: string): string[] {
  const names = text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .map((line) => line.trim());
  while (names.at(-1) === "") names.pop();
  return names;
}

/** The values that are there. */
export function present(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
