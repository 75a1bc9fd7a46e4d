import * as assert from "uvu/assert";
import { Command } from "commander";
import { test } from "uvu";
import { flags, forgetFlags, inFlags, methodFlags } from "../../src/cli/flags.ts";
import { registerFigure } from "../../src/cli/figure.ts";
import { registerExperiment } from "../../src/cli/experiment.ts";
import { registerOracle } from "../../src/cli/oracle.ts";
import { registerPredictorTrain } from "../../src/cli/predictor-train.ts";
import { registerUnlearn } from "../../src/cli/unlearn.ts";
import { trainOptions } from "../../src/cli/train-options.ts";

test("settings that a message names in backticks become flags", () => {
  assert.is(
    inFlags("drop `adapter=software`, or use `adapter`."),
    "drop --adapter software, or use --adapter.",
  );
  assert.is(
    inFlags("these fit: `batch=32`; `batch=64 microBatch=8`; `batch=64 recompute=true`;"),
    "these fit: --batch 32; --batch 64 --micro-batch 8; --batch 64 --recompute;",
  );
  assert.is(inFlags("take smaller ones (`size`)"), "take smaller ones (--image-size)");
});

test("settings of an unlearning method become its own flags, or --set", () => {
  assert.is(inFlags("`settings.batch=16`"), "--forget-batch 16");
  assert.is(inFlags("`settings.trajectory=f16`"), "--trajectory f16");
  assert.is(inFlags("`settings.microBatch=4`"), "--set microBatch=4");
  assert.is(inFlags("`settings.recompute=true`"), "--set recompute=true");
  assert.is(
    inFlags("`settings.batch=9 settings.recompute=true`"),
    "--forget-batch 9 --set recompute=true",
  );
});

test("settings of D_f become flags", () => {
  assert.is(inFlags("`forget.copies` makes them go"), "--forget-copies makes them go");
  assert.is(inFlags("give `forget.dir` (`data`)"), "give --forget-data (--dataset)");
  assert.is(inFlags("`forget.other`"), "`forget.other`");
});

test("settings that entries of registries declare become the flags that they have", () => {
  assert.is(
    inFlags("`optimizer.weightDecay` `optimizer.momentum` `scenario.width` `model.filters`"),
    "--weight-decay --momentum --signature --filters",
  );
  assert.is(inFlags("`nowcast.predictor`, `data.trainCount`"), "--nowcast-predictor, --train");
  assert.is(inFlags("`optimizer.beta1` `graph.adopt`"), "`optimizer.beta1` `graph.adopt`");
});

test("every flag is one of the commands'", () => {
  const root = new Command();
  registerExperiment(root.command("experiment"));
  registerUnlearn(root.command("unlearn"));
  trainOptions(root.command("train"), { tasks: ["classification", "diffusion"] });
  registerFigure(root.command("figure"));
  const figure = root.commands.find((command) => command.name() === "figure")!;
  const oracle = root.command("oracle");
  registerOracle(oracle);
  const predictor = root.command("predictor");
  registerPredictorTrain(predictor);
  const known = new Set(
    [...root.commands, ...figure.commands, ...oracle.commands, ...predictor.commands].flatMap(
      ({ options }) => options.map(({ long }) => long),
    ),
  );
  for (const flag of [flags, methodFlags, forgetFlags].flatMap((of) => Object.values(of))) {
    assert.ok(known.has(flag), flag);
  }
  for (const flag of Object.values(methodFlags)) {
    const options = root.commands.find((command) => command.name() === "unlearn")!.options;
    assert.ok(
      options.some(({ long }) => long === flag),
      flag,
    );
  }
});

test("commands and other words in backticks stay as they are", () => {
  const text = "`npm run setup`; `rewind doctor --json`; `temperature`; `the batch`; batch=32";
  assert.is(inFlags(text), text);
});

test.run();
