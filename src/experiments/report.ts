/** Tables, curves and numbers of an experiment, from the results of its runs. */
import { join } from "../platform/files.ts";
import { scoreDefinitions } from "../metrics/index.ts";
import { pageText } from "../report/page.ts";
import { pageFile } from "../report/report.ts";
import { numbersLine } from "../report/written-numbers.ts";
import type { RunFolder } from "../report/run-folder.ts";
import { latexTable, markdownTable } from "../report/table.ts";
import { framesText } from "../runs/grades.ts";
import { compare } from "./comparison.ts";
import { tidyCsv } from "./csv.ts";
import { diffusionName, drawingOf, matchedText, untouchedArm } from "./diffusion.ts";
import { type DrawnSheet, drawnSheets } from "./drawn-sheets.ts";
import { mergeEarlier, type Earlier, type Merged } from "./earlier.ts";
import { experimentPage } from "./experiment-page.ts";
import { curvesOf, figures, labelOf } from "./figures.ts";
import type { GraderRecord } from "./grader.ts";
import { type Place, placesOf } from "./places.ts";
import { isUntried } from "./parts.ts";
import type { PlannedRun, Tuned } from "./plan.ts";
import type { Protocol } from "./protocol.ts";
import type { ExperimentRequest } from "./request.ts";
import { summarise } from "./summary.ts";
import { takenText } from "./taken.ts";
import {
  comparisonTable,
  nothingToForgetText,
  resultCsv,
  resultTable,
  tuningTable,
} from "./tables.ts";
import type { ArmResult } from "./trained-network.ts";
import { withUntouched } from "./untouched.ts";

function graderLines(
  { network, testAccuracy, testImages, digest }: GraderRecord,
  { count, steps }: ReturnType<typeof drawingOf>,
): string[] {
  return [
    `Each network draws ${count} images in ${steps} steps, from the same noise in all arms of a seed. They are judged by a ` +
      `grader, a ${network} that takes ${testAccuracy.toFixed(2)} % of ${testImages} test images for what they are ` +
      `(SHA-256 ${digest}).`,
    "",
  ];
}

/** Sheets of the first seed; those of the others lie beside them. */
function sheetLines(sheets: readonly DrawnSheet[]): string[] {
  const first = sheets.filter(({ seed }) => seed === sheets[0]!.seed);
  return [
    "## Drawn images",
    "",
    `Seed ${first[0]!.seed}, all from the same noise, each ${matchedText}. Frames, ${framesText}.`,
    "",
    ...first.flatMap(({ arm, round, name }) => [
      `${arm}${round === 0 ? "" : `, round ${round}`}:`,
      "",
      `![what ${arm} draws](${name})`,
      "",
    ]),
  ];
}

/** What is reported: where networks draw, what the untouched ones do as well. */
function shownOf(
  protocol: Protocol,
  results: readonly ArmResult[],
): Pick<Merged, "protocol" | "results"> {
  if (protocol.name !== diffusionName) return { protocol, results };
  return {
    protocol: { ...protocol, arms: [untouchedArm, ...protocol.arms] },
    results: withUntouched(results),
  };
}

/** What a report is made from. */
export interface Reported {
  readonly protocol: Protocol;
  readonly request: Pick<ExperimentRequest, "seeds" | "tuningSeeds" | "tuned" | "size">;
  /** The runs, whose folders say where they were computed. */
  readonly plan: readonly PlannedRun[];
  readonly results: readonly ArmResult[];
  readonly tuned: Readonly<Record<string, Tuned>>;
  /** The device of this process: of runs whose folders say nothing. */
  readonly place?: Place | undefined;
  readonly grader?: GraderRecord | undefined;
  /** Results of an earlier run that are reported, too. */
  readonly earlier?: Earlier | undefined;
}

/** Keys of the runs that were computed on each device, in the order of the plan. */
async function runsByPlace(
  out: string,
  { plan, place: own }: Reported,
): Promise<{ readonly place: Place; readonly runs: readonly string[] }[]> {
  const found = new Map<string, { place: Place; runs: string[] }>();
  for (const run of plan) {
    if (await isUntried(run, out)) continue;
    const { key } = run;
    const there = await placesOf(join(out, key));
    for (const place of there.length === 0 && own !== undefined ? [own] : there) {
      const name = JSON.stringify(place);
      const known = found.get(name) ?? { place, runs: [] };
      known.runs.push(key);
      found.set(name, known);
    }
  }
  return [...found.values()];
}

/** Different texts, in their order. */
function distinct(texts: readonly string[]): string {
  return [...new Set(texts)].join("; ");
}

/** Which runs were computed where, where that is more than one place. */
function placeLines(ran: Awaited<ReturnType<typeof runsByPlace>>): string[] {
  if (ran.length < 2) return [];
  const kinds = new Set(ran.map(({ place }) => place.adapter)).size;
  const columns = ["machine", "adapter", "runtime", "runs"].map((title) => ({ title }));
  const rows = ran.map(({ place, runs }) => [
    place.machine ?? "",
    place.adapter,
    place.runtime,
    runs.join(", "),
  ]);
  const equal =
    kinds === 1
      ? "All adapters are of one kind."
      : "Adapters differ, and with them the last digits; the runs of a seed are compared on one kind.";
  return ["## Where it ran", "", equal, "", markdownTable(columns, rows), ""];
}

/**
 * Writes tables, curves and numbers of an experiment into its folder.
 *
 * @returns what results.json says, and the table as text.
 */
export async function reportExperiment(
  folder: RunFolder,
  reported: Reported,
): Promise<{ readonly numbers: object; readonly table: string }> {
  const { request, grader, earlier } = reported;
  const { seeds, tuningSeeds, tuned: taken } = request;
  const { protocol, results, tuned, before } =
    earlier === undefined
      ? { ...shownOf(reported.protocol, reported.results), tuned: reported.tuned, before: [] }
      : mergeEarlier(reported.protocol, reported.results, reported.tuned, earlier);
  const dataset = protocol.train(0).data.name;
  const drawing = drawingOf(request.size);
  const ran = await runsByPlace(folder.path, reported);
  const adapter = distinct(ran.map(({ place }) => place.adapter));
  const runtime = distinct(ran.map(({ place }) => place.runtime));
  await folder.writeJson("tuning.json", tuned);
  const summaries = summarise(protocol, results);
  const comparisons = seeds.length > 1 ? compare(protocol, results) : [];
  await folder.write("results.csv", tidyCsv(protocol, results));
  const curves = curvesOf(protocol);
  const numbers = {
    experiment: protocol.name,
    dataset,
    seeds,
    ...(protocol.name === diffusionName
      ? {}
      : taken === undefined
        ? { tuningSeeds, widenings: protocol.widenings }
        : { settingsFrom: taken }),
    adapter,
    runtime,
    ...(ran.length > 1 ? { ranOn: ran } : {}),
    definitions: scoreDefinitions(protocol.train(0).task),
    ...(grader && { grader, drawing }),
    ...(before.length === 0 ? {} : { takenFromEarlier: before }),
    statistic: protocol.statistic,
    // Absent in older results.
    drawn: curves.arms,
    summaries,
    comparisons,
    // Histories are in results.csv, settings (with paths of this machine) in the runs' own folders.
    runs: results.map((result) => ({ ...result, history: undefined, settings: undefined })),
  };
  await folder.writeJson("results.json", numbers);
  const drawn = await figures(curves, results);
  for (const { name, svg, png } of drawn) {
    await folder.write(`${name}.svg`, svg);
    await folder.write(`${name}.png`, png);
  }
  const sheets = grader === undefined ? [] : await drawnSheets(folder.path, results);
  for (const { name, png } of sheets) await folder.write(name, png);
  const table = resultTable(protocol, summaries);
  await folder.write("table.csv", resultCsv(protocol, summaries));
  await folder.write("table.tex", resultTable(protocol, summaries, latexTable));
  const { statistic } = protocol;
  const first = results[0]!.history[0]!.scores;
  const nothing = nothingToForgetText(protocol, results);
  const lines = [
    `# ${protocol.title} (${dataset})`,
    "",
    `Seeds ${numbersLine(seeds)}; ${
      protocol.name === diffusionName
        ? "nothing is tuned"
        : taken === undefined
          ? `settings chosen on seeds ${numbersLine(tuningSeeds)}`
          : takenText(taken)
    }. ${statistic.name}: ` +
      `${statistic.definition}; ${statistic.better} is better. Mean ± standard deviation over seeds.`,
    "",
    table,
    "",
    `Before, seed ${seeds[0]}: ${Object.entries(first)
      .map(([key, value]) => `${key} ${value.toFixed(2)}`)
      .join(", ")}.`,
    "",
    ...(nothing === undefined ? [] : [nothing, ""]),
    ...(grader === undefined ? [] : graderLines(grader, drawing)),
    ...(results.every(({ history }) => history.at(-1)!.round === 0)
      ? [
          "**No arm did a round: the rule that stops them held for the trained network as it was. Train longer, so " +
            "that it knows D_f before it forgets.**",
          "",
        ]
      : []),
    ...protocol.y
      .filter((y) => drawn.some(({ name }) => name === y.score))
      .map((y) => `![${labelOf(y)} against ${labelOf(protocol.x)}](${y.score}.svg)\n`),
    "## Paired comparisons",
    "",
    comparisons.length === 0
      ? "They need two seeds or more."
      : comparisonTable(protocol, comparisons),
    "",
    ...(Object.keys(tuned).length === 0 ? [] : ["## Tuning", "", tuningTable(protocol, tuned), ""]),
    ...(sheets.length === 0 ? [] : sheetLines(sheets)),
    ...placeLines(ran),
    `${adapter}, ${runtime}.`,
    ...(before.length === 0
      ? []
      : [`From an earlier run with the same trained networks: ${before.join(", ")}.`]),
    "",
  ];
  await folder.write(pageFile, pageText(await experimentPage(folder.path)));
  await folder.write("report.md", lines.join("\n"));
  return { numbers, table };
}
