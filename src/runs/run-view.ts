/** Finished runs as their folders hold them: what pages are made from. */
import { z } from "zod";
import { bytesOf, type Dataset, imageName } from "../data/dataset.ts";
import { DataError, UsageError } from "../errors.ts";
import { sha256 } from "../platform/digest.ts";
import { exists, join, readJson } from "../platform/files.ts";
import type { UnlearnReport } from "../report/report.ts";
import { RunFolder } from "../report/run-folder.ts";
import type { GivenCommand, RunView, TrainedEpoch } from "../report/run-page.ts";
import { type Thumbnails, thumbnailsOf } from "../report/thumbnails.ts";
import type { Progress } from "../unlearn/driver.ts";
import { checkedFile } from "./checked-file.ts";
import { forgetFile } from "./forget-record.ts";
import { readRunNetwork } from "./given-network.ts";
import { loadImages } from "./images.ts";
import { keptFigures } from "./kept-figures.ts";
import { baseName, recordedRuns } from "./recorded-run.ts";
import { writtenMeasurement, writtenRound, writtenScores } from "./written.ts";

/** The file of a folder's command. */
export const commandFile = "command.json";

const answerSchema = z.looseObject({ class: z.string(), confidence: z.number().nullable() });

/** Reports said `pictures` where they now say `images`. */
function renamed(report: unknown): unknown {
  if (typeof report !== "object" || report === null || "images" in report) return report;
  const { pictures, ...others } = report as Record<string, unknown>;
  return { ...others, images: pictures };
}

/** The parts of report.json that a page shows. */
const reportFields = z.looseObject({
  dataset: z.string(),
  scenario: z.string(),
  model: z.string(),
  method: z.string(),
  settings: z.record(z.string(), z.unknown()),
  seed: z.number(),
  images: z.looseObject({ train: z.number(), forget: z.number(), test: z.number() }),
  rounds: z.number(),
  stoppedBy: z.string(),
  seconds: z.number(),
  unlearnSeconds: z.number(),
  adapter: z.string(),
  runtime: z.string(),
  gpuBytes: z.number(),
  before: writtenScores,
  after: writtenScores,
  forgotten: z
    .looseObject({
      answers: z.array(
        z.looseObject({
          image: z.string(),
          class: z.string(),
          trainedAs: z.string().optional(),
          before: answerSchema,
          after: answerSchema,
        }),
      ),
      classes: z.array(
        z.looseObject({
          class: z.string(),
          images: z.number(),
          before: z.number(),
          after: z.number(),
        }),
      ),
      count: z.number(),
      copies: z.number(),
    })
    .optional(),
  final: z.looseObject({ accuracies: z.record(z.string(), writtenMeasurement) }).optional(),
  gaps: z.record(z.string(), writtenMeasurement).optional(),
  definitions: z.record(z.string(), z.string()),
  history: z.array(writtenRound).optional(),
});
const reportSchema = z.preprocess(renamed, reportFields);

/** Rounds of a run whose report is older than its history. */
async function loggedRounds(folder: RunFolder): Promise<readonly Progress[]> {
  const lines = (await folder.metrics()).filter((line) => line["phase"] === "unlearn");
  const file = folder.file("metrics.jsonl");
  return lines.map((line) => checkedFile(writtenRound, line, file) as unknown as Progress);
}

const epochSchema = z.looseObject({
  epoch: z.number(),
  loss: z.number().nullable(),
  accuracy: z.number().nullable(),
});

const commandSchema = z.looseObject({ version: z.string(), words: z.array(z.string()) });

/** A command, and those by which its folder was begun and grew before. */
const lastCommandSchema = commandSchema.extend({ before: z.array(commandSchema).optional() });

/** The last command that was given in a folder; undefined where none was written down. */
export async function lastCommand(
  folder: RunFolder,
): Promise<z.output<typeof lastCommandSchema> | undefined> {
  if (!(await folder.has(commandFile))) return undefined;
  const file = folder.file(commandFile);
  return checkedFile(lastCommandSchema, await readJson(file), file);
}

const recordSchema = z.looseObject({
  images: z.array(z.looseObject({ name: z.string(), sha256: z.string() })),
});

/** The commands that made a folder: of the run it started from first. */
export async function commandsOf(folder: RunFolder): Promise<GivenCommand[]> {
  const { run } = (await folder.config()) as { run?: unknown };
  const earlier =
    typeof run === "string" && (await exists(join(run, "config.json")))
      ? await commandsOf(await RunFolder.open(run))
      : [];
  const last = await lastCommand(folder);
  return last === undefined ? earlier : [...earlier, last];
}

/**
 * What a page shows of a run besides its report.
 *
 * @param images whether figures that show images of D_f are wanted.
 */
export async function surroundings(
  folder: RunFolder,
  images: boolean,
): Promise<Pick<RunView, "config" | "training" | "commands" | "figures">> {
  const lines = await folder.metrics();
  const file = folder.file("metrics.jsonl");
  const phase = <T>(name: string, schema: z.ZodType<T>): T[] =>
    lines.filter((line) => line["phase"] === name).map((line) => checkedFile(schema, line, file));
  return {
    config: (await folder.config()) as RunView["config"],
    training: phase("train", epochSchema) as unknown as TrainedEpoch[],
    commands: await commandsOf(folder),
    figures: await keptFigures(folder.path, images),
  };
}

/** Why a page has no images. */
const leftOut = "Images were left out, as was asked for.";

/** Images of D_f that a report names, from the data at hand. */
export async function imagesOf(
  report: UnlearnReport,
  dataset: Dataset,
  forget: ArrayLike<number>,
  wanted: boolean,
): Promise<Pick<RunView, "images" | "noImages">> {
  if (!wanted) return { images: new Map(), noImages: leftOut };
  const names = (report.forgotten?.answers ?? []).map(({ image }) => image);
  const images = await thumbnailsOf(dataset, names, forget);
  const lacking = names.length > 0 && images.size === 0;
  return { images, ...(lacking && { noImages: "The images' values are no colours." }) };
}

/** Images of D_f of a finished run, where they are still those it forgot. */
async function imagesAgain(
  folder: RunFolder,
  report: UnlearnReport,
): Promise<Pick<RunView, "images" | "noImages">> {
  const gone = (why: string): { images: Thumbnails; noImages: string } => ({
    images: new Map(),
    noImages: `The images are not shown: ${why}`,
  });
  if (!(await folder.has(forgetFile))) return gone(`the folder has no ${forgetFile}.`);
  const file = folder.file(forgetFile);
  const { images: known } = checkedFile(recordSchema, await readJson(file), file);
  const digests = new Map(known.map((one) => [one.name, one.sha256]));
  try {
    const [{ setup, forget, trained }] = (await recordedRuns([folder.path])) as [
      Awaited<ReturnType<typeof recordedRuns>>[number],
    ];
    const given = await readRunNetwork(trained, setup);
    const { corrupted } = await loadImages(setup, { given, forget });
    const size = corrupted.train.pixels.length / corrupted.train.count;
    const named = new Set(report.forgotten?.answers.map(({ image }) => image));
    const same: number[] = [];
    let changed = 0;
    for (const place of corrupted.forget) {
      const name = imageName(corrupted.train, place);
      if (!named.has(name)) continue;
      const pixels = corrupted.train.pixels.slice(place * size, (place + 1) * size);
      if ((await sha256(bytesOf(pixels))) === digests.get(name)) same.push(place);
      else changed++;
    }
    const found = await imagesOf(report, corrupted.train, same, true);
    return changed === 0
      ? found
      : { ...found, noImages: "Images that have changed since are not shown." };
  } catch (error) {
    if (!(error instanceof DataError || error instanceof UsageError)) throw error;
    return gone(error.message);
  }
}

/**
 * Reads finished runs of unlearning.
 *
 * @param images whether their images are read again, too.
 * @throws DataError for a folder that is none, is not finished, or has a damaged file.
 */
export async function readViews(paths: readonly string[], images: boolean): Promise<RunView[]> {
  const views: RunView[] = [];
  const names = paths.map(baseName);
  for (const [i, path] of paths.entries()) {
    const folder = await RunFolder.open(path);
    if (!(await folder.has("report.json"))) {
      throw new DataError(`"${path}" has no report.json: its run is not finished.`);
    }
    const file = folder.file("report.json");
    const contents = await readJson(file);
    // A training writes its scores, and no method or rounds.
    const unlearned = "unlearn" in ((await folder.config()) as object);
    const says = typeof contents === "object" && contents !== null;
    if (!unlearned && says && !("method" in contents)) {
      throw new UsageError(
        `"${path}" is the folder of a training: a page is of what was forgotten, in a folder of \`rewind unlearn\`, ` +
          "`rewind demo` or `rewind experiment`.",
      );
    }
    const read = checkedFile(reportSchema, contents, file) as unknown as UnlearnReport;
    const { history = await loggedRounds(folder) } = read as Partial<UnlearnReport>;
    const report = { ...read, history };
    const own = await surroundings(folder, images);
    if (history.length === 0) {
      throw new DataError(`"${folder.file("metrics.jsonl")}" has no round: the file is damaged.`);
    }
    const shown = images
      ? await imagesAgain(folder, report)
      : { images: new Map(), noImages: leftOut };
    const name = names[i]!;
    const alone = names.filter((other) => other === name).length === 1;
    views.push({ name: alone ? name : path, report, ...own, ...shown });
  }
  return views;
}
