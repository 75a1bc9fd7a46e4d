/** Times of launches, each on buffers of their own. */
import type { Launch } from "../../src/graph/value.ts";
import { alone } from "../../src/inspect/kernels.ts";
import { sample } from "./sample.ts";
import type { Context } from "./stage.ts";

/** A figure to five digits. */
export const round = (value: number): number => Number(value.toPrecision(5));

/** What was done and moved in a time. */
function speeds(
  ms: number,
  { flop, bytes }: { readonly flop: number; readonly bytes: number },
): Record<string, number> {
  return { "GFLOP/s": round(flop / ms / 1e6), "GB/s": round(bytes / ms / 1e6) };
}

/** Times launches on buffers of their own. */
export async function timed(
  { gpu, effort }: Context,
  launches: readonly Launch[],
): Promise<Record<string, number>> {
  const { program, free } = await alone(gpu, launches);
  try {
    const { ms, low, high } = await sample(gpu, (times) => program.run(times), effort);
    const bytes = program.dispatches.reduce((sum, dispatch) => sum + dispatch.bytes, 0);
    return {
      ...{ ms: round(ms), low: round(low), high: round(high) },
      ...speeds(ms, { flop: program.flop, bytes }),
    };
  } finally {
    free();
  }
}
