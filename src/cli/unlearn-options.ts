/** The options of unlearning, and the configuration they become. */
import { absolutePredictor } from "../predictors/index.ts";
import { type Command, InvalidArgumentError, Option } from "commander";
import {
  retrainSettings,
  type TrainConfig,
  type UnlearnConfig,
  unlearnSchema,
} from "../runs/config.ts";
import { UsageError } from "../errors.ts";
import type { Precision } from "../gpu/device.ts";
import { listed } from "../registry.ts";
import { defaults } from "../runs/defaults.ts";
import { cannotEnd } from "../unlearn/driver.ts";
import { hasSetting, methods, methodSettings } from "../unlearn/methods/index.ts";
import { type AugmentationName, augmentations, augmentOption } from "./augment-option.ts";
import { precisionOf } from "./device-options.ts";
import { methodFlags } from "./flags.ts";
import { type NonfiniteFlags, takenPredictor } from "./nonfinite.ts";
import { say } from "./output.ts";
import { integer, isSingle, most, number, repeatable, validate } from "./parse.ts";
import { present } from "./setup-options.ts";

/** Unlearning flags as commander parses them. */
export interface UnlearnFlags extends NonfiniteFlags {
  precision?: Precision;
  method: string;
  set?: Record<string, unknown>;
  predictor?: string;
  base?: "oldest" | "newest";
  rate?: number;
  rounds?: number;
  forgetBatch?: number;
  every?: number;
  warmup?: number;
  trailing?: true;
  resetOptimizer?: true;
  forgetAugment?: AugmentationName;
  trajectory?: "f32" | "f16";
  kinds?: string;
  untilShare?: number | undefined;
  untilUa?: number;
  untilLoss?: number;
  land?: true;
  untilTestBelow?: number;
  untilUnseen?: true;
  untilSeconds?: number;
  keepRounds?: number;
  seed: number;
}

/** A setting's value as it is written behind `=`. */
function shownSetting(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A `key=value` option: numbers, true, false and JSON are read as such, all else as text. */
export function setting(
  text: string,
  given: Record<string, unknown> = {},
): Record<string, unknown> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("key=value is needed.");
  const value = text.slice(at + 1);
  let parsed: unknown = value;
  try {
    parsed = JSON.parse(value);
  } catch {
    // Plain text.
  }
  if (typeof parsed === "number" && !isSingle(parsed)) {
    throw new InvalidArgumentError("is beyond single precision, 1e-45 to 3.4e38.");
  }
  const name = text.slice(0, at);
  if (Object.hasOwn(given, name)) {
    const first = `${name}=${shownSetting(given[name])}`;
    throw new InvalidArgumentError(`${first} is there already; give one of the two.`);
  }
  return { ...given, [name]: parsed };
}

/** Adds the options of unlearning. */
export function unlearnOptions(command: Command): Command {
  return command
    .optionsGroup("Unlearning:")
    .addOption(
      new Option("--method <name>", "how to unlearn; `rewind methods` says what each does")
        .choices(methods.names)
        .default(defaults.method),
    )
    .option(
      "--set <key=value>",
      "any setting of the method, as `rewind methods NAME` lists them (repeatable)",
      repeatable(setting),
    )
    .option(
      "--predictor <path>",
      "rewind: folder of three weight files, one file, linear, linear:U, late, or reversed:PATH of a forecaster; default: ours",
    )
    .addOption(
      new Option("--base <end>", "rewind: snapshot the residual is added to").choices([
        "oldest",
        "newest",
      ]),
    )
    .option("--rate <rate>", "learning rate of the method", number({ above: 0, to: 10 }))
    .option("--forget-batch <n>", "images a step", integer(1, most.images))
    .option("--every <n>", "methods of single steps: steps a round (default: an epoch)", integer(1))
    .option(
      "--warmup <n>",
      "rewind: unrecorded epochs before each window (published script: 2)",
      integer(0, most.epochs),
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
    .optionsGroup("When unlearning stops:")
    .option("--rounds <n>", `rounds at most (default: ${defaultRounds})`, integer(1, most.epochs))
    .option(
      "--until-ua <percent>",
      "stop at this unlearning accuracy (100 - accuracy on D_f)",
      number({ from: 0, to: 100 }),
    )
    .option(
      "--until-share <share>",
      "stop where the accuracy on D_f has fallen to this share of its start (demo: 0.5, but for retrain)",
      number({ from: 0, below: 1 }),
    )
    .option(
      "--until-unseen",
      "stop where the accuracy on D_f has fallen to that on the test images at the start, as on images that it never saw",
    )
    .option("--until-loss <nats>", "stop at this cross-entropy on D_f", number({ above: 0 }))
    .option(
      "--land",
      "end on that level: keep of the last round only the part that it takes to get there",
    )
    .option(
      "--until-test-below <percent>",
      "stop where the test accuracy has fallen below this",
      number({ from: 0, to: 100 }),
    )
    .option("--until-seconds <s>", "stop after this time", number({ above: 0 }))
    .optionsGroup("For `rewind figure`:")
    .option(
      "--keep-rounds <n>",
      "keep the weights after each round, of at most so many rounds (more: every second, every fourth, …)",
      integer(1, most.networks),
    )
    .optionsGroup("Options:");
}

/** The flags that are given of a level or a floor to end at, `--land` last. */
function levelFlags(flags: UnlearnFlags): string[] {
  const given = {
    "--until-ua": flags.untilUa,
    "--until-share": flags.untilShare,
    "--until-unseen": flags.untilUnseen,
    "--until-loss": flags.untilLoss,
    "--until-test-below": flags.untilTestBelow,
    "--land": flags.land,
  };
  return Object.entries(given).flatMap(([flag, value]) => (value === undefined ? [] : [flag]));
}

/** Rounds at most where nothing else is said; retraining takes its epochs. */
const defaultRounds = 6;

/** The unlearning configuration the flags describe, for a network trained as `train` says, where that is known. */
export function unlearnConfig(flags: UnlearnFlags, train?: TrainConfig): UnlearnConfig {
  const retrains = methods.find(flags.method).reference === true;
  const recipe = retrains && train !== undefined ? retrainSettings(train) : {};
  if (retrains && train?.nowcast !== undefined) {
    say(
      `--method ${flags.method}: the network was trained with forecasts (--nowcast), and this is without: the two differ by ` +
        "more than D_f",
    );
  }
  const given = {
    learningRate: flags.rate,
    batch: flags.forgetBatch,
    stepsPerRound: flags.every,
    augment: flags.forgetAugment === undefined ? undefined : augmentations[flags.forgetAugment],
    predictor: takenPredictor(flags.predictor, flags),
    base: flags.base,
    warmupEpochs: flags.warmup,
    trailingEpoch: flags.trailing,
    resetOptimizer: flags.resetOptimizer,
    trajectory: flags.trajectory,
    kinds: flags.kinds?.split(",").map((kind) => kind.trim()),
  };
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const { set = {} } = flags;
    if (Object.hasOwn(set, name)) {
      throw new UsageError(
        `${methodFlags[name]} and --set ${name}=${shownSetting(set[name])} give the same setting: leave one of them out.`,
      );
    }
    if (hasSetting(flags.method, name)) continue;
    const owners = methods.names.filter((method) => hasSetting(method, name));
    throw new UsageError(
      `${methodFlags[name]} is for ${listed(owners)}; --method ${flags.method} does not use it.`,
    );
  }
  for (const name of Object.keys(flags.set ?? {})) {
    const [meant] = Object.entries(methodFlags).find(([, flag]) => flag === `--${name}`) ?? [];
    if (hasSetting(flags.method, name) || meant === undefined) continue;
    throw new UsageError(
      `--set ${name}: ${flags.method} has no setting "${name}"; the option --${name} gives the setting ${meant}.`,
    );
  }
  const settings = methodSettings(flags.method, {
    ...present(recipe),
    ...present(given),
    ...flags.set,
  });
  if (typeof settings["predictor"] === "string") {
    settings["predictor"] = absolutePredictor(settings["predictor"]);
  }
  const rounds = retrains
    ? Math.ceil(Number(settings["epochs"]) / Number(settings["epochsPerRound"]))
    : defaultRounds;
  const config = validate(
    unlearnSchema,
    {
      method: flags.method,
      settings,
      rounds: flags.rounds ?? rounds,
      ...present({
        unlearningAccuracy: flags.untilUa,
        forgetShare: flags.untilShare,
        unseen: flags.untilUnseen,
        forgetLoss: flags.untilLoss,
        land: flags.land,
        testFloor: flags.untilTestBelow,
        seconds: flags.untilSeconds,
        keepRounds: flags.keepRounds,
      }),
      ...precisionOf(flags),
      seed: flags.seed,
    },
    "unlearning options",
  );
  const wrong = cannotEnd(config, methods.find(flags.method));
  if (wrong === "no level") {
    throw new UsageError(
      "--land: say which level to end on: --until-ua, --until-share, --until-unseen or --until-loss.",
    );
  }
  if (wrong === "several levels") {
    throw new UsageError(
      `--land ends on one level: give one of ${listed(levelFlags(flags).slice(0, -1))}.`,
    );
  }
  if (wrong === "begins anew") {
    throw new UsageError(
      `--method ${flags.method} begins anew and knows nothing of D_f at first: a level would end it at once. Leave out ` +
        `${listed(levelFlags(flags))}.`,
    );
  }
  return config;
}
