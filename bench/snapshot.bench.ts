/** Recording a snapshot: bytes a second of device copies. */
import { Arena, ArenaLayout } from "../src/weights/arena.ts";
import { Trajectory } from "../src/weights/trajectory/record.ts";
import { type BenchModule, time } from "./harness.ts";

export const snapshot: BenchModule = {
  name: "snapshot",
  summary: "recording the weights: bytes a second",
  async run(gpu, { seconds }) {
    const size = gpu.adapter.software ? 1 << 20 : 1 << 24;
    const layout = new ArenaLayout(
      [{ name: "weights", shape: [size], kind: "fc" }],
      gpu.maxBinding,
    );
    const arena = await Arena.create(gpu, layout, "bench");
    const trajectory = await Trajectory.create(gpu, layout.slots, 15);
    const row = await time(
      gpu,
      `${size} weights × 15 snapshots`,
      () => {
        trajectory.reset();
        for (let k = 0; k < 15; k++) trajectory.record(arena);
      },
      { seconds },
    );
    trajectory.destroy();
    arena.destroy();
    const bytes = 15 * 4 * size;
    // A copy reads and writes each byte; the figure counts the bytes of the snapshots once.
    return [
      { ...row, figures: { megabytes: bytes / 1e6, "GB/s": bytes / row.milliseconds / 1e6 } },
    ];
  },
};
