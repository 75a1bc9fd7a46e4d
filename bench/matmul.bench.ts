/** Square matrix products: the ceiling other benches are measured against. */
import type { BenchModule, BenchRow } from "./harness.ts";
import { matmulProgram, time } from "./harness.ts";

export const matmul: BenchModule = {
  name: "matmul",
  summary: "n×n matrix products, GFLOP/s: the ceiling of the other benches",
  async run(gpu, { seconds }) {
    const rows: BenchRow[] = [];
    for (const n of gpu.adapter.software ? [128, 256, 512, 768] : [512, 1024, 2048, 4096]) {
      const { program, free } = await matmulProgram(gpu, n);
      const row = await time(gpu, `${n}³`, () => program.run(), {
        seconds,
        repeats: n <= 256 ? 8 : 2,
      });
      rows.push({ ...row, figures: { "GFLOP/s": program.flop / row.milliseconds / 1e6 } });
      free();
    }
    return rows;
  },
};
