/** One training step of the small CNN: 28×28×1, conv 16, pool, conv 32, pool, dense 10; batch 64, Adam. */
import { type BenchModule, type BenchRow, ceiling, timeSteps } from "./harness.ts";
import { smallStep, withStep } from "./networks.ts";
import { runPeers } from "./peers.ts";

export const smallCnnStep: BenchModule = {
  name: "small-cnn-step",
  summary: "one training step of the small CNN at batch 64, data already on the GPU",
  async run(gpu, { seconds, peers }) {
    const top = await ceiling(gpu, seconds);
    // One step an epoch is mostly the wait for it on a fast GPU, so that there is a row of more of them.
    const counts = gpu.adapter.software ? [1] : [1, 32];
    const rows: BenchRow[] = [];
    await withStep(gpu, smallStep, Math.max(...counts), async ({ trainer }) => {
      for (const steps of counts) {
        const epoch = steps === 1 ? "" : `, ${steps} steps an epoch`;
        const name = `Rewind (Adam), ${gpu.adapter.tuning} kernels${epoch}`;
        const options = { batch: smallStep.batch, steps, learningRate: 1e-3, seconds, top };
        rows.push(await timeSteps(gpu, name, trainer, options));
      }
    });
    return [top, ...rows, ...(peers ? await runPeers(rows[0]!) : [])];
  },
};
