/** `rewind plan`: what a run would allocate, without running it. */
import { type Command, Option } from "commander";
import type { DataConfig } from "../config.ts";
import { defaultLimits, type DryLimits, limitsOf } from "../gpu/dry.ts";
import { formatPlan, type PictureCounts, type PlannedRun, planRun, withAdvice } from "../plan.ts";
import {
  type TrainFlags,
  trainConfig,
  trainOptions,
  unlearnConfig,
  type UnlearnFlags,
  unlearnOptions,
} from "./options.ts";
import { integer, number, openDevice } from "./session.ts";

interface PlanFlags extends Omit<TrainFlags, "adapter">, Omit<UnlearnFlags, "seed"> {
  channels?: number;
  classes?: number;
  memory?: number;
  maxBinding?: number;
  adapter: "auto" | "gpu" | "software" | "none";
  json?: boolean;
}

/** The data sets as they are published; a folder of pictures has no sizes of its own. */
const published: Readonly<Record<Exclude<DataConfig["name"], "image-folder">, PictureCounts>> = {
  synthetic: { size: 28, channels: 1, classes: 10, train: 4000, test: 1000 },
  mnist: { size: 28, channels: 1, classes: 10, train: 60_000, test: 10_000 },
  cifar10: { size: 32, channels: 3, classes: 10, train: 50_000, test: 10_000 },
  cifar100: { size: 32, channels: 3, classes: 100, train: 50_000, test: 10_000 },
  "tiny-imagenet": { size: 64, channels: 3, classes: 200, train: 100_000, test: 10_000 },
};

export function registerPlan(root: Command): void {
  const command = root
    .command("plan")
    .description("print what a training and unlearning run would allocate, without running it");
  unlearnOptions(trainOptions(command))
    .option("--channels <n>", "1 or 3 (default: the data set's)", integer(1))
    .option("--classes <n>", "classes (default: the data set's)", integer(2))
    .option("--memory <MiB>", "memory for buffers: an error says which batch fits", number(1))
    .option("--max-binding <MiB>", "largest storage binding (default: the adapter's)", number(1))
    .addOption(
      new Option("--adapter <kind>", "whose limits; none: those every WebGPU adapter keeps")
        .choices(["auto", "gpu", "software", "none"])
        .default("none"),
    )
    .option("--json", "print bytes as JSON")
    .action(async (flags: PlanFlags) => {
      const train = trainConfig(flags);
      const run = { train, unlearn: unlearnConfig(flags, train), pictures: picturesOf(flags) };
      const limits = await wantedLimits(flags);
      const plan = await withAdvice(run, limits, () => planRun(run, limits));
      console.log(flags.json === true ? JSON.stringify(plan, null, 2) : describe(run, plan));
    });
}

function picturesOf(flags: PlanFlags): PictureCounts {
  const known = flags.dataset === "image-folder" ? undefined : published[flags.dataset];
  const need = (name: string, value: number | undefined): number => {
    if (value !== undefined) return value;
    throw new Error(`--dataset ${flags.dataset}: give --${name} as well; nothing is read to plan.`);
  };
  const channels = need("channels", flags.channels ?? known?.channels);
  if (channels !== 1 && channels !== 3) throw new Error("--channels: pictures have 1 or 3.");
  return {
    size: need("picture-size", flags.pictureSize ?? known?.size),
    channels,
    classes: need("classes", flags.classes ?? known?.classes),
    train: need("train", flags.train ?? known?.train),
    test: need("test", flags.test ?? known?.test),
  };
}

async function wantedLimits(flags: PlanFlags): Promise<DryLimits> {
  const { adapter, memory, maxBinding } = flags;
  const limits =
    adapter === "none" ? defaultLimits : limitsOf(await openDevice({ ...flags, adapter }));
  return {
    ...limits,
    ...(memory === undefined ? {} : { memory: memory * 2 ** 20 }),
    ...(maxBinding === undefined ? {} : { maxBinding: maxBinding * 2 ** 20 }),
  };
}

function describe(
  { train, unlearn, pictures }: PlannedRun,
  plan: Parameters<typeof formatPlan>[0],
): string {
  const { size, channels, classes } = pictures;
  const { method, settings } = unlearn!;
  const head =
    `${train.model.name}, ${pictures.train} + ${pictures.test} pictures ${size}×${size}×${channels}, ` +
    `${classes} classes; training batch ${train.batch}, ${method} batch ${String(settings["batch"])}`;
  return `${head}\n\n${formatPlan(plan)}`;
}
