/** `rewind predictor ablate`: InvWNN with one thing changed at a time. */
import type { Command } from "commander";
import { z } from "zod";
import { invWnnFamily, type InvWnnOptions } from "../predictors-lab/families/invwnn.ts";
import { fitLibrary, type Score } from "../predictors-lab/fit-library.ts";
import { openLibrary } from "../predictors-lab/sequences.ts";
import { exists, readJson } from "../platform/files.ts";
import { checkedFile } from "../runs/checked-file.ts";
import { inputsOf, recordInputs } from "../runs/inputs.ts";
import { numberSchema } from "../runs/written.ts";
import { type Cell, type Column, markdownTable, textTable } from "../report/table.ts";
import { fitOptions, requestOf, type FittingFlags } from "./predictor-fit.ts";
import { example } from "./examples.ts";
import { claimFolder } from "./run-folder.ts";
import { answer } from "./output.ts";
import { withProgress } from "./progress.ts";
import { openDevice, precisionOf } from "./device-options.ts";
import { interruptSignal } from "./interrupt.ts";

/** The scores of a variant, as its file has them. */
const scoresSchema = z.array(
  z.looseObject({
    set: z.string(),
    kind: z.string(),
    phase: z.string(),
    windows: z.number(),
    fitted: numberSchema,
    linear: numberSchema,
    noChange: numberSchema,
  }),
);

/** What is fitted: the paper's parameters around its own K = 15, U = 3, 128 wide, both streams. */
const variants: Readonly<Record<string, InvWnnOptions>> = {
  "K 15, U 3, width 128": {},
  "K 5": { window: 5 },
  "K 10": { window: 10 },
  "K 20": { window: 20 },
  "U 1": { horizon: 1 },
  "U 5": { horizon: 5 },
  "width 32": { width: 32 },
  "width 64": { width: 64 },
  "width 256": { width: 256 },
  "values alone": { streams: ["value"] },
  "differences alone": { streams: ["difference"] },
  "base newest": { base: "newest" },
};

/** Mean over the phases of a kind. */
function meanOf(scores: readonly Score[], of: (score: Score) => number): number {
  return scores.reduce((sum, score) => sum + of(score), 0) / scores.length;
}

/** A row a variant: by kind, the error fitted and of the straight line. */
function ablationTable(results: Readonly<Record<string, readonly Score[]>>): [Column[], Cell[][]] {
  const kinds = [
    ...new Set(Object.values(results).flatMap((scores) => scores.map((one) => one.kind))),
  ];
  const columns: Column[] = [
    { title: "variant" },
    ...kinds.flatMap((kind) => [
      { title: kind, decimals: 3 },
      { title: `${kind}, line`, decimals: 3 },
      { title: `${kind}, no change`, decimals: 3 },
    ]),
  ];
  const rows = Object.entries(results).map(([name, scores]) => [
    name,
    ...kinds.flatMap((kind) => {
      const some = scores.filter((one) => one.kind === kind);
      return [
        meanOf(some, ({ fitted }) => fitted),
        meanOf(some, ({ linear }) => linear),
        meanOf(some, ({ noChange }) => noChange),
      ];
    }),
  ]);
  return [columns, rows];
}

async function ablate(flags: FittingFlags): Promise<void> {
  const library = await openLibrary(flags.library);
  const { family: _, ...settings } = requestOf(flags, invWnnFamily());
  const config = {
    ...{ library: library.description, ...settings, shared: flags.shared === true },
    ...precisionOf(flags),
  };
  const folder = await claimFolder(flags, config);
  const files = library.files.map((file) => ["library", file] as const);
  await recordInputs(folder, await inputsOf({ files }));
  const gpu = await openDevice(flags);
  const signal = interruptSignal();
  const results: Record<string, Score[]> = {};
  for (const [name, options] of Object.entries(variants)) {
    const file = `${name.replaceAll(/[^a-z0-9]+/gi, "-").toLowerCase()}.json`;
    if (await exists(folder.file(file))) {
      const path = folder.file(file);
      results[name] = checkedFile(scoresSchema, await readJson(path), path) as unknown as Score[];
      continue;
    }
    const scores: Score[] = [];
    const request = requestOf(flags, invWnnFamily({ ...options, shared: flags.shared }));
    for await (const fitted of fitLibrary(gpu, library, request, {}, (label, work) =>
      withProgress(`${name}: ${label}`, signal, work),
    )) {
      scores.push(...fitted.scores);
    }
    await folder.writeJson(file, scores);
    results[name] = scores;
  }
  const [columns, rows] = ablationTable(results);
  const text =
    `# InvWNN with one thing changed at a time\n\nFitted to ${library.description}; held out: ` +
    `${settings.holdOut.architecture} on ${settings.holdOut.source}. Mean |predicted - true| in units of each ` +
    "weight's mean step, averaged over phases; line: extrapolating the straight line through oldest and newest " +
    `snapshot.\n\n${markdownTable(columns, rows)}\n`;
  await folder.write("ablations.md", text);
  answer(
    { folder: flags.out, library: library.description, results },
    `${textTable(columns, rows)}\n\nablations.md in ${flags.out}`,
  );
}

export function registerPredictorAblate(group: Command): void {
  const command = group
    .command("ablate")
    .description("fit InvWNN with other K, U, widths and streams; the same command goes on");
  example(
    command,
    "all variants, on a library of `rewind predictor record`",
    "rewind predictor ablate --library runs/library --out runs/ablations",
  );
  fitOptions(command).action(ablate);
}
