/** The grader of an experiment: given, or trained as its first stage; nothing is judged by one that errs too often. */
import { z } from "zod";
import { DataError, UsageError } from "../errors.ts";
import { Owned } from "../gpu/owned.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Grader } from "../metrics/grader.ts";
import { exists, join, readJson } from "../platform/files.ts";
import { RunFolder } from "../report/run-folder.ts";
import type { TrainConfig } from "../runs/config.ts";
import { checkedFile } from "../runs/checked-file.ts";
import { forgetRecord, recordForget } from "../runs/forget-record.ts";
import { type GraderFile, graderOn, readGrader } from "../runs/grader.ts";
import { loadImages, loadSplit } from "../runs/images.ts";
import { inputsOf, recordInputs } from "../runs/inputs.ts";
import { prepareJob } from "../runs/job.ts";
import { trainInFolder } from "../runs/train-run.ts";
import type { Environment } from "./trained-network.ts";

/** What results say of their grader. */
export interface GraderRecord {
  /** SHA-256 of its checkpoint. */
  readonly digest: string;
  readonly network: string;
  /** On the test images of all classes, in the size of the drawn images, %. */
  readonly testAccuracy: number;
  readonly testImages: number;
}

const recordSchema = z.object({
  digest: z.string(),
  network: z.string(),
  testAccuracy: z.number(),
  testImages: z.number(),
});

/** The file that says it of an experiment's folder. */
export const graderFile = "grader.json";

/** What the folder of an experiment says of its grader; undefined where it says nothing. */
export async function readGraderRecord(out: string): Promise<GraderRecord | undefined> {
  const path = join(out, graderFile);
  return (await exists(path)) ? checkedFile(recordSchema, await readJson(path), path) : undefined;
}

/** Share of images that a grader takes for their own class, by its name, %. */
export async function accuracyOn(grader: Grader, images: Dataset): Promise<number> {
  const { answers } = await grader.grade(images);
  return (100 * grader.rightAmong(images, answers)) / answers.length;
}

/** Trains a grader in the folder of an experiment, or goes on where it was left. */
async function trained(train: TrainConfig, { gpu, out, watch }: Environment): Promise<string> {
  const path = join(out, "grader");
  const { folder } = await RunFolder.start(path, train);
  const images = await loadImages(train);
  await recordInputs(folder, await inputsOf({ setup: train, images }));
  await recordForget(folder, await forgetRecord(images.corrupted, train));
  await Owned.within(async (owned) => {
    const job = owned.add(await prepareJob(gpu, train, { images }));
    await trainInFolder(folder, job, "checkpoint.safetensors", { watch });
  });
  return path;
}

/** What {@link openGrader} is told. */
export interface GraderOptions {
  /** How it is trained, and what it is tested on. */
  readonly train: TrainConfig;
  /** A folder or file of one that is there. */
  readonly given?: string | undefined;
  /** Test accuracy that it needs, %. */
  readonly floor: number;
}

/**
 * The grader of an experiment, on the device; `owned` takes over what is allocated.
 *
 * @throws UsageError where its test accuracy is below the floor.
 */
export async function openGrader(
  { train, given, floor }: GraderOptions,
  environment: Environment,
  owned: Owned,
): Promise<{ readonly grader: Grader; readonly record: GraderRecord }> {
  const file: GraderFile = await readGrader(given ?? (await trained(train, environment)));
  const grader = await graderOn(environment.gpu, file, owned);
  const record = await recordOf(file, grader, train, environment.out);
  if (record.testAccuracy < floor) {
    throw new UsageError(
      `the grader takes ${record.testAccuracy.toFixed(2)} % of the test images for what they are, and nothing is judged by ` +
        `one below ${floor} %: give a better one (\`grader\`).`,
    );
  }
  return { grader, record };
}

async function recordOf(
  { info, digest }: GraderFile,
  grader: Grader,
  train: TrainConfig,
  out: string,
): Promise<GraderRecord> {
  const path = join(out, graderFile);
  const known = await readGraderRecord(out);
  if (known !== undefined) {
    if (known.digest === digest) return known;
    throw new DataError(
      `"${path}" is of another grader: its numbers do not compare with this one's.`,
    );
  }
  const { test } = await loadSplit(train);
  const record = {
    ...{ digest, network: info.network.name },
    testAccuracy: await accuracyOn(grader, test),
    testImages: test.count,
  };
  await (await RunFolder.open(out)).writeJson(graderFile, record);
  return record;
}
