/** Rows that several stages measure: whole training steps, and square products. */
import type { Gpu } from "../../src/gpu/device.ts";
import { type GpuTile, retile } from "../../src/graph/product-tiles.ts";
import { type Launch, Value } from "../../src/graph/value.ts";
import { gemm } from "../../src/ops/launch/gemm.ts";
import { largeSteps, type NetworkStep, smallStep, withStep } from "../networks.ts";
import { once, sample, type Work } from "./sample.ts";
import type { Context, Task } from "./stage.ts";
import { round } from "./timed.ts";

/** Steps to measure: the paper's networks, or a tiny one. */
export const stepsOf = ({ tiny }: Context): readonly NetworkStep[] =>
  tiny ? [{ ...smallStep, side: 8, batch: 2 }] : largeSteps;

/** Time of a whole step in epochs of several, and of what the host does for it. */
export function stepTask(step: NetworkStep, name: string): Task {
  return {
    name,
    run({ gpu, effort, tiny }) {
      const most = tiny ? 2 : 32;
      const start = performance.now();
      return withStep(gpu, step, most, async ({ trainer, epoch }) => {
        await epoch(1);
        const first = (performance.now() - start) / 1000;
        const { program } = trainer;
        const { ms, low, high } = await sample(gpu, (times) => epochs(epoch, times, most), {
          ...effort,
          sampleMs: 10 * effort.sampleMs,
        });
        const host = hostMs(gpu, () => program.run());
        await gpu.idle();
        const [short, long] = [await epochMs(gpu, epoch, 1), await epochMs(gpu, epoch, most / 2)];
        const slope = (long - short) / (most / 2 - 1 || 1);
        return {
          ...{ ms: round(ms), low: round(low), high: round(high) },
          "GFLOP/s": round(program.flop / ms / 1e6),
          "images/s": round((1000 * step.batch) / ms),
          "GFLOP a step": round(program.flop / 1e9),
          "GB a step": round(program.dispatches.reduce((sum, { bytes }) => sum + bytes, 0) / 1e9),
          "dispatches a step": program.dispatches.length,
          "host ms a step": round(host),
          "ms a step, in a longer epoch": round(slope),
          "ms an epoch beside its steps": round(short - slope),
          "s to the first step": round(first),
        };
      });
    },
  };
}

/** Milliseconds of an epoch of so many steps: the least of two. */
async function epochMs(gpu: Gpu, epoch: Work, steps: number): Promise<number> {
  return Math.min(await once(gpu, epoch, steps), await once(gpu, epoch, steps));
}

/** So many steps in epochs of `most`. */
export async function epochs(
  epoch: (steps: number) => Promise<void>,
  steps: number,
  most: number,
): Promise<void> {
  for (let left = steps; left > 0; left -= most) await epoch(Math.min(most, left));
}

/** Milliseconds that a call keeps the host, without waiting for the device: the least of five. */
function hostMs(gpu: Gpu, work: () => void): number {
  const all = Array.from({ length: 5 }, () => {
    const begin = performance.now();
    work();
    return performance.now() - begin;
  });
  gpu.check();
  return Math.min(...all);
}

/** A square product in a tile. */
export function square(n: number, tile: GpuTile | undefined): Launch {
  const shape = { m: n, n, k: n, transA: false, transB: false, hasBias: false };
  const { slices: _, ...launch } = gemm("gpu", shape);
  const value = (label: string): Value => new Value(label, [n, n], "f32", "planned");
  const bound = {
    ...launch,
    bind: { a: value("a"), b: value("b"), bias: null, c: value("c") },
    flop: 2 * n ** 3,
  };
  return tile === undefined ? bound : retile(bound, tile);
}
