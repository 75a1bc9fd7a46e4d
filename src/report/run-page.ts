/** The page of runs: what came out, from what the folders hold. */
import { megabytes } from "../gpu/memory.ts";
import { type Headline, headline } from "../metrics/final.ts";
import { axisLabel, inPlace, scoreMetrics } from "../metrics/index.ts";
import type { Measurement } from "../metrics/measurement.ts";
import type { Scores } from "../metrics/metric.ts";
import type { ImageAnswers } from "./forgotten.ts";
import { fileNamed, type Html, markup, named, type Part } from "./html.ts";
import {
  chartFigure,
  facts,
  type Page,
  paragraph,
  type Section,
  settingsTable,
  table,
} from "./page.ts";
import {
  attackLine,
  countOfRounds,
  curveChart,
  idle,
  type ReportedRun,
  roundNumber,
} from "./report.ts";
import type { Thumbnails } from "./thumbnails.ts";
import { change, commandLine, counted, fixed, settingsOf } from "./written-numbers.ts";

/** A command that was given, as `command.json` has it. */
export interface GivenCommand {
  /** Version of the program. */
  readonly version: string;
  readonly words: readonly string[];
}

/** Epochs of a training, as metrics.jsonl has them. */
export interface TrainedEpoch {
  readonly epoch: number;
  /** Mean training loss, nats, and training accuracy, %. */
  readonly loss: number;
  readonly accuracy: number;
}

/** A finished unlearning with all that its page shows. */
export interface RunView extends ReportedRun {
  readonly config: Readonly<Record<string, unknown>>;
  readonly training: readonly TrainedEpoch[];
  /** In the order they are given again; empty where they were not written down. */
  readonly commands: readonly GivenCommand[];
  /** Why there are none. Default: the run is older than commands are written down. */
  readonly noCommands?: string | undefined;
  readonly images: Thumbnails;
  /** Figures that were made of the run. */
  readonly figures: readonly Html[];
  /** Why images are missing, where some are. */
  readonly noImages?: string | undefined;
}

/** Rows of a table that has one a round at most; of more, some between are left out. */
const mostRows = 40;

/** The metrics of scores, in the order of their columns; those this program does not know by their names. */
function shownMetrics(scores: Scores): readonly { name: string; label: string; unit: string }[] {
  const known = inPlace(scoreMetrics()).filter(({ name }) => name in scores);
  const others = Object.keys(scores).filter((key) => !known.some(({ name }) => name === key));
  return [...known, ...others.map((name) => ({ name, label: name, unit: "" }))];
}

function labelOf({ label, unit }: { label: string; unit: string }): string {
  return unit === "" ? label : axisLabel({ label, unit } as Parameters<typeof axisLabel>[0]);
}

/** The unit of a change. */
function changeUnit(unit: string): string {
  return unit === "%" ? " points" : unit === "" ? "" : ` ${unit}`;
}

function scoreFacts({ report: { before, after } }: RunView): Html {
  const shares = shownMetrics(before).filter(({ unit }) => unit === "%");
  return facts(
    shares.map(({ name, label, unit }) => ({
      name: label,
      value: `${fixed(before[name], 1)} → ${fixed(after[name], 1)} ${unit}`,
      note: `${change(before[name], after[name], 1)}${changeUnit(unit)}`,
    })),
  );
}

function scoresTable({ report: { before, after } }: RunView): Html {
  return table(
    "Scores before and after",
    [{ title: "score" }, { title: "before" }, { title: "after" }, { title: "change" }],
    shownMetrics(before).map((metric) => [
      labelOf(metric),
      fixed(before[metric.name], 2),
      fixed(after[metric.name], 2),
      change(before[metric.name], after[metric.name], 2),
    ]),
  );
}

/** Rows of which some in the middle are left out where there are many; the first and the last stay. */
export function thinned<T>(rows: readonly T[]): { kept: readonly T[]; note: string } {
  if (rows.length <= mostRows) return { kept: rows, note: "" };
  const step = (rows.length - 1) / (mostRows - 1);
  const kept = Array.from({ length: mostRows }, (_, i) => rows[Math.round(i * step)]!);
  return { kept, note: ` (${mostRows} of ${counted(rows.length)} lines)` };
}

function roundsTable({ report: { history } }: ReportedRun): Html {
  const metrics = shownMetrics(history[0]!.scores);
  const { kept, note } = thinned(history);
  return table(
    `Round by round${note}`,
    [{ title: "round" }, { title: "steps" }, ...metrics.map((one) => ({ title: labelOf(one) }))],
    kept.map(({ round, steps, scores }) => [
      round === 0 ? "before" : roundNumber(round),
      String(steps),
      ...metrics.map(({ name }) => fixed(scores[name], 2)),
    ]),
  );
}

/** A measured number, or why there is none. */
function measured(one: Measurement | undefined): string {
  if (one === undefined) return "–";
  return one.value === null ? `– (${one.missing ?? "not measured"})` : fixed(one.value, 2);
}

function finalSection(view: RunView): Section {
  const { report } = view;
  const { final, gaps } = report;
  const title = "Membership inference and distance to retraining";
  const short = "Membership inference";
  if (final === undefined || gaps === undefined) {
    return {
      title,
      short,
      body: [paragraph(`Not measured: ${report.missing ?? "the run says no more"}.`)],
    };
  }
  const numbers: Headline = headline(final);
  const hasGaps = Object.values(gaps).some((gap) => gap?.value != null);
  const columns = ["metric", "value", "95 % interval", "images", ...(hasGaps ? ["gap"] : [])];
  const rows = Object.entries(numbers).map(([name, one]) => [
    one.name,
    measured(one),
    one.interval === undefined ? "–" : one.interval.map((end) => fixed(end, 1)).join(" to "),
    String(one.n),
    ...(hasGaps ? [measured(gaps[name])] : []),
  ]);
  const wrongLabels = report.forgotten?.answers.some((one) => one.trainedAs !== undefined) === true;
  const average = hasGaps
    ? `Average gap to the retrained network: ${measured(gaps.average)} points.`
    : `No gaps to a retrained network: ${gaps.average.missing ?? "none was given"}.`;
  return {
    title,
    short,
    body: [
      table(
        "At the end of the run",
        columns.map((one) => ({ title: one })),
        rows,
      ),
      paragraph(average),
      ...(final.mia === undefined ? [] : [paragraph(attackLine(final.mia, wrongLabels))]),
      definitions(Object.values(numbers).map((one) => [one.name, one.definition])),
    ],
  };
}

/** Figures that were made after a run; undefined where there is none. */
export function figuresSection(figures: readonly Html[]): Section | undefined {
  return figures.length === 0 ? undefined : { title: "Figures", body: figures };
}

/** What names mean. */
function definitions(entries: readonly (readonly [string, string])[]): Html {
  return table("What these are", [{ title: "name" }, { title: "meaning" }], entries, "texts");
}

const percent = (share: number): string => `${fixed(100 * share, 1)}\u00A0%`;

function answerOf({ class: name, confidence }: ImageAnswers["before"]): Part {
  return markup`${named(shortened(name))} (${percent(confidence)})`;
}

/** Signs of a name on a page at most; forget.json has all. */
const longestName = 120;

function shortened(name: string): string {
  const signs = Array.from(name);
  return signs.length <= longestName ? name : `${signs.slice(0, longestName - 1).join("")}…`;
}

function imageCard(one: ImageAnswers, image: string | undefined): Html {
  const name = shortened(one.image);
  const about = `image ${name} of class ${shortened(one.class)}`;
  const picture =
    image === undefined
      ? markup`<p class="soft">no image</p>`
      : markup`<img src="${image}" alt="${about}" width="84" height="84">`;
  const trained =
    one.trainedAs === undefined
      ? undefined
      : markup`<dt>trained as</dt><dd>${named(shortened(one.trainedAs))}</dd>`;
  return markup`<li>${picture}<strong>${fileNamed(name)}</strong>
<dl><dt>class</dt><dd>${named(shortened(one.class))}</dd>${trained}<dt>before</dt><dd>${answerOf(one.before)}</dd><dt>after</dt><dd>${answerOf(one.after)}</dd></dl></li>\n`;
}

function imagesSection({
  report: { forgotten },
  images,
  noImages,
  noCommands,
}: RunView): Section | undefined {
  if (forgotten === undefined) return undefined;
  const { answers, classes, count, copies } = forgotten;
  const relabelled = answers.some(({ trainedAs }) => trainedAs !== undefined);
  const which =
    count > answers.length
      ? `The first ${counted(answers.length)} of ${counted(count)} images${noCommands === undefined ? "; forget.json names all" : ""}.`
      : `All ${counted(count)} images.`;
  const cards = markup`<ul class="gallery">\n${answers.map((one) => imageCard(one, images.get(one.image)))}</ul>\n`;
  const rows = answers.map((one) => [
    named(shortened(one.image)),
    named(shortened(one.class)),
    ...(relabelled ? [named(shortened(one.trainedAs ?? one.class))] : []),
    markup`${answerOf(one.before)}`,
    markup`${answerOf(one.after)}`,
  ]);
  const columns = ["image", "class", ...(relabelled ? ["trained as"] : []), "before", "after"];
  return {
    title: "Images of D_f",
    body: [
      paragraph(
        `${which} Below each: the network's answer and its probability, before and after.`,
        noImages === undefined ? undefined : ` ${noImages}`,
      ),
      images.size > 0
        ? cards
        : table(
            "Answers",
            columns.map((title) => ({ title })),
            rows,
            "texts",
          ),
      table(
        "All of D_f by the class it was trained as: how many are answered so",
        ["class", "images", "before", "after"].map((title) => ({ title, decimals: 0 })),
        classes.map((one) => [named(shortened(one.class)), one.images, one.before, one.after]),
      ),
      ...(copies === 0
        ? []
        : [
            paragraph(
              `${counted(copies)} other training images are copies of images in D_f: they were kept.`,
            ),
          ]),
    ],
  };
}

/** The configuration of a folder, a table for each of its parts. */
export function configTables(config: Readonly<Record<string, unknown>>): Html[] {
  const isGroup = ([name, value]: [string, unknown]): boolean =>
    settingsOf(value, name).some((setting) => setting.name !== name);
  const single = Object.entries(config).filter((entry) => !isGroup(entry));
  return [
    ...(single.length === 0
      ? []
      : [settingsTable("Settings", settingsOf(Object.fromEntries(single)))]),
    ...Object.entries(config)
      .filter(isGroup)
      .map(([name, value]) => settingsTable(`Settings under "${name}"`, settingsOf(value))),
  ];
}

/** The commands that make the same again. */
export function commandsBody(commands: readonly GivenCommand[], given: string): Html[] {
  if (commands.length === 0) {
    return [
      paragraph(
        `The command was not written down (${given}). The settings are all there is to know.`,
      ),
    ];
  }
  const { version } = commands.at(-1)!;
  const lines = commands.map(({ words }) => commandLine(words)).join("\n");
  return [
    paragraph(
      `As they were given, with version ${version}. Relative paths start at the folder that they were given in. ` +
        "The same seed on the same adapter gives the same bits.",
    ),
    markup`<pre tabindex="0"><code>${lines.split("\n").map((line) => markup`${line}\n`)}</code></pre>\n`,
  ];
}

function environment({ report }: RunView): Html {
  const { adapter, runtime, gpuBytes, seconds, unlearnSeconds, source = {} } = report;
  const { train, forget, test } = report.images;
  return settingsTable("Where and on what it ran", [
    { name: "adapter", value: adapter },
    { name: "runtime", value: runtime },
    { name: "GPU buffers", value: `${megabytes(gpuBytes)} at most` },
    {
      name: "time",
      value: `${fixed(seconds, 1)} s, ${fixed(unlearnSeconds, 1)} s of it unlearning`,
    },
    {
      name: "images",
      value: `${counted(train)} for training, ${counted(forget)} of them D_f; ${counted(test)} to test`,
    },
    ...(source.network === undefined ? [] : [{ name: "network from", value: source.network }]),
    ...(source.images === undefined ? [] : [{ name: "images from", value: source.images }]),
  ]);
}

async function trainingSection({ training }: RunView): Promise<Section | undefined> {
  if (training.length === 0) return undefined;
  const { kept, note } = thinned(training);
  const numbers = table(
    `Epoch by epoch${note}`,
    [{ title: "epoch" }, { title: "training loss (nats)" }, { title: "training accuracy (%)" }],
    kept.map(({ epoch, loss, accuracy }) => [String(epoch), fixed(loss, 4), fixed(accuracy, 2)]),
  );
  const chart = {
    title: "Training loss",
    xLabel: "epoch",
    yLabel: "training loss (nats)",
    series: [
      { name: "training", points: training.map(({ epoch, loss }) => ({ x: epoch, y: loss })) },
    ],
  };
  return {
    title: "Training before it",
    short: "Training",
    body: [await chartFigure(chart, "Mean training loss of each epoch.", numbers)],
  };
}

/** What a run did, in a sentence. */
function summary(view: RunView): string[] {
  const { report } = view;
  const { model, dataset, scenario, method, predictor, rounds, stoppedBy, unlearnSeconds } = report;
  const { forget, train } = report.images;
  const how = predictor === undefined ? method : `${method} (${predictor})`;
  const why = idle(report);
  const known = (when: "before" | "after"): number =>
    report.forgotten!.classes.reduce((sum, one) => sum + one[when], 0);
  return [
    `${model}, on ${dataset} (${scenario}), was made to forget ${counted(forget)} of ${counted(train)} training ` +
      `images, D_f, by ${how}: ${countOfRounds(rounds)} in ${fixed(unlearnSeconds, 1)} s, ended by ${stoppedBy === "hand" ? "hand" : `the rule "${stoppedBy}"`}${Number.isInteger(rounds) ? "" : ", on whose level it landed"}.`,
    ...(why === undefined ? [] : [`${why[0]!.toUpperCase()}${why.slice(1)}`]),
    ...(report.forgotten === undefined
      ? []
      : [
          `Of the ${counted(report.forgotten.count)} images of D_f, ${counted(known("before"))} were answered as they were ` +
            `trained before, ${counted(known("after"))} after.`,
        ]),
  ];
}

/** The sections of one run. */
async function sectionsOf(view: RunView): Promise<Section[]> {
  const { report, commands, noCommands = "the run is older than this page", config } = view;
  const chart = curveChart([view]);
  const curve = await chartFigure(
    chart,
    `${chart.yLabel} against ${chart.xLabel}, a point a round${chart.reverseX === true ? "; the run goes from left to right" : ""}.`,
    roundsTable(view),
  );
  const meanings = Object.entries(report.definitions).filter(([name]) => name in report.before);
  const labels = new Map(shownMetrics(report.before).map((metric) => [metric.name, metric.label]));
  return [
    { title: "What changed", body: [scoreFacts(view), scoresTable(view)] },
    { title: "Round by round", body: [curve] },
    figuresSection(view.figures),
    imagesSection(view),
    finalSection(view),
    await trainingSection(view),
    { title: "Settings", body: configTables(config) },
    { title: "Environment", body: [environment(view)] },
    { title: "Commands", body: commandsBody(commands, noCommands) },
    {
      title: "What the scores are",
      short: "Definitions",
      body: [definitions(meanings.map(([name, meaning]) => [labels.get(name) ?? name, meaning]))],
    },
  ].filter((one) => one !== undefined);
}

/** Runs beside each other: scores at the end, and their curves. */
async function comparison(views: readonly RunView[]): Promise<Section> {
  const metrics = shownMetrics(
    Object.assign({}, ...views.map(({ report }) => report.after)) as Scores,
  );
  const chart = curveChart(views);
  const starts = new Set(views.map(({ report }) => JSON.stringify(report.before)));
  const numbers = table(
    "At the end of each run; in brackets the change",
    [{ title: "run" }, { title: "rounds" }, ...metrics.map((one) => ({ title: labelOf(one) }))],
    views.map(({ name, report: { before, after, rounds } }) => [
      named(name),
      roundNumber(rounds),
      ...metrics.map(
        (one) => `${fixed(after[one.name], 2)} (${change(before[one.name], after[one.name], 2)})`,
      ),
    ]),
  );
  const note =
    starts.size > 1
      ? "These runs did not start from the same scores: what each one changed can be compared, their ends cannot."
      : "All runs started from the same scores.";
  return {
    title: "Side by side",
    body: [
      paragraph(note),
      await chartFigure(
        { ...chart, title: "All runs" },
        `${chart.yLabel} against ${chart.xLabel}, a point a round.`,
        numbers,
      ),
    ],
  };
}

/** The page of one run, or of several. */
export async function runPage(views: readonly RunView[]): Promise<Page> {
  const [view] = views as [RunView];
  if (views.length === 1) {
    const { method, dataset } = view.report;
    return {
      title: `${method} on ${dataset}`,
      summary: summary(view),
      sections: await sectionsOf(view),
    };
  }
  const sections: Section[] = [await comparison(views)];
  for (const one of views) {
    const body = summary(one).map((text) => paragraph(text));
    sections.push({ title: one.name, body, parts: await sectionsOf(one) });
  }
  return {
    title: `${views.length} runs`,
    summary: [`${views.length} runs of unlearning side by side, then each on its own.`],
    sections,
  };
}
