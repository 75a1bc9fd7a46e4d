/** `rewind figure`: pictures of finished runs, with their numbers. */
import { type Command, Option } from "commander";
import { taskOf } from "../../models/index.ts";
import { DataError, UsageError } from "../errors.ts";
import { curvesOf, figures } from "../experiments/figures.ts";
import {
  nowcastFigures,
  nowcastRows,
  nowcastTable,
  summariseNowcast,
} from "../experiments/nowcast.ts";
import { recordedExperiment, recordedNowcast } from "../experiments/recorded.ts";
import { summarise } from "../experiments/summary.ts";
import { resultCsv, resultTable } from "../experiments/tables.ts";
import { join, makeDir, writeAtomic } from "../platform/files.ts";
import { json } from "../platform/json.ts";
import { roundNumber } from "../report/report.ts";
import { latexTable, textTable } from "../report/table.ts";
import { explainedNames, type Explained, mapsOfRuns } from "../runs/class-maps.ts";
import { mapsCsv, mapsFigure, mapsTable } from "../runs/class-maps-figure.ts";
import { type GivenNetwork, readRunNetwork } from "../runs/given-network.ts";
import { loadImages, type RunImages } from "../runs/images.ts";
import { changedNotes } from "../runs/inputs.ts";
import { landscapeOfRuns } from "../runs/landscape.ts";
import { explainedText, landscapeCsv, landscapeFigure } from "../runs/landscape-figure.ts";
import { keptMoves } from "../runs/kept-rounds.ts";
import { landedText, movesCsv, movesFigure, movesTotals } from "../runs/moves-figure.ts";
import { landedAt, recordedRuns, type RecordedRun } from "../runs/recorded-run.ts";
import { classification } from "../tasks/classification.ts";
import { checkNetwork } from "./check-inputs.ts";
import { type DeviceFlags, deviceOptions, openDevice } from "./device-options.ts";
import { example } from "./examples.ts";
import { interruptSignal } from "./interrupt.ts";
import { loadOwnModel } from "./model-file.ts";
import { sayNotes } from "./notes.ts";
import { answer } from "./output.ts";
import { withProgress } from "./progress.ts";
import { integer, most } from "./parse.ts";
import { jsonWith, requireReplaceable } from "./replaced-files.ts";

/** Flags of every figure. */
interface FigureFlags extends DeviceFlags {
  readonly out: string;
}

export function registerFigure(figure: Command): void {
  registerMaps(figure);
  registerLandscape(figure);
  registerMoves(figure);
  registerCurves(figure);
}

/** A figure of runs of one network. */
function ofRuns(figure: Command, name: string, description: string): Command {
  return figure
    .command(name)
    .description(description)
    .argument("<run...>", "folders of `rewind unlearn`, `demo` or an experiment's arms")
    .requiredOption("--out <dir>", "folder of the files");
}

/** Runs with the network they started from and its images. */
async function opened(
  paths: readonly string[],
): Promise<{ runs: RecordedRun[]; given: GivenNetwork; images: RunImages }> {
  const runs = await recordedRuns(paths);
  const { setup, forget, folder, trained } = runs[0]!;
  await loadOwnModel(await folder.config());
  const given = await readRunNetwork(trained, setup);
  if (taskOf(given.network) !== classification.name) {
    throw new UsageError(
      `these runs are of ${taskOf(given.network)}: class activation maps and landscapes are of classifiers.`,
    );
  }
  const images = await loadImages(setup, { given, forget });
  sayNotes([...images.notes, ...(await changedNotes(folder, images))]);
  checkNetwork(setup, images, given);
  return { runs, given, images };
}

/** Requires that the files of figures may be written, before they are made: pictures, tables, and numbers with a key. */
function requireFigures(
  out: string,
  names: readonly string[],
  key: string,
  runs: readonly string[],
): Promise<void> {
  const files = names.flatMap((name) => [
    ...["svg", "png", "csv"].map((ending) => ({ path: join(out, `${name}.${ending}`) })),
    { path: join(out, `${name}.json`), isOwn: jsonWith(key) },
  ]);
  return requireReplaceable(out, files, runs);
}

/** Figures and tables by their names, each in files by their endings. */
type Figures = Readonly<Record<string, Readonly<Record<string, string | Uint8Array>>>>;

/** Writes the figures and the tables of an experiment. */
async function writeAll(out: string, all: Figures, experiment: string): Promise<string[]> {
  const files = Object.entries(all).flatMap(([name, endings]) =>
    Object.keys(endings).map((ending) => ({ path: join(out, `${name}.${ending}`) })),
  );
  await requireReplaceable(out, files, [experiment]);
  const written: string[] = [];
  for (const [name, endings] of Object.entries(all)) {
    written.push(...(await write(out, name, endings)));
  }
  return written;
}

/** Writes the files of a figure: `name`.svg, .png, .json and others. */
async function write(
  out: string,
  name: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<string[]> {
  await makeDir(out);
  const paths = Object.keys(files).map((ending) => join(out, `${name}.${ending}`));
  for (const [i, data] of Object.values(files).entries()) await writeAtomic(paths[i]!, data);
  return paths;
}

function registerMaps(figure: Command): void {
  const command = ofRuns(figure, "cam", "class activation maps of images of D_f before and after")
    .option(
      "--count <n>",
      "images of D_f that are drawn: the first of each class",
      integer(1, 24),
      2,
    )
    .addOption(
      new Option(
        "--class <which>",
        "whose map: of the network's answer, of the image's own class, or of the one it was trained as",
      )
        .choices(explainedNames)
        .default("answer"),
    )
    .option(
      "--margin <pixels>",
      "the signature is measured with so many pixels around it",
      integer(0, 64),
      2,
    );
  example(
    command,
    "a backdoor before and after two methods",
    "rewind figure cam runs/rewind runs/neg-grad --out figures",
  );
  deviceOptions(command).action(
    async (
      paths: string[],
      flags: FigureFlags & { count: number; class: Explained; margin: number },
    ) => {
      await requireFigures(flags.out, ["cam"], "networks", paths);
      const { runs, given, images } = await opened(paths);
      if (images.corrupted.forget.length === 0) throw new DataError("D_f of these runs is empty.");
      const gpu = await openDevice(flags);
      const maps = await mapsOfRuns(gpu, runs, given, images, {
        count: flags.count,
        explained: flags.class,
        margin: flags.margin,
        watch: { signal: interruptSignal() },
      });
      const { svg, png } = await mapsFigure(maps);
      const files = await write(flags.out, "cam", {
        svg,
        png,
        json: json(maps.data),
        ...(maps.shares.length === 0 ? {} : { csv: mapsCsv(maps.shares) }),
      });
      const table = mapsTable(maps.data);
      const text =
        table === undefined
          ? ""
          : `Positive values of the maps on the signature:\n\n${textTable(
              table.columns.map((title) => ({ title })),
              table.rows.map((row) => [...row]),
            )}\n\n`;
      answer({ files, ...maps.data }, `${text}${files.join("\n")}`);
    },
  );
}

/** What a landscape measures; the whole of it takes ten minutes on a software adapter. */
const grids = { gpu: { side: 21, images: 500 }, software: { side: 11, images: 200 } } as const;

function registerLandscape(figure: Command): void {
  const command = ofRuns(
    figure,
    "landscape",
    "accuracies over the plane of weights in which runs move most, and their paths in it",
  )
    .option(
      "--side <n>",
      `places along each side of the plane that are measured (default: ${grids.gpu.side}, ${grids.software.side} on a software adapter)`,
      integer(2, 201),
    )
    .option(
      "--images <n>",
      `test images and images of D_f that are measured on, at most (default: ${grids.gpu.images}, ${grids.software.images} on a software adapter)`,
      integer(1, most.images),
    )
    .option(
      "--perturbations <n>",
      "in place of the plane measure so many randomly changed weights around the trained ones",
      integer(1, 2000),
    )
    .option("--seed <n>", "seed of the perturbations", integer(0), 1);
  example(
    command,
    "paths of two methods, whose runs kept their rounds (`rewind unlearn --keep-rounds 30`)",
    "rewind figure landscape runs/rewind runs/neg-grad --out figures",
  );
  deviceOptions(command).action(
    async (
      paths: string[],
      flags: FigureFlags & { side?: number; images?: number; perturbations?: number; seed: number },
    ) => {
      const name = (flags.perturbations ?? 0) === 0 ? "landscape" : "landscape-perturbed";
      await requireFigures(flags.out, [name], "directions", paths);
      const { runs, given, images } = await opened(paths);
      const gpu = await openDevice(flags);
      const usual = gpu.adapter.software ? grids.software : grids.gpu;
      const { side = usual.side, images: count = usual.images, perturbations = 0, seed } = flags;
      const landscape = await withProgress("landscape", interruptSignal(), (watch) =>
        landscapeOfRuns(gpu, runs, given, images, {
          side,
          images: count,
          perturbations,
          seed,
          watch,
        }),
      );
      const { svg, png } = await landscapeFigure(landscape);
      const files = await write(flags.out, name, {
        svg,
        png,
        json: json(landscape),
        csv: landscapeCsv(landscape),
      });
      answer({ files, ...landscape }, `${explainedText(landscape)}.\n\n${files.join("\n")}`);
    },
  );
}

function registerMoves(figure: Command): void {
  const command = ofRuns(
    figure,
    "moves",
    "how far and which way each round of a rewind moved the weights, against the fine-tuning that it recorded",
  );
  example(
    command,
    "a rewind whose run kept its rounds (`rewind unlearn --keep-rounds 30`)",
    "rewind figure moves runs/rewind --out figures",
  );
  command.action(async (paths: string[], flags: Pick<FigureFlags, "out">) => {
    const nameOf = (i: number): string => (paths.length === 1 ? "moves" : `moves-${i + 1}`);
    await requireFigures(
      flags.out,
      paths.map((_, i) => nameOf(i)),
      "rounds",
      paths,
    );
    const all = [];
    for (const run of await recordedRuns(paths)) {
      const rounds = await keptMoves(run.folder, (await landedAt(run))?.round);
      if (rounds.length === 0) {
        throw new DataError(
          `"${run.folder.path}" has no round-N.json: its run did not keep its rounds (\`keepRounds\`), ` +
            "or its method records no fine-tuning, as rewinds do.",
        );
      }
      all.push({ run, rounds });
    }
    const files: string[] = [];
    const texts: string[] = [];
    for (const [i, { run, rounds }] of all.entries()) {
      const name = nameOf(i);
      const { svg, png } = await movesFigure(run.name, rounds);
      const values = { name: run.name, run: run.folder.path, rounds };
      files.push(
        ...(await write(flags.out, name, { svg, png, json: json(values), csv: movesCsv(rounds) })),
      );
      const titles = ["round", "drift", "move", "cosine"];
      const rows = movesTotals(rounds).map(({ round, drift, move, cosine }) => [
        roundNumber(round),
        drift.toFixed(4),
        move.toFixed(4),
        cosine?.toFixed(3) ?? "–",
      ]);
      texts.push(
        `${run.name}, all layers together:\n\n${textTable(
          titles.map((title) => ({ title })),
          rows,
        )}`,
        ...[landedText(rounds)].filter((text) => text !== ""),
      );
    }
    const runs = all.map(({ run, rounds }) => ({
      name: run.name,
      run: run.folder.path,
      totals: movesTotals(rounds),
    }));
    answer({ files, runs }, [...texts, files.join("\n")].join("\n\n"));
  });
}

/** Figures that are drawn, by their names. */
function pictures(
  drawn: readonly { readonly name: string; readonly svg: string; readonly png: Uint8Array }[],
): Figures {
  return Object.fromEntries(drawn.map(({ name, svg, png }) => [name, { svg, png }]));
}

/** Curves and the table of trainings with forecasts. */
async function nowcastCurves(
  { dataset, results }: NonNullable<Awaited<ReturnType<typeof recordedNowcast>>>,
  [dir, out]: readonly [string, string],
): Promise<void> {
  const arms = [...new Set(results.map(({ arm }) => arm))].map((name) => ({ name }));
  const summaries = summariseNowcast(arms, results);
  const drawn = await nowcastFigures(arms, results, dataset);
  const table = nowcastTable(summaries);
  const { columns, rows } = nowcastRows(summaries);
  const all = {
    ...pictures(drawn),
    table: { md: `${table}\n`, tex: latexTable(columns, rows) },
  };
  const files = await writeAll(out, all, dir);
  answer({ experiment: "nowcast", summaries, files }, `${table}\n\n${files.join("\n")}`);
}

function registerCurves(figure: Command): void {
  const command = figure
    .command("curves")
    .description("curves and tables of an experiment, from its results.json and results.csv")
    .argument("<experiment>", "folder of `rewind experiment`")
    .requiredOption("--out <dir>", "folder of the files");
  example(
    command,
    "figures and tables of an experiment anew",
    "rewind figure curves runs/label-noise --out figures",
  );
  command.action(async (dir: string, flags: Pick<FigureFlags, "out">) => {
    const trainings = await recordedNowcast(dir);
    if (trainings !== undefined) return nowcastCurves(trainings, [dir, flags.out]);
    const { protocol, results } = await recordedExperiment(dir);
    const summaries = summarise(protocol, results);
    const drawn = await figures(curvesOf(protocol), results);
    const table = resultTable(protocol, summaries);
    const all = {
      ...pictures(drawn),
      table: {
        md: `${table}\n`,
        csv: resultCsv(protocol, summaries),
        tex: resultTable(protocol, summaries, latexTable),
      },
    };
    const files = await writeAll(flags.out, all, dir);
    answer({ experiment: protocol.name, summaries, files }, `${table}\n\n${files.join("\n")}`);
  });
}
