#!/usr/bin/env node
/** The command line: one file a command, registered here. */
import { Command } from "commander";
import { inFlags } from "./flags.ts";
import { closeAll } from "./device-options.ts";
import { registerDemo } from "./demo.ts";
import { registerDoctor } from "./doctor.ts";
import { registerEvaluate } from "./evaluate.ts";
import { registerExperiment } from "./experiment.ts";
import { registerExport } from "./export.ts";
import { registerFetch } from "./fetch.ts";
import { registerImport } from "./import.ts";
import { registerLira } from "./lira.ts";
import { registerPlan } from "./plan.ts";
import { registerPredict } from "./predict.ts";
import { registerPredictor } from "./predictor.ts";
import { registerTrain } from "./train.ts";
import { registerUnlearn } from "./unlearn.ts";

/** The program with all commands. */
function program(): Command {
  const root = new Command("rewind")
    .description("Make a trained network forget: WebGPU training, unlearning and weight rewinding.")
    .showHelpAfterError("(rewind --help lists the commands)")
    .configureHelp({ showGlobalOptions: true });
  registerDemo(root);
  registerTrain(root);
  registerUnlearn(root);
  registerEvaluate(root);
  registerExperiment(root);
  registerLira(root);
  registerPlan(root);
  registerPredict(root);
  registerPredictor(root);
  registerImport(root);
  registerExport(root);
  registerFetch(root);
  registerDoctor(root);
  return root;
}

/** Runs the command line; the exit code is 0, 1 for an error, 130 for an interruption. */
async function main(): Promise<void> {
  let code = 0;
  try {
    await program().parseAsync();
  } catch (error) {
    code = (error as Error).name === "AbortError" ? 130 : 1;
    const debug = process.env["REWIND_DEBUG"] !== undefined;
    const { stack = "", message } = error as Error;
    console.error(`rewind: ${inFlags(debug ? stack : message)}`);
  }
  closeAll();
  // Dawn's Node binding can keep the process alive or crash while it is torn down: leave explicitly,
  // after the output is flushed.
  process.stdout.write("", () => process.exit(code));
}

await main();
