/** How a predictor is found and read: what each declares beside its networks, so that no list elsewhere knows it. */
import { UsageError } from "../errors.ts";
import type { Named } from "../registry.ts";
import type { Base, Predictor } from "./predictor.ts";
import type { WeightFile } from "./weight-file.ts";

/** Weight sets that a folder holds a file each of. */
export const setNames = ["conv", "fc", "bias"] as const;

/** Names of the weight sets of a predictor; `all` serves every kind of parameter. */
export type SetName = (typeof setNames)[number] | "all";

/** What to load, and how. */
export interface LoadRequest {
  /** Files by weight set, of which all hold this predictor. */
  readonly files: Readonly<Partial<Record<SetName, WeightFile>>>;
  /** What the predictor is called in tables. */
  readonly name: string;
  /** What it is called in errors: the last part of the path. */
  readonly short: string;
  /** Overrides what the files say a residual is added to. */
  readonly base: Exclude<Base, "none"> | undefined;
  /** `published-bias:` stood before the path. */
  readonly publishedBias: boolean;
}

/** One kind of predictor. */
export interface PredictorLoader extends Named {
  /** A predictor without files, from what was asked for: `linear:3`. */
  readonly formula?: (spec: string) => Predictor | undefined;
  /** Whether a file holds this predictor; of several that say so the first in the registry is taken. */
  readonly recognises?: (file: WeightFile) => boolean;
  /** How files of a folder are called before the set's name: `InvWNN` of `InvWNN_conv.h5`. */
  readonly stems?: readonly string[];
  /** @throws UsageError for options it does not serve, ShapeError or DataError for a file that is not right. */
  readonly load?: (request: LoadRequest) => Predictor;
}

/** The only file of a predictor that has one set for every kind. */
export function onlyFile({ files, short }: LoadRequest): WeightFile {
  const all = Object.values(files);
  if (all.length !== 1) {
    throw new UsageError(`predictor "${short}": it is one file; give the path of that.`);
  }
  return all[0]!;
}

/** @throws UsageError where options are given that only other predictors serve. */
export function requirePlain(
  { short, base, publishedBias }: LoadRequest,
  name: string,
  serves: { readonly base?: boolean; readonly publishedBias?: boolean } = {},
): void {
  if (serves.base !== true && base !== undefined && base !== "newest") {
    throw new UsageError(`predictor "${short}": ${name} adds to the newest snapshot only.`);
  }
  if (serves.publishedBias !== true && publishedBias) {
    throw new UsageError(`predictor "${short}": only WNN has a published bias rule.`);
  }
}
