/** `rewind predictor`: what a predictor is, and fitting one of our own. */
import type { Command } from "commander";
import { parameterKinds } from "../gpu/arena.ts";
import { loadPredictor, predictorMetadata } from "../predict/index.ts";
import { requireSingle } from "../predict/predictor.ts";
import { predictorResponse, shapes } from "../predict/response.ts";
import { type Column, textTable } from "../report/table.ts";
import { registerPredictorFit } from "./predictor-fit.ts";
import { registerPredictorRecord } from "./predictor-record.ts";
import { type DeviceFlags, deviceOptions, openDevice } from "./session.ts";

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

  const response = group
    .command("response")
    .description("residual on trajectories of known shape, in units of their movement")
    .argument("[path]", "folder, file, linear or linear:U; default: the shipped InvWNN");
  deviceOptions(response).action(async (path: string | undefined, flags: DeviceFlags) => {
    const gpu = await openDevice(flags);
    const predictor = await loadPredictor(path);
    requireSingle(predictor);
    const rows = await predictorResponse(gpu, predictor);
    const names = Object.keys(shapes);
    const columns = [{ title: "set" }, ...names.map((title) => ({ title, decimals: 2 }))];
    console.log(
      textTable(
        columns,
        rows.map((row) => [row.set, ...names.map((name) => row.response[name])]),
      ),
    );
  });

  registerPredictorRecord(group);
  registerPredictorFit(group);
}
