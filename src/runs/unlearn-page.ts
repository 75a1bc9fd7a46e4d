/** The report of unlearnings that a program did: the page that a command writes into its folder. */
import type { UnlearnRecord } from "../api/unlearn.ts";
import { isObject } from "../checked.ts";
import { copiesOf } from "../data/copies.ts";
import { UsageError } from "../errors.ts";
import { gapsTo } from "../metrics/final.ts";
import { scoreDefinitions } from "../metrics/index.ts";
import { pageText } from "../report/page.ts";
import { adapterLine, type UnlearnReport } from "../report/report.ts";
import { runPage, type RunView } from "../report/run-page.ts";
import { thumbnailsOf } from "../report/thumbnails.ts";
import type { StopReason } from "../unlearn/driver.ts";
import { describeAnswers, missingFor, mostNamed } from "./answers.ts";

/** What a page says of a run besides its record. */
export interface RunWords {
  /** What the run is called among others. */
  readonly name: string;
  /** What the images are called. */
  readonly dataset: string;
  /** Who did it, where there are no commands to show. */
  readonly noCommands: string;
  readonly training?: RunView["training"];
  /** Further parts of the configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** What a page shows of a record. */
export async function viewOfRecord(
  record: Omit<UnlearnRecord, "reason"> & { readonly reason: StopReason | "hand" },
  words: RunWords,
): Promise<RunView> {
  const { info, train, labels, forget, history, reason, adapter, final, until } = record;
  const [first, last] = [history[0]!, history.at(-1)!];
  const described = describeAnswers(
    { train, labels: Uint16Array.from(labels), forget },
    record.asked,
    record.answers.before,
    record.answers.after,
    mostNamed,
  );
  const copies = new Set(copiesOf(train, forget).flatMap((one) => one.copies));
  const missing =
    missingFor(train.count - forget.length, record.testImages) ??
    "the program did not ask for it (`final: true`)";
  const report: UnlearnReport = {
    dataset: words.dataset,
    scenario: "chosen images",
    model: info.network.name,
    ...{ method: record.method, settings: record.settings, seed: record.seed },
    images: { train: train.count, forget: forget.length, test: record.testImages },
    forgotten: { ...described, count: forget.length, copies: copies.size },
    rounds: last.round,
    stoppedBy: reason,
    seconds: last.seconds,
    unlearnSeconds: last.seconds,
    adapter: adapterLine(adapter),
    runtime: adapter.runtimeVersion,
    gpuBytes: record.gpuBytes,
    ...{ before: first.scores, after: last.scores },
    ...(final === undefined
      ? { missing }
      : { final, gaps: gapsTo(final, undefined, "no network was retrained beside it") }),
    definitions: scoreDefinitions(info.task),
    history,
  };
  const images = await thumbnailsOf(train, described.images, forget);
  return {
    name: words.name,
    // As the command reads it back: numbers that are none are null.
    report: JSON.parse(JSON.stringify(report)) as UnlearnReport,
    config: {
      network: info.network,
      ...words.config,
      unlearning: {
        ...{ method: record.method, ...until, seed: record.seed, settings: record.settings },
      },
    },
    training: words.training ?? [],
    commands: [],
    noCommands: words.noCommands,
    figures: [],
    images,
    ...(images.size === 0 && { noImages: "The images' values are no colours." }),
  };
}

/**
 * A report as one page of HTML that needs nothing else: what became of D_f, image by image, scores, settings.
 *
 * @param records what `unlearn` gave as `record`; several are compared on one page.
 * @returns the text of the page.
 * @throws UsageError where there is no record: `unlearn` makes one with `record: true`.
 */
export async function reportPage(
  ...records: readonly (UnlearnRecord | undefined)[]
): Promise<string> {
  if (records.length === 0 || !records.every((record) => isObject(record) && "answers" in record)) {
    throw new UsageError(
      "reportPage: there is no record; `unlearn` keeps one with `record: true`.",
    );
  }
  const views = await Promise.all(
    (records as readonly UnlearnRecord[]).map((record, i) =>
      viewOfRecord(record, {
        name: records.length === 1 ? record.method : `${record.method} (run ${i + 1})`,
        dataset: record.train.name,
        noCommands: "a program did it",
      }),
    ),
  );
  return pageText(await runPage(views));
}
