/**
 * Settings in the words of the command line.
 *
 * The engine's messages name settings in backticks: `batch`, `batch=32 microBatch=8`, and `settings.batch=16`
 * for those of an unlearning method, `forget.dir` for those of D_f. Users of the command line know them as flags.
 */

import { networks } from "../../models/index.ts";
import { forecasters } from "../forecast/index.ts";
import { optimizers } from "../optim/index.ts";
import type { SettingOption } from "../registry.ts";
import { scenarios } from "../scenarios/index.ts";

/** Flags by the setting they give. */
export const flags: Readonly<Record<string, string>> = {
  activations: "--activations",
  adapter: "--adapter",
  allowNonfinite: "--allow-nonfinite",
  arms: "--arms",
  augment: "--augment",
  average: "--average",
  batch: "--batch",
  beside: "--beside",
  checkpoint: "--from",
  classes: "--class-names",
  clipNorm: "--clip-norm",
  data: "--dataset",
  dir: "--data",
  epochs: "--epochs",
  factor: "--factor",
  forget: "--forget-files",
  forgetLoss: "--until-loss",
  grader: "--grader",
  forgetShare: "--until-share",
  keepRounds: "--keep-rounds",
  key: "--key",
  label: "--forget-label",
  labelSmoothing: "--label-smoothing",
  learningRate: "--lr",
  library: "--library",
  precision: "--precision",
  microBatch: "--micro-batch",
  milestones: "--milestones",
  model: "--model",
  name: "--name",
  networks: "--networks",
  nowcast: "--nowcast",
  optimizer: "--optimizer",
  out: "--out",
  perturbations: "--perturbations",
  preprocessing: "--preprocess",
  profile: "--profile",
  recompute: "--recompute",
  reference: "--reference",
  rounds: "--rounds",
  scenario: "--scenario",
  schedule: "--schedule",
  seconds: "--until-seconds",
  seed: "--seed",
  shard: "--shard",
  share: "--share",
  size: "--image-size",
  testCount: "--test",
  testFloor: "--until-test-below",
  unseen: "--until-unseen",
  testShare: "--test-share",
  trainCount: "--train",
  tuned: "--tuned",
  tuningSeed: "--tuning-seed",
  tuningSeeds: "--tuning-seeds",
  unlearningAccuracy: "--until-ua",
  untilRetrained: "--until-retrained",
  warmupEpochs: "--warmup-epochs",
  widenings: "--widenings",
};

/** Flags by the setting of an unlearning method; the others are given by `--set`. */
export const methodFlags: Readonly<Record<string, string>> = {
  augment: "--forget-augment",
  base: "--base",
  batch: "--forget-batch",
  kinds: "--kinds",
  learningRate: "--rate",
  predictor: "--predictor",
  resetOptimizer: "--reset-optimizer",
  stepsPerRound: "--every",
  trailingEpoch: "--trailing",
  trajectory: "--trajectory",
  warmupEpochs: "--warmup",
};

/** Flags by the setting of `forget`. */
export const forgetFlags: Readonly<Record<string, string>> = {
  copies: "--forget-copies",
  dir: "--forget-data",
  images: "--forget-files",
  label: "--forget-label",
  size: "--image-size",
};

/** The options that entries of a registry declare, by setting. */
function declared(entries: readonly { readonly options?: readonly SettingOption[] }[]) {
  return Object.fromEntries(
    entries.flatMap(({ options = [] }) =>
      options.flatMap(({ option, settings }) => settings.map((name) => [name, `--${option}`])),
    ),
  );
}

/** Flags of the settings of each group, by what stands before their names. */
const groups: Readonly<Record<string, () => Readonly<Record<string, string>>>> = {
  "": () => flags,
  "data.": () => ({ ...flags, name: "--dataset", classes: "--only-classes" }),
  "settings.": () => methodFlags,
  "forget.": () => forgetFlags,
  "model.": () => ({ ...declared(networks.all), name: "--model" }),
  "nowcast.": () => ({
    ...declared(forecasters.all),
    method: "--nowcast",
    predictor: "--nowcast-predictor",
  }),
  "optimizer.": () => ({
    ...declared(optimizers.all),
    name: "--optimizer",
    weightDecay: "--weight-decay",
  }),
  "scenario.": () => ({ ...declared(scenarios.all), name: "--scenario" }),
};

/** One setting with its value; undefined if there is no flag for it. */
function flagOf(setting: string): string | undefined {
  const [, group = "", name = "", value] =
    /^([a-z]+\.)?([A-Za-z]+)(?:=(\S+))?$/.exec(setting) ?? [];
  const flag = groups[group]?.()[name];
  if (flag === undefined) {
    return group === "settings." ? `--set ${name}=${value ?? "…"}` : undefined;
  }
  return value === undefined || value === "true" ? flag : `${flag} ${value}`;
}

/** A message of the engine with the settings it names turned into flags; other words in backticks stay. */
export function inFlags(message: string): string {
  return message.replaceAll(/`([^`]+)`/g, (whole, settings: string) => {
    const parts = settings.split(" ").map((setting) => flagOf(setting));
    return parts.includes(undefined) ? whole : parts.join(" ");
  });
}
