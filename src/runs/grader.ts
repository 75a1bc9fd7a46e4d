/** Graders from the folders of trainings, or from checkpoint files. */
import { modelSpec } from "../../models/index.ts";
import { DataError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import type { Owned } from "../gpu/owned.ts";
import { type Checkpoint, type CheckpointInfo, parseCheckpoint } from "../io/checkpoint.ts";
import { requireFinite } from "../io/finite.ts";
import { readTensors } from "../io/tensor-file.ts";
import { Grader } from "../metrics/grader.ts";
import { Model } from "../nn/model.ts";
import { contentDigest } from "../platform/digest.ts";
import { exists, join, readBytes } from "../platform/files.ts";

/** A grader as its file has it, on no device yet. */
export interface GraderFile {
  readonly path: string;
  readonly info: CheckpointInfo;
  readonly digest: string;
  readonly tensors: Checkpoint["tensors"];
}

/**
 * Reads a grader.
 *
 * @param path the folder of a training, or a checkpoint.
 * @throws DataError for a file that is missing, damaged or says nothing of its network.
 */
export async function readGrader(path: string): Promise<GraderFile> {
  const inFolder = join(path, "checkpoint.safetensors");
  const file = (await exists(inFolder)) ? inFolder : path;
  if (!(await exists(file)) || (await exists(join(file, "config.json")))) {
    throw new DataError(
      `grader "${path}": it is neither a checkpoint nor the folder of a training that is done.`,
    );
  }
  const bytes = await readBytes(file);
  const { info, tensors } = parseCheckpoint(await readTensors(bytes, file), file);
  if (info === undefined) {
    throw new DataError(
      `grader "${file}" does not say what network it is of: train one with Rewind.`,
    );
  }
  requireFinite(tensors, file);
  return { path: file, info, tensors, digest: await contentDigest(bytes) };
}

/** Brings a grader to a device; `owned` takes over what is allocated. */
export async function graderOn(
  gpu: Gpu,
  { info, tensors, digest }: GraderFile,
  owned: Owned,
): Promise<Grader> {
  const spec = modelSpec(info.network, info.input, info.classes.length);
  const model = owned.add(await Model.create(gpu, spec, undefined));
  model.load(tensors);
  return Grader.of(model, info, digest);
}
