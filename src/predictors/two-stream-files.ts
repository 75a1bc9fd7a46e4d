/** Files of two-stream networks as weight sets. */
import { DataError } from "../errors.ts";
import type { LoadRequest, SetName } from "./loader.ts";
import {
  fromKerasLayers,
  fromTensors,
  type TwoStreamSpec,
  type TwoStreamWeights,
} from "./two-stream.ts";
import { type Aim, statedAim } from "./weight-file.ts";

/** Weights of one set with where they came from. */
export interface TwoStreamSource<Layer extends string> {
  readonly weights: TwoStreamWeights<Layer>;
  /** File and, if known, provenance. */
  readonly source: string;
}

/**
 * The weights of each set, and the horizon and base that all files state.
 *
 * @param defaults where they state none.
 * @throws ShapeError for other tensors; DataError where files state different ones.
 */
export function twoStreamFiles<Layer extends string>(
  spec: TwoStreamSpec<Layer>,
  { files, short, base: asked }: LoadRequest,
  defaults: Aim,
): Aim & { sources: Partial<Record<SetName, TwoStreamSource<Layer>>> } {
  const entries = Object.entries(files).map(([set, file]) => {
    const weights =
      file.format === "keras"
        ? fromKerasLayers(spec, file.layers, file.numbering)
        : fromTensors(spec, file.tensors);
    return [set, { weights, source: file.source }] as const;
  });
  const aims = Object.values(files).map((file) => {
    const { horizon, base } = statedAim(file, defaults);
    return { source: file.source, horizon, base: asked ?? base };
  });
  const { horizon, base } = aims[0]!;
  if (aims.some((aim) => aim.horizon !== horizon || aim.base !== base)) {
    const each = aims.map((aim) => `"${aim.source}" has horizon ${aim.horizon}, base ${aim.base}`);
    throw new DataError(
      `predictor "${short}": its files are not of one horizon and base: ${each.join("; ")}. Give files of one fit.`,
    );
  }
  return { horizon, base, sources: Object.fromEntries(entries) };
}
