/**
 * How far and which way a round moved the weights, against the drift of the fine-tuning that it recorded on D_f: layer by
 * layer, and as histories of single weights.
 */
import { requireGiven } from "../checked.ts";
import { UsageError } from "../errors.ts";
import type { Slot } from "../weights/arena.ts";

/** Weights by parameter. */
export type Weights = ReadonlyMap<string, { readonly data: Float32Array }>;

/** Bins of a histogram: of a quarter of the drift's root mean square each, around 0; the outermost hold what is beyond. */
export const histogramBins = 41;
export const histogramStep = 0.25;

/** A parameter in a round. Lengths are Euclidean norms. */
export interface LayerMoves {
  readonly name: string;
  readonly kind: Slot["kind"];
  readonly size: number;
  /** Length of the drift: newest snapshot - oldest. */
  readonly drift: number;
  /** Length of the round's move: weights after it - before it. */
  readonly move: number;
  /** Cosine of the angle between both; null where one of them has no length. */
  readonly cosine: number | null;
  /** How many weights moved so far, in root mean squares of the layer's drift; empty where nothing drifted. */
  readonly histogram: { readonly drift: readonly number[]; readonly move: readonly number[] };
}

/** The history of one weight in a round. */
export interface CoordinateHistory {
  readonly layer: string;
  /** Its place in the layer, row-major. */
  readonly index: number;
  /** Why it is shown: the share of the layer's weights, of those that drifted at all, that drifted less. */
  readonly quantile: number;
  readonly before: number;
  /** Snapshots, oldest first. */
  readonly history: readonly number[];
  readonly after: number;
}

/** What a round did to the weights. */
export interface RoundMoves {
  readonly round: number;
  /** Snapshots of its window. */
  readonly window: number;
  readonly layers: readonly LayerMoves[];
  readonly coordinates: readonly CoordinateHistory[];
}

/** Weights that are shown: those with the median drift of their layer, and with a drift larger than 99 % of it. */
const quantiles = [0.5, 0.99] as const;

function histogramOf(values: Float64Array, unit: number): number[] {
  const bins = Array.from({ length: histogramBins }, () => 0);
  if (unit === 0) return [];
  const middle = (histogramBins - 1) / 2;
  for (const value of values) {
    const at = middle + Math.round(value / unit / histogramStep);
    bins[Math.max(0, Math.min(histogramBins - 1, at))]!++;
  }
  return bins;
}

function product(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

/**
 * The moves of a round of which a part was taken: its weights lie on the line between the round's two ends.
 *
 * @param round where on that line, with a fraction. @param whole weights after the whole round. @param taken those that were taken.
 */
export function partOfMoves(
  moves: RoundMoves,
  round: number,
  whole: Weights,
  taken: Weights,
): RoundMoves {
  const share = round - moves.round + 1;
  const weightsOf = (of: Weights, name: string): Float32Array => of.get(name)!.data;
  const layers = moves.layers.map((layer) => {
    const { name, size, drift, histogram } = layer;
    const [end, own] = [weightsOf(whole, name), weightsOf(taken, name)];
    // By what was left out, which has the rest of the length.
    const move = Float64Array.from(own, (value, i) => ((end[i]! - value) * share) / (1 - share));
    const bins = drift === 0 ? [] : histogramOf(move, drift / Math.sqrt(size));
    return { ...layer, move: share * layer.move, histogram: { ...histogram, move: bins } };
  });
  const coordinates = moves.coordinates.map((one) => ({
    ...one,
    after: weightsOf(taken, one.layer)[one.index]!,
  }));
  return { ...moves, round, layers, coordinates };
}

/**
 * Compares a round's move with its drift, in float64.
 *
 * @param slots the parameters that were recorded. @param histories snapshots [K, size] of each, oldest first.
 * @throws UsageError for arguments of another kind, and where weights of a parameter that was recorded are missing.
 */
export function movesOf(
  round: number,
  slots: readonly Slot[],
  histories: ReadonlyMap<string, Float32Array>,
  before: Weights,
  after: Weights,
): RoundMoves {
  requireGiven(Number.isFinite(round), "movesOf: round", "a number", round);
  requireGiven(Array.isArray(slots), "movesOf: slots", "an array of parameters", slots);
  for (const [name, given] of Object.entries({ histories, before, after })) {
    requireGiven(given instanceof Map, `movesOf: ${name}`, "a Map by parameter", given);
  }
  const weightsOf = (of: Weights, name: string): Float32Array => {
    const weights = of.get(name)?.data;
    if (weights !== undefined) return weights;
    throw new UsageError(`movesOf: there are no weights of "${name}", which was recorded.`);
  };
  const layers: LayerMoves[] = [];
  const coordinates: CoordinateHistory[] = [];
  let window = 0;
  for (const { name, kind, size } of slots) {
    const history = histories.get(name);
    if (history === undefined) continue;
    window = history.length / size;
    const at = (k: number, i: number): number => history[k * size + i]!;
    const [start, end] = [weightsOf(before, name), weightsOf(after, name)];
    const drift = Float64Array.from({ length: size }, (_, i) => at(window - 1, i) - at(0, i));
    const move = Float64Array.from(end, (value, i) => value - start[i]!);
    const [d, m] = [Math.sqrt(product(drift, drift)), Math.sqrt(product(move, move))];
    const unit = d / Math.sqrt(size);
    layers.push({
      ...{ name, kind, size, drift: d, move: m },
      cosine: d === 0 || m === 0 ? null : product(drift, move) / (d * m),
      histogram: { drift: histogramOf(drift, unit), move: d === 0 ? [] : histogramOf(move, unit) },
    });
    const moved = [...drift.keys()].filter((i) => drift[i] !== 0);
    const order = moved.sort((a, b) => Math.abs(drift[a]!) - Math.abs(drift[b]!) || a - b);
    for (const quantile of quantiles) {
      const index = order[Math.floor(quantile * order.length)];
      if (index === undefined) continue;
      coordinates.push({
        ...{ layer: name, index, quantile },
        before: start[index]!,
        history: Array.from({ length: window }, (_, k) => at(k, index)),
        after: end[index]!,
      });
    }
  }
  return { round, window, layers, coordinates };
}
