/** How a step is fitted into memory; what it computes stays the same, but for roundings. */
import { z } from "zod";
import { OutOfMemoryError, requireCount } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import { fuse } from "../graph/fusion.ts";
import { keepHalf } from "../graph/half-storage.ts";
import { recompute } from "../graph/recompute.ts";
import type { Launch } from "../graph/value.ts";

/** Settings that save memory. */
export const memoryFields: {
  readonly microBatch: z.ZodOptional<z.ZodNumber>;
  readonly recompute: z.ZodOptional<z.ZodBoolean>;
  readonly activations: z.ZodOptional<z.ZodEnum<{ f32: "f32"; f16: "f16" }>>;
} = {
  microBatch: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe(
      "images a pass at most, where a step does not fit memory: the gradients of passes are added up. Batch norm that learns takes its statistics of each pass; all passes then have one size, the largest divisor of the batch up to this",
    ),
  recompute: z
    .boolean()
    .optional()
    .describe(
      "compute activations again for the backward pass instead of keeping them: less memory, more time",
    ),
  activations: z
    .enum(["f32", "f16"])
    .optional()
    .describe("what kept activations are stored as; the forward pass itself stays in f32"),
};

/** See {@link memoryFields}. */
export type MemorySettings = z.infer<z.ZodObject<typeof memoryFields>>;

/**
 * Examples a pass and passes a step: as few as `microBatch` allows, of nearly one size, the last one shorter where that does
 * not divide the batch.
 *
 * @param even all have one size, as batch norm needs whose statistics are of the pass and which would count padding: the
 *   largest divisor of the batch up to `microBatch`.
 * @throws UsageError for a batch or a microBatch that is no integer of 1 or more.
 */
export function passesOf(
  batch: number,
  microBatch: number = batch,
  even = false,
): { rows: number; accumulate: number } {
  requireCount("batch", batch);
  requireCount("microBatch", microBatch);
  let rows = Math.min(batch, microBatch);
  if (even) while (batch % rows !== 0) rows--;
  const accumulate = Math.ceil(batch / rows);
  return { rows: Math.ceil(batch / accumulate), accumulate };
}

/** What whoever splits the steps of a network with batch norm should know: its statistics are of each pass. */
export function passNotes(
  { batch, microBatch }: { readonly batch: number; readonly microBatch?: number | undefined },
  batchNorm: boolean,
): string[] {
  const { rows, accumulate } = passesOf(batch, microBatch, batchNorm);
  if (!batchNorm || microBatch === undefined || accumulate === 1) return [];
  const images = rows === 1 ? "1 image" : `${rows} images`;
  const why =
    rows === microBatch
      ? ""
      : `, the most up to \`microBatch=${microBatch}\` that divide the ${batch} of a step`;
  return [
    `the network has batch norm, whose statistics are of each pass by itself, and a pass has ${images}${why}.`,
  ];
}

/**
 * Examples a pass over `count` of them, for work whose batch only costs memory: a power of two, at most `most`, so
 * that sets of nearly one size share compiled kernels. The last pass may be partly empty.
 */
export function passOver(count: number, most: number): number {
  return Math.min(most, 2 ** Math.ceil(Math.log2(Math.max(1, count))));
}

/**
 * Makes something with the largest batch that fits, of `most` and its halves: for work whose batch only
 * costs memory.
 *
 * @param make frees what it took when it fails.
 * @throws OutOfMemoryError where not even a batch of one fits.
 */
export async function largestBatch<T>(
  most: number,
  make: (rows: number) => Promise<T>,
): Promise<T> {
  for (let rows = most; ; rows = Math.ceil(rows / 2)) {
    try {
      return await make(rows);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError) || rows === 1) throw error;
    }
  }
}

/**
 * Launches of a pass from the examples to the gradients.
 *
 * @param parts launches of the feed, of the totals (behind the forward pass) and of the backward pass.
 */
export function passLaunches(
  graph: Graph,
  parts: Readonly<Record<"feed" | "totals" | "backward", readonly Launch[]>>,
  { recompute: again = false, activations = "f32" }: MemorySettings,
): Launch[] {
  const stages = graph.forwardStages();
  const backward = again ? recompute(parts.feed, stages, parts.backward) : parts.backward;
  const forward = [...parts.feed, ...stages.flat(), ...parts.totals];
  if (activations === "f32") return [...forward, ...backward];
  // Fused first: what no kernel writes any more need not be packed.
  const border = {};
  const fused = fuse<object>([...forward, border, ...backward]) as Launch[];
  const at = fused.indexOf(border as Launch);
  const kept = keepHalf(graph.tuning, fused.slice(0, at), fused.slice(at + 1));
  return [...kept.forward, ...kept.backward];
}
