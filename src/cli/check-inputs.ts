/** What is read and checked before an adapter is opened and anything is written. */
import { type ModelConfig, modelSpec } from "../../models/index.ts";
import type { Dataset } from "../data/dataset.ts";
import { DataError, ShapeError, UsageError } from "../errors.ts";
import { declare, type ModelSpec } from "../nn/model.ts";
import { loadPredictor } from "../predictors/index.ts";
import type { SetupConfig, TrainConfig, UnlearnConfig } from "../runs/config.ts";
import type { GivenNetwork } from "../runs/given-network.ts";
import type { RunImages } from "../runs/images.ts";
import { readInitial } from "../runs/job.ts";
import { requireImages, requireTask } from "../unlearn/method.ts";
import { hasSetting, methods } from "../unlearn/methods/index.ts";

/** The files a training reads besides its images. @throws DataError for one that is missing or damaged. */
export async function checkTraining(config: TrainConfig): Promise<void> {
  const { from, nowcast } = config;
  if (from !== undefined) await readInitial(from, config);
  if (nowcast !== undefined) await loadPredictor(nowcast.predictor);
}

/** The predictor of an unlearning, where it has one, and the images that its method and its end need. */
export async function checkUnlearning(
  { method, settings, testFloor }: UnlearnConfig,
  images?: Pick<RunImages, "corrupted" | "test">,
  task = "classification",
): Promise<void> {
  requireTask(methods.find(method), task);
  if (images !== undefined) {
    if (testFloor !== undefined && images.test.count === 0) {
      throw new UsageError("`testFloor` ends at a test accuracy, and there are no test images.");
    }
    const { forget, retain } = images.corrupted;
    requireImages(methods.find(method), forget.length, retain.length);
  }
  if (!hasSetting(method, "predictor")) return;
  const { predictor, base } = settings as { predictor?: string; base?: "oldest" | "newest" };
  await loadPredictor(predictor, base);
}

/** What a network is on some images. */
export function specOf(
  network: ModelConfig,
  { height, width, channels, classes }: Dataset,
): ModelSpec {
  return modelSpec(network, [height, width, channels], classes.length);
}

/** Whether a network takes the images, and a file's weights fit it. */
export function checkNetwork(
  { model }: Pick<SetupConfig, "model">,
  { corrupted: { train } }: Pick<RunImages, "corrupted">,
  given?: GivenNetwork,
): void {
  const network = given?.network ?? model;
  if (network === undefined) return;
  const spec = specOf(network, train);
  declare(spec);
  try {
    given?.weights(spec);
  } catch (cause) {
    if (!(cause instanceof ShapeError)) throw cause;
    throw new DataError(`"${given!.path}": ${cause.message}`, { cause });
  }
}
