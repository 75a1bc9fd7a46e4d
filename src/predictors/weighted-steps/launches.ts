/** Launches of `predict/weighted-steps`. */
import type { Constants } from "../../gpu/kernel.ts";
import { type Launch, Value } from "../../graph/value.ts";
import type { Arena } from "../../weights/arena.ts";
import type { Piece } from "../../weights/trajectory/layout.ts";
import { baseCode, type JointPlace } from "../predictor.ts";
import { inputsOf, rowNames, rowsOf, type StepWeights } from "./weights.ts";

/** Weights of a slice on average, and slices of a piece at most. */
const slice = 64;
const mostSlices = 1024;

/** Most a gradient counts, in its tensor's root mean squares. */
export const gradientClip = 5;

/** What the kernel is besides its weights. */
export interface StepFormula {
  /** Epochs the line goes back, which gives the length. */
  readonly horizon: number;
  /** Most a step counts, in root mean squares of its tensor's; 0: no limit. */
  readonly clip: number;
}

/** A tensor's part of a chunk with its slices. */
interface Part {
  readonly chunk: number;
  readonly piece: Piece;
  readonly tensor: number;
  readonly first: number;
  readonly slices: number;
}

/** The parts of all chunks, those of a tensor with their slices side by side; and by tensor first slice, slices, weights. */
function partsOf({ trajectory: { layout } }: JointPlace): { parts: Part[]; table: Uint32Array } {
  const found = layout.chunks.flatMap((chunk, i) =>
    layout.pieces(chunk).map((piece) => ({ chunk: i, piece })),
  );
  const table = new Uint32Array(4 * layout.tracks.length);
  const parts: Part[] = [];
  let first = 0;
  for (const [tensor, track] of layout.tracks.entries()) {
    table[4 * tensor] = first;
    table[4 * tensor + 2] = track.slot.size;
    for (const { chunk, piece } of found.filter((one) => one.piece.track === track)) {
      const slices = Math.min(mostSlices, Math.ceil(piece.length / slice));
      parts.push({ chunk, piece, tensor, first, slices });
      first += slices;
    }
    table[4 * tensor + 1] = first - table[4 * tensor]!;
  }
  // In the order of the chunks, which snapshots in half precision are unpacked in.
  return { parts: parts.sort((a, b) => a.chunk - b.chunk), table };
}

/** The launches that predict all recorded weights. Tracks of a kind are in the order of the network. */
export async function stepLaunches(
  weights: StepWeights,
  { horizon, clip }: StepFormula,
  place: JointPlace,
): Promise<Launch[]> {
  const { trajectory, histories, predicted, bound, base, gradients } = place;
  const { gpu, layout } = trajectory;
  const tensors = layout.tracks.length;
  const slots = layout.tracks.map(({ slot }) => slot);
  const rows = rowsOf(slots).map((name) => rowNames.indexOf(name));
  const { parts, table } = partsOf(place);
  const total = parts.reduce((sum, { slices }) => sum + slices, 0);
  const shape = [rowNames.length, inputsOf(weights)];
  const values = await bound.upload(gpu, "weights of steps", weights.values, shape);
  const tables = await bound.upload(gpu, "slices of tensors", table);
  const planned = (label: string, count: number): Value =>
    new Value(label, [count, 4], "f32", "planned");
  const [squares, products] = [planned("squares", total), planned("products", total)];
  const [units, lengths] = [planned("units", tensors), planned("lengths", tensors + 1)];
  const constants: Constants = {
    ...{ WINDOW: weights.window, HORIZON: horizon, CLIP: clip, GRADIENT_CLIP: gradientClip },
    ...{ GRADIENTS: weights.gradients, TENSORS: tensors, BASE: baseCode[base] },
  };
  const kernel = (entry: string): Pick<Launch, "shader" | "entry" | "constants"> => ({
    ...{ shader: "predict/weighted-steps", entry, constants },
  });
  const of = ({ chunk, piece, tensor, first, slices }: Part): NonNullable<Launch["uniforms"]> => ({
    piece: Uint32Array.of(
      ...[piece.inChunk, piece.length, trajectory.chunks[chunk]!.stride, piece.inSlot],
      ...[tensor, rows[tensor]!, first, slices],
    ),
  });
  const [own, runnerUp, weighted] = (weights.gradients ? gradients : undefined) ?? [];
  const pushing = weights.weighting === "forgotten" ? weighted : runnerUp;
  const read = ({ piece }: Part, second: Arena | undefined): Launch["bind"] => {
    const view = (arena: Arena | undefined): Value | null =>
      arena === undefined ? null : bound.slot(arena, piece.track.slot);
    return { own: view(own), runner_up: view(second) };
  };
  const steps = layout.window - 1;
  return [
    ...parts.map((part) => ({
      ...kernel("squares"),
      bind: { history: histories[part.chunk]!, sums: squares, ...read(part, runnerUp) },
      uniforms: of(part),
      threads: part.slices,
      flop: 3 * steps * part.piece.length,
    })),
    { ...kernel("unit_of"), bind: { known: squares, table: tables, units }, threads: tensors },
    ...parts.map((part) => ({
      ...kernel("direction"),
      bind: {
        history: histories[part.chunk]!,
        predicted: predicted[part.chunk]!,
        ...{ weights: values, unit: units, sums: products },
        ...read(part, pushing),
      },
      uniforms: of(part),
      threads: part.slices,
      flop: (3 * steps + 6) * part.piece.length,
    })),
    { ...kernel("total_of"), bind: { known: products, table: tables, lengths }, threads: tensors },
    { ...kernel("length_of"), bind: { lengths }, groups: [1, 1, 1] },
    ...parts.map((part) => ({
      ...kernel("step_back"),
      bind: {
        history: histories[part.chunk]!,
        predicted: predicted[part.chunk]!,
        total: lengths,
      },
      uniforms: of(part),
      threads: part.piece.length,
      flop: 2 * part.piece.length,
    })),
  ];
}
