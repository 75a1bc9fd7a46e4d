/** Rows of rewinding: recorded trajectories, and predictors over them. */
import type { Gpu } from "../../src/gpu/device.ts";
import { loadPredictor } from "../../src/predictors/index.ts";
import { linearPredictor } from "../../src/predictors/linear.ts";
import { Rewinder } from "../../src/predictors/rewinder.ts";
import { Arena, ArenaLayout } from "../../src/weights/arena.ts";
import { Trajectory } from "../../src/weights/trajectory/record.ts";
import type { Figures } from "./rows.ts";
import { sample } from "./sample.ts";
import type { Task } from "./stage.ts";
import { round } from "./timed.ts";

/** Uses a recorded trajectory of weights of two kinds, half of each. */
export async function withTrajectory<T>(
  gpu: Gpu,
  size: number,
  window: number,
  use: (parts: { readonly trajectory: Trajectory; readonly arena: Arena }) => Promise<T>,
): Promise<T> {
  const half = size >> 1;
  const layout = new ArenaLayout(
    [
      { name: "conv", shape: [half], kind: "conv" },
      { name: "fc", shape: [size - half], kind: "fc" },
    ],
    gpu.maxBinding,
  );
  const arena = await Arena.create(gpu, layout, "weights");
  const trajectory = await Trajectory.create(gpu, layout.slots, window);
  try {
    // Made once: the card waits meanwhile.
    const made = new Float32Array(Math.max(...layout.slots.map((slot) => slot.size)));
    for (let i = 0; i < made.length; i++) made[i] = 0.05 * Math.sin(i);
    for (let k = 0; k < window; k++) {
      for (const { name, size: length } of layout.slots)
        arena.write(name, made.subarray(0, length));
      trajectory.record(arena);
      for (let i = k % 97; i < made.length; i += 97) made[i]! += 1e-4;
    }
    return await use({ trajectory, arena });
  } finally {
    trajectory.destroy();
    arena.destroy();
  }
}

/** A predictor over so many weights. */
export function rewindTask(name: "InvWNN" | "linear", size: number): Task {
  return {
    name: `${name}, ${size.toLocaleString("en")} weights`,
    async run({ gpu, effort }) {
      const predictor = name === "linear" ? linearPredictor() : await loadPredictor(undefined);
      return withTrajectory(
        gpu,
        size,
        predictor.window,
        async ({ trajectory, arena }): Promise<Figures> => {
          const rewinder = await Rewinder.create(trajectory, predictor);
          try {
            const { ms, low, high } = await sample(
              gpu,
              async (times) => {
                for (let i = 0; i < times; i++) await rewinder.apply(arena);
              },
              effort,
            );
            return {
              ...{ ms: round(ms), low: round(low), high: round(high) },
              "GFLOP/s": round(rewinder.flop / ms / 1e6),
              "weights/s": round((1000 * size) / ms),
            };
          } finally {
            rewinder.destroy();
          }
        },
      );
    },
  };
}
