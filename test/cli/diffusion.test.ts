// Diffusion from the command line: trained, made to forget a digit, and drawn with.
import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { decodeImage } from "../../src/data/decode.ts";
import { DivergedError } from "../../src/errors.ts";
import { acquireDevice } from "../../src/gpu/device.ts";
import { Owned } from "../../src/gpu/owned.ts";
import { readSafetensors } from "../../src/io/safetensors.ts";
import { RunFolder } from "../../src/report/run-folder.ts";
import type { TrainConfig } from "../../src/runs/config.ts";
import { graderOn, readGrader } from "../../src/runs/grader.ts";
import { loadImages } from "../../src/runs/images.ts";
import { prepareJob } from "../../src/runs/job.ts";
import { loadTrained } from "../../src/runs/train-run.ts";
import { unlearnInFolder } from "../../src/runs/unlearn-run.ts";
import type { Progress } from "../../src/unlearn/driver.ts";
import { CommandLines } from "./command.ts";

const folder = mkdtempSync(`${tmpdir()}/rewind-diffusion-`);
const [trained, forgotten] = [`${folder}/trained`, `${folder}/forgotten`];

/** Runs a command that must end well. */
async function done(...words: string[]): Promise<string> {
  const { code, out, err } = await commands.run(...words);
  assert.is(code, 0, err);
  return out;
}

const commands = new CommandLines();

async function refused(says: RegExp, ...words: string[]): Promise<void> {
  const { code, err } = await commands.run(...words);
  assert.is(code, 2, err);
  assert.match(err, says);
}

const json = (text: string): Record<string, unknown> => JSON.parse(text) as never;

test("a network of diffusion is trained by --task alone, and says what it measures", async () => {
  const small = ["--widths", "4,8", "--depth", "1", "--image-size", "8"];
  const sizes = ["--train", "40", "--test", "10", "--epochs", "2", "--batch", "20"];
  const said = json(
    await done("train", "--json", "--task", "diffusion", ...small, ...sizes, "--out", trained),
  );
  assert.equal(
    Object.keys(said).filter((key) => key.endsWith("Noise")),
    ["forgetNoise", "retainNoise", "testNoise"],
  );
  const config = json(readFileSync(`${trained}/config.json`, "utf8"));
  assert.equal([config["task"], config["average"]], ["diffusion", 0.999]);
  assert.equal(config["optimizer"], { name: "adam", weightDecay: 1e-4, decoupled: true });
});

test("images are drawn with the average or with the weights", async () => {
  const draw = async (name: string, ...words: string[]): Promise<Float32Array> => {
    const png = `${folder}/${name}.png`;
    await done("sample", "--run", trained, "--count", "5", "--steps", "3", "--out", png, ...words);
    const { tensors, metadata } = readSafetensors(readFileSync(`${folder}/${name}.safetensors`));
    assert.is(metadata["weights"], words.includes("--raw") ? "weights" : "average");
    const { shape, data } = tensors.get("images")!;
    assert.equal(shape, [5, 8, 8, 1]);
    return data;
  };
  const first = await draw("first", "--columns", "5");
  assert.not.equal(await draw("raw", "--raw"), first);
  // Five images of 8 times 8 squares of 8 pixels, each with a frame of 3, and gaps of 4.
  const { width, height, data } = await decodeImage(readFileSync(`${folder}/first.png`), "first");
  assert.equal([width, height], [5 * (70 + 4) + 4, 78]);
  const middle = 4 * ((4 + 3 + 4) * width + 4 + 3 + 4);
  assert.is(data[middle], Math.round(255 * Math.max(0, Math.min(1, first[0]!))));
});

test("the average of the weights is exported, and the weights where they are asked for", async () => {
  const exported = async (...words: string[]): Promise<unknown> => {
    const out = `${folder}/exported.safetensors`;
    const file = `${trained}/checkpoint.safetensors`;
    const said = await done("export", file, "--format", "same", "--json", "--out", out, ...words);
    assert.is(json(said)["weights"], words.includes("--raw") ? "weights" : "average");
    return readSafetensors(readFileSync(out)).tensors;
  };
  assert.not.equal(await exported(), await exported("--raw"));
});

test("it forgets a digit by methods that need no labels; the others are refused by name", async () => {
  const words = ["unlearn", "--run", trained, "--forget-class", "4", "--rounds", "1"];
  const labels = /random-label works on labels, and a network of diffusion has none/;
  await refused(labels, ...words, "--method", "random-label", "--out", `${folder}/none`);
  const grader = `${folder}/grader`;
  const sizes = ["--train", "40", "--test", "10", "--epochs", "1", "--batch", "20"];
  await done("train", "--model", "mlp", "--image-size", "8", ...sizes, "--out", grader);
  const method = ["--method", "linear-rewind", "--rate", "1e-4"];
  await done(...words, ...method, "--grader", grader, "--out", forgotten);
  const report = json(readFileSync(`${forgotten}/report.json`, "utf8"));
  const noise = ["forgetNoise", "retainNoise", "testNoise"];
  const drawn = ["drawnForgotten", "forgetDistance", "retainDistance"];
  const sure = ["drawnConfidence", "drawnUnsure"];
  assert.equal(Object.keys(report["after"] as object), [...noise, ...drawn, ...sure]);
  assert.not.equal(report["after"], report["before"]);
  assert.match(readFileSync(`${forgotten}/report.md`, "utf8"), /\| D_f noise error \|/);
  const png = `${folder}/forgotten.png`;
  const said = json(
    await done("sample", "--run", forgotten, "--steps", "2", "--out", png, "--json"),
  );
  assert.equal([said["weights"], said["count"]], ["weights", 24]);
});

test("what cannot be drawn, graded or written is refused before anything is, and nothing is lost", async () => {
  const draw = ["sample", "--run", trained, "--count", "2", "--steps", "2"];
  // The numbers' name is made of the picture's: here it is that of a trained network, or of a report.
  for (const [name, file] of [
    ["checkpoint.png", "checkpoint.safetensors"],
    ["report.png", "report.json"],
  ]) {
    const before = readFileSync(`${folder}/grader/${file}`);
    const out = ["--grader", `${folder}/grader`, "--out", `${folder}/grader/${name}`];
    await refused(/would replace ".*", which this command did not write/, ...draw, ...out);
    assert.equal(readFileSync(`${folder}/grader/${file}`), before);
  }
  // What it wrote itself it replaces.
  for (let i = 0; i < 2; i++) {
    const again = ["--grader", `${folder}/grader`, "--out", `${folder}/again.png`];
    const said = await done(...draw, ...again);
    assert.match(said, /what the grader says of them in .*again\.json/);
    // It has learnt little: so its word is.
    assert.match(said, /takes \d\d\.\d % of \d+ real images for their class: .* worth little/);
  }
  const none = `${folder}/none.png`;
  await refused(/a grader is a classifier/, ...draw, "--grader", trained, "--out", none);
  assert.not(existsSync(`${folder}/none.safetensors`));
  const nowhere = await commands.run(...draw, "--out", `${folder}/no/where.png`);
  assert.is(nowhere.code, 1);
  assert.match(nowhere.err, /cannot write ".*\/no\/where\.png"/);
  assert.not(nowhere.err.includes("drawing"), "it says so before it draws");
  const other = await commands.run(...draw, "--checkpoint", "foo.safetensors", "--out", none);
  assert.is(other.code, 1);
  assert.match(other.err, /has no foo\.safetensors; it has checkpoint\.safetensors\./);
  cpSync(trained, `${folder}/begun`, { recursive: true });
  renameSync(`${folder}/begun/checkpoint.safetensors`, `${folder}/begun/state.safetensors`);
  const begun = ["--run", `${folder}/begun`, "--out", none];
  assert.match(
    (await commands.run("sample", ...begun)).err,
    /has no checkpoint\.safetensors: its run is not finished\./,
  );
});

test("a page is of unlearning: the folder of a training is told from a damaged one", async () => {
  const page = ["--out", `${folder}/page.html`];
  await refused(/"[^"]*" is the folder of a training: a page is of/, "report", trained, ...page);
});

test("networks and tasks that do not go together are refused", async () => {
  const out = ["--out", `${folder}/none`];
  await refused(
    /"small-cnn" is for classification/,
    "train",
    "--task",
    "diffusion",
    "--model",
    "small-cnn",
    ...out,
  );
  await refused(/"unet" is for diffusion/, "train", "--model", "unet", ...out);
  await refused(
    /"unet" is for diffusion, which this command does not know/,
    "demo",
    "--model",
    "unet",
    ...out,
  );
});

test("what works on answers of a classifier refuses a network that draws", async () => {
  const [png, none] = [`${folder}/none.png`, ["--out", `${folder}/none`]];
  await refused(/are of classifiers/, "figure", "cam", forgotten, "--out", `${folder}/none.svg`);
  await refused(/for diffusion/, "plan", "--model", "unet");
  await refused(/for diffusion/, "lira", "--model", "unet", ...none);
  await refused(/for diffusion/, "experiment", "standard", "--model", "unet", ...none);
  await refused(/has no --model/, "experiment", "diffusion", "--model", "small-cnn", ...none);
  const part = ["--forget-random", "0.1", "--size", "tiny"];
  await refused(/of no class every image/, "experiment", "diffusion", ...part, ...none);
  await refused(/--grader belongs to/, "experiment", "standard", "--grader", trained, ...none);
  const own = ["--run", trained, "--grader", trained, "--out", png];
  await refused(/a grader is a classifier/, "sample", ...own);
});

test("a network whose images are NaN has diverged", async () => {
  using owned = new Owned();
  const gpu = await acquireDevice();
  owned.add({ destroy: () => gpu.close() });
  const { train } = json(readFileSync(`${forgotten}/config.json`, "utf8")) as {
    train: TrainConfig;
  };
  const grader = await graderOn(gpu, await readGrader(`${folder}/grader`), owned);
  const judging = { grader, drawing: { count: 2, steps: 2, seed: 1 } };
  const job = owned.add(await prepareJob(gpu, train, { judging }));
  assert.ok(Number.isFinite((await job.evaluate({}, ["drawnConfidence"]))["drawnConfidence"]));
  const weights = await job.model.save();
  for (const { data } of weights.values()) data.fill(NaN);
  job.model.load(weights);
  try {
    await job.evaluate({}, ["drawnConfidence"]);
    assert.unreachable("it draws NaN");
  } catch (error) {
    assert.instance(error, DivergedError);
  }
});

test("an unlearning that is killed goes on to the same bits", async () => {
  const gpu = await acquireDevice();
  const { train } = json(readFileSync(`${forgotten}/config.json`, "utf8")) as {
    train: TrainConfig;
  };
  const images = await loadImages(train, { forget: { images: [{ classes: ["4"] }] } });
  const settings = { learningRate: 1e-4 };
  const unlearn = { method: "linear-rewind", settings, rounds: 2, seed: 1 };
  const run = async (
    name: string,
    onRound?: (progress: Progress) => unknown,
  ): Promise<Uint8Array> => {
    const { folder: own } = await RunFolder.start(`${folder}/${name}`, unlearn);
    const job = await prepareJob(gpu, train, { images });
    await loadTrained(await RunFolder.open(trained), job, "checkpoint.safetensors");
    await unlearnInFolder(own, job, unlearn, onRound === undefined ? {} : { onRound });
    job.destroy();
    return readFileSync(own.file("checkpoint.safetensors"));
  };
  // As a crash leaves the folder: round 2 is in the log, and its state is not saved.
  const whole = await run("whole", ({ round }) => {
    if (round === 2) cpSync(`${folder}/whole`, `${folder}/killed`, { recursive: true });
  });
  assert.equal(await run("killed"), whole);
  gpu.close();
});

test.after(() => commands.close());
test.after(() => rmSync(folder, { recursive: true, force: true }));
test.run();
