/** `rewind predictor`: what a predictor is, and fitting one of our own. */
import type { Command } from "commander";
import { parameterKinds } from "../weights/arena.ts";
import { loadPredictor, predictorMetadata } from "../predictors/index.ts";
import { join, makeDir, writeAtomic } from "../platform/files.ts";
import { type Predictor, requireSingle } from "../predictors/predictor.ts";
import {
  predictorResponse,
  probes,
  type Response,
  responseCharts,
  truthOf,
} from "../predictors-lab/response.ts";
import { linePanels } from "../figures/plot.ts";
import { json } from "../report/run-folder.ts";
import { type Cell, type Column, markdownTable, textTable } from "../report/table.ts";
import { registerPredictorAblate } from "./predictor-ablate.ts";
import { registerPredictorFit } from "./predictor-fit.ts";
import { registerPredictorRecord } from "./predictor-record.ts";
import { type DeviceFlags, deviceOptions, openDevice } from "./device-options.ts";

async function show(
  spec: string | undefined,
  base: "oldest" | "newest" | undefined,
): Promise<void> {
  const predictor = await loadPredictor(spec, base);
  const end = predictor.direction === "past" ? "before the oldest" : "after the newest";
  console.log(`${predictor.name}: window ${predictor.window} snapshots`);
  console.log(`aims ${predictor.reach} ${end}; residual added to the ${predictor.base} snapshot`);
  console.log(`normalisation: ${predictor.normalisation}\n`);
  const columns: Column[] = [
    { title: "kind" },
    { title: "weight set" },
    { title: "parameters", decimals: 0 },
    { title: "FLOP a weight", decimals: 0 },
    { title: "source" },
  ];
  const rows = parameterKinds.map((kind) => {
    const set = predictor.sets.find((one) => one.kinds.includes(kind));
    const { name = "network", flop } = set ?? {};
    const { parameters, source } = set ?? predictor.joint ?? {};
    return [kind, name, parameters, flop, source];
  });
  console.log(textTable(columns, rows));
  for (const [set, metadata] of Object.entries(await predictorMetadata(spec))) {
    const entries = Object.entries(metadata);
    if (entries.length === 0) continue;
    console.log(`\n${set}`);
    for (const [key, value] of entries) console.log(`  ${key.padEnd(20)} ${value}`);
  }
}

/** A table of answers for each probe: weight sets down, places on the axis across. */
function responseTables(
  predictor: Predictor,
  responses: readonly Response[],
): { title: string; columns: Column[]; rows: Cell[][] }[] {
  const text = (value: number): string => Number(value.toPrecision(2)).toString();
  return probes(predictor).map((probe) => {
    const { name, title, xLabel, points } = probe;
    const columns = [xLabel, ...points.map(({ x }) => text(x))].map((one) => ({
      title: one,
      decimals: 1,
    }));
    const rows: Cell[][] = responses.map(({ set, answers }) => [
      set,
      ...answers[name]!.map(({ mean, deviation }) =>
        deviation === 0 ? mean : `${mean.toFixed(1)} ± ${deviation.toFixed(1)}`,
      ),
    ]);
    const truth = truthOf(probe, predictor);
    if (truth !== undefined) rows.push([truth.name, ...truth.points.map(({ y }) => y)]);
    return { title, columns, rows };
  });
}

async function evaluatePredictor(
  path: string | undefined,
  flags: DeviceFlags & { out?: string },
): Promise<void> {
  const predictor = await loadPredictor(path);
  requireSingle(predictor);
  const gpu = await openDevice(flags);
  const responses = await predictorResponse(gpu, predictor);
  const tables = responseTables(predictor, responses);
  const unit = "Epochs beyond the window, in steps of the weight an epoch";
  const rest = responses.map(({ set, atRest }) => `${set} ${atRest.toExponential(1)}`).join(", ");
  const still = `Residual of a weight of 0.3 that does not move: ${rest}`;
  console.log(`${predictor.name}\n${unit}.`);
  for (const { title, columns, rows } of tables) {
    console.log(`\n${title}\n${textTable(columns, rows)}`);
  }
  console.log(`\n${still}`);
  if (flags.out === undefined) return;
  await makeDir(flags.out);
  const { svg, png } = await linePanels(predictor.name, responseCharts(predictor, responses));
  const sections = tables.map(
    ({ title, columns, rows }) => `## ${title}\n\n${markdownTable(columns, rows)}\n`,
  );
  const document =
    `# ${predictor.name}\n\n${unit}; ± one standard deviation over 256 draws of the noise.\n\n` +
    `![its answers](eval.svg)\n\n${sections.join("\n")}\n${still}.\n`;
  await writeAtomic(join(flags.out, "eval.svg"), svg);
  await writeAtomic(join(flags.out, "eval.png"), png);
  await writeAtomic(
    join(flags.out, "eval.json"),
    json({ predictor: predictor.name, window: predictor.window, responses }),
  );
  await writeAtomic(join(flags.out, "eval.md"), document);
  console.log(`\neval.md, eval.json, eval.svg and eval.png in ${flags.out}`);
}

export function registerPredictor(root: Command): void {
  const group = root
    .command("predictor")
    .description("weight predictors: show one, its response, fit one");
  group
    .command("show")
    .description("window, horizon, and which weight set serves which kind of parameter")
    .argument("[path]", "folder, file, linear or linear:U; default: the shipped InvWNN")
    .option("--base <end>", "oldest or newest")
    .action((path: string | undefined, flags: { base?: "oldest" | "newest" }) =>
      show(path, flags.base),
    );

  const evaluate = group
    .command("eval")
    .description("how a predictor answers to drift, bends, noise, size of weights and of steps")
    .argument("[path]", "folder, file, linear or linear:U; default: the shipped InvWNN")
    .option("--out <dir>", "eval.md, eval.json and the figure go there");
  deviceOptions(evaluate).action(evaluatePredictor);

  registerPredictorRecord(group);
  registerPredictorFit(group);
  registerPredictorAblate(group);
}
