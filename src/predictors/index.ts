/** Predictors by name or file: one folder or file each, one line here. */
import { z } from "zod";
import { isObject, requireGiven } from "../checked.ts";
import { DataError, UsageError } from "../errors.ts";
import { absolutePath, exists, fileInfo, join, listDir, readBytes } from "../platform/files.ts";
import { entryKinds, entrySchema, Registry } from "../registry.ts";
import { introspectionLoader } from "./introspection.ts";
import { invWnnLoader } from "./invwnn/loader.ts";
import { linearLoader } from "./linear.ts";
import { type PredictorLoader, setNames, type SetName } from "./loader.ts";
import { ninoLoader } from "./nino/predictor.ts";
import { type Base, type Predictor, reversedPredictor } from "./predictor.ts";
import { shippedBytes, shippedName } from "./shipped.ts";
import { parseWeightFile, type WeightFile } from "./weight-file.ts";
import { filterLoader, lateLoader, mixLoader } from "./weighted-steps/predictor.ts";
import { wnnLoader } from "./wnn.ts";

/** All predictors; `predictors.add(…)` makes another one known to configurations and commands. */
export const predictors: Registry<PredictorLoader> = new Registry(
  "predictor",
  [
    linearLoader,
    lateLoader,
    filterLoader,
    mixLoader,
    // Before InvWNN, which takes every Keras file that is no WNN, to say what is wrong with it.
    wnnLoader,
    invWnnLoader,
    introspectionLoader,
    ninoLoader,
  ],
  entrySchema({
    formula: entryKinds.function.optional(),
    recognises: entryKinds.function.optional(),
    stems: z.array(z.string()).optional(),
    load: entryKinds.function.optional(),
  }).refine((loader) => "formula" in (loader as object) || "load" in (loader as object), {
    error: "expected `formula` or `load`",
  }),
);

/** Files of a folder by set: `InvWNN_Conv.h5`, `NWNN_Conv_13.h5`, `invwnn-conv.safetensors` and so on. */
async function findSets(folder: string): Promise<Record<(typeof setNames)[number], string>> {
  const names = await listDir(folder);
  const stems = predictors.all.flatMap((loader) => loader.stems ?? []);
  const found = setNames.map((set) => {
    const pattern = new RegExp(
      `^(${stems.join("|")})[-_]${set}([-_]\\d+)?\\.(h5|hdf5|safetensors)$`,
      "i",
    );
    const matches = names.filter((candidate) => pattern.test(candidate));
    if (matches.length !== 1) {
      throw new DataError(
        `predictor folder "${folder}" has ${matches.length === 0 ? "no" : "more than one"} file for ${set} ` +
          `(${stems.map((stem) => `${stem}_${set}`).join(", ")}, as .h5 or .safetensors); it has: ` +
          `${names.join(", ") || "nothing"}. A predictor of one file is given by the path of that file.`,
      );
    }
    return [set, join(folder, matches[0]!)] as const;
  });
  return Object.fromEntries(found) as Record<(typeof setNames)[number], string>;
}

/** Paths by set. @throws UsageError if there is nothing of that name. */
async function pathsOf(spec: string): Promise<Partial<Record<SetName, string>>> {
  if ((await fileInfo(spec))?.directory === true) return findSets(spec);
  if (await exists(spec)) return { all: spec };
  throw new UsageError(
    `no predictor "${spec}": give a folder, a .h5, .pt or .safetensors file, linear, linear:U, linear:U:K, late or late:C.`,
  );
}

async function filesOf({
  path: folder,
  allowNonfinite,
}: Pick<PredictorPath, "path" | "allowNonfinite">): Promise<Partial<Record<SetName, WeightFile>>> {
  const read = async (bytes: Promise<Uint8Array>, name: string): Promise<WeightFile> =>
    parseWeightFile(await bytes, name, { allowNonfinite });
  const entries =
    folder === undefined
      ? setNames.map(async (set) => [set, await read(shippedBytes(set), shippedName(set))] as const)
      : Object.entries(await pathsOf(folder)).map(
          async ([set, path]) => [set, await read(readBytes(path), path)] as const,
        );
  return Object.fromEntries(await Promise.all(entries));
}

/** The predictor that a file holds. @throws DataError if none says that it is its own. */
function loaderOf(file: WeightFile): PredictorLoader & Required<Pick<PredictorLoader, "load">> {
  const loader = predictors.all.find((one) => one.recognises?.(file));
  const load = loader?.load;
  if (loader === undefined || load === undefined) {
    const known = predictors.all.filter((one) => one.load !== undefined).map(({ name }) => name);
    const stated = file.metadata["format"];
    const says = stated === undefined ? "it says no format" : `its format is "${stated}"`;
    throw new DataError(
      file.format === "torch"
        ? `predictor "${file.source}": it is a file of PyTorch, and of those only NiNo's checkpoints are predictors.`
        : `predictor "${file.source}": ${says}; ${known.join(", ")} are known.`,
    );
  }
  return { ...loader, load };
}

/** A predictor without files, if that was asked for. */
function formulaOf(spec: string): Predictor | undefined {
  for (const { formula } of predictors.all) {
    const predictor = formula?.(spec);
    if (predictor !== undefined) return predictor;
  }
  return undefined;
}

/** What may stand before a path. */
const prefixes = ["reversed:", "published-bias:", "nonfinite:"] as const;

/** A predictor's text taken apart. */
interface PredictorPath {
  /** All that stands before the path, as written. */
  readonly before: string;
  /** The path, or a formula; undefined: the shipped files. */
  readonly path: string | undefined;
  readonly reversed: boolean;
  readonly publishedBias: boolean;
  readonly allowNonfinite: boolean;
}

function parsed(spec: string | undefined): PredictorPath {
  const found = new Set<string>();
  let path = spec;
  for (;;) {
    const next = prefixes.find((prefix) => path?.startsWith(prefix) === true);
    if (next === undefined) break;
    found.add(next);
    path = path!.slice(next.length);
  }
  return {
    before: spec === undefined ? "" : spec.slice(0, spec.length - path!.length),
    path,
    reversed: found.has("reversed:"),
    publishedBias: found.has("published-bias:"),
    allowNonfinite: found.has("nonfinite:"),
  };
}

/** A predictor's text with its path, where it has one, from the root; formulas stay as they are. */
export function absolutePredictor(spec: string): string {
  const { before, path = "" } = parsed(spec);
  return before + (path === "" || formulaOf(path) !== undefined ? path : absolutePath(path));
}

/** The files a predictor is read from, by path; none for formulas and for the shipped ones. */
export async function predictorFiles(spec: string | undefined): Promise<string[]> {
  const { path } = parsed(spec);
  if (path === undefined || formulaOf(path) !== undefined) return [];
  return Object.values(await pathsOf(path));
}

/**
 * Loads a predictor.
 *
 * @param spec a folder with three weight files, one file (used for every kind), `linear` or `linear:U`
 *   for extrapolation by U epochs before the oldest snapshot (negative: after the newest), `linear:U:K`
 *   from K snapshots instead of 15; `late`, `late:C` for a line whose steps are weighted by exp(C k), 0.15 without C;
 *   undefined for the shipped InvWNN. `published-bias:FOLDER` computes a
 *   WNN's biases as its published script does. `reversed:SPEC` shows a forecaster time backwards, so that
 *   it predicts the past. `nonfinite:SPEC` takes weights that are NaN or infinite as they are.
 * @param base overrides what an InvWNN's files say the residual is added to.
 * @throws UsageError for what names no predictor; DataError for files that hold none.
 */
export async function loadPredictor(
  spec: string | undefined,
  base?: Exclude<Base, "none">,
): Promise<Predictor> {
  requireGiven(
    spec === undefined || typeof spec === "string",
    "loadPredictor",
    "a predictor as text, or undefined for the shipped one",
    spec,
  );
  requireBase(base, "loadPredictor");
  const asked = parsed(spec);
  if (!asked.reversed) return forward(asked, base);
  if (base !== undefined && base !== "oldest") {
    throw new UsageError(`predictor "${spec}": a reversed one adds to the oldest snapshot only.`);
  }
  return reversedPredictor(await forward(asked, undefined));
}

/** @throws UsageError for what a residual cannot be added to. */
function requireBase(base: unknown, what: string): void {
  const known = base === undefined || base === "oldest" || base === "newest";
  requireGiven(known, `${what}: base`, '"oldest" or "newest"', base);
}

/** A predictor that is not reversed. */
async function forward(
  asked: PredictorPath,
  base: Exclude<Base, "none"> | undefined,
): Promise<Predictor> {
  const { path, publishedBias } = asked;
  const formula = path === undefined ? undefined : formulaOf(path);
  if (formula !== undefined) return base === undefined ? formula : { ...formula, base };
  const files = await filesOf(asked);
  const short = path === undefined ? "shipped" : path.replace(/^.*\/(?=[^/]+\/*$)/, "");
  return predictorOf(files, { short, base, publishedBias });
}

/**
 * The predictor that files hold.
 *
 * @param files by weight set: one as `all`, or `conv`, `fc` and `bias`.
 * @param options what errors and tables call it; `base` and `publishedBias` as for {@link loadPredictor}.
 * @throws DataError if no predictor takes them, or they are not all of one.
 */
export function predictorOf(
  files: Readonly<Partial<Record<SetName, WeightFile>>>,
  options: {
    readonly short: string;
    readonly base?: Exclude<Base, "none"> | undefined;
    readonly publishedBias?: boolean;
  },
): Predictor {
  requireGiven(isObject(files), "predictorOf", "files by weight set", files);
  requireGiven(isObject(options), "predictorOf: options", "{ short }", options);
  const { short, base, publishedBias = false } = options;
  requireBase(base, "predictorOf");
  const [first, ...others] = Object.values(files);
  if (first === undefined) throw new UsageError(`predictor "${short}": no file is given.`);
  const loader = loaderOf(first);
  for (const file of others) {
    const { name } = loaderOf(file);
    if (name === loader.name) continue;
    throw new DataError(
      `predictor "${short}": "${file.source}" holds a ${name}, "${first.source}" a ${loader.name}.`,
    );
  }
  return loader.load({ files, name: `${loader.name} (${short})`, short, base, publishedBias });
}

/** Metadata of the files a predictor comes from, by set: empty where they have none. */
export async function predictorMetadata(
  spec: string | undefined,
): Promise<Record<string, Readonly<Record<string, string>>>> {
  const asked = parsed(spec);
  if (asked.path !== undefined && formulaOf(asked.path) !== undefined) return {};
  const files = Object.entries(await filesOf(asked));
  return Object.fromEntries(files.map(([set, { metadata }]) => [set, metadata]));
}
