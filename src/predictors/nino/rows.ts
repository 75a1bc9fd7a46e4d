/**
 * What NiNo reads and writes: parts of recorded tensors as rows of features, and its outputs as weights.
 */
import type { Launch, Value } from "../../graph/value.ts";
import type { Piece } from "../../weights/trajectory/layout.ts";
import type { JointPlace } from "../predictor.ts";
import { ninoTypes, type NinoWeights, ninoWindow, rowWidth, tapsOf } from "./network.ts";
import { edgeType, type NeuralGraph } from "./neural-graph.ts";

/** A tensor of the trajectory and its edges. */
export interface Tensor {
  /** Number of the tensor in the trajectory. */
  readonly index: number;
  readonly firstEdge: number;
  /** Edges of a group of taps. */
  readonly pairs: number;
  readonly type: number;
}

/** A piece of a tensor in a chunk. */
export interface Part {
  readonly tensor: Tensor;
  readonly chunk: number;
  readonly piece: Piece;
}

/** Edges that are worked on at a time. */
export interface Block {
  readonly first: number;
  readonly count: number;
}

/** What all launches of a forecast share. */
export interface Forecast {
  readonly place: JointPlace;
  readonly variant: NinoWeights["variant"];
  readonly parts: readonly Part[];
  readonly blocks: readonly Block[];
  /** Mean and standard deviation of each tensor; see statistics.ts. */
  readonly statistics: Value;
}

/** The parts of a trajectory; without a graph every weight is an edge of its own. */
export function partsOf({ trajectory }: JointPlace, wiring: NeuralGraph | undefined): Part[] {
  const { layout, chunks } = trajectory;
  const tensors = layout.tracks.map(({ slot, first }, index): Tensor => {
    const edges = wiring?.tensors.find(({ name }) => name === slot.name);
    return {
      index,
      firstEdge: edges?.firstEdge ?? first,
      pairs: edges === undefined ? slot.size : edges.inputs * edges.outputs,
      type: edges?.type ?? edgeType(slot.name, slot.shape.length),
    };
  });
  return chunks.flatMap((chunk, c) =>
    layout.pieces(chunk).map((piece) => ({
      tensor: tensors[layout.tracks.indexOf(piece.track)]!,
      chunk: c,
      piece,
    })),
  );
}

/** The launch that turns weights [from, to) of a part into a block's rows, or the block's outputs into them. */
export function rowsLaunch(
  { place, variant, statistics }: Forecast,
  run: { readonly part: Part; readonly from: number; readonly to: number },
  block: Block,
  bind: { readonly rows: Value } | { readonly outputs: Value; readonly predicted: Value },
): Launch {
  const { part, from, to } = run;
  const { tensor, chunk, piece } = part;
  const { stride } = place.trajectory.chunks[chunk]!;
  return {
    shader: "predict/nino-rows",
    entry: "rows" in bind ? "features" : "forecast",
    constants: {
      WINDOW: ninoWindow,
      TAPS: tapsOf(variant),
      TYPES: ninoTypes,
      WIDTH: rowWidth(variant),
    },
    bind: { history: place.histories[chunk]!, statistics, ...bind },
    uniforms: {
      run: Uint32Array.of(
        ...[piece.inChunk + from, to - from, stride, piece.inSlot + from, tensor.pairs],
        ...[tensor.firstEdge, block.first, block.count, tensor.index, tensor.type],
      ),
    },
    threads: to - from,
  };
}
