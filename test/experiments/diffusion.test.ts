// The experiment `diffusion` from end to end at its smallest: what its figures, tables and sheets say is what was measured.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { decodeImage } from "../../src/data/decode.ts";
import { readSafetensors } from "../../src/io/safetensors.ts";
import { CommandLines } from "../cli/command.ts";

const commands = new CommandLines();
const root = mkdtempSync(`${tmpdir()}/rewind-experiment-diffusion-`);
const out = `${root}/experiment`;
const read = (name: string): string => readFileSync(`${out}/${name}`, "utf8");

interface Results {
  grader: { digest: string; testAccuracy: number; testImages: number };
  runs: { arm: string; end: Record<string, number> }[];
}

test("a network is trained, forgets a digit, and what it draws is judged round by round", async () => {
  const words = ["experiment", "diffusion", "--size", "tiny", "--seeds", "1"];
  const arms = ["--arms", "rewind,neg-grad", "--out", out];
  const first = await commands.run(...words, ...arms);
  assert.is(first.code, 0, first.err);
  const results = JSON.parse(read("results.json")) as Results;
  assert.equal(
    results.runs.map(({ arm }) => arm),
    ["untouched", "rewind", "neg-grad"],
  );
  assert.is(results.grader.testImages, 100);
  assert.match(results.grader.digest, /^[0-9a-f]{64}$/);
  // A line a round: the untouched network, and each arm's two.
  const lines = read("results.csv").trim().split("\n");
  assert.match(
    lines[0]!,
    /,drawnForgotten,forgetDistance,retainDistance,drawnConfidence,drawnUnsure$/,
  );
  assert.is(lines.length, 1 + 1 + 2 + 2);
  const rounds = lines.slice(1).map((line) => line.split(",").slice(3, 5).join(" "));
  assert.equal(rounds, ["untouched 0", "rewind 0", "rewind 1", "neg-grad 0", "neg-grad 1"]);
  // All arms of a seed begin with what the untouched network draws.
  const scores = (line: string): string => line.split(",").slice(7).join(",");
  assert.is(scores(lines[1]!), scores(lines[2]!));
  assert.is(scores(lines[1]!), scores(lines[4]!));
  assert.ok(readdirSync(out).includes("report.html"));
  assert.match(read("report.html"), /taken for a class to forget[\s\S]*data:image\/png/);
  assert.match(read("report.md"), /!\[what neg-grad draws\]\(drawn-seed-1-neg-grad\.png\)/);
  await sheetShows("rewind");
  // The same command again does nothing anew.
  const before = read("results.json");
  const again = await commands.run(...words, ...arms);
  assert.is(again.code, 0, again.err);
  assert.is(read("results.json"), before);
});

/** Frames of a sheet are red and yellow where the answers say so. */
async function sheetShows(arm: string): Promise<void> {
  const { tensors, metadata } = readSafetensors(
    readFileSync(`${out}/seed-1/${arm}/drawn-1.safetensors`),
  );
  const answers = tensors.get("answers")!.data;
  assert.equal([metadata["forgotten"], tensors.get("images")!.shape], ["4", [16, 8, 8, 1]]);
  const sheet = await decodeImage(readFileSync(`${out}/drawn-seed-1-${arm}.png`), arm);
  for (let i = 0; i < 16; i++) {
    // Images of 64 pixels with a frame of 3, and gaps of 4.
    const [x, y] = [4 + (i % 8) * 74, 4 + Math.floor(i / 8) * 74];
    const colour = [...sheet.data.subarray(4 * (y * sheet.width + x)).subarray(0, 3)];
    const [taken, confidence] = [answers[2 * i]!, answers[2 * i + 1]!];
    const expected =
      confidence < 0.6 ? [237, 177, 32] : taken === 4 ? [214, 39, 40] : [255, 255, 255];
    assert.equal(colour, expected);
  }
}

test("images drawn again and graded by `rewind sample` give the same numbers", async () => {
  const png = `${root}/drawn.png`;
  const { code, err } = await commands.run(
    ...["sample", "--run", `${out}/seed-1/neg-grad`, "--count", "16", "--steps", "2"],
    ...["--seed", "1", "--grader", `${out}/grader`, "--out", png],
  );
  assert.is(code, 0, err);
  const grades = JSON.parse(readFileSync(`${root}/drawn.json`, "utf8")) as Record<string, unknown>;
  const { runs, grader } = JSON.parse(read("results.json")) as Results;
  const { end } = runs.find(({ arm }) => arm === "neg-grad")!;
  const drawn = Object.keys(end).filter((name) => /^drawn|Distance$/.test(name));
  assert.is(drawn.length, 5);
  for (const name of drawn) assert.is(grades[name], end[name], name);
  assert.is(grades["grader"], grader.digest);
  const shares = Object.values(grades["classes"] as Record<string, number>);
  assert.ok(Math.abs(shares.reduce((a, b) => a + b) - 100) < 1e-9);
});

test("a grader that errs too often judges nothing", async () => {
  const { code, err } = await commands.run(
    ...["experiment", "diffusion", "--grader", `${out}/grader`, "--train", "40", "--test", "20"],
    ...["--image-size", "8", "--seeds", "1", "--out", `${root}/refused`],
  );
  assert.is(code, 2, err);
  assert.match(err, /takes \d+\.\d\d % of the test images for what they are, .* below 99 %/);
});

test.after(async () => {
  await commands.close();
  rmSync(root, { recursive: true, force: true });
});
test.run();
