/** The options that describe data, model and training, and the configuration they become. */
import { absolutePredictor } from "../predictors/index.ts";
import { absolutePath } from "../platform/files.ts";
import { type Command, Option } from "commander";
import type { NetworkTask } from "../../models/network.ts";
import { UsageError } from "../errors.ts";
import type { Precision } from "../gpu/device.ts";
import { type ForgetConfig, type TrainConfig, trainSchema } from "../runs/config.ts";
import { defaults } from "../runs/defaults.ts";
import { fileOfNetwork } from "../runs/given-network.ts";
import { forecasters, type NowcastConfig } from "../forecast/index.ts";
import { optimizers, type OptimizerSettings } from "../optim/index.ts";
import { listed } from "../registry.ts";
import { scheduleNames } from "../train/schedule.ts";
import { type AugmentationName, augmentations, augmentOption } from "./augment-option.ts";
import { precisionOf } from "./device-options.ts";
import type { ForgetFlags } from "./forget-options.ts";
import { type NonfiniteFlags, nonfiniteOption, takenPredictor } from "./nonfinite.ts";
import { integer, most, number, numbers, validate } from "./parse.ts";
import { refuseUnused, settingOptions, settingsGiven } from "./setting-options.ts";
import {
  dataOf,
  dataOptions,
  networkOf,
  networkOptions,
  preprocessingGiven,
  preprocessingOptions,
  present,
  scenarioOf,
  scenarioOptions,
  type SetupFlags,
} from "./setup-options.ts";

/** Help of `--micro-batch`. */
export const microBatchText =
  "images a pass at most: a step's gradients are added up; batch norm takes its statistics of each pass";

/** Training flags as commander parses them. */
export interface TrainFlags extends SetupFlags, ForgetFlags, NonfiniteFlags {
  dataset: string;
  model: string;
  task?: NetworkTask;
  average?: number;
  from?: string;
  epochs: number;
  saveEvery: number;
  batch: number;
  lr: number;
  optimizer: string;
  weightDecay?: number;
  microBatch?: number;
  recompute?: boolean;
  activations: "f32" | "f16";
  schedule: TrainConfig["schedule"];
  milestones?: string;
  factor?: number;
  warmupEpochs?: number;
  clipNorm?: number;
  labelSmoothing?: number;
  augment?: AugmentationName;
  nowcast?: NowcastConfig["method"];
  nowcastPredictor?: string;
  precision?: Precision;
  seed: number;
}

/**
 * Adds the options that describe data, model and training.
 *
 * @param tasks what the network may be for, where there is a choice.
 * @param scenario what is wrong with D_f where nothing says it, in words; absent: nothing.
 */
export function trainOptions(
  command: Command,
  { tasks, scenario }: { tasks?: readonly NetworkTask[]; scenario?: string } = {},
): Command {
  const taken = forecasters.all.map(({ takes }) => takes.text);
  dataOptions(command, { preset: true });
  scenarioOptions(command, scenario);
  preprocessingOptions(networkOptions(command, { preset: true, tasks })).option(
    "--from <network>",
    "checkpoint to start from, or its folder; a missing classifier is drawn at random",
    absolutePath,
  );
  nonfiniteOption(command).optionsGroup("Training:");
  if (tasks !== undefined) taskOptions(command, tasks);
  command
    .option("--epochs <n>", "training epochs", integer(1, most.epochs), 40)
    .option(
      "--save-every <s>",
      "seconds between saves of the state that an interrupted training goes on from",
      number({ from: 0 }),
      15,
    )
    .option("--batch <n>", "images a training step", integer(1, most.images), 64)
    .option("--lr <rate>", "learning rate of training", number({ above: 0, to: 10 }), 1e-3)
    .addOption(
      new Option("--optimizer <name>", "how training steps")
        .choices(optimizerNames())
        .default(defaults.optimizer),
    );
  settingOptions(command, optimizers.all)
    .option("--weight-decay <d>", "weight decay of training", number({ from: 0 }))
    .option("--micro-batch <n>", microBatchText, integer(1))
    .option(
      "--recompute",
      "compute activations again for the backward pass: less memory, more time",
    )
    .addOption(
      new Option("--activations <type>", "what activations are stored as for the backward pass")
        .choices(["f32", "f16"])
        .default("f32"),
    )
    .addOption(
      new Option("--schedule <kind>", "learning rate over time")
        .choices(scheduleNames)
        .default("cosine"),
    )
    .option(
      "--milestones <epochs>",
      "schedule step: where the rate falls, as 30,60 (default: half and 3/4 of the epochs)",
      numbers(),
    )
    .option(
      "--factor <f>",
      "schedule step: what it is multiplied by (default: 0.1)",
      number({ above: 0, below: 1 }),
    )
    .option(
      "--warmup-epochs <n>",
      "epochs of linear warm-up before the schedule",
      number({ from: 0 }),
    )
    .option(
      "--clip-norm <norm>",
      "scale gradients down to this norm of all together",
      number({ above: 0 }),
    )
    .option(
      "--label-smoothing <share>",
      "share of a target spread over all classes",
      number({ from: 0, below: 1 }),
    )
    .addOption(augmentOption("--augment [kind]", "augment the training images"))
    .addOption(
      new Option(
        "--nowcast <method>",
        "replace the weights by a forecast now and then, with the schedule of one of",
      ).choices(forecasters.names),
    )
    .option(
      "--nowcast-predictor <path>",
      `what forecasts: ${listed(taken, "or")}, linear:-U:K`,
      absolutePredictor,
    );
  return settingOptions(command, forecasters.all).option(
    "--seed <n>",
    "seed of everything random",
    integer(0),
    1,
  );
}

/** `--task` and what it gives by default. */
function taskOptions(command: Command, tasks: readonly NetworkTask[]): void {
  const { network, optimizer, weightDecay, average } = defaults.diffusion;
  command
    .addOption(
      new Option(
        "--task <task>",
        `what the network is for; diffusion, which learns to draw images, takes --model ${network}, ` +
          `--optimizer ${optimizer} and --weight-decay ${weightDecay} by default`,
      )
        .choices(tasks)
        .default("classification"),
    )
    .option(
      "--average <decay>",
      `diffusion: what a step keeps of the average of the weights, which images are drawn with (default: ${average})`,
      number({ above: 0, below: 1 }),
    )
    .hook("preAction", () => {
      if (command.opts<TrainFlags>().task !== "diffusion") return;
      const usual = { model: network, optimizer, weightDecay, average };
      for (const [option, value] of Object.entries(usual)) {
        const source = command.getOptionValueSource(option);
        if (source === undefined || source === "default") {
          command.setOptionValueWithSource(option, value, "default");
        }
      }
    });
}

/** Names of --optimizer, other names included. */
export function optimizerNames(): string[] {
  return optimizers.all.flatMap(({ name, aliases }) => [name, ...Object.keys(aliases ?? {})]);
}

/** The optimiser that `--optimizer` and `--weight-decay` name, with its settings. */
export function optimizerOf(
  flags: Pick<TrainFlags, "optimizer" | "weightDecay">,
): OptimizerSettings {
  const called = flags.optimizer;
  const optimizer =
    optimizers.all.find(({ aliases = {} }) => called in aliases) ?? optimizers.find(called);
  return {
    name: optimizer.name,
    ...settingsGiven(optimizer, optimizers.all, flags, {
      unused: `--optimizer ${called} does not use it`,
    }),
    ...optimizer.aliases?.[called],
    ...(flags.weightDecay === undefined ? {} : { weightDecay: flags.weightDecay }),
  };
}

function nowcastOf(flags: TrainFlags): object | undefined {
  const { nowcast: method, nowcastPredictor: predictor } = flags;
  if (method === undefined) {
    refuseUnused([], forecasters.all, flags, "without --nowcast nothing uses it");
    if (predictor === undefined) return undefined;
    const names = listed(forecasters.names, "or");
    throw new UsageError(`--nowcast-predictor needs --nowcast ${names}.`);
  }
  const settings = settingsGiven(forecasters.find(method), forecasters.all, flags, {
    unused: `--nowcast ${method} does not use it`,
  });
  return { method, ...present({ predictor: takenPredictor(predictor, flags) }), ...settings };
}

/** The training configuration the flags describe; `forget`: which images are D_f, where they are named. */
export async function trainConfig(flags: TrainFlags, forget?: ForgetConfig): Promise<TrainConfig> {
  return validate(
    trainSchema,
    {
      data: dataOf(flags),
      scenario: scenarioOf(flags, forget),
      ...(await networkOf(flags)),
      epochs: flags.epochs,
      batch: flags.batch,
      learningRate: flags.lr,
      schedule: flags.schedule,
      optimizer: optimizerOf(flags),
      ...(await preprocessingGiven(flags)),
      ...present({
        forget,
        task: flags.task === "diffusion" ? flags.task : undefined,
        average: flags.average,
        from: flags.from && (await fileOfNetwork(flags.from)),
        allowNonfinite: flags.allowNonfinite,
        milestones: flags.milestones?.split(",").map(Number),
        factor: flags.factor,
        warmupEpochs: flags.warmupEpochs,
        clipNorm: flags.clipNorm,
        labelSmoothing: flags.labelSmoothing,
        microBatch: flags.microBatch,
        recompute: flags.recompute,
        activations: flags.activations === "f16" ? "f16" : undefined,
        augment: flags.augment === undefined ? undefined : augmentations[flags.augment],
        nowcast: nowcastOf(flags),
      }),
      ...precisionOf(flags),
      seed: flags.seed,
    },
    "training options",
  );
}
