/** Weight files of predictors by their format: Keras, safetensors and PyTorch. */
import { DataError } from "../errors.ts";
import type { KerasFile } from "../io/keras-h5.ts";
import { openTensors } from "../io/open-tensors.ts";
import type { ReadOptions, TensorContents } from "../io/tensor-file.ts";
import type { Tensors } from "../nn/model.ts";
import type { Base } from "./predictor.ts";

/** What a file holds, before anyone knows for which predictor. */
export type WeightFile = {
  /** Its path; of a shipped file the name. */
  readonly source: string;
  /** All metadata of a safetensors file: how it was made. */
  readonly metadata: Readonly<Record<string, string>>;
} & (
  | ({ readonly format: "keras" } & Pick<KerasFile, "layers" | "numbering">)
  | { readonly format: "safetensors" | "torch"; readonly tensors: Tensors }
);

/** What was read of a file, as predictors take it; `source` is what errors call it. */
export function weightFileOf(contents: TensorContents, source: string): WeightFile {
  if (contents.kind === "keras") {
    const { layers, numbering } = contents;
    return { format: "keras", source, metadata: {}, layers, numbering };
  }
  const { kind, metadata, tensors } = contents;
  return { format: kind, source, metadata, tensors };
}

/**
 * What the bytes of a file hold; its kind is told by its content.
 *
 * @throws DataError for a file that holds no weights, or weights that are not finite.
 */
export async function parseWeightFile(
  bytes: Uint8Array,
  source: string,
  options: Pick<ReadOptions, "allowNonfinite">,
): Promise<WeightFile> {
  return weightFileOf(await openTensors(bytes, source, options), source);
}

/** Tensors of a file that has names for them. @throws DataError for a Keras file. */
export function tensorsOf(file: WeightFile): Tensors {
  if (file.format === "keras") {
    throw new DataError(`predictor "${file.source}": a .pt or .safetensors file is needed.`);
  }
  return file.tensors;
}

/** Which predictor a safetensors file says it holds: NAME of the format `rewind NAME 1`. */
function statedPredictor({ metadata }: WeightFile): string | undefined {
  return /^rewind (\w+)/.exec(metadata["format"] ?? "rewind invwnn")?.[1];
}

/** Whether a file is a safetensors file that says it holds this predictor. */
export function states(file: WeightFile, name: string): boolean {
  return file.format === "safetensors" && statedPredictor(file) === name;
}

/** What a predictor aims at. */
export interface Aim {
  readonly horizon: number;
  readonly base: Exclude<Base, "none">;
}

/**
 * Horizon and base as the metadata state them.
 *
 * @param defaults where they state none.
 * @throws DataError for a horizon that is no number, or another base.
 */
export function statedAim({ source, metadata }: WeightFile, defaults: Aim): Aim {
  const horizon = Number(metadata["horizon"] ?? defaults.horizon);
  const base = metadata["base"] ?? defaults.base;
  if (!Number.isFinite(horizon) || (base !== "oldest" && base !== "newest")) {
    throw new DataError(
      `predictor "${source}": its metadata has horizon "${horizon}" and base "${base}".`,
    );
  }
  return { horizon, base };
}
