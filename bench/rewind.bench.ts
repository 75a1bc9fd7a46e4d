/** The predictor kernel: coordinates a second and its share of the measured ceiling. */
import { Arena, ArenaLayout } from "../src/weights/arena.ts";
import { loadPredictor } from "../src/predictors/index.ts";
import { linearPredictor } from "../src/predictors/linear.ts";
import { Rewinder } from "../src/predictors/rewinder.ts";
import { Trajectory } from "../src/weights/trajectory/record.ts";
import { type BenchModule, type BenchRow, ceiling, share, time } from "./harness.ts";

export const rewind: BenchModule = {
  name: "rewind",
  summary: "InvWNN over an arena: coordinates a second, FLOP share of the ceiling",
  async run(gpu, { seconds }) {
    const top = await ceiling(gpu, seconds);
    const rows: BenchRow[] = [top];
    const size = gpu.adapter.software ? 16_384 : 4_194_304;
    const layout = new ArenaLayout(
      [
        { name: "conv", shape: [size], kind: "conv" },
        { name: "fc", shape: [size], kind: "fc" },
      ],
      gpu.maxBinding,
    );
    const arena = await Arena.create(gpu, layout, "bench");
    for (const predictor of [await loadPredictor(undefined), linearPredictor()]) {
      const trajectory = await Trajectory.create(gpu, layout.slots, predictor.window);
      for (let k = 0; k < predictor.window; k++) {
        const data = Float32Array.from({ length: size }, (_, i) => 0.05 * Math.sin(i) + 1e-4 * k);
        for (const slot of layout.slots) arena.write(slot.name, data);
        trajectory.record(arena);
      }
      const rewinder = await Rewinder.create(trajectory, predictor);
      const row = await time(gpu, predictor.name, () => rewinder.apply(arena), { seconds });
      rows.push({
        ...row,
        figures: {
          coordinates: layout.parameters,
          "coordinates/s": (1000 * layout.parameters) / row.milliseconds,
          "GFLOP/s": rewinder.flop / row.milliseconds / 1e6,
          "% of ceiling": share(rewinder.flop, row.milliseconds, top),
        },
      });
      rewinder.destroy();
      trajectory.destroy();
    }
    arena.destroy();
    return rows;
  },
};
