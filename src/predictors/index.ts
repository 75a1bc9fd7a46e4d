/** Predictors by name or file. */
import { GpuError } from "../errors.ts";
import { readKerasDense } from "../io/keras-h5.ts";
import { readSafetensors } from "../io/safetensors.ts";
import { readTorch } from "../io/torch-pt.ts";
import { sha256 } from "../platform/digest.ts";
import { exists, fileInfo, join, listDir, readBytes } from "../platform/files.ts";
import { introspectionPredictor, introspectionWeights } from "./introspection.ts";
import { type InvWnnSetName, invWnnPredictor } from "./invwnn/predictor.ts";
import { invWnnSpec, type InvWnnWeights } from "./invwnn/weights.ts";
import { linearPredictor } from "./linear.ts";
import { type NinoWeights, ninoWeights } from "./nino/network.ts";
import { ninoPredictor } from "./nino/predictor.ts";
import { type Base, type Predictor, reversedPredictor } from "./predictor.ts";
import { fromKerasLayers, fromTensors } from "./two-stream.ts";
import { publishedWnnHorizon, wnnPredictor, wnnSpec, type WnnWeights } from "./wnn.ts";

/** Horizon the published InvWNN was trained for (the poster: three epochs). */
const publishedHorizon = 3;

type FileBase = Exclude<Base, "none">;

/** A weight file by the network it holds. */
type LoadedFile = {
  readonly source: string;
  /** All metadata of a safetensors file: how it was made. */
  readonly metadata: Readonly<Record<string, string>>;
} & (
  | {
      readonly family: "invwnn";
      readonly weights: InvWnnWeights;
      readonly horizon: number;
      readonly base: FileBase;
    }
  | { readonly family: "wnn"; readonly weights: WnnWeights; readonly horizon: number }
  | {
      readonly family: "introspection";
      readonly weights: ReturnType<typeof introspectionWeights>;
    }
  | { readonly family: "nino"; readonly weights: NinoWeights }
);

/** One weight set from a Keras `.h5` or a `.safetensors` file. */
async function loadFile(path: string | URL): Promise<LoadedFile> {
  const source =
    path instanceof URL ? path.pathname.slice(path.pathname.lastIndexOf("/") + 1) : path;
  const bytes = await readBytes(path);
  if (source.endsWith(".h5") || source.endsWith(".hdf5")) {
    const layers = await readKerasDense(bytes, source);
    const metadata = {};
    if (layers.length === 2 * wnnSpec.layers.length + 1) {
      const weights = fromKerasLayers(wnnSpec, layers);
      return { family: "wnn", weights, source, horizon: publishedWnnHorizon, metadata };
    }
    const weights = fromKerasLayers(invWnnSpec, layers);
    return {
      family: "invwnn",
      weights,
      source,
      horizon: publishedHorizon,
      base: "oldest",
      metadata,
    };
  }
  if (source.endsWith(".pt")) {
    const weights = ninoWeights(readTorch(bytes, source).tensors);
    return { family: "nino", weights, source, metadata: {} };
  }
  if (!source.endsWith(".safetensors")) {
    throw new GpuError(`predictor "${source}": a .h5, .pt or .safetensors file is needed.`);
  }
  const { tensors, metadata } = readSafetensors(bytes, source);
  const family = /^rewind (\w+)/.exec(metadata["format"] ?? "rewind invwnn")?.[1];
  if (family === "introspection") {
    return { family, weights: introspectionWeights(tensors), source, metadata };
  }
  const horizon = Number(metadata["horizon"] ?? publishedHorizon);
  const base = metadata["base"] ?? (family === "wnn" ? "newest" : "oldest");
  if (!Number.isFinite(horizon) || (base !== "oldest" && base !== "newest")) {
    throw new GpuError(
      `predictor "${source}": its metadata has horizon "${horizon}" and base "${base}".`,
    );
  }
  if (family === "wnn") {
    return { family, weights: fromTensors(wnnSpec, tensors), source, horizon, metadata };
  }
  if (family !== "invwnn") {
    throw new GpuError(
      `predictor "${source}": its format is "${metadata["format"]}"; invwnn, wnn and introspection are known.`,
    );
  }
  return { family, weights: fromTensors(invWnnSpec, tensors), source, horizon, base, metadata };
}

const setNames = ["conv", "fc", "bias"] as const;

/** The files of the predictor that ships with Rewind. */
export function shippedFile(set: (typeof setNames)[number]): URL {
  return new URL(`../../models/weights/invwnn-${set}.safetensors`, import.meta.url);
}

/** The first digits of a checksum over the shipped files. */
export async function shippedDigest(): Promise<string> {
  const sums = await Promise.all(
    setNames.map(async (set) => sha256(await readBytes(shippedFile(set)))),
  );
  return (await sha256(new TextEncoder().encode(sums.join()))).slice(0, 16);
}

/** Files of a folder by set: `InvWNN_Conv.h5`, `NWNN_Conv_13.h5`, `invwnn-conv.safetensors` and so on. */
async function findSets(folder: string): Promise<Record<(typeof setNames)[number], string>> {
  const names = await listDir(folder);
  const found = setNames.map((set) => {
    const pattern = new RegExp(`^(inv|n)?wnn[-_]${set}([-_]\\d+)?\\.(h5|hdf5|safetensors)$`, "i");
    const matches = names.filter((candidate) => pattern.test(candidate));
    if (matches.length !== 1) {
      throw new GpuError(
        `predictor folder "${folder}" has ${matches.length === 0 ? "no" : "more than one"} file for ${set} ` +
          `(InvWNN_${set}.h5, NWNN_${set}_13.h5, invwnn-${set}.safetensors or wnn-${set}.safetensors); it has: ` +
          `${names.join(", ") || "nothing"}.`,
      );
    }
    return [set, join(folder, matches[0]!)] as const;
  });
  return Object.fromEntries(found) as Record<(typeof setNames)[number], string>;
}

/** The files of a spec by set. @throws GpuError if there are none. */
async function filesOf(
  spec: string | undefined,
): Promise<Partial<Record<InvWnnSetName, string | URL>>> {
  if (spec === undefined) {
    return Object.fromEntries(setNames.map((set) => [set, shippedFile(set)]));
  }
  if ((await fileInfo(spec))?.directory === true) return findSets(spec);
  if (await exists(spec)) return { all: spec };
  throw new GpuError(
    `no predictor "${spec}": give a folder, a .h5, .pt or .safetensors file, linear, linear:U or linear:U:K.`,
  );
}

const linearSpec = /^linear(?::(-?\d+(?:\.\d+)?)(?::(\d+))?)?$/;
const publishedBias = /^published-bias:/;
const reversal = /^reversed:/;

/**
 * Loads a predictor.
 *
 * @param spec a folder with three weight files, one file (used for every kind), `linear` or `linear:U`
 *   for extrapolation by U epochs before the oldest snapshot (negative: after the newest), `linear:U:K`
 *   from K snapshots instead of 15; undefined for the shipped InvWNN. `published-bias:FOLDER` computes a
 *   WNN's biases as its published script does. `reversed:SPEC` shows a forecaster time backwards, so that
 *   it predicts the past.
 * @param base overrides what an InvWNN's files say the residual is added to.
 */
export async function loadPredictor(spec: string | undefined, base?: FileBase): Promise<Predictor> {
  if (spec !== undefined && reversal.test(spec)) {
    if (base !== undefined && base !== "oldest") {
      throw new GpuError(`predictor "${spec}": a reversed one adds to the oldest snapshot only.`);
    }
    return reversedPredictor(await loadPredictor(spec.replace(reversal, "")));
  }
  const linear = linearSpec.exec(spec ?? "");
  if (linear !== null) {
    const predictor = linearPredictor(Number(linear[2] ?? 15), Number(linear[1] ?? 3));
    return base === undefined ? predictor : { ...predictor, base };
  }
  const path = spec?.replace(publishedBias, "");
  const loaded = await Promise.all(
    Object.entries(await filesOf(path)).map(
      async ([set, file]) => [set, await loadFile(file)] as const,
    ),
  );
  const first = loaded[0]![1];
  const { family } = first;
  const short = path === undefined ? "shipped" : path.replace(/^.*\/(?=[^/]+\/*$)/, "");
  const name = `${family} (${short})`;
  const other = loaded.find(([, file]) => file.family !== family);
  if (other !== undefined) {
    throw new GpuError(
      `predictor "${short}": "${other[1].source}" holds a ${other[1].family}, "${first.source}" a ${family}.`,
    );
  }
  if (family !== "invwnn" && base !== undefined && base !== "newest") {
    throw new GpuError(`predictor "${short}": ${family} adds to the newest snapshot only.`);
  }
  if (family !== "wnn" && path !== spec) {
    throw new GpuError(`predictor "${short}": only WNN has a published bias rule.`);
  }
  if (first.family === "nino") return ninoPredictor(name, first.weights, first.source);
  if (first.family === "introspection") {
    return introspectionPredictor(name, first.weights, first.source);
  }
  return first.family === "wnn"
    ? wnnPredictor(name, only(loaded, "wnn"), {
        horizon: first.horizon,
        publishedBias: path !== spec,
      })
    : invWnnPredictor(name, only(loaded, "invwnn"), {
        horizon: first.horizon,
        base: base ?? first.base,
      });
}

/** The files, of which all are of a family, as an object. */
function only<Family extends LoadedFile["family"]>(
  loaded: readonly (readonly [string, LoadedFile])[],
  family: Family,
): Partial<Record<InvWnnSetName, Extract<LoadedFile, { family: Family }>>> {
  return Object.fromEntries(loaded.filter(([, file]) => file.family === family)) as Partial<
    Record<InvWnnSetName, Extract<LoadedFile, { family: Family }>>
  >;
}

/** Metadata of the files a predictor comes from, by set: empty where they have none. */
export async function predictorMetadata(
  spec: string | undefined,
): Promise<Record<string, Readonly<Record<string, string>>>> {
  const path = spec?.replace(reversal, "").replace(publishedBias, "");
  if (linearSpec.test(path ?? "")) return {};
  const entries = await Promise.all(
    Object.entries(await filesOf(path)).map(
      async ([set, file]) => [set, (await loadFile(file)).metadata] as const,
    ),
  );
  return Object.fromEntries(entries);
}
