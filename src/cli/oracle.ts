/** `rewind oracle`: sets of networks trained and retrained without D_f, and what methods are worth against them. */
import type { Command } from "commander";
import {
  buildOracle,
  checkOracle,
  openOracle,
  oracleConfig,
  oracleImages,
} from "../experiments/oracle.ts";
import { measureOracle, type OracleProtocol, requireEnd } from "../experiments/oracle-measure.ts";
import {
  joinMeasured,
  measuredFormat,
  type OracleMeasured,
  oracleLegend,
  oracleTable,
  readMeasured,
} from "../experiments/oracle-table.ts";
import { UsageError } from "../errors.ts";
import { resultsFile } from "../experiments/experiment-page.ts";
import { limitsOf } from "../gpu/dry.ts";
import { join, makeDir, writeAtomic } from "../platform/files.ts";
import { json } from "../platform/json.ts";
import { adapterLine } from "../report/report.ts";
import { RunFolder } from "../report/run-folder.ts";
import { loadImages } from "../runs/images.ts";
import { inputsOf, recordInputs } from "../runs/inputs.ts";
import { withAdvice } from "../runs/memory-advice.ts";
import { countsOf } from "../runs/memory-plan.ts";
import { shippedIn } from "../runs/unlearn-run.ts";
import { checkNetwork, checkTraining, checkUnlearning } from "./check-inputs.ts";
import { type DeviceFlags, deviceOptions, lossOption, withDevice } from "./device-options.ts";
import { duration } from "./duration.ts";
import { example } from "./examples.ts";
import { forgetConfig, forgetOptions } from "./forget-options.ts";
import { interruptSignal } from "./interrupt.ts";
import { loadOwnModel } from "./model-file.ts";
import { nonfiniteOption } from "./nonfinite.ts";
import { sayNotes } from "./notes.ts";
import { answer } from "./output.ts";
import { integer, most } from "./parse.ts";
import { withRuns } from "./progress.ts";
import { jsonWith, requireReplaceable } from "./replaced-files.ts";
import { claimFolder, type FolderFlags, privateFlag, requireApart } from "./run-folder.ts";
import { type TrainFlags, trainConfig, trainOptions } from "./train-options.ts";
import { unlearnConfig, type UnlearnFlags, unlearnOptions } from "./unlearn-options.ts";

type BuildFlags = TrainFlags & DeviceFlags & FolderFlags & { networks: number };

type MeasureFlags = UnlearnFlags &
  DeviceFlags &
  FolderFlags & { oracle: string; networks?: number; untilRetrained?: true; name?: string };

async function build(flags: BuildFlags): Promise<void> {
  const started = performance.now();
  const train = await trainConfig(flags, await forgetConfig(flags));
  requireApart(flags.out, train.data.dir, train.forget?.dir);
  const config = oracleConfig(train);
  await RunFolder.check(flags.out, config);
  await checkTraining(train);
  const images = await loadImages(train);
  sayNotes(images.notes);
  checkNetwork(train, images);
  checkOracle(train, images);
  const folder = await claimFolder(flags, config);
  const signal = interruptSignal();
  const { corrupted, test } = images;
  const named = train.forget && corrupted.forget;
  const planned = { train, images: countsOf({ train: corrupted.train, test }, named) };
  const manifest = await withDevice(flags, (gpu) =>
    withAdvice(planned, limitsOf(gpu), () =>
      withRuns("networks", 2 * flags.networks, signal, (told) =>
        buildOracle(gpu, folder, train, images, flags.networks, {
          ...told,
          saveEveryMs: 1000 * flags.saveEvery,
        }),
      ),
    ),
  );
  const [trained, retrained] = (["trained", "retrained"] as const).map(
    (kind) => manifest.networks.filter((network) => network.kind === kind).length,
  );
  const { forget } = manifest;
  answer(
    { folder: folder.path, trained, retrained, forget },
    `${trained} networks trained on ${forget.of} images, ${retrained} without the ${forget.count} of D_f: ` +
      `${folder.path} (${duration((performance.now() - started) / 1000)})`,
  );
}

/** What a table calls a method: its name, with its predictor. */
function nameOf({
  method,
  settings,
}: Pick<OracleProtocol["unlearn"], "method" | "settings">): string {
  const { predictor } = settings;
  return typeof predictor === "string"
    ? `${method} (${predictor.replace(/^.*[/\\]/, "")})`
    : method;
}

async function measure(flags: MeasureFlags): Promise<void> {
  const oracle = await openOracle(flags.oracle, flags.networks);
  const { train, manifest } = oracle;
  await loadOwnModel(train);
  if (flags.land === true) {
    throw new UsageError(
      "--land: `oracle measure` ends every run on --until-ua or --until-retrained by itself; leave --land out.",
    );
  }
  const { seed: _, ...unlearn } = unlearnConfig({ ...flags, seed: train.seed }, train);
  const protocol: OracleProtocol = {
    unlearn,
    name: flags.name ?? nameOf(unlearn),
    untilRetrained: flags.untilRetrained === true,
  };
  requireEnd(protocol);
  requireApart(flags.out, train.data.dir, train.forget?.dir, flags.oracle);
  const used = { unlearn: { ...unlearn, seed: train.seed } };
  const config = {
    ...{ oracle: oracle.digest, ...protocol },
    ...(await shippedIn(used.unlearn)),
  };
  await RunFolder.check(flags.out, config);
  const images = await oracleImages(oracle);
  await checkUnlearning(used.unlearn, images, train.model);
  const folder = await claimFolder(flags, config);
  await recordInputs(folder, await inputsOf({ unlearn }));
  const signal = interruptSignal();
  const networks = oracle.trained.length;
  const { corrupted, test } = images;
  const counts = countsOf({ train: corrupted.train, test }, corrupted.forget);
  const planned = { train, unlearn: used.unlearn, images: counts };
  const { result, adapter } = await withDevice(flags, async (gpu) => ({
    adapter: gpu.adapter,
    result: await withAdvice(planned, limitsOf(gpu), () =>
      withRuns("networks", networks, signal, (told) =>
        measureOracle(gpu, oracle, images, protocol, folder.path, told),
      ),
    ),
  }));
  const { rows, runs, csv } = result;
  const measured: OracleMeasured = {
    format: measuredFormat,
    oracle: {
      digest: oracle.digest,
      networks,
      seed: train.seed,
      dataset: train.data.name,
      model: train.model.name,
      forget: { count: manifest.forget.count, of: manifest.forget.of },
      adapters: [...new Set([...oracle.trained, ...oracle.retrained].map((one) => one.adapter))],
    },
    ...{ name: protocol.name, method: unlearn.method, settings: unlearn.settings },
    untilRetrained: protocol.untilRetrained,
    adapter: adapterLine(adapter),
    runtime: adapter.runtimeVersion,
    ...{ rows, runs },
  };
  const { text, markdown } = oracleTable(rows);
  const ends = Object.entries(runs.stoppedBy).map(([reason, count]) => `${reason} (${count})`);
  const went = `${protocol.name}: ${runs.rounds.toFixed(1)} rounds on average; stopped by ${ends.join(", ")}`;
  await folder.write("images.csv", csv);
  await folder.write(
    "report.md",
    `# ${protocol.name} against networks that never saw D_f\n\n${headOf(measured)}\n\n${markdown}\n\n${went}.\n\n` +
      `${oracleLegend}\n`,
  );
  await folder.writeJson(resultsFile, measured);
  answer(
    { folder: folder.path, ...measured },
    `${text}\n\n${went}\nreport: ${folder.file("report.md")}`,
  );
}

/** What a table is of. */
function headOf({ oracle, adapter }: OracleMeasured): string {
  const { networks, model, dataset, forget, adapters } = oracle;
  return (
    `${networks} + ${networks} networks (${model}) on ${forget.of} images of ${dataset}, ${forget.count} of them D_f; ` +
    `trained on ${adapters.join(", ")}, measured on ${adapter}.`
  );
}

async function table(folders: readonly string[], flags: { out?: string }): Promise<void> {
  const measured: (readonly [string, OracleMeasured])[] = [];
  for (const folder of folders) measured.push([folder, await readMeasured(folder)]);
  const rows = joinMeasured(measured);
  const { text, markdown } = oracleTable(rows);
  const [, first] = measured[0]!;
  const numbers = { oracle: first.oracle, rows };
  if (flags.out === undefined) return answer(numbers, text);
  const [tableJson, tableText] = ["table.json", "table.md"].map((name) => join(flags.out!, name));
  await requireReplaceable(flags.out, [
    { path: tableJson!, isOwn: jsonWith("oracle") },
    { path: tableText! },
  ]);
  await makeDir(flags.out);
  await writeAtomic(tableJson!, json(numbers));
  await writeAtomic(tableText!, `${headOf(first)}\n\n${markdown}\n\n${oracleLegend}\n`);
  answer({ ...numbers, folder: flags.out }, `${text}\n\ntable.md and table.json in ${flags.out}`);
}

export function registerOracle(group: Command): void {
  const building = group
    .command("build")
    .description(
      "train networks on all images, and as many without D_f; the same command goes on, a larger --networks adds some",
    )
    .requiredOption("--out <dir>", "folder of the set")
    .option(...privateFlag)
    .option("--networks <n>", "networks of either kind", integer(1, most.networks), 50);
  example(
    building,
    "fifty and fifty small networks on drawn digits",
    "rewind oracle build --scenario standard --share 0.1 --model mlp --image-size 14 --train 1000 --test 500",
    "--out runs/oracle",
  );
  lossOption(deviceOptions(forgetOptions(trainOptions(building)))).action(build);

  const measuring = group
    .command("measure")
    .description(
      "make the trained networks of a set forget, and hold them against the retrained ones: KLoM and U-LiRA",
    )
    .requiredOption("--oracle <dir>", "folder of `rewind oracle build`")
    .requiredOption("--out <dir>", "folder; the same command continues an interrupted measurement")
    .option(...privateFlag)
    .option(
      "--networks <n>",
      "the first so many of either kind (default: all)",
      integer(1, most.networks),
    )
    .option("--name <text>", "what tables call the method (default: its name, with its predictor)");
  unlearnOptions(measuring)
    .optionsGroup("When unlearning stops:")
    .option(
      "--until-retrained",
      "stop at the unlearning accuracy of the retrained networks; the last round is shortened to land on it",
    );
  example(
    measuring,
    "the straight line, as far as retraining forgets",
    "rewind oracle measure --oracle runs/oracle --method rewind --predictor linear --rounds 40 --until-retrained",
    "--out runs/linear",
  );
  lossOption(deviceOptions(nonfiniteOption(measuring))).action(measure);

  const joining = group
    .command("table")
    .description("one table of several measurements over the same networks")
    .argument("<folders...>", "folders of `rewind oracle measure`")
    .option("--out <dir>", "table.md and table.json go there");
  example(joining, "two methods", "rewind oracle table runs/linear runs/retrain").action(table);
}
