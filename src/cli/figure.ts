/** `rewind figure`: pictures of finished runs, with their numbers. */
import { type Command, Option } from "commander";
import { DataError } from "../errors.ts";
import { join, makeDir, writeAtomic } from "../platform/files.ts";
import { json } from "../report/run-folder.ts";
import { textTable } from "../report/table.ts";
import { explainedNames, type Explained, mapsOfRuns } from "../runs/class-maps.ts";
import { mapsCsv, mapsFigure, mapsTable } from "../runs/class-maps-figure.ts";
import { type GivenNetwork, readNetwork } from "../runs/given-network.ts";
import { loadImages, type RunImages } from "../runs/images.ts";
import { recordedRuns, type RecordedRun } from "../runs/recorded-run.ts";
import { checkNetwork } from "./check-inputs.ts";
import { type DeviceFlags, deviceOptions, openDevice } from "./device-options.ts";
import { example } from "./examples.ts";
import { interruptSignal } from "./interrupt.ts";
import { loadOwnModel } from "./model-file.ts";
import { answer, sayNotes } from "./output.ts";
import { integer } from "./parse.ts";

/** Flags of every figure. */
interface FigureFlags extends DeviceFlags {
  readonly out: string;
}

export function registerFigure(root: Command): void {
  const figure = root
    .command("figure")
    .description("pictures of finished runs, as SVG and PNG, with their numbers as JSON and CSV");
  registerMaps(figure);
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
  const given = await readNetwork(trained, {
    model: setup.model,
    allowNonfinite: setup.allowNonfinite,
  });
  const images = await loadImages(setup, { given, forget });
  sayNotes(images.notes);
  checkNetwork(setup, images, given);
  return { runs, given, images };
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
