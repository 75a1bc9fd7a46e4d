/** Files of two-stream networks as weight sets. */
import type { SetName } from "./loader.ts";
import {
  fromKerasLayers,
  fromTensors,
  type TwoStreamSpec,
  type TwoStreamWeights,
} from "./two-stream.ts";
import type { WeightFile } from "./weight-file.ts";

/** Weights of one set with where they came from. */
export interface TwoStreamSource<Layer extends string> {
  readonly weights: TwoStreamWeights<Layer>;
  /** File and, if known, provenance. */
  readonly source: string;
}

/** The weights of each set, and the first file, whose metadata count. @throws ShapeError */
export function twoStreamFiles<Layer extends string>(
  spec: TwoStreamSpec<Layer>,
  files: Readonly<Partial<Record<SetName, WeightFile>>>,
): { first: WeightFile; sources: Partial<Record<SetName, TwoStreamSource<Layer>>> } {
  const entries = Object.entries(files).map(([set, file]) => {
    const weights =
      file.format === "keras"
        ? fromKerasLayers(spec, file.layers, file.numbering)
        : fromTensors(spec, file.tensors);
    return [set, { weights, source: file.source }] as const;
  });
  return { first: Object.values(files)[0]!, sources: Object.fromEntries(entries) };
}
