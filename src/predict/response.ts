/**
 * What a predictor does, in a few numbers: its residual on trajectories of known shape.
 *
 * Each shape moves by the same amount over the window; the answer is the residual in units of that
 * movement. Linear extrapolation by U epochs gives -U / (K - 1) for all of them.
 */
import type { Gpu } from "../gpu/device.ts";
import { type Predictor, predictHistories } from "./predictor.ts";

/** Shapes of a trajectory: share of the whole movement done at t in [0, 1]. */
export const shapes: Readonly<Record<string, (t: number) => number>> = {
  "straight line": (t) => t,
  "slowing down": (t) => (1 - Math.exp(-2 * t)) / (1 - Math.exp(-2)),
  "done early": (t) => (1 - Math.exp(-14 * t)) / (1 - Math.exp(-14)),
  "done late": (t) => Math.max(0, (t - 0.65) / 0.35),
};

/** Movement of a weight over the window: that of usual fine-tuning. */
const movement = 0.01;

/** Where the trajectories start: a usual weight. */
const start = 0.05;

/** Residual over movement by weight set and shape. */
export async function predictorResponse(
  gpu: Gpu,
  predictor: Predictor,
): Promise<{ set: string; response: Readonly<Record<string, number>> }[]> {
  const { window } = predictor;
  const histories = Object.values(shapes).map((shape) =>
    Float64Array.from({ length: window }, (_, k) => start + movement * shape(k / (window - 1))),
  );
  const rows: { set: string; response: Record<string, number> }[] = [];
  for (const set of predictor.sets) {
    const { residual } = await predictHistories(gpu, predictor, set, histories);
    const response = Object.keys(shapes).map((name, i) => [name, residual[i]! / movement]);
    rows.push({ set: set.name, response: Object.fromEntries(response) as Record<string, number> });
  }
  return rows;
}
