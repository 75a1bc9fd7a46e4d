import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CommandLines, rewind } from "./command.ts";

const folder = mkdtempSync(`${tmpdir()}/rewind-cli-`);
const commands = new CommandLines();

test("predictor show lists which set serves which kind", () => {
  const { code, out } = rewind("predictor", "show", "linear:2");
  assert.is(code, 0);
  assert.match(out, /aims 2 epochs before the oldest; residual added to the oldest snapshot/);
  for (const kind of ["conv", "depthwise", "fc", "bias", "norm"])
    assert.match(out, new RegExp(`\n${kind} `));
});

test("unlearn measures gaps to a retrained network, and refuses another folder as one", async () => {
  const train = [
    "--train",
    "120",
    "--test",
    "60",
    "--epochs",
    "2",
    "--filters",
    "2,4",
    "--hidden",
    "0",
  ];
  assert.is((await commands.run("train", ...train, "--out", `${folder}/base`)).code, 0);
  const run = (name: string, ...words: string[]) =>
    commands.run("unlearn", "--run", `${folder}/base`, "--out", `${folder}/${name}`, ...words);
  assert.is((await run("retrained", "--method", "retrain")).code, 0);
  const quick = ["--method", "neg-grad", "--rounds", "1"];
  assert.is((await run("gap", ...quick, "--reference", `${folder}/retrained`)).code, 0);
  const { gaps, final } = JSON.parse(readFileSync(`${folder}/gap/report.json`, "utf8"));
  assert.type(gaps.average.value, "number");
  assert.is(final.accuracies.UA.n, 24);
  const wrong = await run("gap2", ...quick, "--reference", `${folder}/gap`);
  assert.is(wrong.code, 1);
  assert.not(existsSync(`${folder}/gap2`));
  assert.match(wrong.err, /is not a finished run of `rewind unlearn --method retrain`/);
  const others = ["--forget-class", "1", "--reference", `${folder}/retrained`];
  const other = await run("gap3", ...quick, ...others);
  assert.is(other.code, 1);
  assert.match(
    other.err,
    /"[^"]*retrained" was retrained for another run: its D_f is not the same/,
  );
  assert.not(existsSync(`${folder}/gap3`));
  // A finished run has the gaps that it was asked for at its end.
  assert.is((await run("gap", ...quick, "--reference", `${folder}/retrained`)).code, 0);
  assert.is((await run("alone", ...quick)).code, 0);
  const late = await run("alone", ...quick, "--reference", `${folder}/retrained`);
  assert.is(late.code, 1);
  assert.match(late.err, /is finished, and has no gaps to the network of --reference/);
});

test("lira goes on with the predictor that it began with", async () => {
  const out = `${folder}/lira`;
  const words = ["--shadows", "4", "--targets", "8", "--train", "40", "--test", "10"].concat(
    ...["--epochs", "1", "--rounds", "1", "--filters", "2,4", "--hidden", "0", "--out", out],
  );
  const first = await commands.run("lira", ...words);
  assert.is(first.code, 0, first.err);
  const file = `${out}/inputs.json`;
  const { "shipped predictor": shipped, ...older } = JSON.parse(readFileSync(file, "utf8"));
  assert.type(shipped, "string");
  writeFileSync(file, JSON.stringify({ ...older, "shipped predictor": "another" }));
  const other = await commands.run("lira", ...words);
  assert.is(other.code, 1);
  assert.match(other.err, /shipped predictor: the content is not what .* began with/);
  // An earlier version did not write it down.
  writeFileSync(file, JSON.stringify(older));
  assert.is((await commands.run("lira", ...words)).code, 0);
});

test("experiment nowcast compares trainings with forecasts, and goes on where it stopped", async () => {
  const out = `${folder}/nowcast`;
  const words = ["experiment", "nowcast", "--size", "tiny", "--epochs", "5"].concat([
    ...["--optimizer", "sgd"],
    "--train",
    "60",
    "--test",
    "30",
    "--out",
    out,
  ]);
  const first = await commands.run(...words, "--seeds", "1");
  assert.is(first.code, 0, first.err);
  assert.match(first.err, /sgd, seed 1: .*\nlinear, seed 1: /);
  const second = await commands.run(...words, "--seeds", "2");
  assert.is(second.code, 0, second.err);
  assert.match(second.out, /to the last loss of sgd \|(?:.*\n)*\| sgd \| .* \|\n\| linear \| /);
  for (const file of ["report.md", "results.csv", "results.json", "loss.svg", "testAccuracy.png"]) {
    assert.ok(existsSync(`${out}/${file}`), file);
  }
  const rows = readFileSync(`${out}/results.csv`, "utf8").trim().split("\n");
  assert.is(rows.length, 1 + 2 * 2 * 5);
  // The folder has grown: the command that makes it again is the second.
  const { words: last, before } = JSON.parse(readFileSync(`${out}/command.json`, "utf8")) as {
    words: string[];
    before: { words: string[] }[];
  };
  assert.equal(
    [last, ...before.map((one) => one.words)].map((one) => one.at(-1)),
    ["2", "1"],
  );
  const wrong = await commands.run(...words, "--forecaster", "crystal=ball");
  assert.is(wrong.code, 2);
  assert.match(wrong.err, /it is wnn=PATH, introspection=PATH or nino=PATH/);
});

test("what an experiment would not read is refused", async () => {
  const refused = async (name: string, option: string, value: string): Promise<void> => {
    const words = ["experiment", name, option, value, "--out", `${folder}/refused`];
    const { code, err } = await commands.run(...words);
    assert.is(code, 2, err);
    assert.match(err, new RegExp(`experiment ${name} has no ${option}: leave it out`));
  };
  for (const option of ["--arms", "--predictor", "--beside"]) await refused("nowcast", option, "x");
  for (const option of ["--widenings", "--tuning-seed", "--tuning-seeds"]) {
    await refused("nowcast", option, "7");
    await refused("diffusion", option, "7");
  }
  await refused("nowcast", "--variant", "rewind batch=9");
  await refused("overfit", "--forecaster", "wnn=x");
  await refused("standard", "--period", "50");
});

// Of one seed: curves of two networks this small may have no place in common.
const overfit = ["experiment", "overfit", "--size", "tiny", "--seeds", "1", "--epochs", "2"].concat(
  ["--train", "60", "--test", "30"],
);

test("experiment writes tables, figures and tuning, and goes on where it stopped", async () => {
  const out = `${folder}/experiment`;
  const words = [...overfit, "--arms", "task-vector"];
  const first = await commands.run(...words, "--out", out);
  assert.is(first.code, 0, first.err);
  assert.match(first.out, /\| task-vector \|/);
  const files = ["report.md", "results.csv", "results.json", "tuning.json", "testLoss.png"];
  for (const file of [...files, "table.csv", "table.tex"]) {
    assert.ok(existsSync(`${out}/${file}`), file);
  }
  const table = readFileSync(`${out}/results.csv`, "utf8");
  assert.is((await commands.run(...words, "--out", out)).code, 0);
  assert.is(readFileSync(`${out}/results.csv`, "utf8"), table);
  const other = await commands.run(...words, "--tuning-seed", "7", "--out", out);
  assert.match(other.err, /holds a run with another configuration/);
  const fast = await commands.run(...words, "--precision", "fast", "--out", out);
  assert.match(fast.err, /configuration \(config\.json\): precision is /);
});

test("an arm is added to earlier results where both start from the same networks", async () => {
  // The experiment of the test before.
  const earlier = `${folder}/experiment`;
  const out = `${folder}/beside`;
  const words = [...overfit, "--arms", "neg-grad"];
  const both = await commands.run(...words, "--beside", earlier, "--out", out);
  assert.is(both.code, 0, both.err);
  assert.match(both.out, /\| task-vector \| .* \|\n\| neg-grad \| /);
  const rows = (path: string): string[] =>
    readFileSync(`${path}/results.csv`, "utf8").trim().split("\n");
  assert.equal(
    rows(out).filter((row) => row.includes("task-vector")),
    rows(earlier).slice(1),
  );
  assert.ok(rows(out).some((row) => row.includes("neg-grad")));
  const tuning = JSON.parse(readFileSync(`${out}/tuning.json`, "utf8")) as object;
  assert.equal(Object.keys(tuning), ["task-vector", "neg-grad"]);
  const fails: [(path: string) => void, string[], RegExp][] = [
    [
      (path) => {
        const [head, first, ...rest] = rows(earlier);
        const other = first!.replace(/^(.*,)([\d.]+),([\d.]+),$/, "$1$2,9.5,");
        writeFileSync(`${path}/results.csv`, [head, other, ...rest].join("\n"));
      },
      words,
      /network of seed 1 is not the one of the earlier results: testLoss was 9\.5, is /,
    ],
    [
      () => {},
      words.map((word) => (word === "neg-grad" ? "rewind-newest" : word)),
      /rewind-newest takes over the settings of rewind; run both/,
    ],
    [
      () => {},
      words.map((word, i) => (words[i - 1] === "--seeds" ? "3" : word)),
      /has no result of task-vector on seed 2, 3/,
    ],
    [
      () => {},
      words.map((word) => (word === "overfit" ? "label-noise" : word)),
      /holds results of overfit on synthetic, not of label-noise on synthetic/,
    ],
    [
      (path) => writeFileSync(`${path}/results.json`, "{"),
      words,
      /results\.json" is not valid JSON/,
    ],
  ];
  for (const [i, [damage, asked, message]] of fails.entries()) {
    const copy = `${folder}/damaged-${i}`;
    cpSync(earlier, copy, { recursive: true });
    damage(copy);
    // Finished runs are only read, whatever the folder holds.
    const target = i === 0 ? out : `${folder}/refused-${i}`;
    const { code, err } = await commands.run(...asked, "--beside", copy, "--out", target);
    // Settings that cannot go together are wrong usage, results that do not fit are wrong files.
    assert.is(code, message.source.includes("takes over") ? 2 : 1, err);
    assert.match(err, message);
  }
});

test("bad input gives one clear line, a non-zero exit, and no half-written file", async () => {
  const none = `${folder}/none`;
  const still = { history: Array.from({ length: 15 }, () => -2) };
  writeFileSync(`${folder}/histories.json`, JSON.stringify({ cases: [still] }));
  const fails: [string[], RegExp][] = [
    [["demo", "--dataset", "mnist", "--out", none], /--data DIR/],
    [["demo", "--dataset", "mnist", "--data", `${folder}/nowhere`, "--out", `${none}2`], /nowhere/],
    [["evaluate", "--run", `${folder}/nowhere`], /is not a run folder/],
    [["unlearn", "--run", `${folder}/nowhere`, "--out", none], /is not a run folder/],
    [["demo", "--share", "1.5"], /needs a number from 0 to 0.99/],
    [["demo", "--kinds", "conv,nope", "--out", `${none}3`], /rewind: kinds.1: Invalid option/],
    [["demo", "--method", "nope", "--out", none], /Allowed choices are rewind, linear-rewind/],
    [
      ["demo", "--method", "fisher", "--rate", "0.1", "--out", none],
      /--rate is for .*; --method fisher does not use it/,
    ],
    [["experiment", "nope", "--out", none], /no experiment "nope"; there are: label-noise,/],
    [["experiment", "overfit", "--tuning-seed", "2", "--out", none], /seed 2 would both choose/],
    [
      ["lira", "--train", "10", "--targets", "10", "--out", `${none}4`],
      /10 targets of 10 training/,
    ],
    [["demo", "--set", "lambda", "--out", none], /key=value is needed/],
    [["demo", "--dataset", "nope"], /Allowed choices are synthetic, mnist/],
    [["unlearn", "--out", none], /which network\? Give --run DIR/],
    [["fetch", "nope", "--dir", none], /no data set "nope" to fetch/],
    [
      [
        "predict",
        "--predictor",
        `${folder}/no.h5`,
        "--histories",
        `${folder}/histories.json`,
        "--out",
        none,
      ],
      /no predictor/,
    ],
  ];
  for (const [i, [words, message]] of fails.entries()) {
    const { code, err } = i === 0 ? rewind(...words) : await commands.run(...words);
    // Files are at fault in some, the words in the others.
    assert.is(code, /nowhere|is not a run folder/.test(message.source) ? 1 : 2, words.join(" "));
    assert.match(err, message);
    assert.not.match(err, /\n\s+at /, "no stack trace");
  }
  writeFileSync(`${folder}/short.json`, JSON.stringify({ cases: [{ history: [1, 2, 3] }] }));
  const short = await commands.run(
    "predict",
    "--predictor",
    "linear",
    "--histories",
    `${folder}/short.json`,
    "--out",
    `${folder}/no.json`,
  );
  assert.is(short.code, 1);
  assert.match(short.err, /case 0: predictor "linear \(3 epochs\)" needs 15 values, got 3/);
  assert.not(existsSync(`${folder}/no.json`));
});

test.after(async () => {
  await commands.close();
  rmSync(folder, { recursive: true, force: true });
});
test.run();
