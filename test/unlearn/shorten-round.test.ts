// Ending a run where its unlearning accuracy is what was asked for.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { TrainConfig, UnlearnConfig } from "../../src/runs/config.ts";
import { DivergedError } from "../../src/errors.ts";
import type { Job } from "../../src/runs/job.ts";
import type { Tensors } from "../../src/nn/model.ts";
import { RunFolder } from "../../src/report/run-folder.ts";
import { discardRounds, unlearnInFolder, unlearningFile } from "../../src/runs/unlearn-run.ts";
import { type Progress, unlearn } from "../../src/unlearn/driver.ts";
import { shortenRound } from "../../src/unlearn/shorten-round.ts";
import { methodSettings } from "../../src/unlearn/methods/index.ts";
import { errorOf } from "../data/folder.ts";
import { closeGpus } from "../device.ts";
import { trainedJob } from "./trained-job.ts";

const root = mkdtempSync(`${tmpdir()}/rewind-shortened-`);
const config: TrainConfig = {
  data: { name: "synthetic", trainCount: 200, testCount: 20 },
  scenario: { name: "label-noise", share: 0.5 },
  model: { name: "small-cnn", filters: [4, 8], hidden: 16 },
  epochs: 30,
  batch: 25,
  learningRate: 3e-3,
  schedule: "constant",
  optimizer: { name: "adam" },
  seed: 3,
};

/** The job with its model back at the trained weights. */
const freshJob = trainedJob(config);

test("a round is shortened to the share that reaches the target, to a thousandth", async () => {
  const { model } = await freshJob();
  const trained = await model.save();
  const set = (value: number): Tensors =>
    new Map(
      [...trained].map(([name, { shape, data }]) => [name, { shape, data: data.map(() => value) }]),
    );
  const [name] = trained.keys();
  const first = async (): Promise<number> => (await model.save()).get(name!)!.data[0]!;
  for (const target of [0.3, 0.9995, 0.0001]) {
    const share = await shortenRound(model, set(0), set(1), async () => (await first()) >= target);
    assert.ok(share >= target && share < target + 1 / 1024, `${share} for ${target}`);
    assert.is(await first(), Math.fround(share));
  }
  // Where nothing short of the end reaches it, the end is kept as it is.
  assert.is(await shortenRound(model, set(0), set(1), async () => (await first()) >= 1), 1);
  assert.is(await first(), 1);
});

test("a shortened run ends at its unlearning accuracy; killed before its result, it ends there again", async () => {
  const job = await freshJob();
  const start = 100 - (await job.evaluate())["forgetAccuracy"]!;
  const unlearning: UnlearnConfig = {
    method: "random-label",
    settings: methodSettings("random-label", { learningRate: 0.1, batch: 25 }),
    rounds: 20,
    unlearningAccuracy: start + 10,
    seed: 1,
  };
  const run = async (name: string, work = job): Promise<Progress[]> => {
    const { folder } = await RunFolder.start(`${root}/${name}`, unlearning);
    await freshJob();
    const options = { shortenLast: true, scores: ["testAccuracy"] } as const;
    const { history, reason } = await unlearnInFolder(folder, work, unlearning, options);
    assert.is(reason, "unlearning accuracy");
    return history.map((progress) => ({ ...progress, seconds: 0 }));
  };
  const history = await run("whole");
  const [landed, whole] = history.slice(-2) as [Progress, Progress];
  const ua = ({ scores }: Progress): number => 100 - scores["forgetAccuracy"]!;
  assert.ok(ua(landed) >= start + 10 && ua(landed) < ua(whole), `${ua(landed)} ${ua(whole)}`);
  assert.ok(landed.round > whole.round - 1 && landed.round < whole.round);
  assert.is((await job.evaluate()).forgetAccuracy, landed.scores.forgetAccuracy);

  // Round 0, the rounds, and five of ten measurements of the shortened round.
  let left = 1 + whole.round + 5;
  const killed: Job = {
    ...job,
    evaluate: (...asked) => {
      if (left-- === 0) throw new Error("killed");
      return job.evaluate(...asked);
    },
  };
  try {
    await run("killed", killed);
    assert.unreachable();
  } catch (error) {
    assert.is((error as Error).message, "killed");
  }
  assert.equal(await run("killed"), history);
  // Killed after that, before its result was written.
  assert.equal(await run("whole"), history);
  assert.ok(readdirSync(`${root}/whole`).includes(unlearningFile));
  const { folder } = await RunFolder.start(`${root}/whole`, unlearning);
  await discardRounds(folder);
  assert.equal(readdirSync(folder.path).sort(), [
    "checkpoint.safetensors",
    "config.json",
    "metrics.jsonl",
  ]);
});

test("a run that is to land ends on the level, and its history does not go beyond it", async () => {
  const job = await freshJob();
  const start = await job.evaluate();
  const unlearning: UnlearnConfig = {
    method: "neg-grad",
    settings: methodSettings("neg-grad", { learningRate: 0.05, batch: 25 }),
    rounds: 20,
    forgetLoss: start["forgetLoss"]! + 0.5,
    seed: 1,
  };
  const run = async (name: string, land?: true, work: Job = job): Promise<Progress[]> => {
    const asked = { ...unlearning, ...(land && { land }) };
    const { folder } = await RunFolder.start(`${root}/${name}`, asked);
    await freshJob();
    const { history, reason } = await unlearnInFolder(folder, work, asked);
    assert.is(reason, "forget loss");
    return history.map((progress) => ({ ...progress, seconds: 0 }));
  };
  const whole = await run("not-landed");
  const history = await run("landed", true);
  const end = history.at(-1)!;
  assert.equal(history.slice(0, -1), whole.slice(0, -1));
  assert.ok(!Number.isInteger(end.round) && Math.ceil(end.round) === whole.at(-1)!.round);
  const level = unlearning.forgetLoss!;
  const [there, past] = [end, whole.at(-1)!].map(({ scores }) => scores["forgetLoss"]!);
  // The round is halved ten times: what is left beyond the level is a thousandth of it, on a path that is not straight.
  assert.ok(there! >= level && there! - level < 0.02 * (past! - level), `${there} ${past}`);
  assert.equal(await job.evaluate(), end.scores);
  assert.equal(await run("landed", true), history, "once more, before its result was written");

  // Killed in the middle of landing: round 0, the rounds, and three of ten measurements.
  let left = 1 + whole.at(-1)!.round + 3;
  const killed: Job = {
    ...job,
    evaluate: (...asked) => {
      if (left-- === 0) throw new Error("killed");
      return job.evaluate(...asked);
    },
  };
  let cause: unknown;
  await run("landed-killed", true, killed).catch((error: unknown) => (cause = error));
  assert.is((cause as Error).message, "killed");
  assert.equal(await run("landed-killed", true), history);
});

test("a level that is to end a run does so no earlier than at the landing, also after an interruption", async () => {
  const job = await freshJob();
  const start = (await job.evaluate())["forgetAccuracy"]!;
  const unlearning: UnlearnConfig = {
    method: "neg-grad",
    settings: methodSettings("neg-grad", { learningRate: 0.002, batch: 25 }),
    rounds: 40,
    unlearningAccuracy: 100 - start + 1,
    seed: 1,
  };
  const run = async (name: string, share: number, rounds = Infinity): Promise<Progress[]> => {
    const { folder } = await RunFolder.start(`${root}/${name}`, unlearning);
    await freshJob();
    const { history, reason } = await unlearnInFolder(folder, job, unlearning, {
      landing: { reached: (scores) => scores["forgetAccuracy"]! <= share * start },
      onRound({ round }) {
        if (round >= rounds) throw new Error("killed");
      },
    });
    assert.is(reason, "unlearning accuracy");
    return history.map((progress) => ({ ...progress, seconds: 0 }));
  };
  const near = await run("landing-near", 1);
  const far = await run("landing-far", 0.5);
  const last = ({ scores }: Progress): number => scores["forgetAccuracy"]!;
  assert.ok(last(near.at(-1)!) > start / 2, `${last(near.at(-1)!)} of ${start}`);
  assert.ok(last(far.at(-1)!) <= start / 2 && last(far[far.length - 3]!) > start / 2);
  assert.is(far.filter(({ round }) => !Number.isInteger(round)).length, 1);
  const killed = await errorOf(run("landing-killed", 0.5, near.at(-1)!.round + 1));
  assert.is(killed.message, "killed");
  assert.equal(await run("landing-killed", 0.5), far);
});

test("a network whose loss is NaN is no good network: it is measured as NaN, and its run ends", async () => {
  const job = await freshJob();
  const broken = new Map(
    [...(await job.model.save())].map(([name, { shape, data }]) => [
      name,
      { shape, data: data.map((value, i) => (i === 0 ? Number.NaN : value)) },
    ]),
  );
  const session = {
    method: "breaking",
    round: () => {
      job.model.load(broken);
      return Promise.resolve({ round: 1, steps: 1, epochs: [] });
    },
    save: () => Promise.reject(new Error("not used")),
    load: () => undefined,
    destroy: () => undefined,
    [Symbol.dispose]: () => undefined,
  };
  const options = { stop: { rounds: 3 }, evaluate: () => job.evaluate() };
  try {
    await unlearn(session, options);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, DivergedError);
    assert.match((error as Error).message, /after round 1 forgetLoss is NaN or infinite/);
  }
  assert.ok(Number.isNaN((await job.evaluate()).testLoss));
  await freshJob();
  const ended = await unlearn(session, { ...options, endOnDivergence: true });
  assert.is(ended.reason, "diverged");
  assert.is(ended.history.length, 1);
});

test.after(() => {
  rmSync(root, { recursive: true, force: true });
  return closeGpus();
});
test.run();
