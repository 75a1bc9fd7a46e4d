/** `rewind report`: one page of runs or of an experiment, for a browser and for paper. */
import type { Command } from "commander";
import { UsageError } from "../errors.ts";
import { experimentPage, resultsFile } from "../experiments/experiment-page.ts";
import { exists, join, writeAtomic } from "../platform/files.ts";
import { isPage, type Page, pageText } from "../report/page.ts";
import { runPage } from "../report/run-page.ts";
import { RunFolder } from "../report/run-folder.ts";
import { readViews } from "../runs/run-view.ts";
import { example } from "./examples.ts";
import { loadOwnModel } from "./model-file.ts";
import { answer } from "./output.ts";
import { requireReplaceable } from "./replaced-files.ts";
import { privateFlag } from "./run-folder.ts";

/** The option `--no-images`. */
export const imagesFlag = ["--no-images", "leave images of D_f out of report.html"] as const;

interface ReportFlags {
  readonly out: string;
  readonly images: boolean;
  readonly private?: boolean;
}

export function registerReport(command: Command): void {
  command
    .argument("<run...>", "folders of `rewind unlearn` or `demo`, or one of `rewind experiment`")
    .requiredOption("--out <file>", "the page, such as report.html")
    .option("--no-images", "leave images of D_f out")
    .option(privateFlag[0], "a page that only its owner can read (mode 0600)");
  example(
    command,
    "two runs side by side",
    "rewind report runs/rewind runs/neg-grad --out both.html",
  );
  command.action(async (paths: string[], flags: ReportFlags) => {
    // A run's own page is made anew; a page of several is none of one of them.
    const made = paths.length === 1 ? paths : [];
    await requireReplaceable(flags.out, [{ path: flags.out, isOwn: isPage }], made);
    const text = pageText(await pageOf(paths, flags.images));
    await writeAtomic(flags.out, text, { ownerOnly: flags.private });
    answer(
      { file: flags.out, runs: paths, bytes: new TextEncoder().encode(text).length },
      flags.out,
    );
  });
}

async function pageOf(paths: readonly string[], images: boolean): Promise<Page> {
  const experiments: string[] = [];
  for (const path of paths) {
    if (await exists(join(path, resultsFile))) experiments.push(path);
  }
  if (experiments.length > 0 && paths.length > 1) {
    throw new UsageError(
      `"${experiments[0]}" is an experiment, which has a page of its own: give it alone, or give only runs.`,
    );
  }
  if (experiments.length > 0) return experimentPage(paths[0]!, images);
  for (const path of paths) {
    if (images) await loadOwnModel(await (await RunFolder.open(path)).config());
  }
  return runPage(await readViews(paths, images));
}
