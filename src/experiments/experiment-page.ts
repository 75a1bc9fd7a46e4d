/** The page of an experiment, from what its folder holds. */
import { z } from "zod";
import { DataError, UsageError } from "../errors.ts";
import { extent } from "../figures/draw.ts";
import type { LineChart } from "../figures/plot.ts";
import { base64 } from "../figures/image-grid.ts";
import { exists, join, readBytes, readJson } from "../platform/files.ts";
import { type Html, named } from "../report/html.ts";
import {
  chartFigure,
  facts,
  type Page,
  paragraph,
  picture,
  type Section,
  settingsTable,
  table,
} from "../report/page.ts";
import { RunFolder } from "../report/run-folder.ts";
import { commandsBody, configTables, figuresSection } from "../report/run-page.ts";
import type { Column } from "../report/table.ts";
import { fixed, numbersLine, settingsLine } from "../report/written-numbers.ts";
import { listed } from "../registry.ts";
import { checkedFile } from "../runs/checked-file.ts";
import { framesText } from "../runs/grades.ts";
import { keptFigures } from "../runs/kept-figures.ts";
import { commandsOf } from "../runs/run-view.ts";
import { type Experiment } from "../scenarios/scenario.ts";
import type { Arm } from "../unlearn/arm.ts";
import { isReference } from "./arms.ts";
import type { Comparison } from "./comparison.ts";
import { histories } from "./earlier.ts";
import { matchedText } from "./diffusion.ts";
import { sheetName } from "./drawn-sheets.ts";
import { curveCharts } from "./figures.ts";
import { nowcastCharts, type NowcastSummary, readNowcast, nowcastRows } from "./nowcast.ts";
import { experimentNamed, protocolOf } from "./protocol.ts";
import { folderOf, type Tuned } from "./plan.ts";
import type { ArmSummary } from "./summary.ts";
import { takenSchema, takenText } from "./taken.ts";
import {
  choiceText,
  comparisonRows,
  nothingToForgetText,
  reachedText,
  resultRows,
  tuningRows,
  type Rows,
} from "./tables.ts";
import type { ArmResult } from "./trained-network.ts";
import { readTuning } from "./tuning-file.ts";

const spread = z.looseObject({ mean: z.number(), deviation: z.number() });

/** The parts of results.json that a page shows. */
const resultsSchema = z.looseObject({
  experiment: z.string(),
  dataset: z.string(),
  seeds: z.array(z.number()),
  tuningSeed: z.number().optional(),
  tuningSeeds: z.array(z.number()).optional(),
  settingsFrom: takenSchema.optional(),
  statistic: z.looseObject({ name: z.string(), definition: z.string() }).optional(),
  adapter: z.string(),
  runtime: z.string(),
  takenFromEarlier: z.array(z.string()).optional(),
  drawn: z.array(z.string()).optional(),
  summaries: z.array(z.looseObject({ arm: z.string(), seeds: z.number() })),
  comparisons: z
    .array(
      z.looseObject({
        first: z.string(),
        second: z.string(),
        result: z
          .looseObject({
            n: z.number(),
            difference: z.number(),
            interval: z.tuple([z.number(), z.number()]),
            wins: z.number(),
            losses: z.number(),
            holmP: z.number().optional(),
            equalP: z.number().optional(),
            equalSeeds: z.number().optional(),
          })
          .optional(),
      }),
    )
    .optional(),
  runs: z
    .array(z.looseObject({ arm: z.string(), seed: z.number(), stoppedBy: z.string() }))
    .optional(),
});

const summarySchema = z.looseObject({
  statistic: spread.extend({ n: z.number() }).nullable(),
  end: z.record(z.string(), spread),
  seconds: z.number(),
});

const reachedSchema = z.looseObject({
  n: z.number(),
  mean: z.number().optional(),
  deviation: z.number().optional(),
});

const nowcastSchema = z.looseObject({
  toLoss: reachedSchema,
  toAccuracy: reachedSchema,
  testAccuracy: spread,
  loss: spread,
});

/** The file that says that a folder is an experiment's. */
export const resultsFile = "results.json";

type Results = z.output<typeof resultsSchema>;

/** Rows with the time of each in its unit. */
function timed({ columns, rows }: Rows): Rows {
  return {
    columns: [...columns.slice(0, -1), { title: "time" }],
    rows: rows.map((row) => [...row.slice(0, -1), `${String(row.at(-1))}\u00A0s`]),
  };
}

function tableOf(caption: string, { columns, rows }: Rows, kind?: "texts"): Html {
  return table(
    caption,
    columns,
    rows.map(([first, ...rest]) => [named(String(first)), ...rest]),
    kind,
  );
}

/** A mean curve in few columns: places of x, the arms below each other. */
const places = 7;

/** A curve's value between its points; undefined outside of them. */
function valueAt(points: LineChart["series"][number]["points"], at: number): number | undefined {
  const next = points.findIndex(({ x }, i) => i > 0 && (points[i - 1]!.x - at) * (x - at) <= 0);
  if (next < 0) return undefined;
  const [from, to] = [points[next - 1]!, points[next]!];
  return to.x === from.x ? to.y : from.y + ((at - from.x) / (to.x - from.x)) * (to.y - from.y);
}

function curveTable(chart: LineChart, name: string): Html {
  const xs = chart.series.flatMap(({ points }) => points.map(({ x }) => x));
  const [least, most] = extent(xs);
  const whole = xs.every((x) => Number.isInteger(x));
  const shown = Array.from({ length: places }, (_, i) => {
    const share = i / (places - 1);
    const x = least + (chart.reverseX === true ? 1 - share : share) * (most - least);
    return whole ? Math.round(x) : x;
  });
  const columns: Column[] = [
    { title: name },
    ...shown.map((x) => ({ title: fixed(x, whole ? 0 : 1) })),
  ];
  const rows = chart.series.map(({ name: arm, points }) => [
    named(arm),
    ...shown.map((at) => fixed(valueAt(points, at), 2)),
  ]);
  return table(`${chart.yLabel} by ${chart.xLabel}`, columns, rows);
}

/** Seeds that settings were chosen on; undefined where none were. */
function tuningSeedsOf({
  tuningSeed,
  tuningSeeds,
}: Pick<Results, "tuningSeed" | "tuningSeeds">): string | undefined {
  return tuningSeeds?.join(", ") ?? tuningSeed?.toString();
}

function environment({
  adapter,
  runtime,
  seeds,
  dataset,
  takenFromEarlier,
  settingsFrom,
  ...results
}: Results): Html {
  const tuning = tuningSeedsOf(results);
  return settingsTable("Where and on what it ran", [
    { name: "adapter", value: adapter },
    { name: "runtime", value: runtime },
    { name: "data set", value: dataset },
    { name: "seeds", value: numbersLine(seeds) },
    ...(tuning === undefined ? [] : [{ name: "tuning seeds", value: tuning }]),
    ...(settingsFrom === undefined
      ? []
      : [{ name: "settings of arms", value: takenText(settingsFrom) }]),
    ...(takenFromEarlier === undefined
      ? []
      : [{ name: "from an earlier run", value: takenFromEarlier.join(", ") }]),
  ]);
}

/** What the folder says of itself besides the results. */
async function ending(path: string, results: Results): Promise<Section[]> {
  const folder = (await exists(join(path, "config.json"))) ? await RunFolder.open(path) : undefined;
  const commands = folder === undefined ? [] : await commandsOf(folder);
  const config = folder === undefined ? {} : ((await folder.config()) as Record<string, unknown>);
  return [
    ...(folder === undefined ? [] : [{ title: "Settings", body: configTables(config) }]),
    { title: "Environment", body: [environment(results)] },
    { title: "Commands", body: commandsBody(commands, "the folder has no command.json") },
  ];
}

/** Settings that arms ran with, on the first seed; those that tuning chose where the runs' folders are not there. */
async function settingsOfArms(
  path: string,
  { seeds, summaries }: Results,
  tuned: Readonly<Record<string, Tuned>>,
): Promise<Html> {
  const rows: Html[][] = [];
  for (const { arm } of summaries) {
    const folder = join(path, `seed-${seeds[0]}`, folderOf(arm));
    let settings: unknown = tuned[arm]?.settings;
    if (await exists(join(folder, "config.json"))) {
      const config = (await (await RunFolder.open(folder)).config()) as {
        unlearn?: { settings?: unknown };
      };
      settings = config.unlearn?.settings ?? settings;
    }
    rows.push([named(arm), named(settings === undefined ? "as usual" : settingsLine(settings))]);
  }
  return table("Settings of each arm", [{ title: "arm" }, { title: "settings" }], rows, "texts");
}

/** Every arm of an experiment; none where its data set is one of the user's own, which is not loaded here. */
function knownArms(results: Results): readonly Arm[] {
  try {
    return protocolOf(results.experiment, { name: results.dataset }, { size: "scaled" }).known;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return [];
  }
}

/** Arms that there are and that did not run, and those that the figures leave out. */
function planned(
  experiment: Experiment,
  results: Results,
  known: readonly Arm[],
  drawn: readonly string[],
): string[] {
  const ran = results.summaries.map(({ arm }) => arm);
  const hidden = ran.filter((arm) => !drawn.includes(arm));
  const missing = known.map(({ name }) => name).filter((name) => !ran.includes(name));
  const without = (results.summaries as unknown as ArmSummary[]).filter(
    ({ statistic }) => statistic === null,
  );
  return [
    ...(hidden.length === 0 ? [] : [`In the tables and not in the curves: ${listed(hidden)}.`]),
    ...without.map(
      ({ arm, missing: why }) =>
        `${arm} has no ${experiment.statistic.name}: ${why ?? "it was not reached"}.`,
    ),
    ...(missing.length === 0 ? [] : [`Arms that this run left out: ${listed(missing)}.`]),
  ];
}

/** A table for each arm that is compared with the others, and in words those that it cannot be compared with. */
function comparisonTables(experiment: Experiment, comparisons: readonly Comparison[]): Html[] {
  const { name } = experiment.statistic;
  const firsts = [...new Set(comparisons.map(({ first }) => first))];
  if (firsts.length === 0) {
    return [paragraph("They need two seeds or more, and an arm that is compared.")];
  }
  return firsts.flatMap((first) => {
    const own = comparisons.filter((one) => one.first === first);
    const { columns, rows } = comparisonRows(
      experiment,
      own.filter(({ result }) => result !== undefined),
    );
    const without = own.filter(({ result }) => result === undefined);
    const reasons = [...new Set(without.map(({ missing = "not measured" }) => missing))];
    return [
      ...(rows.length === 0
        ? []
        : [
            tableOf(`${name} of ${first} minus that of the others, seed by seed`, {
              columns: [{ title: "other" }, ...columns.slice(2)],
              rows: rows.map((row) =>
                row.slice(1).map((text) => String(text).replaceAll(" ", "\u00A0")),
              ),
            }),
          ]),
      ...reasons.map((why) => {
        const names = without.filter(({ missing = "not measured" }) => missing === why);
        return paragraph(`${first} with ${listed(names.map(({ second }) => second))}: ${why}.`);
      }),
    ];
  });
}

async function methodsPage(path: string, results: Results, images: boolean): Promise<Page> {
  const file = join(path, resultsFile);
  const now = experimentNamed(results.experiment);
  if (now === undefined) {
    throw new DataError(
      `"${file}" is of an experiment "${results.experiment}", which there is not.`,
    );
  }
  // Judged as it was when it was run.
  const experiment = { ...now, statistic: { ...now.statistic, ...results.statistic } };
  const tuning = tuningSeedsOf(results);
  const { settingsFrom } = results;
  const ownChoice = tuning === undefined ? undefined : `settings chosen on seeds ${tuning}`;
  const chosen = settingsFrom === undefined ? ownChoice : takenText(settingsFrom);
  for (const one of results.summaries) checkedFile(summarySchema, one, file);
  const summaries = results.summaries as unknown as ArmSummary[];
  const comparisons = (results.comparisons ?? []) as unknown as Comparison[];
  const tuned = (await readTuning(path)) ?? {};
  const curves = await histories(join(path, "results.csv"));
  const runs = (results.runs ?? []).map((run): ArmResult => {
    const history = curves.get(`${run.seed} ${run.arm}`);
    if (history === undefined) {
      throw new DataError(
        `"${join(path, "results.csv")}" has no curve of ${run.arm} on seed ${run.seed}, which ${resultsFile} names.`,
      );
    }
    return { ...(run as unknown as ArmResult), settings: {}, history };
  });
  const { statistic } = experiment;
  const sign = statistic.better === "higher" ? -1 : 1;
  const reached = summaries
    .filter((one) => one.statistic !== null && !isReference(one))
    .sort((a, b) => sign * (a.statistic!.mean - b.statistic!.mean));
  const known = knownArms(results);
  const arms =
    results.drawn ??
    summaries
      .map(({ arm }) => arm)
      .filter((arm) => known.every(({ name, hidden }) => name !== arm || hidden !== true));
  const figures: Html[] = [];
  for (const { chart } of curveCharts({ ...experiment, dataset: results.dataset, arms }, runs)) {
    figures.push(
      await chartFigure(
        chart,
        `${chart.yLabel} against ${chart.xLabel}: ${chart.subtitle}.`,
        curveTable(chart, "arm"),
      ),
    );
  }
  const left = planned(experiment, results, known, arms);
  const nothing = nothingToForgetText(experiment, runs);
  const kept = figuresSection(await keptFigures(path, images));
  return {
    title: `${experiment.title} (${results.dataset})`,
    summary: [
      `${summaries.length} arms over seeds ${numbersLine(results.seeds)}` +
        `${chosen === undefined ? "" : `; ${chosen}`}. ` +
        `They are judged by ${statistic.name}: ${statistic.definition}; ${statistic.better} is better.`,
      reached.length === 0
        ? `No arm reached it.`
        : `${reached.length === 1 ? "One arm reached it" : "In the order of their means"}: ${listed(
            reached
              .slice(0, 3)
              .map(
                ({ arm, statistic: own }) =>
                  `${arm} (${fixed(own!.mean, statistic.decimals)} ± ${fixed(own!.deviation, statistic.decimals)})`,
              ),
          )}${reached.length > 3 ? `; then ${reached.length - 3} more` : ""}.`,
    ],
    sections: [
      {
        title: "Results",
        body: [
          facts(
            reached.slice(0, 4).map((one) => ({
              name: one.arm,
              value: `${fixed(one.statistic!.mean, statistic.decimals)} ± ${fixed(one.statistic!.deviation, statistic.decimals)}`,
              note: `${reachedText(one)} seeds`,
            })),
          ),
          tableOf("Mean ± standard deviation over seeds", timed(resultRows(experiment, summaries))),
          ...(nothing === undefined ? [] : [paragraph(nothing)]),
        ],
      },
      ...(figures.length === 0 ? [] : [{ title: "Curves", body: figures }]),
      ...(kept === undefined ? [] : [kept]),
      ...(images ? await drawnSection(path, results) : []),
      {
        title: "Paired comparisons",
        short: "Comparisons",
        body: comparisonTables(experiment, comparisons),
      },
      {
        title: "What is not shown",
        body:
          left.length === 0
            ? [paragraph("Nothing was left out.")]
            : left.map((text) => paragraph(text)),
      },
      {
        title: "Arms",
        body: [
          await settingsOfArms(path, results, tuned),
          ...(Object.keys(tuned).length === 0
            ? []
            : [
                tableOf("What tuning tried", tuningRows(experiment, tuned, settingsLine), "texts"),
                paragraph(choiceText(experiment.statistic)),
              ]),
        ],
      },
      ...(await ending(path, results)),
    ],
  };
}

/** What the networks of each seed draw, where they draw. */
async function drawnSection(path: string, { seeds, summaries }: Results): Promise<Section[]> {
  const parts: Section[] = [];
  for (const seed of seeds) {
    const body: Html[] = [];
    for (const { arm } of summaries) {
      const file = join(path, sheetName(seed, arm));
      if (!(await exists(file))) continue;
      const source = `data:image/png;base64,${base64(await readBytes(file))}`;
      body.push(picture({ title: `images that ${arm} draws, seed ${seed}`, source, caption: arm }));
    }
    if (body.length > 0) parts.push({ title: `Seed ${seed}`, body });
  }
  if (parts.length === 0) return [];
  const text = `All from the same noise, each ${matchedText}. Frames, ${framesText}.`;
  return [{ title: "Drawn images", body: [paragraph(text)], parts }];
}

async function nowcastPage(path: string, results: Results): Promise<Page> {
  for (const one of results.summaries) {
    checkedFile(nowcastSchema, one, join(path, resultsFile));
  }
  const summaries = results.summaries as unknown as NowcastSummary[];
  const curves = await readNowcast(join(path, "results.csv"));
  const arms = summaries.map(({ arm }) => ({ name: arm }));
  const figures: Html[] = [];
  for (const { chart } of nowcastCharts(arms, curves, results.dataset)) {
    figures.push(
      await chartFigure(
        chart,
        `${chart.yLabel} by epoch: ${chart.subtitle}.`,
        curveTable(chart, "training"),
      ),
    );
  }
  return {
    title: `Nowcasting (${results.dataset})`,
    summary: [
      `${summaries.length} trainings over seeds ${numbersLine(results.seeds)}: how many epochs each takes to where ` +
        `${summaries[0]?.arm} of the same seed ends.`,
    ],
    sections: [
      {
        title: "Results",
        body: [
          tableOf(
            "Mean ± standard deviation over the seeds that get there",
            nowcastRows(summaries),
          ),
        ],
      },
      { title: "Curves", body: figures },
      ...(await ending(path, results)),
    ],
  };
}

/**
 * The page of an experiment's folder.
 *
 * @param images whether figures that show images of D_f are on it.
 * @throws DataError where its results are damaged or of an experiment that there is not.
 */
export async function experimentPage(path: string, images = true): Promise<Page> {
  const file = join(path, resultsFile);
  const results = checkedFile(resultsSchema, await readJson(file), file);
  return results.experiment === "nowcast"
    ? nowcastPage(path, results)
    : methodsPage(path, results, images);
}
