/** `rewind predictor`: what a predictor is, and fitting one of our own. */
import { type Command, Option } from "commander";
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
import { json } from "../platform/json.ts";
import { type Cell, type Column, markdownTable, textTable } from "../report/table.ts";
import { example } from "./examples.ts";
import { answer } from "./output.ts";
import { registerPredictorAblate } from "./predictor-ablate.ts";
import { registerPredictorFit } from "./predictor-fit.ts";
import { registerPredictorRecord } from "./predictor-record.ts";
import { standingOf, standingText } from "./predictor-standing.ts";
import { registerPredictorTrain } from "./predictor-train.ts";
import { jsonWith, requireReplaceable } from "./replaced-files.ts";
import { type DeviceFlags, deviceOptions, openDevice } from "./device-options.ts";

async function show(
  spec: string | undefined,
  base: "oldest" | "newest" | undefined,
): Promise<void> {
  const predictor = await loadPredictor(spec, base);
  const end = predictor.direction === "past" ? "before the oldest" : "after the newest";
  const columns: Column[] = [
    { title: "kind" },
    { title: "weight set", words: true },
    { title: "parameters", decimals: 0 },
    { title: "FLOP a weight", decimals: 0 },
    { title: "source", words: true },
  ];
  const rows = parameterKinds.map((kind) => {
    const set = predictor.sets.find((one) => one.kinds.includes(kind));
    const { name = "network", flop } = set ?? {};
    const { parameters, source } = set ?? predictor.joint ?? {};
    return [kind, name, parameters, flop, source];
  });
  const metadata = await predictorMetadata(spec);
  // Measured as it is by itself: the residual added where it belongs.
  const standing = base === undefined ? standingOf(spec) : undefined;
  const { name, window, reach, direction, base: added, normalisation } = predictor;
  const { gradients = false, weighting } = predictor.joint ?? {};
  const counted =
    weighting === "forgotten" ? "; in the second images count by how far each is forgotten" : "";
  const reads = gradients
    ? `the trajectory, and D_f itself: two gradients at the oldest snapshot${counted}`
    : "the trajectory";
  const kinds = rows.map(([kind, set, parameters, flop, source]) => ({
    ...{ kind, set, parameters, flop, source },
  }));
  answer(
    {
      ...{ name, window, reach, direction, base: added, normalisation, reads, kinds, metadata },
      ...(standing === undefined ? {} : { standing }),
    },
    () =>
      [
        `${name}: window ${window} snapshots`,
        `aims ${reach} ${end}; residual added to the ${added} snapshot`,
        `normalisation: ${normalisation}`,
        `reads: ${reads}\n`,
        textTable(columns, rows),
        ...(standing === undefined ? [] : [`\n${standingText(spec, standing)}`]),
        ...Object.entries(metadata).flatMap(([set, of]) => {
          const entries = Object.entries(of);
          if (entries.length === 0) return [];
          return [`\n${set}`, ...entries.map(([key, value]) => `  ${key.padEnd(20)} ${value}`)];
        }),
      ].join("\n"),
  );
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
  if (flags.out !== undefined) {
    const path = (ending: string): string => join(flags.out!, `eval.${ending}`);
    const pictures = ["svg", "png", "md"].map((ending) => ({ path: path(ending) }));
    const numbers = { path: path("json"), isOwn: jsonWith("responses") };
    await requireReplaceable(flags.out, [numbers, ...pictures]);
  }
  const gpu = await openDevice(flags);
  const responses = await predictorResponse(gpu, predictor);
  const tables = responseTables(predictor, responses);
  const unit = "Epochs beyond the window, in steps of the weight an epoch";
  const rest = responses.map(({ set, atRest }) => `${set} ${atRest.toExponential(1)}`).join(", ");
  const still = `Residual of a weight of 0.3 that does not move: ${rest}`;
  const numbers = { predictor: predictor.name, window: predictor.window, responses };
  const lines = [
    `${predictor.name}\n${unit}.`,
    ...tables.map(({ title, columns, rows }) => `\n${title}\n${textTable(columns, rows)}`),
    `\n${still}`,
  ];
  if (flags.out === undefined) return answer(numbers, lines.join("\n"));
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
  await writeAtomic(join(flags.out, "eval.json"), json(numbers));
  await writeAtomic(join(flags.out, "eval.md"), document);
  lines.push(`\neval.md, eval.json, eval.svg and eval.png in ${flags.out}`);
  answer({ folder: flags.out, ...numbers }, lines.join("\n"));
}

export function registerPredictor(group: Command): void {
  const showing = group
    .command("show")
    .description("window, horizon, and which weight set serves which kind of parameter")
    .argument("[path]", "folder, file, linear, linear:U or late; default: the shipped InvWNN")
    .addOption(
      new Option("--base <end>", "snapshot the residual is added to").choices(["oldest", "newest"]),
    );
  example(showing, "the straight line, two epochs back", "rewind predictor show linear:2").action(
    (path: string | undefined, flags: { base?: "oldest" | "newest" }) => show(path, flags.base),
  );

  const evaluate = group
    .command("eval")
    .description("how a predictor answers to drift, bends, noise, size of weights and of steps")
    .argument("[path]", "folder, file, linear or linear:U; default: the shipped InvWNN")
    .option("--out <dir>", "eval.md, eval.json and the figure go there");
  example(evaluate, "the shipped predictor", "rewind predictor eval --out runs/predictor");
  deviceOptions(evaluate).action(evaluatePredictor);

  registerPredictorRecord(group);
  registerPredictorFit(group);
  registerPredictorAblate(group);
  registerPredictorTrain(group);
}
