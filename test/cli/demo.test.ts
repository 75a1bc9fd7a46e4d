// One run from end to end: what a user's first commands do.
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CommandLines, rewind } from "./command.ts";

const folder = mkdtempSync(`${tmpdir()}/rewind-demo-`);
const read = (path: string): Record<string, unknown> => JSON.parse(readFileSync(path, "utf8"));
const commands = new CommandLines();
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
  const history = report["history"] as { round: number; scores: object }[];
  assert.equal(
    history.map(({ round, scores }) => [round, scores]),
    [
      [0, report["before"]],
      [1, report["after"]],
    ],
  );
  const page = readFileSync(new URL("../../docs/run-folder.md", import.meta.url), "utf8");
  const told = [
    ...Object.keys(report),
    ...Object.keys(read(`${out}/forget.json`)),
    ...readdirSync(out),
  ];
  for (const name of told) assert.ok(page.includes(`\`${name}\``), `docs/run-folder.md: ${name}`);
  const again = rewind("demo", ...small, "--rounds", "1", "--out", out);
  assert.is(again.code, 0);
  assert.match(again.err, /holds the finished run/);
  const other = rewind("demo", ...small, "--rounds", "2", "--out", out);
  assert.is(other.code, 1);
  assert.match(other.err, /holds a run with another configuration/);
});

test("--private makes a folder and a page for their owner alone, --no-images a page without images of D_f", () => {
  /** The images on a run's page, and who may read its folder. */
  const made = (name: string, ...words: string[]): { images: number; mode: number } => {
    const out = `${folder}/${name}`;
    const { code, err } = rewind("demo", ...small, "--rounds", "1", "--out", out, ...words);
    assert.is(code, 0, err);
    const page = readFileSync(`${out}/report.html`, "utf8");
    return { images: page.split('src="data:image/png').length - 1, mode: modeOf(out) };
  };
  const modeOf = (path: string): number => statSync(path).mode & 0o777;
  assert.ok(made("demo").images > 0);
  const hidden = made("private", "--private", "--no-images");
  assert.is(hidden.images, 0);
  const page = `${folder}/page.html`;
  const { code, err } = rewind("report", `${folder}/demo`, "--private", "--out", page);
  assert.is(code, 0, err);
  // Windows has no such modes.
  if (process.platform !== "win32") assert.equal([hidden.mode, modeOf(page)], [0o700, 0o600]);
});

test("train, unlearn and evaluate share run folders and agree", async () => {
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
  const plan = await commands.run(
    "plan",
    ...small.slice(0, -2),
    "--predictor",
    "linear:2",
    "--json",
  );
  const planned = (JSON.parse(plan.out) as { peak: number }).peak;
  const taken = Math.max(Number(read(`${trained}/report.json`)["gpuBytes"]), report.gpuBytes);
  assert.ok(Math.abs(taken / planned - 1) < 0.01, `${taken} of ${planned} planned`);
  for (const [run, want] of [
    [trained, report.before],
    [forgotten, report.after],
  ] as const) {
    const evaluate = await commands.run("evaluate", "--run", run, "--json");
    assert.is(evaluate.code, 0, evaluate.err);
    const scores = JSON.parse(evaluate.out) as Record<string, number>;
    for (const [name, value] of Object.entries(want)) assert.is(scores[name], value, name);
  }
  // Without --json people read it.
  const accuracy = (report.before as Record<string, number>)["testAccuracy"]!.toFixed(2);
  assert.match(train.out, /^ +test % +D_f %.*\n─+\ntrained /);
  assert.match(train.out, new RegExp(`\ntrained +${accuracy} .*\n\nnetwork: .*checkpoint`));
  const { out } = await commands.run("evaluate", "--run", trained);
  assert.match(out, new RegExp(`\ncheckpoint\\.safetensors +${accuracy} [^]*D_f, \\d+ in D_r`));
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

test.after(async () => {
  await commands.close();
  rmSync(folder, { recursive: true, force: true });
});
test.run();
