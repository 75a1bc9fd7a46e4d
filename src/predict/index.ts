/** Predictors by name or file. */
import { GpuError } from "../gpu/errors.ts";
import { readKerasDense } from "../io/keras-h5.ts";
import { readSafetensors } from "../io/safetensors.ts";
import { exists, fileInfo, join, listDir, readBytes } from "../platform/files.ts";
import { type InvWnnSetName, type InvWnnSource, invWnnPredictor } from "./invwnn.ts";
import { fromKerasLayers, fromTensors } from "./invwnn-weights.ts";
import { linearPredictor } from "./linear.ts";
import type { Base, Predictor } from "./predictor.ts";

/** Horizon the published checkpoints were trained for (their poster: three epochs). */
const publishedHorizon = 3;

type FileBase = Exclude<Base, "none">;

interface LoadedFile extends InvWnnSource {
  readonly horizon: number;
  readonly base: FileBase;
  /** All metadata of a safetensors file: how it was made. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** One weight set from a Keras `.h5` or a `.safetensors` file. */
async function loadFile(path: string | URL): Promise<LoadedFile> {
  const name = path instanceof URL ? path.pathname.slice(path.pathname.lastIndexOf("/") + 1) : path;
  const bytes = await readBytes(path);
  if (name.endsWith(".h5") || name.endsWith(".hdf5")) {
    const weights = fromKerasLayers(await readKerasDense(bytes, name));
    return { weights, source: name, horizon: publishedHorizon, base: "oldest", metadata: {} };
  }
  if (!name.endsWith(".safetensors")) {
    throw new GpuError(`predictor "${name}": a .h5 or .safetensors file is needed.`);
  }
  const { tensors, metadata } = readSafetensors(bytes, name);
  const horizon = Number(metadata["horizon"] ?? publishedHorizon);
  const base = metadata["base"] ?? "oldest";
  if (!Number.isFinite(horizon) || (base !== "oldest" && base !== "newest")) {
    throw new GpuError(
      `predictor "${name}": its metadata has horizon "${horizon}" and base "${base}".`,
    );
  }
  return { weights: fromTensors(tensors), source: name, horizon, base, metadata };
}

const setNames = ["conv", "fc", "bias"] as const;

/** The files of the predictor that ships with Rewind. */
export function shippedFile(set: (typeof setNames)[number]): URL {
  return new URL(`../../models/weights/invwnn-${set}.safetensors`, import.meta.url);
}

/** Files of a folder by set: `InvWNN_Conv.h5` or `invwnn-conv.safetensors` and so on. */
async function findSets(folder: string): Promise<Record<(typeof setNames)[number], string>> {
  const names = await listDir(folder);
  const found = setNames.map((set) => {
    const pattern = new RegExp(`^invwnn[-_]${set}\\.(h5|hdf5|safetensors)$`, "i");
    const name = names.find((candidate) => pattern.test(candidate));
    if (name === undefined) {
      throw new GpuError(
        `predictor folder "${folder}" has no InvWNN_${set}.h5 or invwnn-${set}.safetensors; it has: ` +
          `${names.join(", ") || "nothing"}.`,
      );
    }
    return [set, join(folder, name)] as const;
  });
  return Object.fromEntries(found) as Record<(typeof setNames)[number], string>;
}

/**
 * Loads a predictor.
 *
 * @param spec a folder with three weight files, one file (used for every kind), `linear` or `linear:U`
 *   for extrapolation by U epochs; undefined for the shipped InvWNN.
 * @param base overrides what the files say the residual is added to.
 */
export async function loadPredictor(spec: string | undefined, base?: FileBase): Promise<Predictor> {
  const linear = /^linear(?::(-?\d+(?:\.\d+)?))?$/.exec(spec ?? "");
  if (linear !== null) {
    const predictor = linearPredictor(15, Number(linear[1] ?? 3));
    return base === undefined ? predictor : { ...predictor, base };
  }
  const files: Partial<Record<InvWnnSetName, string | URL>> = {};
  if (spec === undefined) {
    for (const set of setNames) files[set] = shippedFile(set);
  } else if ((await fileInfo(spec))?.directory === true) {
    Object.assign(files, await findSets(spec));
  } else if (await exists(spec)) {
    files.all = spec;
  } else {
    throw new GpuError(
      `no predictor "${spec}": give a folder, a .h5 or .safetensors file, linear or linear:U.`,
    );
  }
  const loaded = await Promise.all(
    Object.entries(files).map(async ([set, file]) => [set, await loadFile(file)] as const),
  );
  const first = loaded[0]![1];
  const name =
    spec === undefined ? "invwnn (shipped)" : `invwnn (${spec.replace(/^.*\/(?=[^/]+\/*$)/, "")})`;
  return invWnnPredictor(name, Object.fromEntries(loaded), {
    horizon: first.horizon,
    base: base ?? first.base,
  });
}

/** Metadata of the files a predictor comes from, by set: empty where they have none. */
export async function predictorMetadata(
  spec: string | undefined,
): Promise<Record<string, Readonly<Record<string, string>>>> {
  if (spec?.startsWith("linear") === true) return {};
  const files: Record<string, string | URL> =
    spec === undefined
      ? Object.fromEntries(setNames.map((set) => [set, shippedFile(set)]))
      : (await fileInfo(spec))?.directory === true
        ? await findSets(spec)
        : { all: spec };
  const entries = await Promise.all(
    Object.entries(files).map(
      async ([set, file]) => [set, (await loadFile(file)).metadata] as const,
    ),
  );
  return Object.fromEntries(entries);
}
