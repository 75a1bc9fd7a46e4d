// Each kind of thing is open: a member's name stands in its own file alone, and everything else asks the registry.
import { readdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  forecasters,
  methods,
  metrics,
  networks,
  optimizers,
  predictors,
  type Registry,
  scenarios,
} from "../src/index.ts";
import { datasets } from "../src/entries/data.ts";
import { fittables } from "../src/entries/experiments.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The index of each registry, with the folder that the files of its members lie in. */
const registries: Readonly<Record<string, Registry<{ readonly name: string }>>> = {
  "models/index.ts": networks,
  "src/optim/index.ts": optimizers,
  "src/data/index.ts": datasets,
  "src/scenarios/index.ts": scenarios,
  "src/metrics/index.ts": metrics,
  "src/unlearn/methods/index.ts": methods,
  "src/predictors/index.ts": predictors,
  "src/predictors-lab/families/index.ts": fittables,
  "src/forecast/index.ts": forecasters,
};

/** Names that stand elsewhere, by the reason they may. */
const allowed: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  "defaults of commands and of settings": {
    "src/runs/defaults.ts": [
      ...["small-cnn", "adam", "synthetic", "mnist", "label-noise", "standard", "rewind", "invwnn"],
      "unet",
    ],
    "src/predictors-lab/fit.ts": ["adam"],
    "src/web/start.ts": ["small-cnn", "label-noise"],
    "src/api/train.ts": ["adam"],
    "src/api/unlearn.ts": ["rewind"],
    "src/unlearn/steps.ts": ["adam", "sgd"],
    "src/unlearn/methods/retrain.ts": ["adam"],
    "src/unlearn/methods/scrub.ts": ["adam"],
  },
  "how networks are trained, as published": { "models/network.ts": ["adam", "sgd"] },
  "what an experiment consists of": {
    "src/predictors-lab/library.ts": [
      ...["mlp", "small-cnn", "tiny-cnn", "simple-net", "tiny-resnet", "tiny-vit"],
      ...["adam", "sgd", "label-noise", "standard"],
    ],
    "src/experiments/nowcast.ts": ["standard", "wnn", "testAccuracy", "testLoss"],
    "src/experiments/diffusion.ts": [
      ...["drawnForgotten", "forgetDistance", "retainDistance", "drawnConfidence", "drawnUnsure"],
      "adam",
    ],
  },
  "results that were committed": {
    "src/cli/predictor-standing.ts": ["label-noise", "backdoor", "standard", "overfit", "late"],
  },
  "how a scenario's experiment is judged": {
    "src/scenarios/backdoor.ts": [
      ...["forgetAccuracy", "forgetTrueAccuracy", "testAccuracy", "attackSuccess"],
    ],
    "src/scenarios/label-noise.ts": ["forgetAccuracy", "testAccuracy"],
    "src/scenarios/overfit.ts": ["forgetLoss", "testLoss", "testAccuracy"],
    "src/scenarios/standard.ts": ["forgetAccuracy", "testAccuracy", "retainAccuracy"],
  },
  "rules that end a run are about these metrics": {
    "src/unlearn/driver.ts": ["forgetAccuracy", "forgetLoss"],
    "src/experiments/trained-network.ts": ["forgetAccuracy", "testAccuracy"],
  },
  "a chart or a column that is about these metrics": {
    "src/report/report.ts": ["forgetAccuracy", "testAccuracy", "forgetNoise", "testNoise"],
    "src/experiments/tables.ts": ["RA", "UA"],
  },
  "a file of the members themselves": {
    "src/metrics/index.ts": [
      ...["forgetAccuracy", "forgetLoss", "forgetTrueAccuracy", "retainAccuracy"],
      ...["testAccuracy", "testLoss", "attackSuccess", "forgetNoise", "retainNoise", "testNoise"],
      ...["drawnForgotten", "forgetDistance", "retainDistance", "drawnConfidence", "drawnUnsure"],
    ],
    "src/unlearn/rewind-arms.ts": ["rewind", "linear-rewind", "random-rewind", "late"],
  },
  "the word means something else there": {
    "src/cli/main.ts": ["rewind"],
    "src/cli/program.ts": ["rewind"],
    "src/data/part-files.ts": ["parquet"],
    "src/platform/files.ts": ["rewind"],
    "src/io/checkpoint.ts": ["rewind"],
    "models/described.ts": ["linear"],
    "src/experiments/nowcast.ts": ["linear"],
    "src/ops/activations.ts": ["linear"],
    "src/ops/elementwise.ts": ["linear"],
    "src/ops/flatten.ts": ["linear"],
    "src/ops/linear.ts": ["linear"],
    "src/unlearn/methods/boundary-expand.ts": ["linear"],
    "src/predictors/invwnn/pack.ts": ["linear"],
    "src/predictors/invwnn/weights.ts": ["linear"],
    "src/predictors/two-stream.ts": ["linear"],
    "src/predictors/wnn.ts": ["linear"],
    "src/predictors/nino/network.ts": ["mlp"],
    "src/predictors/nino/tiles.ts": ["mlp"],
    "src/predictors-lab/families/invwnn.ts": ["linear"],
    "src/predictors-lab/library.ts": ["fine-tune"],
    "src/predictors-lab/sequences.ts": ["fine-tune", "late"],
  },
};

const files = ["src", "models"].flatMap((folder) =>
  (readdirSync(`${root}${folder}`, { recursive: true }) as string[])
    .filter((file) => file.endsWith(".ts"))
    .map((file) => `${folder}/${file}`),
);
const texts = new Map(files.map((file) => [file, readFileSync(`${root}${file}`, "utf8")]));

/** Files of a registry's folder that declare a member of a name. */
function homes(index: string, name: string): string[] {
  const folder = `${dirname(index)}/`;
  const declares = new RegExp(`^(?:  |const text = \\{ |.*\\(\\{ )name: "${name}",?`, "m");
  return files.filter((file) => file.startsWith(folder) && declares.test(texts.get(file)!));
}

test("every member is declared in one file of its registry's folder, and its index has a line for it", () => {
  for (const [index, { names, what }] of Object.entries(registries)) {
    for (const name of names) {
      const found = homes(index, name);
      assert.is(found.length, 1, `${what} "${name}" is declared in ${found.join(", ") || "none"}`);
      const own = `./${found[0]!.slice(dirname(index).length + 1)}`;
      assert.ok(texts.get(index)!.includes(` from "${own}";`), `${index} does not import ${own}`);
    }
  }
});

test("no other file names a member, but for those listed here with a reason", () => {
  const kept = new Set<string>();
  const may = new Map<string, string>();
  for (const [reason, places] of Object.entries(allowed)) {
    for (const [file, names] of Object.entries(places)) {
      for (const name of names) may.set(`${file}: "${name}"`, reason);
    }
  }
  const homesOf = new Map<string, string[]>();
  for (const [index, { names }] of Object.entries(registries)) {
    for (const name of names)
      homesOf.set(name, [...(homesOf.get(name) ?? []), ...homes(index, name)]);
  }
  const strange: string[] = [];
  for (const [name, own] of homesOf) {
    for (const [file, text] of texts) {
      if (own.includes(file) || !text.includes(`"${name}"`)) continue;
      const place = `${file}: "${name}"`;
      if (may.has(place)) kept.add(place);
      else strange.push(place);
    }
  }
  assert.equal(strange, [], "ask the registry, or let the member declare what is special of it");
  const stale = [...may.keys()].filter((place) => !kept.has(place));
  assert.equal(stale, [], "allowed, but not there any more");
});

test.run();
