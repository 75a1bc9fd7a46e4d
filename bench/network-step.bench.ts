/** One training step of the paper's networks: ResNet-18 (the authors' stem), PVTv2-B0, ConvNeXt-T. */
import type { Gpu } from "../src/gpu/device.ts";
import { type BenchModule, type BenchRow, ceiling, timeSteps } from "./harness.ts";
import { largeSteps, type NetworkStep, stepName, withStep } from "./networks.ts";
import { runTorch } from "./peers.ts";

export const networkStep: BenchModule = {
  name: "network-step",
  summary: "one training step of ResNet-18, PVTv2-B0 and ConvNeXt-T, data already on the GPU",
  async run(gpu, { seconds, peers }) {
    const top = await ceiling(gpu, seconds);
    const rows: BenchRow[] = [];
    for (const network of largeSteps) {
      const { software } = gpu.adapter;
      const step = software ? { ...network, side: 32, batch: 2 } : network;
      rows.push(await timeNetwork(gpu, step, { seconds, top, steps: software ? 1 : 4 }));
    }
    return [top, ...rows, ...(peers ? runTorch(rows) : [])];
  },
};

function timeNetwork(
  gpu: Gpu,
  step: NetworkStep,
  options: { steps: number; seconds: number; top: BenchRow },
): Promise<BenchRow> {
  return withStep(gpu, step, options.steps, async ({ trainer }) => {
    const { batch } = step;
    const row = await timeSteps(gpu, stepName(step), trainer, {
      ...{ ...options, batch, learningRate: 1e-4 },
    });
    const figures = {
      ...row.figures,
      "images/s": (1000 * batch) / row.milliseconds,
      "dispatches a step": trainer.program.dispatches.length,
    };
    return { ...row, figures };
  });
}
