/** The unlearning part that `rewind unlearn` and `rewind demo` share. */
import type { UnlearnConfig } from "../config.ts";
import type { Job } from "../job.ts";
import { loadPredictor } from "../predict/index.ts";
import {
  adapterLine,
  beforeAfter,
  definitions,
  type UnlearnReport,
  writeReport,
} from "../report/report.ts";
import type { RunFolder } from "../report/run-folder.ts";
import { unlearnInFolder } from "../runs.ts";
import { withProgress } from "./progress.ts";

/** Rewinds, writes the report and prints the before/after table. `started`: when the command began, in ms. */
export async function unlearnAndReport(
  folder: RunFolder,
  job: Job,
  config: UnlearnConfig,
  signal: AbortSignal,
  started: number,
): Promise<void> {
  const predictor = await loadPredictor(config.predictor, config.base);
  const { history, reason } = await withProgress("rewinding", signal, (watch) =>
    unlearnInFolder(folder, job, predictor, config, {
      // The bar counts epochs within a round; the driver adds up rounds.
      watch,
    }),
  );
  const { adapter } = job.gpu;
  const last = history.at(-1)!;
  const report: UnlearnReport = {
    dataset: job.config.data.name,
    model: job.model.spec.name,
    method: "rewind",
    predictor: predictor.name,
    base: predictor.base,
    seed: config.seed,
    pictures: { train: job.train.count, forget: job.forget.length, test: job.test.count },
    rounds: last.round,
    stoppedBy: reason,
    seconds: (performance.now() - started) / 1000,
    unlearnSeconds: last.seconds,
    adapter: adapterLine(adapter),
    runtime: adapter.runtimeVersion,
    before: history[0]!.scores,
    after: last.scores,
    definitions,
  };
  await writeReport(folder, report, history);
  console.log(beforeAfter(report));
  console.log(`\nreport: ${folder.file("report.md")} (${report.seconds.toFixed(0)} s)`);
}
