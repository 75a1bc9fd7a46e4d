/** What is read and checked before an adapter is opened and anything is written. */
import { type ModelConfig, modelSpec, taskOf } from "../../models/index.ts";
import type { Dataset } from "../data/dataset.ts";
import { DataError, ShapeError, UsageError } from "../errors.ts";
import { declare, type ModelSpec } from "../nn/model.ts";
import { loadPredictor } from "../predictors/index.ts";
import type { SetupConfig, TrainConfig, UnlearnConfig } from "../runs/config.ts";
import type { GivenNetwork } from "../runs/given-network.ts";
import type { RunImages } from "../runs/images.ts";
import { readInitial } from "../runs/job.ts";
import { readsTest } from "../unlearn/driver.ts";
import { requireImages } from "../unlearn/method.ts";
import { checkMethod, hasSetting, methods } from "../unlearn/methods/index.ts";

/** The files a training reads besides its images. @throws DataError for one that is missing or damaged. */
export async function checkTraining(config: TrainConfig): Promise<void> {
  const { from, nowcast } = config;
  if (from !== undefined) await readInitial(from, config);
  if (nowcast !== undefined) await loadPredictor(nowcast.predictor);
}

/**
 * The predictor of an unlearning, where it has one, the images that its method and its end need, and whether its settings
 * are some for the network; with neither images nor network, the predictor alone.
 */
export async function checkUnlearning(
  config: Pick<UnlearnConfig, "method" | "settings" | "testFloor" | "unseen">,
  images?: Pick<RunImages, "corrupted" | "test">,
  network?: ModelConfig,
): Promise<void> {
  const { method, settings } = config;
  const tested = readsTest(config);
  if (images !== undefined) {
    if (tested !== undefined && images.test.count === 0) {
      throw new UsageError(
        `\`${tested}\` ends at a test accuracy, and there are no test images; \`forgetShare\` needs none.`,
      );
    }
    const { forget, retain } = images.corrupted;
    requireImages(methods.find(method), forget.length, retain.length);
    if (network !== undefined) return checkSettings(config, network, images.corrupted.train);
  }
  if (!hasSetting(method, "predictor")) return;
  const { predictor, base } = settings as { predictor?: string; base?: "oldest" | "newest" };
  await loadPredictor(predictor, base);
}

/** Whether a method with its settings can start on a network and its images. */
export async function checkSettings(
  { method, settings }: Pick<UnlearnConfig, "method" | "settings">,
  network: ModelConfig,
  train: Dataset,
): Promise<void> {
  const spec = specOf(network, train);
  await checkMethod(method, settings, {
    ...{ spec, slots: [...declare(spec).parameters.values()], task: taskOf(network) },
    floats: train.pixels instanceof Float32Array,
  });
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
