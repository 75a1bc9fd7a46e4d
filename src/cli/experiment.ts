/** `rewind experiment`: the paper's experiments, every method, over seeds. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { UsageError } from "../errors.ts";
import type { DataConfig } from "../runs/config.ts";
import { defaults } from "../runs/defaults.ts";
import type { Gpu } from "../gpu/device.ts";
import type { Variant } from "../experiments/arms.ts";
import { experimentPage } from "../experiments/experiment-page.ts";
import { compare } from "../experiments/comparison.ts";
import { tidyCsv } from "../experiments/csv.ts";
import {
  diffusionName,
  drawingOf,
  graderFloorOf,
  graderTraining,
  untouchedArm,
  matchedText,
} from "../experiments/diffusion.ts";
import { type DrawnSheet, drawnSheets } from "../experiments/drawn-sheets.ts";
import { type GraderRecord, openGrader } from "../experiments/grader.ts";
import {
  checkTunedTogether,
  mergeEarlier,
  type Merged,
  readEarlier,
} from "../experiments/earlier.ts";
import { curvesOf, figures, labelOf } from "../experiments/figures.ts";
import { nowcastScenario } from "../experiments/nowcast.ts";
import { experimentNames, type Protocol, protocolOf } from "../experiments/protocol.ts";
import { countRuns, runSeeds, tune, type Tuned } from "../experiments/run.ts";
import { type Recipe, type Size, sizeNames } from "../experiments/scale.ts";
import { summarise } from "../experiments/summary.ts";
import { comparisonTable, resultCsv, resultTable, tuningTable } from "../experiments/tables.ts";
import type { ArmResult, Environment } from "../experiments/trained-network.ts";
import { withUntouched } from "../experiments/untouched.ts";
import { Owned } from "../gpu/owned.ts";
import { scoreDefinitions } from "../metrics/index.ts";
import { absolutePath, exists, readJson } from "../platform/files.ts";
import { shippedDigest } from "../predictors/shipped.ts";
import { pageText } from "../report/page.ts";
import { adapterLine, pageFile } from "../report/report.ts";
import { latexTable } from "../report/table.ts";
import { RunFolder } from "../report/run-folder.ts";
import { absolutePredictor, loadPredictor } from "../predictors/index.ts";
import { readGrader } from "../runs/grader.ts";
import { framesText } from "../runs/grades.ts";
import { loadImages } from "../runs/images.ts";
import { checkNetwork, checkTraining } from "./check-inputs.ts";
import { example } from "./examples.ts";
import { claimFolder, privateFlag, requireApart } from "./run-folder.ts";
import { nonfiniteOption, takenPredictor } from "./nonfinite.ts";
import { sayNotes } from "./notes.ts";
import { answer } from "./output.ts";
import { withRuns } from "./progress.ts";
import { nowcastExperiment, type NowcastFlags, nowcastOptions } from "./nowcast.ts";
import { type ForgetFlags, forgetConfig, forgetOptions } from "./forget-options.ts";
import { isModelFile, readModelFile } from "./model-file.ts";
import {
  classesOption,
  datasetOptions,
  imageSizeOption,
  imageSizeText,
  modelOption,
} from "./setup-options.ts";
import { setting } from "./unlearn-options.ts";
import { deviceOptions, lossOption, precisionOf, withDevice } from "./device-options.ts";
import { interruptSignal } from "./interrupt.ts";
import { integer, most, repeatable } from "./parse.ts";

interface ExperimentFlags extends NowcastFlags, ForgetFlags {
  readonly dataset: DataConfig["name"];
  readonly data?: string;
  readonly tuningSeed: number;
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
  readonly microBatch?: number;
  readonly recompute?: boolean;
  readonly activations?: "f32" | "f16";
  readonly onlyClasses?: string[];
  readonly grader?: string;
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
    .argument("<name>", `one of ${experimentNames().join(", ")}, nowcast`)
    .requiredOption("--out <dir>", "folder; the same command continues an interrupted experiment")
    .option(...privateFlag);
  datasetOptions(command, { preset: true })
    .option("--seeds <n>", "seeds reported", integer(1, most.networks), 5)
    .option("--first-seed <n>", "the first of them", integer(0), 1)
    .option("--tuning-seed <n>", "seed that settings are chosen on", integer(0), 101)
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
  nowcastOptions(command)
    .addOption(
      new Option("--size <name>", "scaled to small machines; the paper's; `tiny` for a first look")
        .choices(sizeNames)
        .default("scaled"),
    )
    .addOption(modelOption().default(defaults.network))
    .option("--from <file>", "pretrained checkpoint that training starts from", absolutePath);
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
    .option("--micro-batch <n>", "images a pass, in training and methods", integer(1))
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
    async (name: string, flags: ExperimentFlags) => {
      const nowcast = name === "nowcast";
      if (!nowcast && !experimentNames().includes(name)) {
        throw new UsageError(
          `no experiment "${name}"; there are: ${experimentNames().join(", ")}, nowcast.`,
        );
      }
      const data = {
        name: flags.dataset,
        ...(flags.data === undefined ? {} : { dir: flags.data }),
        ...(flags.imageSize === undefined ? {} : { size: flags.imageSize }),
        ...(flags.onlyClasses === undefined ? {} : { classes: flags.onlyClasses }),
      };
      requireApart(flags.out, flags.data);
      requireOwnOptions(name, command, flags);
      const only = flags.arms?.split(",").map((arm) => arm.trim());
      const forget = await forgetConfig(flags);
      if (nowcast && forget !== undefined) {
        throw new UsageError("experiment nowcast forgets nothing: give no --forget option.");
      }
      const own = isModelFile(flags.model) ? await readModelFile(flags.model) : undefined;
      const protocol = protocolOf(nowcast ? nowcastScenario.name : name, data, {
        size: flags.size,
        published: takenPredictor(flags.predictor, flags),
        ...(own ?? { model: flags.model }),
        forget,
        overrides: { train: flags.train, test: flags.test, recipe: recipeOf(flags) },
        only,
        variants: flags.variant ?? [],
      });
      if (nowcast) {
        const train = (seed: number) => ({ ...protocol.train(seed), scenario: nowcastScenario });
        await nowcastExperiment(train, flags);
      } else {
        await run(protocol, flags);
      }
    },
  );
}

/** The parts of a training's recipe that flags give. */
function recipeOf(flags: ExperimentFlags): Partial<Recipe> {
  const { from, allowNonfinite, epochs, batch, microBatch, recompute, activations } = flags;
  const given = { from, allowNonfinite, epochs, batch, microBatch, recompute, activations };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** @throws UsageError for an option that an experiment does not have. */
function requireOwnOptions(name: string, command: Command, flags: ExperimentFlags): void {
  const draws = name === diffusionName;
  const given = (option: string): boolean => command.getOptionValueSource(option) === "cli";
  if (!draws && (flags.grader !== undefined || flags.onlyClasses !== undefined)) {
    const flag = flags.grader === undefined ? "--only-classes" : "--grader";
    throw new UsageError(`${flag} belongs to experiment ${diffusionName}.`);
  }
  const foreign = ["model", "predictor", "beside"].find((option) => draws && given(option));
  if (foreign !== undefined) {
    throw new UsageError(`experiment ${diffusionName} has no --${foreign}: leave it out.`);
  }
}

/** What drawn images are judged by, where the experiment is one of drawing. */
function graderOf(protocol: Protocol, { grader: given, size }: ExperimentFlags) {
  if (protocol.name !== diffusionName) return undefined;
  const { data } = protocol.train(0);
  return { train: graderTraining(data, size), given, floor: graderFloorOf(size) };
}

/** Runs the arms of a protocol. */
async function run(protocol: Protocol, flags: ExperimentFlags): Promise<void> {
  const seeds = Array.from({ length: flags.seeds }, (_, i) => flags.firstSeed + i);
  if (seeds.includes(flags.tuningSeed)) {
    throw new UsageError(
      `seed ${flags.tuningSeed} would both choose settings and be reported; give another --tuning-seed.`,
    );
  }
  const earlier =
    flags.beside === undefined
      ? undefined
      : await readEarlier(flags.beside, protocol, flags.dataset, seeds);
  if (earlier !== undefined) checkTunedTogether(protocol, earlier);
  const asked = graderOf(protocol, flags);
  if (asked?.given !== undefined) await readGrader(asked.given);
  const written = {
    experiment: protocol.name,
    train: protocol.train(0),
    tuningSeed: flags.tuningSeed,
    shippedPredictor: await shippedDigest(),
    ...precisionOf(flags),
    ...(asked && {
      grader: asked.given ?? asked.train,
      drawing: drawingOf(flags.size),
    }),
  };
  await RunFolder.check(flags.out, written);
  await checkTraining(written.train);
  if (flags.predictor !== undefined) await loadPredictor(takenPredictor(flags.predictor, flags));
  const images = await loadImages(protocol.train(flags.tuningSeed));
  sayNotes(images.notes);
  checkNetwork(written.train, images);
  const folder = await claimFolder(flags, written);
  const signal = interruptSignal();
  const { gpu, known, tuned, results, grader } = await withDevice(flags, async (gpu) => {
    const known = (await exists(folder.file("tuning.json")))
      ? ((await readJson(folder.file("tuning.json"))) as Record<string, Tuned>)
      : {};
    const runs = countRuns(protocol, seeds, known);
    return withRuns(protocol.name, runs, signal, (told) =>
      Owned.within(async (owned) => {
        const plain: Environment = { gpu, out: flags.out, ...told };
        const opened = asked && (await openGrader(asked, plain, owned));
        const environment = {
          ...plain,
          ...(opened && {
            judging: { grader: opened.grader, drawing: drawingOf(flags.size) },
          }),
        };
        const tuned = await tune(protocol, flags.tuningSeed, environment, known);
        await folder.writeJson("tuning.json", { ...known, ...tuned });
        const results = await runSeeds(protocol, seeds, tuned, environment);
        return { gpu, known, tuned, results, grader: opened?.record };
      }),
    );
  });
  const shown =
    earlier === undefined
      ? { ...shownOf(protocol, results), tuned: { ...known, ...tuned }, before: [] }
      : mergeEarlier(protocol, results, tuned, earlier);
  await report(folder, shown, flags, gpu, seeds, grader);
}

function graderLines(
  { network, testAccuracy, testImages, digest }: GraderRecord,
  { count, steps }: ReturnType<typeof drawingOf>,
): string[] {
  return [
    `Each network draws ${count} images in ${steps} steps, from the same noise in all arms of a seed. They are judged by a ` +
      `grader, a ${network} that takes ${testAccuracy.toFixed(2)} % of ${testImages} test images for what they are ` +
      `(SHA-256 ${digest}).`,
    "",
  ];
}

/** Sheets of the first seed; those of the others lie beside them. */
function sheetLines(sheets: readonly DrawnSheet[]): string[] {
  const first = sheets.filter(({ seed }) => seed === sheets[0]!.seed);
  return [
    "## Drawn images",
    "",
    `Seed ${first[0]!.seed}, all from the same noise, each ${matchedText}. Frames, ${framesText}.`,
    "",
    ...first.flatMap(({ arm, round, name }) => [
      `${arm}${round === 0 ? "" : `, round ${round}`}:`,
      "",
      `![what ${arm} draws](${name})`,
      "",
    ]),
  ];
}

/** What is reported: where networks draw, what the untouched ones do as well. */
function shownOf(
  protocol: Protocol,
  results: readonly ArmResult[],
): Pick<Merged, "protocol" | "results"> {
  if (protocol.name !== diffusionName) return { protocol, results };
  return {
    protocol: { ...protocol, arms: [untouchedArm, ...protocol.arms] },
    results: withUntouched(results),
  };
}

/** Writes tables, curves and numbers of an experiment. */
async function report(
  folder: RunFolder,
  { protocol, results, tuned, before }: Merged,
  flags: ExperimentFlags,
  gpu: Gpu,
  seeds: readonly number[],
  grader?: GraderRecord,
): Promise<void> {
  await folder.writeJson("tuning.json", tuned);
  const summaries = summarise(protocol, results);
  const comparisons = seeds.length > 1 ? compare(protocol, results) : [];
  await folder.write("results.csv", tidyCsv(protocol, results));
  const numbers = {
    experiment: protocol.name,
    dataset: flags.dataset,
    seeds,
    ...(protocol.name === diffusionName ? {} : { tuningSeed: flags.tuningSeed }),
    adapter: adapterLine(gpu.adapter),
    runtime: gpu.adapter.runtimeVersion,
    definitions: scoreDefinitions(protocol.train(0).task),
    ...(grader && { grader, drawing: drawingOf(flags.size) }),
    ...(before.length === 0 ? {} : { takenFromEarlier: before }),
    statistic: protocol.statistic,
    summaries,
    comparisons,
    // Histories are in results.csv, settings (with paths of this machine) in the runs' own folders.
    runs: results.map((result) => ({ ...result, history: undefined, settings: undefined })),
  };
  await folder.writeJson("results.json", numbers);
  const drawn = await figures(curvesOf(protocol), results);
  for (const { name, svg, png } of drawn) {
    await folder.write(`${name}.svg`, svg);
    await folder.write(`${name}.png`, png);
  }
  const sheets = grader === undefined ? [] : await drawnSheets(folder.path, results);
  for (const { name, png } of sheets) await folder.write(name, png);
  const table = resultTable(protocol, summaries);
  await folder.write("table.csv", resultCsv(protocol, summaries));
  await folder.write("table.tex", resultTable(protocol, summaries, latexTable));
  const { statistic } = protocol;
  const first = results[0]!.history[0]!.scores;
  const lines = [
    `# ${protocol.title} (${flags.dataset})`,
    "",
    `Seeds ${seeds.join(", ")}; ${
      protocol.name === diffusionName
        ? "nothing is tuned"
        : `settings chosen on seed ${flags.tuningSeed}`
    }. ${statistic.name}: ` +
      `${statistic.definition}; ${statistic.better} is better. Mean ± standard deviation over seeds.`,
    "",
    table,
    "",
    `Before, seed ${seeds[0]}: ${Object.entries(first)
      .map(([key, value]) => `${key} ${value.toFixed(2)}`)
      .join(", ")}.`,
    "",
    ...(grader === undefined ? [] : graderLines(grader, drawingOf(flags.size))),
    ...(results.every(({ history }) => history.at(-1)!.round === 0)
      ? [
          "**No arm did a round: the rule that stops them held for the trained network as it was. Train longer " +
            "(`--epochs`), so that it knows D_f before it forgets.**",
          "",
        ]
      : []),
    ...protocol.y
      .filter((y) => drawn.some(({ name }) => name === y.score))
      .map((y) => `![${labelOf(y)} against ${labelOf(protocol.x)}](${y.score}.svg)\n`),
    "## Paired comparisons",
    "",
    comparisons.length === 0
      ? "They need two seeds or more."
      : comparisonTable(protocol, comparisons),
    "",
    ...(Object.keys(tuned).length === 0 ? [] : ["## Tuning", "", tuningTable(protocol, tuned), ""]),
    ...(sheets.length === 0 ? [] : sheetLines(sheets)),
    `${adapterLine(gpu.adapter)}, ${gpu.adapter.runtimeVersion}.`,
    ...(before.length === 0
      ? []
      : [`From an earlier run with the same trained networks: ${before.join(", ")}.`]),
    "",
  ];
  await folder.write(pageFile, pageText(await experimentPage(folder.path)));
  await folder.write("report.md", lines.join("\n"));
  answer({ folder: folder.path, ...numbers }, `${table}\n\nreport: ${folder.file("report.md")}`);
}
