/** The options that describe data, model and training, and the configuration they become. */
import { type Command, Option } from "commander";
import { UsageError } from "../errors.ts";
import { networks } from "../../models/index.ts";
import { datasets } from "../data/index.ts";
import { type DataConfig, type TrainConfig, trainSchema } from "../runs/config.ts";
import { defaults } from "../runs/defaults.ts";
import { forecasters, type NowcastConfig } from "../forecast/index.ts";
import { optimizers } from "../optim/index.ts";
import { listed } from "../registry.ts";
import { scenarios } from "../scenarios/index.ts";
import { scheduleNames } from "../train/schedule.ts";
import { type AugmentationName, augmentations, augmentOption } from "./augment-option.ts";
import { integer, number, validate } from "./parse.ts";
import { settingOptions, settingsGiven } from "./setting-options.ts";

/** Training flags as commander parses them. */
export interface TrainFlags {
  dataset: DataConfig["name"];
  data?: string;
  train?: number;
  test?: number;
  pictureSize?: number;
  scenario: TrainConfig["scenario"]["name"];
  model: TrainConfig["model"]["name"];
  from?: string;
  epochs: number;
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
  seed: number;
}

/** Adds the options that describe data, model and training. */
export function trainOptions(command: Command): Command {
  const taken = forecasters.all.map(({ takes }) => takes.text);
  command
    .addOption(
      new Option("--dataset <name>", "images to train on")
        .choices(datasets.names)
        .default(defaults.dataset),
    )
    .option("--data <dir>", "folder of the data set's files")
    .option("--train <n>", "training images, class-balanced", integer(1))
    .option("--test <n>", "test images, class-balanced", integer(1))
    .option(
      "--picture-size <pixels>",
      "side the images are resized to; smaller ones on the GPU",
      integer(1),
    )
    .addOption(
      new Option("--scenario <name>", "what is wrong with the training data")
        .choices(scenarios.names)
        .default(defaults.scenario),
    );
  settingOptions(command, scenarios.all);
  command.addOption(
    new Option("--model <name>", "network").choices(networks.names).default(defaults.network),
  );
  settingOptions(command, networks.all)
    .option("--from <file>", "checkpoint to start from; a missing classifier is drawn at random")
    .option("--epochs <n>", "training epochs", integer(1), 40)
    .option("--batch <n>", "images a training step", integer(1), 64)
    .option("--lr <rate>", "learning rate of training", number(0, 10), 1e-3)
    .addOption(
      new Option("--optimizer <name>", "how training steps")
        .choices(optimizerNames())
        .default(defaults.optimizer),
    );
  settingOptions(command, optimizers.all)
    .option("--weight-decay <d>", "weight decay of training", number(0))
    .option("--micro-batch <n>", "images a pass: a step's gradients are added up", integer(1))
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
    )
    .option("--factor <f>", "schedule step: what it is multiplied by (default: 0.1)", number(0, 1))
    .option("--warmup-epochs <n>", "epochs of linear warm-up before the schedule", number(0))
    .option("--clip-norm <norm>", "scale gradients down to this norm of all together", number(0))
    .option("--label-smoothing <share>", "share of a target spread over all classes", number(0, 1))
    .addOption(augmentOption("--augment [kind]", "augment the training images"))
    .addOption(
      new Option(
        "--nowcast <method>",
        "replace the weights by a forecast now and then, with the schedule of one of",
      ).choices(forecasters.names),
    )
    .option("--nowcast-predictor <path>", `what forecasts: ${listed(taken, "or")}, linear:-U:K`);
  return settingOptions(command, forecasters.all).option(
    "--seed <n>",
    "seed of everything random",
    integer(0),
    1,
  );
}

function scenarioOf(flags: TrainFlags): object {
  const scenario = scenarios.find(flags.scenario);
  return { name: flags.scenario, ...settingsGiven(scenario, scenarios.all, flags, "drop") };
}

function networkOf(flags: TrainFlags): object {
  const network = networks.find(flags.model);
  return { name: flags.model, ...settingsGiven(network, networks.all, flags, "give") };
}

/** Names of --optimizer, other names included. */
function optimizerNames(): string[] {
  return optimizers.all.flatMap(({ name, aliases }) => [name, ...Object.keys(aliases ?? {})]);
}

function optimizerOf(flags: TrainFlags): object {
  const called = flags.optimizer;
  const optimizer =
    optimizers.all.find(({ aliases = {} }) => called in aliases) ?? optimizers.find(called);
  return {
    name: optimizer.name,
    ...settingsGiven(optimizer, optimizers.all, flags, "drop"),
    ...optimizer.aliases?.[called],
    ...(flags.weightDecay === undefined ? {} : { weightDecay: flags.weightDecay }),
  };
}

function nowcastOf(flags: TrainFlags): object | undefined {
  const { nowcast: method, nowcastPredictor: predictor } = flags;
  if (method === undefined) {
    if (predictor === undefined) return undefined;
    const names = listed(forecasters.names, "or");
    throw new UsageError(`--nowcast-predictor needs --nowcast ${names}.`);
  }
  const settings = settingsGiven(forecasters.find(method), forecasters.all, flags, "give");
  return { method, ...(predictor === undefined ? {} : { predictor }), ...settings };
}

/** The training configuration the flags describe. */
export function trainConfig(flags: TrainFlags): TrainConfig {
  const given = <T>(value: T | undefined, key: string): Record<string, T> =>
    value === undefined ? {} : { [key]: value };
  return validate(
    trainSchema,
    {
      data: {
        name: flags.dataset,
        ...given(flags.data, "dir"),
        ...given(flags.train, "trainCount"),
        ...given(flags.test, "testCount"),
        ...given(flags.pictureSize, "size"),
      },
      scenario: scenarioOf(flags),
      model: networkOf(flags),
      ...given(flags.from, "from"),
      epochs: flags.epochs,
      batch: flags.batch,
      learningRate: flags.lr,
      schedule: flags.schedule,
      ...given(flags.milestones?.split(",").map(Number), "milestones"),
      ...given(flags.factor, "factor"),
      ...given(flags.warmupEpochs, "warmupEpochs"),
      ...given(flags.clipNorm, "clipNorm"),
      ...given(flags.labelSmoothing, "labelSmoothing"),
      optimizer: optimizerOf(flags),
      ...given(flags.microBatch, "microBatch"),
      ...given(flags.recompute, "recompute"),
      ...(flags.activations === "f16" ? { activations: "f16" } : {}),
      ...(flags.augment === undefined ? {} : { augment: augmentations[flags.augment] }),
      ...given(nowcastOf(flags), "nowcast"),
      seed: flags.seed,
    },
    "training options",
  );
}
