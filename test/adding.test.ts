// The examples of docs/adding.md: they use what the package exports and nothing else, and they work.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  loadDataset,
  loadPredictor,
  measureFinal,
  predictHistories,
  prepareJob,
  protocolOf,
  resultTable,
  runSeeds,
  summariseArms,
  tidyCsv,
  trainJob,
} from "../src/index.ts";
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
    const shown = text.replaceAll('"../../src/index.ts"', '"rewind-webgpu"').trim();
    assert.ok(guide.includes(shown), `docs/adding.md lacks ${file} as it is`);
    for (const [, from] of text.matchAll(/ from "([^"]+)";/g)) {
      assert.match(from!, /^(?:\.\.\/\.\.\/src\/index\.ts|\.\/[\w-]+\.ts|zod|node:fs)$/, file);
    }
  }
});

test("an operation with a kernel of its own has the values and the derivative it says", async () => {
  for (const shape of [[1], [7, 3], [65]]) {
    await checkOp({
      label: `softsign [${shape.join(", ")}]`,
      inputs: [{ shape }],
      build: (graph, [x]) => softsign(graph, x!),
      reference: ([x]) => x!.map((v) => v / (1 + Math.abs(v))),
      tolerance: { absolute: 1e-6, relative: 1e-5 },
    });
  }
});

test("an experiment on added data runs added arms, and reports an added metric", async () => {
  const protocol = protocolOf(
    oneClass.name,
    { name: rampsSource.name },
    {
      size: "tiny",
      model: softsignNet.name,
      only: [boundedAscent.name],
      overrides: { recipe: { optimizer: { name: signDescent.name }, learningRate: 0.01 } },
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
  const job = await prepareJob(await testGpu(), config(1), { train, test: tests });
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
  const protocol = protocolOf(oneClass.name, { name: rampsSource.name }, { size: "tiny" });
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

test("a command knows what a module loaded before it adds", () => {
  const command = ["--import", "tsx", "--import", "./test/adding/index.ts", "src/cli/main.ts"];
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
  const { stdout, stderr } = spawnSync("node", [...command, "plan", ...words], {
    cwd: root,
    encoding: "utf8",
  });
  assert.match(
    stdout,
    /^softsign-net, 200 \+ 100 .* 2 classes; .*, bounded-ascent batch 256$/m,
    stderr,
  );
});

test.after(() => {
  rmSync(folder, { recursive: true, force: true });
  return closeGpus();
});
test.run();
