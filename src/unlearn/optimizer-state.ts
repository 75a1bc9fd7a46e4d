/** Optimiser state as tensors of a session's state. */
import { lossScaleName, lossScaleOf, lossScaleTensor } from "../train/loss-scale.ts";
import type { Trainer } from "../train/trainer.ts";
import type { SessionState } from "./method.ts";

/** Downloads a trainer's moments as tensors `moment1.NAME`, …, and its loss scale. */
export async function saveOptimizer(
  trainer: Trainer,
): Promise<Pick<SessionState, "optimizerStep" | "tensors">> {
  const { step, moments, lossScale } = await trainer.saveState();
  const tensors: SessionState["tensors"] = new Map();
  moments.forEach((moment, i) => {
    for (const [name, data] of moment) {
      tensors.set(`moment${i + 1}.${name}`, { shape: [data.length], data });
    }
  });
  if (lossScale !== undefined) tensors.set(lossScaleName, lossScaleTensor(lossScale));
  return { optimizerStep: step, tensors };
}

/** Puts back what {@link saveOptimizer} gave; tensors of other names are left alone. */
export function loadOptimizer(
  trainer: Trainer,
  { optimizerStep, tensors }: Pick<SessionState, "optimizerStep" | "tensors">,
): void {
  const moments: Map<string, Float32Array>[] = [];
  for (const [key, { data }] of tensors) {
    const match = /^moment(\d+)\.(.*)$/.exec(key);
    if (match === null) continue;
    (moments[Number(match[1]) - 1] ??= new Map()).set(match[2]!, data);
  }
  const lossScale = lossScaleOf(tensors);
  trainer.loadState({ step: optimizerStep, moments, lossScale });
}
