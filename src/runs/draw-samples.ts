/** Images drawn by the network of diffusion that a run has trained. */
import { modelSpec } from "../../models/index.ts";
import { DataError, UsageError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import { type CheckpointInfo, parseCheckpoint } from "../io/checkpoint.ts";
import { requireFinite } from "../io/finite.ts";
import { Model, type Tensors } from "../nn/model.ts";
import { unprepared } from "../nn/preprocessing.ts";
import type { RunFolder } from "../report/run-folder.ts";
import type { Samples } from "../report/sample-sheet.ts";
import { diffusion } from "../tasks/diffusion.ts";
import { type SampleOptions, Sampler } from "../train/sampler.ts";
import type { Watch } from "../train/replay.ts";

/** A network that draws, from a run's checkpoint. */
export interface Drawer {
  readonly info: CheckpointInfo;
  /** The average of the weights, where the checkpoint has one and it was not left aside; else the weights. */
  readonly tensors: Tensors;
  readonly averaged: boolean;
}

/**
 * Reads the network that a run draws with.
 *
 * @param raw the weights themselves, though there be an average of them.
 * @throws DataError for a run without that checkpoint, UsageError where its network is not for diffusion.
 */
export async function readDrawer(
  folder: RunFolder,
  { checkpoint: name, raw = false }: { checkpoint: string; raw?: boolean | undefined },
): Promise<Drawer> {
  const file = folder.file(name);
  await folder.requireCheckpoint(name);
  const contents = (await folder.readCheckpoint(name))!;
  requireFinite(contents.tensors, file);
  const { info, tensors, average } = parseCheckpoint(contents, file);
  if (info === undefined) throw new DataError(`"${file}" does not say what network it is of.`);
  if (info.task !== diffusion.name) {
    throw new UsageError(
      `"${file}" holds the network "${info.network.name}", which is for ${info.task} and draws nothing.`,
    );
  }
  const averaged = average !== undefined && !raw;
  return { info, tensors: averaged ? average : tensors, averaged };
}

/** Draws images, in the units of pixels: 0 is black and 1 white. */
export function drawSamples(
  gpu: Gpu,
  { info, tensors }: Drawer,
  options: SampleOptions,
  watch: Watch = {},
): Promise<Samples> {
  const [height, width, channels] = info.input;
  return Owned.within(async (owned) => {
    const spec = modelSpec(info.network, info.input, info.classes.length);
    const model = owned.add(await Model.create(gpu, spec, undefined));
    model.load(tensors);
    const sampler = owned.add(await Sampler.create(model, options));
    const values = await sampler.run(options, watch);
    return { height, width, channels, pixels: unprepared(values, info.preprocessing, channels) };
  });
}
