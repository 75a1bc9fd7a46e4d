import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";

const folder = mkdtempSync(`${tmpdir()}/rewind-cli-`);
const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const deno = (globalThis as { Deno?: unknown }).Deno !== undefined;

/** Runs the command line as a user would, on the runtime the test runs on. */
function rewind(...words: string[]): { code: number | null; out: string; err: string } {
  const before = deno ? ["run", "-A", main] : ["--import", "tsx", main];
  const { status, stdout, stderr } = spawnSync(process.execPath, [...before, ...words], {
    encoding: "utf8",
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
  });
  return { code: status, out: stdout, err: stderr };
}

const read = (path: string): Record<string, unknown> => JSON.parse(readFileSync(path, "utf8"));
const small = [
  "--train",
  "100",
  "--test",
  "40",
  "--filters",
  "2,4",
  "--epochs",
  "2",
  "--predictor",
  "linear",
];

test("doctor --json checks kernels against float64", () => {
  const { code, out } = rewind("doctor", "--json");
  assert.is(code, 0);
  const report = JSON.parse(out) as {
    healthy: boolean;
    checks: { name: string; error: number; allowed: number }[];
  };
  assert.ok(report.healthy);
  assert.ok(
    report.checks.length >= 4 && report.checks.every(({ error, allowed }) => error <= allowed),
  );
});

test("demo writes a run folder with before and after, and does not run twice", () => {
  const out = `${folder}/demo`;
  const first = rewind("demo", ...small, "--rounds", "1", "--out", out);
  assert.is(first.code, 0, first.err);
  assert.match(first.out, /before .*\nafter 1 round/);
  for (const name of [
    "config.json",
    "metrics.jsonl",
    "checkpoint.safetensors",
    "report.md",
    "curve.svg",
    "curve.png",
  ]) {
    assert.ok(existsSync(`${out}/${name}`), name);
  }
  const report = read(`${out}/report.json`);
  for (const part of ["before", "after"]) {
    const scores = report[part] as Record<string, number>;
    for (const name of ["testAccuracy", "forgetAccuracy", "retainAccuracy"]) {
      assert.ok(scores[name]! >= 0 && scores[name]! <= 100, `${part}.${name}`);
    }
  }
  for (const name of ["adapter", "predictor", "seed", "seconds"]) assert.ok(name in report, name);
  const again = rewind("demo", ...small, "--rounds", "1", "--out", out);
  assert.is(again.code, 0);
  assert.match(again.err, /holds the finished run/);
  const other = rewind("demo", ...small, "--rounds", "2", "--out", out);
  assert.is(other.code, 1);
  assert.match(other.err, /holds a run with another configuration/);
});

test("train, unlearn and evaluate share run folders and agree", () => {
  const [trained, forgotten] = [`${folder}/trained`, `${folder}/forgotten`];
  const train = rewind("train", ...small.slice(0, -2), "--default-limits", "--out", trained);
  assert.is(train.code, 0, train.err);
  const unlearn = rewind(
    "unlearn",
    "--run",
    trained,
    "--predictor",
    "linear:2",
    "--rounds",
    "1",
    "--default-limits",
    "--out",
    forgotten,
  );
  assert.is(unlearn.code, 0, unlearn.err);
  const report = read(`${forgotten}/report.json`) as {
    before: object;
    after: object;
    gpuBytes: number;
  };
  const plan = rewind("plan", ...small.slice(0, -2), "--predictor", "linear:2", "--json");
  const planned = (JSON.parse(plan.out) as { peak: number }).peak;
  const taken = Math.max(Number(read(`${trained}/report.json`)["gpuBytes"]), report.gpuBytes);
  assert.ok(Math.abs(taken / planned - 1) < 0.01, `${taken} of ${planned} planned`);
  for (const [run, want] of [
    [trained, report.before],
    [forgotten, report.after],
  ] as const) {
    const evaluate = rewind("evaluate", "--run", run);
    assert.is(evaluate.code, 0, evaluate.err);
    const scores = JSON.parse(evaluate.out) as Record<string, number>;
    for (const [name, value] of Object.entries(want)) assert.is(scores[name], value, name);
  }
});

test("predict writes the cases back with residual and prediction", () => {
  const [histories, out] = [`${folder}/histories.json`, `${folder}/predicted.json`];
  const cases = [
    { kind: "line", history: Array.from({ length: 15 }, (_, k) => 0.5 + k / 64) },
    { kind: "still", history: Array.from({ length: 15 }, () => -2) },
  ];
  writeFileSync(histories, JSON.stringify({ cases }));
  const run = rewind("predict", "--predictor", "linear:3", "--histories", histories, "--out", out);
  assert.is(run.code, 0, run.err);
  const result = read(out) as { cases: { kind: string; predicted: number; residual: number }[] };
  assert.equal(
    result.cases.map(({ kind, predicted, residual }) => [kind, predicted, residual]),
    [
      ["line", 0.5 - 3 / 64, -3 / 64],
      ["still", -2, 0],
    ],
  );
});

test("predictor show lists which set serves which kind", () => {
  const { code, out } = rewind("predictor", "show", "linear:2");
  assert.is(code, 0);
  assert.match(out, /aims 2 epochs before the oldest; residual added to the oldest snapshot/);
  for (const kind of ["conv", "depthwise", "fc", "bias", "norm"])
    assert.match(out, new RegExp(`\n${kind} `));
});

test("unlearn measures gaps to a retrained network, and refuses another folder as one", () => {
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
  assert.is(rewind("train", ...train, "--out", `${folder}/base`).code, 0);
  const run = (name: string, ...words: string[]) =>
    rewind("unlearn", "--run", `${folder}/base`, "--out", `${folder}/${name}`, ...words);
  assert.is(run("retrained", "--method", "retrain").code, 0);
  const quick = ["--method", "neg-grad", "--rounds", "1"];
  assert.is(run("gap", ...quick, "--reference", `${folder}/retrained`).code, 0);
  const { gaps, final } = JSON.parse(readFileSync(`${folder}/gap/report.json`, "utf8"));
  assert.type(gaps.average.value, "number");
  assert.is(final.accuracies.UA.n, 24);
  const wrong = run("gap2", ...quick, "--reference", `${folder}/gap`);
  assert.is(wrong.code, 1);
  assert.match(wrong.err, /is not a finished run of `rewind unlearn --method retrain`/);
});

test("experiment nowcast compares trainings with forecasts, and goes on where it stopped", () => {
  const out = `${folder}/nowcast`;
  const words = ["experiment", "nowcast", "--size", "tiny", "--epochs", "5", "--out", out];
  const first = rewind(...words, "--seeds", "1");
  assert.is(first.code, 0, first.err);
  assert.match(first.err, /adam, seed 1: .*\nlinear, seed 1: /);
  const second = rewind(...words, "--seeds", "2");
  assert.is(second.code, 0, second.err);
  assert.match(second.out, /\| adam \| .* \|\n\| linear \| /);
  for (const file of ["report.md", "results.csv", "results.json", "loss.svg", "testAccuracy.png"]) {
    assert.ok(existsSync(`${out}/${file}`), file);
  }
  const rows = readFileSync(`${out}/results.csv`, "utf8").trim().split("\n");
  assert.is(rows.length, 1 + 2 * 2 * 5);
  const wrong = rewind(...words, "--forecaster", "crystal=ball");
  assert.is(wrong.code, 1);
  assert.match(wrong.err, /it is wnn=PATH, introspection=PATH or nino=PATH/);
});

test("experiment writes tables, figures and tuning, and goes on where it stopped", () => {
  const out = `${folder}/experiment`;
  const words = [
    "experiment",
    "overfit",
    "--size",
    "tiny",
    "--seeds",
    "2",
    "--arms",
    "task-vector",
  ];
  const first = rewind(...words, "--out", out);
  assert.is(first.code, 0, first.err);
  assert.match(first.out, /\| task-vector \|/);
  for (const file of ["report.md", "results.csv", "results.json", "tuning.json", "testLoss.png"]) {
    assert.ok(existsSync(`${out}/${file}`), file);
  }
  const table = readFileSync(`${out}/results.csv`, "utf8");
  assert.is(rewind(...words, "--out", out).code, 0);
  assert.is(readFileSync(`${out}/results.csv`, "utf8"), table);
  const other = rewind(...words, "--tuning-seed", "7", "--out", out);
  assert.match(other.err, /holds a run with another configuration/);
});

test("an arm is added to earlier results where both start from the same networks", () => {
  // The experiment of the test before.
  const earlier = `${folder}/experiment`;
  const out = `${folder}/beside`;
  const words = ["experiment", "overfit", "--size", "tiny", "--seeds", "2", "--arms", "neg-grad"];
  const both = rewind(...words, "--beside", earlier, "--out", out);
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
    [() => {}, [...words, "--seeds", "3"], /has no result of task-vector on seed 3/],
    [
      () => {},
      words.map((word) => (word === "overfit" ? "label-noise" : word)),
      /holds results of overfit on synthetic, not of label-noise on synthetic/,
    ],
    [(path) => writeFileSync(`${path}/results.json`, "{"), words, /results\.json" is not JSON/],
  ];
  for (const [i, [damage, asked, message]] of fails.entries()) {
    const copy = `${folder}/damaged-${i}`;
    cpSync(earlier, copy, { recursive: true });
    damage(copy);
    // Finished runs are only read, whatever the folder holds.
    const target = i === 0 ? out : `${folder}/refused-${i}`;
    const { code, err } = rewind(...asked, "--beside", copy, "--out", target);
    assert.is(code, 1);
    assert.match(err, message);
  }
});

test("bad input gives one clear line, a non-zero exit, and no half-written file", () => {
  const none = `${folder}/none`;
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
      /fisher: Unrecognized key: "learningRate"/,
    ],
    [["experiment", "nope", "--out", none], /no experiment "nope"; there are: standard,/],
    [["experiment", "overfit", "--tuning-seed", "2", "--out", none], /seed 2 would both choose/],
    [
      ["lira", "--train", "10", "--targets", "10", "--out", `${none}4`],
      /10 targets of 10 training/,
    ],
    [["demo", "--set", "lambda", "--out", none], /key=value is needed/],
    [["demo", "--dataset", "nope"], /Allowed choices are synthetic, mnist/],
    [["unlearn", "--out", none], /required option '--run <dir>'/],
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
  for (const [words, message] of fails) {
    const { code, err } = rewind(...words);
    assert.is(code, 1, words.join(" "));
    assert.match(err, message);
    assert.not.match(err, /\n\s+at /, "no stack trace");
  }
  writeFileSync(`${folder}/short.json`, JSON.stringify({ cases: [{ history: [1, 2, 3] }] }));
  const short = rewind(
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

test.after(() => rmSync(folder, { recursive: true, force: true }));
test.run();
