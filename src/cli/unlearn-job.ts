/** The unlearning part that `rewind unlearn` and `rewind demo` share. */
import { z } from "zod";
import { DataError } from "../errors.ts";
import { isReference } from "../experiments/arms.ts";
import { answersToForget } from "../api/answers.ts";
import { listed } from "../registry.ts";
import { describeAnswers, missingFor, mostNamed } from "../runs/answers.ts";
import { checkedFile } from "../runs/checked-file.ts";
import type { ForgetConfig, SetupConfig, UnlearnConfig } from "../runs/config.ts";
import { forgetFile, type ForgetRecord, readForgetRecord } from "../runs/forget-record.ts";
import { type Inputs, inputsOf, readInputs, type RunParts } from "../runs/inputs.ts";
import { limitsOf } from "../gpu/dry.ts";
import type { Job } from "../runs/job.ts";
import { withAdvice } from "../runs/memory-advice.ts";
import { plannedUnlearning } from "../runs/memory-plan.ts";
import { exists, readJson, readText } from "../platform/files.ts";
import { loadPredictor } from "../predictors/index.ts";
import { adapterLine, beforeAfter, type UnlearnReport, writeReport } from "../report/report.ts";
import { type Final, gapsTo } from "../metrics/final.ts";
import { scoreDefinitions } from "../metrics/index.ts";
import { measureFinal } from "../metrics/measure.ts";
import { json } from "../platform/json.ts";
import { RunFolder } from "../report/run-folder.ts";
import { pageText } from "../report/page.ts";
import { runPage } from "../report/run-page.ts";
import { imagesOf, surroundings } from "../runs/run-view.ts";
import { discardRounds, unlearnInFolder } from "../runs/unlearn-run.ts";
import { finalSchema } from "../runs/written.ts";
import { fellShort } from "../unlearn/driver.ts";
import { hasSetting, methods } from "../unlearn/methods/index.ts";
import { classification } from "../tasks/classification.ts";
import type { Scores } from "../metrics/metric.ts";
import { answer, say } from "./output.ts";
import { sayNotes } from "./notes.ts";
import { StepTime } from "./step-time.ts";
import { withProgress, withRounds } from "./progress.ts";

/** Prints the report of a folder whose run is finished; false if it is not. */
export async function showFinished(folder: RunFolder): Promise<boolean> {
  if (!(await folder.has("report.json"))) return false;
  const { path } = folder;
  say(`"${path}" holds the finished run of this configuration; remove it to run again.`);
  const report = (await readJson(folder.file("report.json"))) as object;
  const text = await readText(folder.file("report.md"));
  await discardRounds(folder);
  await folder.tidy();
  answer({ folder: path, ...report }, text);
  return true;
}

/** Name and base of the predictor, for the methods that have one. */
async function predictorOf({
  method,
  settings,
}: UnlearnConfig): Promise<Pick<UnlearnReport, "predictor" | "base">> {
  if (!hasSetting(method, "predictor")) return {};
  const { predictor, base } = settings as { predictor?: string; base?: "oldest" | "newest" };
  const loaded = await loadPredictor(predictor, base);
  return { predictor: loaded.name, base: loaded.base };
}

/** A network that was retrained: its folder and metrics. */
export interface Retrained {
  readonly path: string;
  readonly model: string;
  readonly final: Final;
}

/** The parts of report.json that a retrained network is known by; a training's has no method. */
const retrainedSchema = z.looseObject({
  method: z.string().optional(),
  model: z.string(),
  final: finalSchema.optional(),
});

/** A retrained network, from the folder of its run. @throws DataError where that is none, or is damaged. */
export async function readRetrained(path: string): Promise<Retrained> {
  const folder = await RunFolder.open(path);
  const file = folder.file("report.json");
  const report = (await exists(file))
    ? checkedFile(retrainedSchema, await readJson(file), file)
    : undefined;
  if (report?.final === undefined || !isReference({ method: report.method ?? "" })) {
    const names = methods.names.filter((method) => isReference({ method }));
    throw new DataError(
      `--reference "${path}" is not a finished run of \`rewind unlearn --method ${listed(names, "or")}\`.`,
    );
  }
  return { path, model: report.model, final: report.final };
}

/** What a network is measured on, of the inputs of its run. */
const measuredOn = ["training images", "labels of the training images", "test images"] as const;

/** @throws DataError where a retrained network is another than the one that a run comes near to. */
export async function requireSameTask(
  { path, model }: Retrained,
  run: { readonly digest: string; readonly inputs: Inputs; readonly model: string },
): Promise<void> {
  const folder = await RunFolder.open(path);
  const there = (await readInputs(folder)) ?? {};
  const digest = (await folder.has(forgetFile)) ? (await readForgetRecord(path)).digest : undefined;
  const compared = [
    ["D_f", digest, run.digest],
    ["network", model, run.model],
    ...measuredOn.map((what) => [what, there[what], run.inputs[what]] as const),
  ] as const;
  // What an earlier version did not write down is not compared.
  const other = compared.find(([, its, ours]) => its !== undefined && its !== ours);
  if (other === undefined) return;
  throw new DataError(
    `--reference "${path}" was retrained for another run: its ${other[0]} ${other[0].endsWith("s") ? "are" : "is"} not the same. ` +
      "Retrain on what this run has.",
  );
}

/** @throws DataError where a finished run has not measured its gaps to the network in some files. */
export async function requireMeasured(
  folder: RunFolder,
  files: NonNullable<RunParts["files"]>,
): Promise<void> {
  if (!(await folder.has("report.json"))) return;
  const known = (await readInputs(folder)) ?? {};
  for (const [what, digest] of Object.entries(await inputsOf({ files }))) {
    if (known[what] === digest) continue;
    throw new DataError(
      `"${folder.path}" is finished, and has no gaps to the network of --reference: leave that out, or remove the ` +
        "folder to run again.",
    );
  }
}

/** What {@link unlearnAndReport} is told besides. */
export interface UnlearnContext {
  /** D_f. */
  readonly record: ForgetRecord;
  /** How it was asked for, where images were named. */
  readonly asked: ForgetConfig | undefined;
  /** The run or file the network came from. */
  readonly source?: string | undefined;
  readonly signal: AbortSignal;
  /** Whether the page shows images of D_f. */
  readonly images: boolean;
  /** When the command began, in ms. */
  readonly started: number;
  /** Metrics of a retrained network to measure gaps to. */
  readonly retrained?: Final | undefined;
}

/**
 * A warning where a network knows so little of D_f that there is nothing to forget: a tenth of the way from guessing to
 * knowing, or less.
 */
export function hardlyKnown({ forgetAccuracy }: Scores, classes: number): string | undefined {
  const guessing = 100 / classes;
  if (forgetAccuracy === undefined || forgetAccuracy > guessing + (100 - guessing) / 10) {
    return undefined;
  }
  return (
    `warning: the network answers ${forgetAccuracy.toFixed(1)} % of D_f as it was trained, and guessing answers ` +
    `${guessing.toFixed(1)} %: there is next to nothing to forget. Was it trained on these images and labels, for long ` +
    "enough, and are they prepared as they were then?"
  );
}

const secondsSince = (start: number): number => (performance.now() - start) / 1000;

/** Unlearns, writes the report and prints the before/after table. */
export async function unlearnAndReport(
  folder: RunFolder,
  job: Job<SetupConfig>,
  config: UnlearnConfig,
  { record, asked, source, images, signal, started, retrained }: UnlearnContext,
): Promise<void> {
  const begun = performance.now();
  const classifies = job.task.name === classification.name;
  const answersBefore = classifies ? await answersToForget(job) : [];
  const run = plannedUnlearning(job, config);
  const { history, reason, secondsBefore } = await withAdvice(run, limitsOf(job.gpu), () =>
    withRounds(
      config.method,
      config.rounds,
      signal,
      (watch, onRound) => unlearnInFolder(folder, job, config, { watch, onRound }),
      {
        time: StepTime.of(job, config.rounds),
        before: (scores) => hardlyKnown(scores, job.train.classes.length),
      },
    ),
  );
  const { adapter } = job.gpu;
  const lacking = missingFor(job.retain.length, job.test.count);
  const final =
    lacking !== undefined || !classifies
      ? undefined
      : await withProgress("measuring", signal, (watch) => measureFinal(job, watch), true);
  const last = history.at(-1)!;
  const report: UnlearnReport = {
    dataset: job.config.data?.name ?? job.config.forget!.dir!,
    source: { network: source, images: job.config.data?.dir ?? job.config.forget?.dir },
    scenario: job.config.scenario.name,
    model: job.model.spec.name,
    method: config.method,
    settings: config.settings,
    ...(await predictorOf(config)),
    seed: config.seed,
    images: { train: job.train.count, forget: job.forget.length, test: job.test.count },
    ...(classifies && {
      forgotten: {
        ...describeAnswers(
          job,
          asked?.images,
          answersBefore,
          await answersToForget(job),
          mostNamed,
        ),
        count: record.count,
        copies: record.copies.length,
      },
    }),
    rounds: last.round,
    stoppedBy: reason,
    // A device that was lost and opened anew has its rounds within the command.
    seconds: Math.max(secondsSince(started), secondsBefore + secondsSince(begun)),
    unlearnSeconds: last.seconds,
    adapter: adapterLine(adapter),
    runtime: adapter.runtimeVersion,
    gpuBytes: job.gpu.peakBytes,
    before: history[0]!.scores,
    after: last.scores,
    ...(final === undefined
      ? {
          missing: classifies ? lacking! : `a network of ${job.task.name} classifies nothing`,
        }
      : { final, gaps: gapsTo(final, retrained, "no retrained network was given (--reference)") }),
    definitions: scoreDefinitions(job.task.name),
    history,
  };
  const written = JSON.parse(json(report)) as UnlearnReport;
  const page = await runPage([
    {
      name: config.method,
      report: written,
      ...(await surroundings(folder, images)),
      ...(await imagesOf(written, job.train, job.forget, images)),
    },
  ]);
  await writeReport(folder, report, pageText(page));
  await discardRounds(folder);
  if (fellShort(reason, config)) {
    sayNotes([
      `the run ended by the rule "${reason}" before it got to the level that was asked for`,
    ]);
  }
  const place = `report: ${folder.file("report.md")} (${report.seconds.toFixed(0)} s)`;
  answer({ folder: folder.path, ...report }, `${beforeAfter(report)}\n\n${place}`);
}
