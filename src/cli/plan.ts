/** `rewind plan`: what a run would allocate, without running it. */
import { type Command, Option } from "commander";
import { datasets } from "../data/index.ts";
import type { TrainConfig } from "../runs/config.ts";
import { defaultLimits, type DryLimits, limitsOf } from "../gpu/dry.ts";
import { UsageError } from "../errors.ts";
import { loadImages } from "../runs/images.ts";
import { withAdvice } from "../runs/memory-advice.ts";
import {
  countsOf,
  formatPlan,
  type ImageCounts,
  type PlannedRun,
  planRun,
} from "../runs/memory-plan.ts";
import { imagesOf, takenImages } from "./planned-images.ts";
import {
  type Ceilings,
  formatStep,
  measuredCeilings,
  planStep,
  type StepEstimate,
} from "../runs/step-plan.ts";
import { checkUnlearning } from "./check-inputs.ts";
import { example } from "./examples.ts";
import { sayNotes } from "./notes.ts";
import { answer } from "./output.ts";
import { type TrainFlags, trainConfig, trainOptions } from "./train-options.ts";
import { unlearnConfig, type UnlearnFlags, unlearnOptions } from "./unlearn-options.ts";
import { type ForgetFlags, forgetConfig, forgetOptions } from "./forget-options.ts";
import { openDevice, precisionOption } from "./device-options.ts";
import { integer, most, number } from "./parse.ts";

interface PlanFlags extends ForgetFlags, Omit<TrainFlags, "adapter">, Omit<UnlearnFlags, "seed"> {
  channels?: number;
  classes?: number;
  memory?: number;
  maxBinding?: number;
  profile?: boolean;
  ceilings: Ceilings;
  adapter: "auto" | "gpu" | "software" | "none";
}

export function registerPlan(command: Command): void {
  example(
    command,
    "does ResNet-18 on CIFAR-10 fit into 2 GiB?",
    "rewind plan --dataset cifar10 --model resnet18-cifar --memory 2048",
  );
  forgetOptions(unlearnOptions(trainOptions(command)))
    .optionsGroup("What is planned for:")
    .option("--channels <n>", "1 or 3 (default: the data set's)", integer(1))
    .option("--classes <n>", "classes (default: the data set's)", integer(2, most.classes))
    .option(
      "--memory <MiB>",
      "memory for buffers: an error says which batch fits",
      number({ from: 1 }),
    )
    .option(
      "--max-binding <MiB>",
      "largest storage binding (default: the adapter's)",
      number({ from: 1 }),
    )
    .addOption(
      new Option("--adapter <kind>", "whose limits; none: those every WebGPU adapter keeps")
        .choices(["auto", "gpu", "software", "none"])
        .default("none"),
    )
    .addOption(precisionOption())
    .option(
      "--profile",
      "a training step kernel by kernel: operations, bytes, and the time at best",
    )
    .addOption(
      new Option(
        "--ceilings <a,b,c[,d]>",
        "for --profile: TFLOP/s, GB/s and µs a dispatch, and a fourth for --precision mixed: TFLOP/s of matrix units",
      )
        .argParser(ceilingsOf)
        .default(measuredCeilings, "34.7,3100,1.7,74, an H200's"),
    )
    .action(async (flags: PlanFlags) => {
      const train = await trainConfig(flags, await forgetConfig(flags));
      const unlearn = unlearnConfig(flags, train);
      const read = await readImages(flags, train);
      const asked = read ?? imagesOf(flags, "give --data, whose images are read, or ");
      const free =
        read === undefined &&
        command.getOptionValueSource("dataset") === "default" &&
        flags.imageSize === undefined;
      const images = free ? takenImages(flags, train.model, asked) : asked;
      const enlarged = images !== asked;
      const run = { train, unlearn, images };
      await checkUnlearning(unlearn);
      const limits = await wantedLimits(flags);
      const { profile, ceilings } = flags;
      const given = command.getOptionValueSource("ceilings") !== "default";
      if (profile !== true && given) {
        throw new UsageError("--ceilings is for --profile; add that.");
      }
      if (profile === true && !given && limits.tuning === "software") {
        throw new UsageError(
          "--profile: the ceilings are an H200's unless others are given, and this adapter is a software one: leave " +
            "--adapter out, or give --ceilings.",
        );
      }
      if (given && ceilings.matrices !== undefined && limits.precision !== "mixed") {
        throw new UsageError("--ceilings: the fourth number is for --precision mixed.");
      }
      const profiled = async (): Promise<StepEstimate | undefined> =>
        profile === true ? planStep(run, limits, ceilings) : undefined;
      const plan = await withAdvice(run, limits, () => planRun(run, limits)).catch(
        async (error: unknown) => {
          // A training step may fit where what comes after the training does not.
          const step = await profiled().catch(() => undefined);
          if (step !== undefined) {
            answer({ step: { ...step, ceilings } }, formatStep(step, ceilings));
          }
          throw error;
        },
      );
      const rows = plan.rows.map(({ during, ...row }) => ({ phase: during, ...row }));
      const note = enlarged
        ? `\n\n${train.model.name} does not take ${asked.size}×${asked.size} images, the default: planned for ` +
          `${images.size}×${images.size}×${images.channels}. --dataset or --image-size choose others.`
        : "";
      const { chosen, ...counts } = images;
      const step = await profiled();
      const told = { ...counts, ...(chosen && { forget: chosen.forget.length }) };
      const text = step === undefined ? "" : `\n\n${formatStep(step, ceilings)}`;
      answer(
        { images: told, rows, peak: plan.peak, ...(step && { step: { ...step, ceilings } }) },
        `${describe(run, plan)}${text}${note}`,
      );
    });
}

/** Three or four numbers above 0. @throws UsageError for others. */
function ceilingsOf(text: string): Ceilings {
  const numbers = text.split(",").map(Number);
  const [tflops, gigabytes, gap, matrices] = numbers;
  const counted = numbers.length === 3 || numbers.length === 4;
  if (counted && numbers.every((value) => value > 0 && Number.isFinite(value))) {
    return { tflops: tflops!, gigabytes: gigabytes!, gap: gap!, ...(matrices && { matrices }) };
  }
  throw new UsageError(
    "--ceilings: three numbers above 0, TFLOP/s, GB/s and µs a dispatch, such as 34.7,3100,1.7, and a fourth for " +
      `matrix units; got "${text}".`,
  );
}

/** Counts of images that only their files tell: of folders, and where images of D_f are named. */
async function readImages(
  { data, dataset, channels, classes }: PlanFlags,
  train: TrainConfig,
): Promise<ImageCounts | undefined> {
  const sized = datasets.find(dataset).sizes !== undefined;
  if (train.forget === undefined && (data === undefined || sized)) return undefined;
  const [flag] = Object.entries({ "--channels": channels, "--classes": classes }).find(
    ([, value]) => value !== undefined,
  ) ?? [undefined];
  if (flag !== undefined) throw new UsageError(`${flag}: the images are read, and say it.`);
  const { corrupted, test, notes } = await loadImages(train);
  sayNotes(notes);
  return countsOf({ train: corrupted.train, test }, train.forget && corrupted.forget);
}

async function wantedLimits(flags: PlanFlags): Promise<DryLimits> {
  const { adapter, memory, maxBinding, precision = "exact" } = flags;
  const limits =
    adapter === "none" ? defaultLimits : limitsOf(await openDevice({ ...flags, adapter }));
  return {
    ...limits,
    precision,
    ...(memory === undefined ? {} : { memory: memory * 2 ** 20 }),
    ...(maxBinding === undefined
      ? {}
      : {
          maxBinding: maxBinding * 2 ** 20,
          maxBuffer: Math.max(limits.maxBuffer, maxBinding * 2 ** 20),
        }),
  };
}

function describe(
  { train, unlearn, images }: Extract<PlannedRun, { train: TrainConfig }>,
  plan: Parameters<typeof formatPlan>[0],
): string {
  const { size, channels, classes } = images;
  const { method, settings } = unlearn!;
  const batch = settings["batch"] === undefined ? "" : ` batch ${Number(settings["batch"])}`;
  const head =
    `${train.model.name}, ${images.train} + ${images.test} images ${size}×${size}×${channels}, ` +
    `${classes} classes; training batch ${train.batch}, ${method}${batch}`;
  return `${head}\n\n${formatPlan(plan)}`;
}
