/** `rewind tune`: measures which tiles a network's products are fastest in, and keeps them for this adapter. */
import { type Command, Option } from "commander";
import { taskOf } from "../../models/index.ts";
import { datasets } from "../data/index.ts";
import { UsageError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import { limitsOf } from "../gpu/dry.ts";
import {
  clearTuned,
  readTuned,
  tableOf,
  type TimedTile,
  type TunedChoice,
  tunedPath,
  writeTuned,
} from "../gpu/tuned.ts";
import { isKnownTile, productKey, sizeOf, tileName } from "../graph/product-tiles.ts";
import {
  choiceOf,
  isFaster,
  measureProduct,
  productName,
  type ProductTimes,
  stepProducts,
  usualEffort,
} from "../inspect/tune.ts";
import { absolutePath, dirname, makeDir, requireWritable, writeAtomic } from "../platform/files.ts";
import { json } from "../platform/json.ts";
import { textTable } from "../report/table.ts";
import { type TrainConfig, trainSchema } from "../runs/config.ts";
import type { ImageCounts } from "../runs/memory-plan.ts";
import { defaults } from "../runs/defaults.ts";
import { type DeviceFlags, deviceOptions, openDevice, precisionOf } from "./device-options.ts";
import { example } from "./examples.ts";
import { interruptSignal } from "./interrupt.ts";
import { answer, say } from "./output.ts";
import { integer, most, number, validate } from "./parse.ts";
import { imagesOf, takenImages } from "./planned-images.ts";
import { jsonWith, requireReplaceable } from "./replaced-files.ts";
import { networkOf, networkOptions, present, type SetupFlags } from "./setup-options.ts";
import { microBatchText } from "./train-options.ts";

interface TuneFlags extends DeviceFlags, SetupFlags {
  dataset: string;
  channels?: number;
  classes?: number;
  batch: number;
  microBatch?: number;
  rounds: number;
  minutes?: number;
  out?: string;
  show?: boolean;
  clear?: boolean;
}

export function registerTune(command: Command): void {
  example(
    command,
    "make later trainings of ResNet-18 on this machine as fast as its tiles allow",
    "rewind tune --model resnet18-cifar --dataset cifar10 --batch 128",
  );
  networkOptions(command, { preset: false, tasks: ["classification", "diffusion"] })
    .addOption(
      new Option("--dataset <name>", "whose size of images, channels and classes")
        .choices(datasets.names)
        .default(defaults.dataset),
    )
    .option(
      "--image-size <pixels>",
      "side of the images (default: the data set's)",
      integer(1, most.side),
    )
    .option("--channels <n>", "1 or 3 (default: the data set's)", integer(1))
    .option("--classes <n>", "classes (default: the data set's)", integer(2, most.classes))
    .option("--batch <n>", "images a training step", integer(1, most.images), 64)
    .option("--micro-batch <n>", microBatchText, integer(1))
    .option(
      "--rounds <n>",
      "turns of each tile in each half of the measurement",
      integer(1, 100),
      usualEffort.rounds,
    )
    .option(
      "--minutes <m>",
      "begin no further product after so many minutes; those with most arithmetic come first",
      number({ above: 0 }),
    )
    .option(
      "--out <file>",
      "write the choices to a file as well, for `acquireDevice({ tuned })`",
      absolutePath,
    )
    .option("--show", "list what is kept for this adapter; measure nothing")
    .option("--clear", "remove what is kept for this adapter; measure nothing");
  deviceOptions(command).action(async (flags: TuneFlags) => {
    const instead = (["show", "clear"] as const).filter((name) => flags[name] === true);
    if (instead.length === 2) throw new UsageError("--show and --clear: give one of them.");
    const [task] = instead;
    if (task !== undefined) refuseMeasuring(command, task);
    else if (flags.model === undefined) {
      throw new UsageError(
        "--model says which network's products are measured; --show lists what was, --clear removes it.",
      );
    }
    const gpu = await openDevice(flags, { tuned: false });
    if (task === "show") return show(gpu);
    if (task === "clear") return clear(gpu);
    return tune(gpu, flags, command.getOptionValueSource("dataset") === "default");
  });
}

/** @throws UsageError where options of a measurement stand beside one that measures nothing. */
function refuseMeasuring(command: Command, task: string): void {
  const others = command.options.filter(
    (option) =>
      command.getOptionValueSource(option.attributeName()) === "cli" &&
      !["adapter", "show", "clear", "quiet", "json"].includes(option.attributeName()),
  );
  if (others.length === 0) return;
  throw new UsageError(`--${task} measures nothing: give it without ${others[0]!.long}.`);
}

async function show({ adapter }: Gpu): Promise<void> {
  const { path, table, problem } = await readTuned(adapter);
  if (problem !== undefined) say(`not used: ${problem}`);
  const choices = table?.choices ?? [];
  const where = path ?? "nothing is kept (REWIND_CACHE is off)";
  answer(
    { path, ...(problem === undefined ? {} : { problem }), choices },
    choices.length === 0
      ? `no tiles are kept for this adapter${path === null ? `: ${where}` : ` (${path})`}`
      : `${choicesTable(choices)}\n\n${where}`,
  );
}

async function clear({ adapter }: Gpu): Promise<void> {
  const removed = await clearTuned(adapter);
  const path = await tunedPath(adapter);
  answer({ path, removed }, removed ? `removed ${path}` : "no tiles are kept for this adapter");
}

/** @param free whether nobody has said which images. */
async function tune(gpu: Gpu, flags: TuneFlags, free: boolean): Promise<void> {
  const { adapter } = gpu;
  const { rounds, minutes, out } = flags;
  const { path, table, problem } = await readTuned(adapter);
  if (problem !== undefined) say(`not used, and written anew: ${problem}`);
  if (out !== undefined) {
    await requireReplaceable(out, [{ path: out, isOwn: jsonWith("choices") }]);
    await makeDir(dirname(out));
    await requireWritable(out);
  }
  const train = await trainOf(flags);
  const images = stepImages(flags, train, free);
  const { size, channels } = images;
  say(`training step: ${train.model.name}, ${train.batch} images ${size}×${size}×${channels}`);
  const products = await stepProducts({ train, images }, limitsOf(gpu));
  const end = performance.now() + (minutes ?? Infinity) * 60_000;
  const signal = interruptSignal(
    "\ninterrupting after the product under way; the choices so far are kept",
  );
  const times: ProductTimes[] = [];
  const kept = new Map((table?.choices ?? []).map((choice) => [choice.kernel, choice]));
  for (const product of products) {
    if (signal.aborted || (times.length > 0 && performance.now() >= end)) break;
    const one = await measureProduct(gpu, product, { ...usualEffort, rounds });
    times.push(one);
    kept.delete(productKey(product.launch));
    if (isFaster(one)) kept.set(productKey(product.launch), await choiceOf(one));
    // Now: who stops it keeps what is measured.
    if (path !== null) await writeTuned(adapter, path, [...kept.values()]);
    const { usual, best } = one;
    const what = `${times.length} of ${products.length}: ${productName(product)}`;
    say(
      isFaster(one)
        ? `${what}: ${shownMs(usual.ms)} → ${shownMs(best.ms)} ms in ${tileName(best.tile)}`
        : `${what}: ${shownMs(usual.ms)} ms, no tile is faster`,
    );
  }
  if (out !== undefined) await writeAtomic(out, json(await tableOf(adapter, [...kept.values()])));
  const [before, after] = (["usual", "best"] as const).map((which) =>
    times.reduce((sum, one) => sum + one.product.calls * one[which].ms, 0),
  );
  const left = products.length - times.length;
  answer(
    {
      path,
      products: times.map(({ product, usual, best, tiles }) => ({
        ...{ kernel: product.label, ...sizeOf(product.launch), calls: product.calls },
        ...{ usual, best, tiles },
      })),
      ...{ left, milliseconds: { before, after } },
    },
    [
      timesTable(times),
      "",
      `products of a step: ${shownMs(before!)} ms in the tiles of their shapes, ${shownMs(after!)} in the best ones ` +
        `(${times.filter(isFaster).length} of ${times.length} changed)`,
      ...(left === 0
        ? []
        : [
            `${left} products ${signal.aborted ? "were not measured; the same command measures all anew" : "had no time: --minutes"}`,
          ]),
      path === null ? "nothing is kept (REWIND_CACHE is off)" : `kept in ${path}`,
      ...(out === undefined ? [] : [`written to ${out}`]),
    ].join("\n"),
  );
  if (signal.aborted) process.exitCode = 130;
}

/** A training step of the network that flags name, as far as its products go. */
async function trainOf(flags: TuneFlags): Promise<TrainConfig> {
  if (flags.precision === "mixed") {
    throw new UsageError(
      "--precision mixed: its products are made on matrix units, whose tiles follow from the shapes; tune another precision.",
    );
  }
  const { dataset, batch, microBatch, imageSize: size } = flags;
  const { model, ...own } = await networkOf(flags);
  const task = taskOf(model!) === "diffusion" ? ("diffusion" as const) : undefined;
  return validate(
    trainSchema,
    {
      data: { name: dataset, ...present({ size }) },
      ...{
        scenario: { name: defaults.scenario, share: 0.1 },
        model,
        ...own,
        ...present({ task, microBatch }),
        // Said, as there are no pixels that it could be taken from.
        preprocessing: "none",
      },
      ...{ epochs: 1, batch, learningRate: 1e-3, schedule: "constant" },
      ...{ optimizer: { name: defaults.optimizer }, ...precisionOf(flags), seed: 1 },
    },
    "options",
  );
}

/** Images enough for a step, of the sizes that flags and the data set say. */
function stepImages(flags: TuneFlags, { model }: TrainConfig, free: boolean): ImageCounts {
  const images = imagesOf({ ...flags, train: Math.max(100, flags.batch), test: 10 });
  return free && flags.imageSize === undefined ? takenImages(flags, model, images) : images;
}

/** Milliseconds to three digits. */
const shownMs = (ms: number): string => Number(ms.toPrecision(3)).toString();

const shownTile = ({ tile, ms }: TimedTile): string => `${tileName(tile)}: ${shownMs(ms)}`;

function timesTable(times: readonly ProductTimes[]): string {
  return textTable(
    ["product", "calls", "tile by shape: ms", "best: ms", "next: ms"].map((title) => ({
      title,
      decimals: 0,
    })),
    times.map((one) => [
      ...[productName(one.product), one.product.calls, shownTile(one.usual)],
      ...[isFaster(one) ? shownTile(one.best) : undefined, shownTile(one.runnerUp)],
    ]),
  );
}

function choicesTable(choices: readonly TunedChoice[]): string {
  return textTable(
    ["product", "tile by shape: ms", "best: ms", "next: ms"].map((title) => ({ title })),
    choices.map((one) => [
      ...[one.product, shownTile(one.usual)],
      isKnownTile(one.tile) ? shownTile(one) : "not used: no tile of this version",
      shownTile(one.runnerUp),
    ]),
  );
}
