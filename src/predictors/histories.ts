/** A weight set applied to histories that the host has, for `rewind predict`, for scores and for tests. */
import { isList, isObject, requireGiven } from "../checked.ts";
import { ShapeError } from "../errors.ts";
import { Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import { Bound } from "../graph/bound.ts";
import { compile } from "../graph/program.ts";
import { uploadSet } from "./launch.ts";
import { kernelBase, type Predictor, type PredictorSet } from "./predictor.ts";

/**
 * Applies one weight set to histories given on the host.
 *
 * @param histories one array of K values a coordinate, oldest first.
 * @returns residual and prediction of each.
 * @throws UsageError for arguments of another kind; ShapeError for a history of another length.
 */
export async function predictHistories(
  gpu: Gpu,
  predictor: Predictor,
  set: PredictorSet,
  histories: readonly ArrayLike<number>[],
): Promise<{ residual: Float32Array; predicted: Float32Array }> {
  const given = (fits: boolean, name: string, expected: string, value: unknown): void =>
    requireGiven(fits, `predictHistories: ${name}`, expected, value);
  given(gpu instanceof Gpu, "gpu", "a device of acquireDevice()", gpu);
  given(isObject(predictor) && "window" in predictor, "predictor", "a predictor", predictor);
  given(isObject(set) && "launches" in set, "set", "a weight set of the predictor", set);
  const lists = Array.isArray(histories) && histories.every(isList);
  given(lists, "histories", "an array with the values of each coordinate", histories);
  const count = histories.length;
  const { window, reversed = false } = predictor;
  const slices = new Float32Array(window * count);
  histories.forEach((history, i) => {
    if (history.length !== window) {
      throw new ShapeError(
        `case ${i}: predictor "${predictor.name}" needs ${window} values, got ${history.length}.`,
      );
    }
    for (let k = 0; k < window; k++)
      slices[k * count + i] = history[reversed ? window - 1 - k : k]!;
  });
  return Owned.within(async (owned) => {
    const bound = owned.add(new Bound());
    const history = await bound.upload(gpu, "history", slices);
    const residual = await bound.zeros(gpu, "residual", [count]);
    const predicted = await bound.zeros(gpu, "predicted", [count]);
    const weights = await uploadSet(gpu, set, bound);
    const job = {
      tuning: gpu.tuning,
      workgroupStorage: gpu.device.limits.maxComputeWorkgroupStorageSize,
      matrices: gpu.matrices,
      range: { first: 0, count, stride: count, outFirst: 0 },
      history,
      weights,
    };
    const launches = [
      ...set.launches({ ...job, base: "none", predicted: residual }),
      ...set.launches({ ...job, base: kernelBase(predictor), predicted }),
    ];
    const { bindings } = bound;
    const label = `predict ${predictor.name}`;
    const program = owned.add(await compile(gpu, launches, { label, bindings }));
    program.run();
    const [first, second] = await gpu.read(bound.at(residual), bound.at(predicted));
    return { residual: new Float32Array(first!), predicted: new Float32Array(second!) };
  });
}
