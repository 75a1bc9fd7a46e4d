/**
 * Settings in the words of the command line.
 *
 * The engine's messages name settings in backticks: `batch`, `batch=32 microBatch=8`, and `settings.batch=16`
 * for those of an unlearning method, `forget.dir` for those of D_f. Users of the command line know them as flags.
 */

/** Flags by the setting they give. */
export const flags: Readonly<Record<string, string>> = {
  activations: "--activations",
  adapter: "--adapter",
  allowNonfinite: "--allow-nonfinite",
  arms: "--arms",
  batch: "--batch",
  beside: "--beside",
  checkpoint: "--from",
  classes: "--class-names",
  data: "--dataset",
  dir: "--data",
  epochs: "--epochs",
  forget: "--forget-files",
  key: "--key",
  label: "--forget-label",
  learningRate: "--lr",
  microBatch: "--micro-batch",
  model: "--model",
  nowcast: "--nowcast",
  out: "--out",
  preprocessing: "--preprocess",
  profile: "--profile",
  recompute: "--recompute",
  reference: "--reference",
  share: "--share",
  size: "--picture-size",
  testCount: "--test",
  trainCount: "--train",
};

/** Flags by the setting of an unlearning method; the others are given by `--set`. */
export const methodFlags: Readonly<Record<string, string>> = {
  base: "--base",
  batch: "--forget-batch",
  learningRate: "--rate",
  predictor: "--predictor",
  stepsPerRound: "--every",
  trajectory: "--trajectory",
};

/** Flags by the setting of `forget`. */
export const forgetFlags: Readonly<Record<string, string>> = {
  copies: "--forget-copies",
  dir: "--forget-data",
  images: "--forget-files",
  label: "--forget-label",
};

const groups = { "": flags, "settings.": methodFlags, "forget.": forgetFlags } as const;

/** One setting with its value; undefined if there is no flag for it. */
function flagOf(setting: string): string | undefined {
  const [, group = "", name = "", value] =
    /^(settings\.|forget\.)?([A-Za-z]+)(?:=(\S+))?$/.exec(setting) ?? [];
  const flag = groups[group as keyof typeof groups][name];
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
