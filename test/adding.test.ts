// The examples of docs/adding.md: they use what the package exports and nothing else, and they work.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { corrupt, loadPredictor, measureFinal, predictHistories, Random } from "../src/index.ts";
import { loadDataset } from "../src/entries/data.ts";
import {
  prepareJob,
  protocolOf,
  resultTable,
  runSeeds,
  summariseArms,
  tidyCsv,
  trainJob,
} from "../src/entries/experiments.ts";
import { fitDefaults, fitPredictor, scoreNetwork } from "../src/predictors-lab/fit.ts";
import { linePrediction, meanError, WindowSource } from "../src/predictors-lab/windows.ts";
import { trainSchema } from "../src/runs/config.ts";
import {
  boundedAscent,
  doubt,
  meanLoader,
  once,
  oneClass,
  rampsSource,
  signDescent,
  softsign,
  softsignNet,
  stepSum,
  testError,
} from "./adding/index.ts";
import { checkOp } from "./check-op.ts";
import { closeGpus, testGpu } from "./device.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "rewind-adding-"));
const examples = readdirSync(`${root}/test/adding`).filter((file) => file !== "index.ts");

test("the guide shows the examples as they are, and they import the package alone", () => {
  const guide = readFileSync(`${root}/docs/adding.md`, "utf8");
  for (const file of examples) {
    const text = readFileSync(`${root}/test/adding/${file}`, "utf8");
    const shown = text
      .replaceAll('"../../src/index.ts"', '"rewind-webgpu"')
      .replaceAll(/"\.\.\/\.\.\/src\/entries\/(\w+)\.ts"/g, '"rewind-webgpu/$1"')
      .trim();
    assert.ok(guide.includes(shown), `docs/adding.md lacks ${file} as it is`);
    for (const [, from] of text.matchAll(/ from "([^"]+)";/g)) {
      assert.match(
        from!,
        /^(?:\.\.\/\.\.\/src\/(?:index|entries\/\w+)\.ts|\.\/[\w-]+\.ts|zod|node:fs)$/,
        file,
      );
    }
  }
});

/** The example of each kind, with the shader it brings. */
const kinds: Readonly<Record<string, readonly string[]>> = {
  operation: ["operation.ts", "softsign.wgsl"],
  network: ["network.ts"],
  optimiser: ["optimizer.ts", "sign-descent.wgsl"],
  "data set": ["dataset.ts"],
  scenario: ["scenario.ts"],
  metric: ["metric.ts"],
  method: ["method.ts"],
  predictor: ["predictor.ts", "mean.wgsl"],
  "network to fit": ["fittable.ts"],
  forecaster: ["forecaster.ts"],
};

test("one of a kind is one file, and a shader where it has a kernel of its own", () => {
  const guide = readFileSync(`${root}/docs/adding.md`, "utf8");
  const rows = [...guide.matchAll(/^\| ([a-z ]+?) +\| [^|]*`(?:src|models)\//gm)].map(
    ([, kind]) => kind!,
  );
  assert.equal(rows.sort(), Object.keys(kinds).sort(), "kinds that the guide lists");
  assert.equal(examples.sort(), Object.values(kinds).flat().sort(), "files of test/adding");
  const adds = examples.flatMap((file) => {
    const text = readFileSync(`${root}/test/adding/${file}`, "utf8");
    return [
      ...new Set(
        [...text.matchAll(/^(?:export const \w+ = )?(\w+)\.add\(/gm)].map(
          ([, registry]) => registry,
        ),
      ),
    ];
  });
  // An operation is a function: no registry holds it.
  assert.is(adds.length, Object.keys(kinds).length - 1, adds.join(", "));
  assert.is(new Set(adds).size, adds.length, "a registry is added to by one file");
});

test("an operation with a kernel of its own has the values and the derivative it says", async () => {
  for (const shape of [[1], [7, 3], [65]]) {
    await checkOp({
      label: `softsign [${shape.join(", ")}]`,
      inputs: [{ shape }],
      build: ([x]) => softsign(x!),
      reference: ([x]) => x!.map((v) => v / (1 + Math.abs(v))),
      tolerance: { absolute: 1e-6, relative: 1e-5 },
    });
  }
});

/** Images and epochs of the tests below. */
const few = { train: 120, test: 60, recipe: { epochs: 4, batch: 32, learningRate: 1e-3 } };

test("an experiment on added data runs added arms, and reports an added metric", async () => {
  const protocol = protocolOf(
    oneClass.name,
    { name: rampsSource.name },
    {
      size: "tiny",
      model: softsignNet.name,
      only: [boundedAscent.name],
      overrides: {
        ...few,
        recipe: { ...few.recipe, optimizer: { name: signDescent.name }, learningRate: 0.01 },
      },
    },
  );
  const config = protocol.train(1);
  assert.equal(trainSchema.parse(config), config);
  const environment = { gpu: await testGpu(), out: folder, watch: {}, log: () => {} };
  const tuned = { [boundedAscent.name]: { settings: { learningRate: 0.1 }, trials: [] } };
  const results = await runSeeds(protocol, [1], tuned, environment);
  assert.equal(
    results.map(({ arm }) => arm),
    protocol.arms.map(({ name }) => name),
  );
  const [{ history, end }] = results as [(typeof results)[0]];
  const [first, last] = [history[0]!.scores, history.at(-1)!.scores];
  assert.ok(first[testError.name]! < 30, `trained: test error ${first[testError.name]} %`);
  assert.ok(last["forgetLoss"]! > first["forgetLoss"]!, "the class is being forgotten");
  assert.is(end[testError.name], 100 - end["testAccuracy"]!);
  assert.match(tidyCsv(protocol, results).split("\n")[0]!, /attackSuccess,testError$/);
  assert.match(resultTable(protocol, summariseArms(protocol, results)), "| bounded-ascent |");
});

test("an added metric of logits stands among those at the end of a run", async () => {
  const { train: config } = protocolOf(oneClass.name, { name: rampsSource.name }, { size: "tiny" });
  const { train, test: tests } = await loadDataset({
    name: rampsSource.name,
    seed: 1,
    trainCount: 60,
  });
  const job = await prepareJob(await testGpu(), config(1), {
    images: { corrupted: corrupt(train, tests, config(1).scenario, 1), test: tests },
  });
  await trainJob(job);
  const { others } = await measureFinal(job);
  const { value, n } = others![doubt.name]!;
  assert.ok(value! > 0 && value! < Math.LN2, `${value}`);
  assert.is(n, job.forget.length);
  job.destroy();
});

test("an added predictor is found by what stands after --predictor", async () => {
  const predictor = await loadPredictor(meanLoader.name);
  const histories = [Array.from({ length: 15 }, (_, k) => k), Array.from({ length: 15 }, () => 3)];
  const gpu = await testGpu();
  const { predicted } = await predictHistories(gpu, predictor, predictor.sets[0]!, histories);
  assert.equal([...predicted], [7, 3]);
});

test("an added forecaster replaces the weights where it says, once", async () => {
  const protocol = protocolOf(
    oneClass.name,
    { name: rampsSource.name },
    { size: "tiny", overrides: few },
  );
  const trained = async (nowcast?: object): Promise<ReadonlyMap<string, Float32Array>[]> => {
    const epochs: ReadonlyMap<string, Float32Array>[] = [];
    const config = trainSchema.parse({ ...protocol.train(1), ...(nowcast && { nowcast }) });
    const job = await prepareJob(await testGpu(), config);
    await trainJob(job, {
      onEpoch: async () => void epochs.push(await job.model.parameters.read()),
    });
    job.destroy();
    return epochs;
  };
  const plain = await trained();
  const moved = await trained({ method: once.name, predictor: "linear:-1:3", at: 0.75 });
  assert.equal(moved.slice(0, 2), plain.slice(0, 2));
  // A step of the line through the first and the third epoch, from the third.
  const [first, , third] = plain.map((weights) => weights.get("head.weight")!);
  third!.forEach((value, i) => {
    const wanted = value + (value - first![i]!) / 2;
    assert.ok(Math.abs(moved[2]!.get("head.weight")![i]! - wanted) < 1e-6, `head.weight[${i}]`);
  });
});

test("an added network to fit is fitted, and foretells steps that halve", async () => {
  const family = stepSum.family({ steps: 2 });
  const length = 12;
  const windows = (training: number): WindowSource => {
    const random = new Random(training);
    const rows = Float32Array.from({ length: 64 * length }, () => random.normal());
    // From step to step half as far.
    rows.forEach((_, i) => {
      if (i % length > 1) rows[i] = rows[i - 1]! + (rows[i - 1]! - rows[i - 2]!) / 2;
    });
    const where = { architecture: "none", source: "none", phase: "late", kind: "fc" } as const;
    return new WindowSource([{ ...where, training, rows, length, epoch: 0 }], family.shape, "");
  };
  const validation = windows(2).draw(64, new Random(1));
  const gpu = await testGpu();
  const settings = { ...fitDefaults, epochs: 40, windows: 256, batch: 32, learningRate: 0.02 };
  const { tensors } = await fitPredictor(
    gpu,
    family,
    { training: windows(1), validation },
    settings,
  );
  const [error] = await scoreNetwork(gpu, family, tensors, [validation]);
  const line = meanError(validation, (window) => linePrediction(window, family.shape));
  assert.ok(error! < line / 10, `${error} against the line's ${line}`);
});

/** The command line in a process that loaded the examples before it. */
function rewind(...words: readonly string[]): { stdout: string; stderr: string } {
  const command = ["--import", "tsx", "--import", "./test/adding/index.ts", "src/cli/main.ts"];
  return spawnSync("node", [...command, ...words], { cwd: root, encoding: "utf8" });
}

test("a command knows what a module loaded before it adds", () => {
  const options = {
    dataset: rampsSource.name,
    model: softsignNet.name,
    scenario: oneClass.name,
    method: boundedAscent.name,
    optimizer: signDescent.name,
    nowcast: once.name,
    "nowcast-predictor": "linear:-1:3",
    "nowcast-at": "0.6",
  };
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  const { stdout, stderr } = rewind("plan", ...words);
  assert.match(
    stdout,
    /^softsign-net, 200 \+ 100 .* 2 classes; .*, bounded-ascent batch 256$/m,
    stderr,
  );
});

test("options of an added network to fit are its own", () => {
  const words = ["predictor", "fit", "--library", folder, "--out", folder, "--steps", "2"];
  const mine = rewind(...words, "--predictor", stepSum.name);
  assert.match(mine.stderr, /is no finished trajectory library/);
  const other = rewind(...words, "--predictor", "wnn");
  assert.match(other.stderr, /--steps is for step-sum; wnn has a fixed one/);
});

test.after(() => {
  rmSync(folder, { recursive: true, force: true });
  return closeGpus();
});
test.run();
