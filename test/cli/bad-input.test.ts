// Runs that go wrong: they say so in one line, end with a non-zero code, and leave no half-written result.
import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { before, beforeWithAll, CommandLines, deno, root } from "./command.ts";

const folder = mkdtempSync(`${tmpdir()}/rewind-bad-`);

interface Outcome {
  readonly code: number | null;
  readonly err: string;
}

/** For what needs no process of its own. */
const commands = new CommandLines();

/** Runs the command line as a user would; `until`: sends an interruption once stderr has it. */
function rewind(
  words: readonly string[],
  until?: RegExp,
  start = before,
  signals: readonly NodeJS.Signals[] = ["SIGINT"],
): Promise<Outcome> {
  const child = spawn(process.execPath, [...start, ...words], {
    cwd: root,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let err = "";
  let waiting = until;
  child.stderr.on("data", (part: Buffer) => {
    err += part.toString();
    if (waiting?.test(err) !== true) return;
    waiting = undefined;
    for (const signal of signals) child.kill(signal);
  });
  // Deno tells a child's exit code of 130 as the signal it stands for, or the last one that was sent.
  return new Promise((resolve) =>
    child.on("close", (code, signal) =>
      resolve({ code: code ?? (deno && signal !== null ? 130 : null), err }),
    ),
  );
}

/** An error as a user wants it: its exit code, the reason on a line, no stack trace. */
function refused({ code, err }: Outcome, message: RegExp, want = 1): void {
  assert.is(code, want, err);
  assert.match(err, message);
  assert.not.match(err, /\n\s+at /);
}

/** Files of a run folder with their bytes. */
function contents(name: string): Map<string, Buffer> {
  const path = `${folder}/${name}`;
  return new Map(readdirSync(path).map((file) => [file, readFileSync(`${path}/${file}`)]));
}

const results = ["checkpoint.safetensors", "report.json", "report.md"];

/** Neither a result nor a part of one. */
function noResult(name: string): void {
  if (!existsSync(`${folder}/${name}`)) return;
  const files = readdirSync(`${folder}/${name}`);
  assert.equal(
    files.filter((file) => results.includes(file) || file.endsWith(".tmp")),
    [],
  );
}

const data = ["--train", "60", "--test", "20", "--filters", "2,4", "--hidden", "0"];
const small = [...data, "--epochs", "20", "--batch", "8"];
const train = (name: string, ...words: string[]): string[] => [
  "train",
  ...(words.length === 0 ? small : [...data, ...words]),
  "--out",
  `${folder}/${name}`,
];

/** Lines of metrics.jsonl. */
const lines = (name: string): string => readFileSync(`${folder}/${name}/metrics.jsonl`, "utf8");

test("an interrupted training exits with 130, and the same command ends with the same bits", async () => {
  const whole = await commands.run(...train("whole"));
  assert.is(whole.code, 0, whole.err);
  const ends = /\nrewind: interrupted; run the same command again to continue\.\n/;
  for (const signals of [["SIGINT"], ["SIGTERM"], ["SIGINT", "SIGTERM"]] as const) {
    const { code, err } = await rewind(train("interrupted"), /training: \d+ %/, undefined, signals);
    assert.is(code, 130, err);
    // A second one ends it at once, with nothing more to say; Deno may tell of it when the first has.
    const second = signals.length > 1;
    if (!second || !deno) assert.is(ends.test(err), !second, err);
    noResult("interrupted");
  }
  const again = await rewind(train("interrupted"));
  assert.is(again.code, 0, again.err);
  const [want, got] = [contents("whole"), contents("interrupted")];
  assert.equal([...got.keys()], [...want.keys()]);
  assert.equal(got.get(results[0]!), want.get(results[0]!));
  assert.is(lines("interrupted"), lines("whole"));
});

test("a training that diverges says so and leaves no result", async () => {
  // Weight decay multiplies the weights by -1e31 in the first step; the loss of the second is infinite.
  const words = ["--optimizer", "sgd", "--lr", "10", "--weight-decay", "1e30", "--epochs", "2"];
  refused(
    await commands.run(...train("diverged", ...words, "--batch", "30")),
    /\nrewind: training: the loss was NaN or infinite in .*smaller learning rate/,
  );
  noResult("diverged");
  refused(
    await commands.run(...train("rate", "--lr", "1e30")),
    /'1e30' is invalid\. needs a number above 0 and at most 10/,
    2,
  );
  assert.not(existsSync(`${folder}/rate`));
});

test("an unlearning that diverges says so, leaves no result, and the trained run as it was", async () => {
  const earlier = contents("whole");
  const run = ["--run", `${folder}/whole`, "--out", `${folder}/exploded`];
  refused(
    await commands.run("unlearn", ...run, "--method", "neg-grad", "--set", "learningRate=1e30"),
    /\nrewind: .* NaN or infinite.* learning rate/,
  );
  noResult("exploded");
  assert.equal(contents("whole"), earlier);
});

test("a run that cannot land on a level is told why, before anything is made", async () => {
  const run = ["--run", `${folder}/whole`, "--out", `${folder}/landed`, "--land"];
  refused(await commands.run("unlearn", ...run), /--land: say which level to end on/, 2);
  refused(
    await commands.run("unlearn", ...run, "--method", "retrain", "--until-ua", "20"),
    /--method retrain begins anew and knows nothing of D_f at first: .* Leave out --until-ua and --land\./,
    2,
  );
  refused(
    await commands.run("unlearn", ...run, "--until-ua", "20", "--until-unseen"),
    /--land ends on one level: give one of --until-ua and --until-unseen\./,
    2,
  );
  const anew = ["unlearn", ...run.slice(0, -1), "--method", "retrain", "--until-share", "0.5"];
  refused(await commands.run(...anew), /Leave out --until-share\./, 2);
  assert.not(existsSync(`${folder}/landed`));
});

test("settings that the network or the predictor cannot take leave nothing that is in the way", async () => {
  const run = ["unlearn", "--run", `${folder}/whole`, "--rounds", "1", "--out", `${folder}/late`];
  for (const [words, says] of [
    [["--set", "aim=3"], /--set aim=3: predictor ".*" leaves no choice, it aims .*; leave that s/],
    [["--kinds", "depthwise"], /--kinds depthwise: ".*" has no such .* are conv, fc and bias\.\n/],
    [["--kinds", "norm"], /--kinds norm: ".*" has no such .* those it has are conv, fc and bias\./],
    [["--predictor", "linear:-2"], /looks ahead; a rewind needs one that looks back/],
  ] as const) {
    refused(await commands.run(...run, ...words), says, 2);
    assert.not(existsSync(`${folder}/late`), words.join(" "));
  }
  const { code, err } = await commands.run(...run, "--predictor", "linear", "--kinds", "fc");
  assert.is(code, 0, err);
});

test("a run whose network is of another run says so, as a file that is wrong", async () => {
  cpSync(`${folder}/whole`, `${folder}/mixed`, { recursive: true });
  const config = `${folder}/mixed/config.json`;
  const written = JSON.parse(readFileSync(config, "utf8")) as { model: object };
  writeFileSync(config, JSON.stringify({ ...written, model: { ...written.model, hidden: 4 } }));
  const says =
    /checkpoint\.safetensors" holds the network .*, and config\.json of its run says .*: one of/;
  const run = ["--run", `${folder}/mixed`];
  refused(await commands.run("evaluate", ...run), says);
  refused(await commands.run("unlearn", ...run, "--out", `${folder}/never`), says);
  assert.not(existsSync(`${folder}/never`));
});

test("a file in the place of a run's folder is told what to give", async () => {
  const file = `${folder}/net.safetensors`;
  cpSync(`${folder}/whole/checkpoint.safetensors`, file);
  for (const [run, says] of [
    [`${folder}/whole/checkpoint.safetensors`, /is a file in one\. Give ".*\/whole"\.\n/],
    [file, /it is a file\. `rewind unlearn` .* take a network in a file \(--from\)\.\n/],
    [`${folder}/nowhere`, /is not a run folder: there is no such folder/],
  ] as const) {
    refused(await commands.run("evaluate", "--run", run), says);
    refused(await commands.run("unlearn", "--run", run, "--out", `${folder}/never`), says);
  }
  assert.not(existsSync(`${folder}/never`));
});

test("an unknown scenario is refused with the ones there are, and no folder is made", async () => {
  refused(
    await commands.run(...train("unknown", "--scenario", "nope")),
    /'nope' is invalid\. Allowed choices are label-noise, backdoor, standard, overfit/,
    2,
  );
  assert.not(existsSync(`${folder}/unknown`));
});

test("where everything is D_f, a method that needs D_r says that there is none", async () => {
  const words = ["--scenario", "overfit", "--epochs", "1", "--method", "scrub", "--rounds", "1"];
  refused(
    await commands.run("demo", ...data, ...words, "--out", `${folder}/scrub`),
    /rewind: scrub needs the data to keep \(D_r\), and there is none/,
    2,
  );
  assert.not(existsSync(`${folder}/scrub`), "found before the training, not after it");
});

test("a second process is refused while one works in the folder, and takes over when that was killed", async () => {
  const words = train("shared");
  // On Deno only a process with every permission sees whether another one runs.
  const first = spawn(process.execPath, [...beforeWithAll, ...words], {
    cwd: root,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const closed = new Promise((resolve) => first.on("close", resolve));
  let err = "";
  const held = new Promise<void>((resolve) =>
    first.stderr.on("data", (part: Buffer) => {
      err += part.toString();
      if (!/epoch/.test(err)) return;
      // Held where it is: a fast one would end before the second has started.
      process.kill(first.pid!, "SIGSTOP");
      resolve();
    }),
  );
  await Promise.race([held, closed.then(() => assert.unreachable(err))]);
  const second = await rewind(words);
  // By number: to Deno's `kill` of a child a second signal is none.
  process.kill(first.pid!, "SIGKILL");
  await closed;
  refused(second, new RegExp(`"${folder}/shared" is in use: process ${first.pid} on`));
  assert.is((await rewind(words, undefined, beforeWithAll)).code, 0);
  assert.equal(contents("shared").get(results[0]!), contents("whole").get(results[0]!));
});

test.after(async () => {
  await commands.close();
  rmSync(folder, { recursive: true, force: true });
});
test.run();
