/** A network as timm and the Hub keep it: config.json and model.safetensors. */
import { modelSpec, networks } from "../../models/index.ts";
import { publishedNetwork } from "../../models/published.ts";
import { UsageError } from "../errors.ts";
import type { Checkpoint, CheckpointInfo } from "../io/checkpoint.ts";
import { hubConfig } from "../io/hub.ts";
import { exportedMetadata, exportPretrained, publishedLayer } from "../io/pretrained.ts";
import { writeSafetensors } from "../io/safetensors.ts";
import { tensorsOf } from "../nn/model.ts";

/** The files of a folder, and what their reader should know. */
export interface HubFolder {
  readonly files: Readonly<Record<string, Uint8Array | string>>;
  readonly notes: readonly string[];
}

/**
 * The files of a network.
 *
 * @param path what errors call its checkpoint.
 * @throws UsageError where timm has no such network, or the checkpoint does not say how it is used.
 */
export function hubFolder({ info, tensors }: Checkpoint, path: string): HubFolder {
  if (info === undefined) {
    throw new UsageError(
      `"${path}" does not say its classes and preprocessing: it is from an earlier version. Evaluate its run and save it again, or export a single file.`,
    );
  }
  const { timm } = networks.find(info.network.name);
  const formats = publishedNetwork(info.network.name).formats;
  if (timm === undefined || formats.timm === undefined) {
    const known = networks.all.filter((one) => one.timm !== undefined).map(({ name }) => name);
    throw new UsageError(
      `timm has no network like "${info.network.name}"; those it has are ${known.join(", ")}.`,
    );
  }
  const slots = tensorsOf(modelSpec(info.network, info.input, info.classes.length));
  const weights = exportPretrained(publishedNetwork(info.network.name), slots, tensors, "timm");
  const { mean, deviation, notes } = channelwise(info);
  const config = hubConfig({
    architecture: timm,
    classes: info.classes,
    input: info.input,
    mean,
    deviation,
    crop: info.preprocessing.crop ?? 1,
    classifier: publishedLayer("head.weight", formats.timm),
    first: publishedLayer(slots.find(({ kind }) => kind === "conv")!.name, formats.timm),
  });
  return {
    files: {
      "model.safetensors": writeSafetensors(weights, exportedMetadata),
      "config.json": `${JSON.stringify(config, null, 2)}\n`,
    },
    notes,
  };
}

/** Means and deviations a channel, which are all that timm knows. */
function channelwise({ input, preprocessing }: CheckpointInfo): {
  mean: number[];
  deviation: number[];
  notes: string[];
} {
  const [, , channels] = input;
  const { mean, deviation } = preprocessing;
  const pixels = mean.length / channels;
  const means = Array.from({ length: channels }, (_, c) => {
    let sum = 0;
    for (let i = c; i < mean.length; i += channels) sum += mean[i]!;
    return sum / pixels;
  });
  return {
    mean: means,
    deviation: [...(deviation ?? Array.from({ length: channels }, () => 1))],
    notes:
      pixels === 1
        ? []
        : [
            "this network subtracts a mean image, and config.json has room for a mean a channel alone: its answers differ " +
              "where it is used by that file. Train with `preprocessing` for one that is the same everywhere",
          ],
  };
}
