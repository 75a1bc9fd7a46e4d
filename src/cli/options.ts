/** Options that several commands share, and how they become configurations. */
import { type Command, Option } from "commander";
import { modelNames } from "../../models/index.ts";
import {
  type DataConfig,
  datasetNames,
  type TrainConfig,
  trainSchema,
  type UnlearnConfig,
  unlearnSchema,
} from "../config.ts";
import { parameterKinds } from "../gpu/arena.ts";
import { paperAugmentation } from "../train/feed.ts";
import { rewindDefaults } from "../unlearn/rewind.ts";
import { integer, number, validate } from "./session.ts";

/** Training flags as commander parses them. */
export interface TrainFlags {
  dataset: DataConfig["name"];
  data?: string;
  train?: number;
  test?: number;
  mislabel: number;
  model: TrainConfig["model"]["name"];
  filters?: string;
  hidden: number;
  epochs: number;
  batch: number;
  lr: number;
  schedule: TrainConfig["schedule"];
  augment?: boolean;
  seed: number;
}

/** Adds the options that describe data, model and training. */
export function trainOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--dataset <name>", "pictures to train on")
        .choices(datasetNames)
        .default("synthetic"),
    )
    .option("--data <dir>", "folder of the data set's files")
    .option("--train <n>", "training pictures, class-balanced", integer(1))
    .option("--test <n>", "test pictures, class-balanced", integer(1))
    .option("--mislabel <share>", "share of training labels made wrong: D_f", number(0, 0.99), 0.2)
    .addOption(new Option("--model <name>", "network").choices(modelNames).default("small-cnn"))
    .option("--filters <a,b>", "filters of the two convolutions")
    .option("--hidden <n>", "units of a hidden dense layer; 0: none", integer(0), 64)
    .option("--epochs <n>", "training epochs", integer(1), 40)
    .option("--batch <n>", "pictures a training step", integer(1), 64)
    .option("--lr <rate>", "learning rate of training (Adam)", number(0, 10), 1e-3)
    .addOption(
      new Option("--schedule <kind>", "learning rate over time")
        .choices(["constant", "cosine"])
        .default("cosine"),
    )
    .option("--augment", "train with the paper's augmentation")
    .option("--seed <n>", "seed of everything random", integer(0), 1);
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
      },
      mislabel: flags.mislabel,
      model: {
        name: flags.model,
        ...(flags.filters === undefined ? {} : { filters: flags.filters.split(",").map(Number) }),
        hidden: flags.hidden,
      },
      epochs: flags.epochs,
      batch: flags.batch,
      learningRate: flags.lr,
      schedule: flags.schedule,
      optimizer: { name: "adam" },
      ...(flags.augment === true ? { augment: paperAugmentation } : {}),
      seed: flags.seed,
    },
    "training options",
  );
}

/** Unlearning flags as commander parses them. */
export interface UnlearnFlags {
  predictor?: string;
  base?: "oldest" | "newest";
  rate: number;
  rounds: number;
  forgetBatch: number;
  warmup: number;
  trailing?: boolean;
  resetOptimizer?: boolean;
  forgetAugment?: boolean;
  kinds: string;
  untilShare?: number;
  untilUa?: number;
  untilLoss?: number;
  untilSeconds?: number;
  seed: number;
}

/** Adds the options of the rewind method. `defaults`: learning rate on D_f, most rounds, share to stop at. */
export function unlearnOptions(
  command: Command,
  defaults: { rate: number; rounds: number; share?: number },
): Command {
  return command
    .option(
      "--predictor <path>",
      "folder of three weight files, one file, linear or linear:U; default: ours",
    )
    .addOption(
      new Option("--base <end>", "snapshot the residual is added to").choices(["oldest", "newest"]),
    )
    .option(
      "--rate <rate>",
      "learning rate on D_f (Adam; the paper's ResNet-18: 1e-6)",
      number(0, 10),
      defaults.rate,
    )
    .option("--rounds <n>", "rewinds at most", integer(1), defaults.rounds)
    .option("--forget-batch <n>", "pictures a step on D_f", integer(1), rewindDefaults.batch)
    .option(
      "--warmup <n>",
      "unrecorded epochs before each window (published script: 2)",
      integer(0),
      0,
    )
    .option("--trailing", "one more epoch after the last snapshot, as the published scripts do")
    .option("--reset-optimizer", "forget Adam's moments at each round")
    .option("--forget-augment", "the paper's augmentation on D_f")
    .option("--kinds <list>", "kinds of parameter to rewind", parameterKinds.join(","))
    .option(
      "--until-ua <percent>",
      "stop at this unlearning accuracy (100 - accuracy on D_f)",
      number(0, 100),
    )
    .option(
      "--until-share <share>",
      "stop where the accuracy on D_f has fallen to this share of its start",
      number(0, 1),
      defaults.share,
    )
    .option("--until-loss <nats>", "stop at this cross-entropy on D_f", number(0))
    .option("--until-seconds <s>", "stop after this time", number(0));
}

/** The unlearning configuration the flags describe. */
export function unlearnConfig(flags: UnlearnFlags): UnlearnConfig {
  const optional = {
    predictor: flags.predictor,
    base: flags.base,
    augment: flags.forgetAugment === true ? paperAugmentation : undefined,
    unlearningAccuracy: flags.untilUa,
    forgetShare: flags.untilShare,
    forgetLoss: flags.untilLoss,
    seconds: flags.untilSeconds,
  };
  return validate(
    unlearnSchema,
    {
      ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
      learningRate: flags.rate,
      optimizer: { name: "adam" },
      batch: flags.forgetBatch,
      warmupEpochs: flags.warmup,
      trailingEpoch: flags.trailing === true,
      resetOptimizer: flags.resetOptimizer === true,
      kinds: flags.kinds.split(",").map((kind) => kind.trim()),
      rounds: flags.rounds,
      seed: flags.seed,
    },
    "unlearning options",
  );
}
