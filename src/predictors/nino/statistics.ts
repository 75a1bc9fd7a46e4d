/** Mean and standard deviation of each recorded tensor, over all its weights and snapshots. */
import { type Launch, Value } from "../../graph/value.ts";
import type { JointPlace } from "../predictor.ts";
import { ninoWindow } from "./network.ts";
import type { Part } from "./rows.ts";

/** Weights of a part of `predict/nino-statistics`. */
const span = 4096;

/**
 * The launches, and what they fill: [tensors, 2], mean and deviation.
 *
 * @param tensors recorded tensors; `parts` are all parts of theirs.
 */
export async function tensorStatistics(
  { trajectory, histories, bound }: JointPlace,
  parts: readonly Part[],
  tensors: number,
): Promise<{ launches: Launch[]; statistics: Value }> {
  const counts = parts.map(({ piece }) => Math.ceil(piece.length / span));
  // Parts of a tensor lie side by side, whichever chunks its pieces are in.
  const order = parts
    .map((_, i) => i)
    .sort((a, b) => parts[a]!.tensor.index - parts[b]!.tensor.index);
  const starts: number[] = [];
  const table = new Uint32Array(2 * tensors);
  let total = 0;
  for (const i of order) {
    const { index } = parts[i]!.tensor;
    if (table[2 * index + 1] === 0) table[2 * index] = total;
    table[2 * index + 1]! += counts[i]!;
    starts[i] = total;
    total += counts[i]!;
  }
  const known = new Value("statistics of parts", [total, 4], "f32", "planned");
  const statistics = new Value("statistics", [tensors, 2], "f32", "planned");
  const kernel = {
    shader: "predict/nino-statistics",
    constants: { WINDOW: ninoWindow, SPAN: span, TENSORS: tensors },
  };
  const collect = parts.map(({ chunk, piece }, i): Launch => {
    const { stride } = trajectory.chunks[chunk]!;
    return {
      ...kernel,
      entry: "collect",
      bind: { history: histories[chunk]!, parts: known },
      uniforms: { range: Uint32Array.of(piece.inChunk, piece.length, stride, starts[i]!) },
      threads: 64 * counts[i]!,
      flop: 4 * ninoWindow * piece.length,
    };
  });
  const tables = await bound.upload(trajectory.gpu, "parts of tensors", table);
  const merge = { known, table: tables, statistics };
  const launches = [...collect, { ...kernel, entry: "merge", bind: merge, threads: tensors }];
  return { launches, statistics };
}
