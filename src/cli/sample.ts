/** `rewind sample`: images that a network of diffusion draws. */
import { type Command, Option } from "commander";
import { UsageError } from "../errors.ts";
import { writeSafetensors } from "../io/safetensors.ts";
import { Owned } from "../gpu/owned.ts";
import { absolutePath, requireWritable, writeAtomic } from "../platform/files.ts";
import { json } from "../platform/json.ts";
import { RunFolder } from "../report/run-folder.ts";
import { sampleSheetPng } from "../report/sample-sheet.ts";
import { drawSamples, readDrawer } from "../runs/draw-samples.ts";
import { gradesOf, learntBy } from "../runs/grades.ts";
import { requireGrader } from "../metrics/grader.ts";
import { graderOn } from "../runs/grader.ts";
import { type SamplerName, samplerNames } from "../train/sampler.ts";
import { type DeviceFlags, deviceOptions, withDevice } from "./device-options.ts";
import { example } from "./examples.ts";
import { interruptSignal } from "./interrupt.ts";
import { givenGrader, loadOwnModelOf } from "./model-file.ts";
import { answer } from "./output.ts";
import { integer, most } from "./parse.ts";
import { withProgress } from "./progress.ts";
import { jsonWith, requireReplaceable, tensorsWith } from "./replaced-files.ts";

interface SampleFlags extends DeviceFlags {
  run: string;
  checkpoint: string;
  raw?: true;
  count: number;
  steps: number;
  sampler: SamplerName;
  seed: number;
  columns?: number;
  grader?: string;
  out: string;
}

export function registerSample(command: Command): void {
  command
    .requiredOption(
      "--run <dir>",
      "folder of `rewind train --task diffusion`, or of an unlearning of it",
    )
    .requiredOption("--out <file>", "PNG file to write; the numbers go beside it, as .safetensors")
    .option("--checkpoint <name>", "which checkpoint of the folder", "checkpoint.safetensors")
    .option("--raw", "draw with the weights themselves, where the checkpoint has their average too")
    .option("--count <n>", "images", integer(1, most.images), 24)
    .option("--steps <n>", "steps from noise to image", integer(1, 10_000), 20)
    .addOption(
      new Option(
        "--sampler <name>",
        "ddim: the noise at the start decides; ddpm: some is drawn anew at every step, and it takes more of them",
      )
        .choices(samplerNames)
        .default("ddim"),
    )
    .option(
      "--seed <n>",
      "seed of the noise: image i starts from the same in every run",
      integer(0),
      1,
    )
    .option("--columns <n>", "images in a row", integer(1))
    .option(
      "--grader <path>",
      "classifier that says what the images show, the folder of a training or a checkpoint: its numbers go beside them, as .json",
      absolutePath,
    );
  example(
    command,
    "what a network draws before and after it forgot the digit 4, from the same noise",
    "rewind sample --run runs/digits --seed 7 --out before.png && rewind sample",
    "--run runs/without-4 --seed 7 --out after.png",
  );
  deviceOptions(command).action(async (flags: SampleFlags) => {
    const { run, out, raw, checkpoint, columns } = flags;
    if (!/\.png$/i.test(out))
      throw new UsageError(`--out ${out}: it takes the name of a PNG file.`);
    const numbers = out.replace(/\.png$/i, ".safetensors");
    const folder = await RunFolder.open(run);
    await loadOwnModelOf(run);
    const drawer = await readDrawer(folder, { checkpoint, raw });
    const file = flags.grader === undefined ? undefined : await givenGrader(flags.grader);
    const grades = out.replace(/\.png$/i, ".json");
    await requireReplaceable(
      out,
      [
        { path: out },
        { path: numbers, isOwn: tensorsWith(({ sampler }) => sampler !== undefined) },
        ...(file === undefined ? [] : [{ path: grades, isOwn: jsonWith("sampler") }]),
      ],
      [run, folder.file(checkpoint), ...(flags.grader === undefined ? [] : [flags.grader])],
    );
    if (file !== undefined) requireGrader(file.info, drawer.info.input);
    await requireWritable(out);
    const learnt = file && (await learntBy(run, checkpoint));
    const { count, steps, sampler, seed } = flags;
    const options = { count, steps, sampler, seed };
    await withDevice(flags, async (gpu) => {
      const samples = await withProgress("drawing", interruptSignal(), (watch) =>
        drawSamples(gpu, drawer, options, watch),
      );
      const { height, width, channels, pixels } = samples;
      const weights = drawer.averaged ? "average" : "weights";
      const metadata = { run, weights, sampler, steps: `${steps}`, seed: `${seed}` };
      const images = { shape: [count, height, width, channels], data: pixels };
      const graded =
        file &&
        (await Owned.within(async (owned) =>
          gradesOf(await graderOn(gpu, file, owned), learnt!, samples, seed),
        ));
      const frames = graded?.frames;
      await writeAtomic(numbers, writeSafetensors(new Map([["images", images]]), metadata));
      await writeAtomic(out, await sampleSheetPng(samples, { columns, frames }));
      if (graded !== undefined) {
        await writeAtomic(grades, json({ run, weights, ...options, ...graded.grades }));
      }
      answer(
        { out, numbers, ...options, weights, height, width, channels, ...graded?.grades },
        `${graded === undefined ? "" : `${graded.text}\n\n`}${count} images in ${out}, their numbers in ${numbers}` +
          (graded === undefined ? "" : `, what the grader says of them in ${grades}`),
      );
    });
  });
}
