/** Options that several commands share, and how they become configurations. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { modelNames } from "../../models/index.ts";
import {
  type DataConfig,
  recipeOf,
  type TrainConfig,
  trainSchema,
  type UnlearnConfig,
  unlearnSchema,
} from "../runs/config.ts";
import { datasets } from "../data/index.ts";
import { paperAugmentation, strongAugmentation } from "../feed/image-feed.ts";
import { introspectionJumps, type NowcastConfig } from "../forecast/nowcast.ts";
import { scheduleNames } from "../train/schedule.ts";
import { methodNames, methods, methodSettings } from "../unlearn/methods/index.ts";
import { integer, number, validate } from "./session.ts";

/** The paper's augmentations: of ResNet-18, and of PVTv2 and ConvNeXt. */
const augmentations = { moved: paperAugmentation, strong: strongAugmentation } as const;

function augmentOption(flags: string, what: string): Option {
  const kinds = "moved: as the paper does for ResNet-18; strong: as it does for PVTv2 and ConvNeXt";
  return new Option(flags, `${what} (${kinds})`)
    .choices(Object.keys(augmentations))
    .preset("moved");
}

/** Training flags as commander parses them. */
export interface TrainFlags {
  dataset: DataConfig["name"];
  data?: string;
  train?: number;
  test?: number;
  pictureSize?: number;
  scenario: TrainConfig["scenario"]["name"];
  share: number;
  target: number;
  signature: string;
  model: TrainConfig["model"]["name"];
  filters?: string;
  hidden?: number;
  from?: string;
  epochs: number;
  batch: number;
  lr: number;
  optimizer: (typeof optimizers)[number];
  momentum?: number;
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
  augment?: keyof typeof augmentations;
  nowcast?: NowcastConfig["method"];
  nowcastPredictor?: string;
  nowcastPeriod?: number;
  nowcastJumps?: string;
  seed: number;
}

/** Adds the options that describe data, model and training. */
export function trainOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--dataset <name>", "pictures to train on")
        .choices(datasets.names)
        .default("synthetic"),
    )
    .option("--data <dir>", "folder of the data set's files")
    .option("--train <n>", "training pictures, class-balanced", integer(1))
    .option("--test <n>", "test pictures, class-balanced", integer(1))
    .option(
      "--picture-size <pixels>",
      "side the pictures are resized to; smaller ones on the GPU",
      integer(1),
    )
    .addOption(
      new Option("--scenario <name>", "what is wrong with the training data")
        .choices(["label-noise", "backdoor", "standard", "overfit"])
        .default("label-noise"),
    )
    .option("--share <share>", "share of the training pictures in D_f", number(0, 0.99), 0.2)
    .option("--target <class>", "backdoor: the class the signature stands for", integer(0), 0)
    .option(
      "--signature <columns,value>",
      "backdoor: columns at the left edge (of pictures as stored), and their value (0 black, 255 white)",
      "2,255",
    )
    .addOption(new Option("--model <name>", "network").choices(modelNames).default("small-cnn"))
    .option("--filters <a,b>", "small-cnn: filters of the two convolutions")
    .option(
      "--hidden <n>",
      "small-cnn: units of a hidden dense layer; 0: none (default: 64)",
      integer(0),
    )
    .option("--from <file>", "checkpoint to start from; a missing classifier is drawn at random")
    .option("--epochs <n>", "training epochs", integer(1), 40)
    .option("--batch <n>", "pictures a training step", integer(1), 64)
    .option("--lr <rate>", "learning rate of training", number(0, 10), 1e-3)
    .addOption(
      new Option("--optimizer <name>", "how training steps").choices(optimizers).default("adam"),
    )
    .option("--momentum <m>", "sgd: momentum (default: 0.9)", number(0, 1))
    .option("--weight-decay <d>", "weight decay of training", number(0))
    .option("--micro-batch <n>", "pictures a pass: a step's gradients are added up", integer(1))
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
    .addOption(augmentOption("--augment [kind]", "augment the training pictures"))
    .addOption(
      new Option(
        "--nowcast <method>",
        "replace the weights by a forecast now and then, with the schedule of one of",
      ).choices(["wnn", "introspection", "nino"]),
    )
    .option(
      "--nowcast-predictor <path>",
      "what forecasts: a folder with WNN's files, a .safetensors or NiNo's .pt file, linear:-U:K",
    )
    .option("--nowcast-period <steps>", "nino: steps between forecasts (default: 1000)", integer(5))
    .option(
      "--nowcast-jumps <shares>",
      `introspection: when, as shares of the training (default: ${introspectionJumps.join(",")})`,
    )
    .option("--seed <n>", "seed of everything random", integer(0), 1);
}

function scenarioOf({ scenario: name, share, target, signature }: TrainFlags): object {
  if (name === "overfit") return { name };
  if (name !== "backdoor") return { name, share };
  const [width, value] = signature.split(",").map(Number);
  return { name, share, target, width, value };
}

/** Names of --optimizer; AdamW is Adam with decoupled weight decay. */
const optimizers = ["adam", "adamw", "sgd"] as const;

function optimizerOf({ optimizer: name, momentum, weightDecay }: TrainFlags): object {
  const decay = weightDecay === undefined ? {} : { weightDecay };
  if (name === "sgd") return { name, momentum: momentum ?? 0.9, ...decay };
  return { name: "adam", ...(name === "adamw" ? { decoupled: true } : {}), ...decay };
}

function nowcastOf(flags: TrainFlags): object | undefined {
  const { nowcast: method, nowcastPredictor: predictor, nowcastPeriod, nowcastJumps } = flags;
  const period = nowcastPeriod === undefined ? {} : { period: nowcastPeriod };
  const jumps = nowcastJumps === undefined ? {} : { jumps: nowcastJumps.split(",").map(Number) };
  if (method === undefined) {
    if (predictor === undefined) return undefined;
    throw new Error("--nowcast-predictor needs --nowcast wnn, introspection or nino.");
  }
  return { method, ...(predictor === undefined ? {} : { predictor }), ...period, ...jumps };
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
      model: {
        name: flags.model,
        ...given(flags.filters?.split(",").map(Number), "filters"),
        ...given(flags.hidden ?? (flags.model === "small-cnn" ? 64 : undefined), "hidden"),
      },
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

/** Unlearning flags as commander parses them. */
export interface UnlearnFlags {
  method: string;
  set: Record<string, unknown>;
  predictor?: string;
  base?: "oldest" | "newest";
  rate?: number;
  rounds?: number;
  forgetBatch?: number;
  every?: number;
  warmup?: number;
  trailing?: true;
  resetOptimizer?: true;
  forgetAugment?: keyof typeof augmentations;
  trajectory?: "f32" | "f16";
  kinds?: string;
  untilShare?: number | undefined;
  untilUa?: number;
  untilLoss?: number;
  untilTestBelow?: number;
  untilSeconds?: number;
  seed: number;
}

/** A `key=value` option: numbers, true, false and JSON are read as such, all else as text. */
export function setting(text: string, given: Record<string, unknown>): Record<string, unknown> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("key=value is needed.");
  const value = text.slice(at + 1);
  let parsed: unknown = value;
  try {
    parsed = JSON.parse(value);
  } catch {
    // Plain text.
  }
  return { ...given, [text.slice(0, at)]: parsed };
}

/** Adds the options of unlearning. */
export function unlearnOptions(command: Command): Command {
  const summaries = methods.map(({ name, summary, reads }) => `${name} (${reads}): ${summary}`);
  return command
    .addHelpText("after", `\nMethods, with the data they read:\n  ${summaries.join("\n  ")}`)
    .addOption(
      new Option("--method <name>", "unlearning method; see below")
        .choices(methodNames)
        .default("rewind"),
    )
    .option("--set <key=value>", "any setting of the method (repeatable)", setting, {})
    .option(
      "--predictor <path>",
      "rewind: folder of three weight files, one file, linear, linear:U, or reversed:PATH of a forecaster; default: ours",
    )
    .addOption(
      new Option("--base <end>", "rewind: snapshot the residual is added to").choices([
        "oldest",
        "newest",
      ]),
    )
    .option("--rate <rate>", "learning rate of the method", number(0, 10))
    .option("--rounds <n>", `rounds at most (default: ${defaultRounds})`, integer(1))
    .option("--forget-batch <n>", "pictures a step", integer(1))
    .option("--every <n>", "methods of single steps: steps a round (default: an epoch)", integer(1))
    .option(
      "--warmup <n>",
      "rewind: unrecorded epochs before each window (published script: 2)",
      integer(0),
    )
    .option(
      "--trailing",
      "rewind: one more epoch after the last snapshot, as the published scripts do",
    )
    .option("--reset-optimizer", "rewind: forget Adam's moments at each round")
    .addOption(augmentOption("--forget-augment [kind]", "augment D_f"))
    .addOption(
      new Option(
        "--trajectory <type>",
        "rewind: what snapshots are stored as (default: f32)",
      ).choices(["f32", "f16"]),
    )
    .option("--kinds <list>", "rewind: kinds of parameter to rewind (default: all)")
    .option(
      "--until-ua <percent>",
      "stop at this unlearning accuracy (100 - accuracy on D_f)",
      number(0, 100),
    )
    .option(
      "--until-share <share>",
      "stop where the accuracy on D_f has fallen to this share of its start (demo: 0.5, but for retrain)",
      number(0, 1),
    )
    .option("--until-loss <nats>", "stop at this cross-entropy on D_f", number(0))
    .option(
      "--until-test-below <percent>",
      "stop where the test accuracy has fallen below this",
      number(0, 100),
    )
    .option("--until-seconds <s>", "stop after this time", number(0));
}

/** Rounds at most where nothing else is said; retraining takes its epochs. */
const defaultRounds = 6;

function present(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** The unlearning configuration the flags describe, for a network trained as `train` says. */
export function unlearnConfig(flags: UnlearnFlags, train: TrainConfig): UnlearnConfig {
  const recipe = flags.method === "retrain" ? recipeOf(train) : {};
  const given = {
    learningRate: flags.rate,
    batch: flags.forgetBatch,
    stepsPerRound: flags.every,
    augment: flags.forgetAugment === undefined ? undefined : augmentations[flags.forgetAugment],
    predictor: flags.predictor,
    base: flags.base,
    warmupEpochs: flags.warmup,
    trailingEpoch: flags.trailing,
    resetOptimizer: flags.resetOptimizer,
    trajectory: flags.trajectory,
    kinds: flags.kinds?.split(",").map((kind) => kind.trim()),
  };
  const settings = methodSettings(flags.method, {
    ...present(recipe),
    ...present(given),
    ...flags.set,
  });
  const rounds =
    flags.method === "retrain"
      ? Math.ceil(Number(settings["epochs"]) / Number(settings["epochsPerRound"]))
      : defaultRounds;
  return validate(
    unlearnSchema,
    {
      method: flags.method,
      settings,
      rounds: flags.rounds ?? rounds,
      ...present({
        unlearningAccuracy: flags.untilUa,
        forgetShare: flags.untilShare,
        forgetLoss: flags.untilLoss,
        testFloor: flags.untilTestBelow,
        seconds: flags.untilSeconds,
      }),
      seed: flags.seed,
    },
    "unlearning options",
  );
}
