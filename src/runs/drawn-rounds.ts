/** Images that a network of diffusion drew after each round of an unlearning, for sheets that show them side by side. */
import { DataError } from "../errors.ts";
import { readSafetensors, writeSafetensors } from "../io/safetensors.ts";
import type { Answer } from "../metrics/answers.ts";
import { readBytes } from "../platform/files.ts";
import type { RunFolder } from "../report/run-folder.ts";
import type { Samples } from "../report/sample-sheet.ts";
import type { Job } from "./job.ts";
import type { SetupConfig } from "./config.ts";

/** Images of a round that are kept at most. */
const mostKept = 24;

/** The file of a round. */
const fileOf = (round: number): string => `drawn-${round}.safetensors`;

/** Images of a round, and what the grader takes each for. */
export interface DrawnRound extends Samples {
  readonly answers: readonly Answer[];
  /** Classes that are to be forgotten, by the numbers of the answers. */
  readonly forgotten: readonly number[];
}

/** Keeps the first images that were drawn after a round; a round that was measured earlier has its file. */
export async function keepDrawn(
  folder: RunFolder,
  { judge, info }: Pick<Job<SetupConfig>, "judge" | "info">,
  round: number,
): Promise<void> {
  const drawn = judge?.take();
  if (judge === undefined || drawn === undefined) return;
  const { pixels, answers, forgotten } = drawn;
  const count = Math.min(mostKept, answers.length);
  const size = pixels.length / answers.length;
  const data = Float32Array.from(
    answers.slice(0, count).flatMap((one) => [one.class, one.confidence]),
  );
  const bytes = writeSafetensors(
    new Map([
      ["images", { shape: [count, ...info.input], data: pixels.slice(0, count * size) }],
      ["answers", { shape: [count, 2], data }],
    ]),
    { forgotten: forgotten.join(","), grader: judge.grader.digest },
  );
  await folder.write(fileOf(round), bytes);
}

/** What {@link keepDrawn} kept of a round. @throws DataError where it is not there, or damaged. */
export async function readDrawn(folder: RunFolder, round: number): Promise<DrawnRound> {
  const path = folder.file(fileOf(round));
  if (!(await folder.has(fileOf(round)))) {
    throw new DataError(`"${path}" is not there: the images that were drawn after round ${round}.`);
  }
  const { tensors, metadata } = readSafetensors(await readBytes(path), path);
  const [images, answers] = [tensors.get("images"), tensors.get("answers")];
  const [count, height, width, channels] = images?.shape ?? [];
  if (channels === undefined || answers?.data.length !== 2 * count!) {
    throw new DataError(`"${path}" holds no drawn images with their answers.`);
  }
  return {
    height: height!,
    width: width!,
    channels,
    pixels: images!.data,
    answers: Array.from({ length: count! }, (_, i) => ({
      class: answers.data[2 * i]!,
      confidence: answers.data[2 * i + 1]!,
    })),
    forgotten: (metadata["forgotten"] ?? "").split(",").filter(Boolean).map(Number),
  };
}
