import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { curvesOf, figures } from "../../src/experiments/figures.ts";
import { experimentNames, protocolOf } from "../../src/experiments/protocol.ts";
import { folderOf } from "../../src/experiments/plan.ts";
import { runSeeds, tune } from "../../src/experiments/run.ts";
import { summarise } from "../../src/experiments/summary.ts";
import { resultTable } from "../../src/experiments/tables.ts";
import type { Environment } from "../../src/experiments/trained-network.ts";
import { scoreOf } from "../../src/metrics/metric.ts";
import { methods } from "../../src/unlearn/methods/index.ts";
import { closeGpus, testGpu } from "../device.ts";

const folder = mkdtempSync(join(tmpdir(), "rewind-experiment-"));
/**
 * Fewer images than the size "tiny" has, in fewer epochs: nothing here asks what is learnt. A fifth of them is D_f,
 * as many as a batch of the training: its steps need no kernels of their own.
 */
const tiny = {
  size: "tiny",
  overrides: {
    train: 80,
    test: 40,
    recipe: { epochs: 3, batch: 16, learningRate: 6e-4 },
  },
} as const;
/** Where another share is D_f, it or what it leaves has the size of what the others leave: 64, for the same reason. */
const trainOf: Readonly<Record<string, number>> = { standard: 128, overfit: 64 };

async function around(out: string, changes: Partial<Environment> = {}): Promise<Environment> {
  return { gpu: await testGpu(), out, watch: {}, log: () => {}, ...changes };
}

/** Histories without times. */
function bare(results: Awaited<ReturnType<typeof runSeeds>>): unknown {
  return results.map(({ history, ...rest }) => ({
    ...rest,
    history: history.map((progress) => ({ ...progress, seconds: 0 })),
  }));
}

test("these are the experiments", () => {
  assert.equal([...experimentNames()].sort(), [
    ...["backdoor", "diffusion", "label-noise", "overfit", "standard"],
  ]);
});

// The networks of the other one draw: experiments/diffusion.test.ts.
for (const name of experimentNames().filter((one) => one !== "diffusion")) {
  test(`${name} runs from tuning to tables and figures, on a tiny set`, async () => {
    const out = join(folder, name);
    const protocol = protocolOf(
      name,
      { name: "synthetic" },
      {
        ...tiny,
        only: ["task-vector", "salun"],
        overrides: { ...tiny.overrides, train: trainOf[name] ?? tiny.overrides.train },
      },
    );
    const tuned = await tune(protocol, [101], await around(out));
    assert.equal(Object.keys(tuned).includes("task-vector"), true);
    assert.is(tuned["salun"]!.trials.length, 5);
    const results = await runSeeds(protocol, [1, 2], tuned, await around(out));
    assert.is(results.length, 2 * protocol.arms.length);
    for (const { history, final, end, method, stoppedBy } of results) {
      // A network this small may reach the retrained one's UA before the first round.
      assert.ok(history.length >= (name === "standard" ? 1 : 2));
      const { scores } = history[0]!;
      assert.is(scores["attackSuccess"] !== undefined, name === "backdoor");
      assert.is(scores["retainAccuracy"] === undefined, name === "overfit");
      assert.is(final !== undefined, name === "standard");
      // Rounds measure what the curves show; the start and the end, everything.
      assert.equal(Object.keys(end), Object.keys(scores));
      // Where the last round was shortened its own end stands last, what was kept before it.
      const landed =
        name === "standard" &&
        method !== "retrain" &&
        stoppedBy === "unlearning accuracy" &&
        history.length > 1;
      const last = history.at(landed ? -2 : -1)!.scores;
      assert.is(scoreOf(last, "testAccuracy"), scoreOf(end, "testAccuracy"));
    }
    const table = resultTable(protocol, summarise(protocol, results));
    assert.match(table, "| salun |");
    if (name === "standard") assert.match(table, "avg. gap");
    for (const { svg } of await figures(curvesOf(protocol), results)) assert.match(svg, /^<svg/);
  });
}

test("every arm of an experiment runs, and stands in its table", async () => {
  const protocol = protocolOf("label-noise", { name: "synthetic" }, tiny);
  const results = await runSeeds(protocol, [1], {}, await around(join(folder, "all")));
  const run = new Set(results.map(({ method }) => method));
  // The temperature is an arm where runs are judged by cross-entropies.
  assert.equal([...run, "temperature"].sort(), [...methods.names].sort());
  const table = resultTable(protocol, summarise(protocol, results));
  for (const { arm, history } of results) {
    assert.ok(history.length > 1, arm);
    const [before, after] = [history[0]!.scores, history.at(-1)!.scores];
    assert.not.equal(after, before, arm);
    assert.match(table, `| ${arm} |`);
  }
});

test("an experiment killed between rounds goes on, and ends with the same numbers", async () => {
  const protocol = protocolOf(
    "label-noise",
    { name: "synthetic" },
    { ...tiny, only: ["neg-grad", "scrub"] },
  );
  const whole = await runSeeds(protocol, [1], {}, await around(join(folder, "whole")));
  const controller = new AbortController();
  const out = join(folder, "killed");
  const scrub = join(out, "seed-1", "scrub");
  /** Rounds of scrub on disk, the untouched network's line not counted. */
  const rounds = (): number =>
    existsSync(join(scrub, "metrics.jsonl"))
      ? readFileSync(join(scrub, "metrics.jsonl"), "utf8").trim().split("\n").length - 1
      : 0;
  const progress = (): void => {
    if (rounds() > 0) controller.abort();
  };
  try {
    await runSeeds(
      protocol,
      [1],
      {},
      await around(out, { watch: { signal: controller.signal, progress } }),
    );
    assert.unreachable();
  } catch (error) {
    assert.is((error as Error).name, "AbortError");
  }
  assert.ok(existsSync(join(out, "seed-1", "neg-grad", "result.json")));
  assert.ok(rounds() > 0 && rounds() < whole[1]!.history.length - 1, `${rounds()} rounds`);
  assert.not(existsSync(join(scrub, "result.json")));
  const resumed = await runSeeds(protocol, [1], {}, await around(out));
  assert.equal(bare(resumed), bare(whole));
  // A third run only reads what is there.
  const written = readFileSync(join(out, "seed-1", "scrub", "result.json"), "utf8");
  assert.equal(bare(await runSeeds(protocol, [1], {}, await around(out))), bare(whole));
  assert.is(readFileSync(join(out, "seed-1", "scrub", "result.json"), "utf8"), written);
});

test("the round that first gets to the level is measured where it does, and the run goes on as without", async () => {
  const options = {
    ...tiny,
    only: ["neg-grad"],
    variants: [{ arm: "neg-grad", settings: { learningRate: 0.05 } }],
    overrides: {
      ...tiny.overrides,
      recipe: { ...tiny.overrides.recipe, epochs: 30, learningRate: 3e-3 },
    },
  };
  const protocol = protocolOf("label-noise", { name: "synthetic" }, options);
  const { landing, ...without } = protocol;
  const [, landed] = await runSeeds(protocol, [1], {}, await around(join(folder, "landed")));
  const [, whole] = await runSeeds(without, [1], {}, await around(join(folder, "not-landed")));
  const rounds = ({ history }: typeof landed & object) =>
    history.map((one) => ({ ...one, seconds: 0 }));
  const at = landed!.history.findIndex(({ round }) => !Number.isInteger(round));
  const inserted = landed!.history[at]!;
  assert.equal(
    rounds(landed!).filter((_, i) => i !== at),
    rounds(whole!),
  );
  assert.is(Math.ceil(inserted.round), landed!.history[at + 1]!.round);
  const start = landed!.history[0]!.scores;
  const known = landed!.history.map(({ scores }) => landing!.reached(scores, start));
  assert.equal(known.indexOf(true), at);
  assert.not.equal(inserted.scores["testLoss"], landed!.history[at + 1]!.scores["testLoss"]);
  assert.equal(Object.keys(inserted.scores), Object.keys(landed!.history[at + 1]!.scores));
  // Ended after it has landed, the run finds it in its log.
  const controller = new AbortController();
  const out = join(folder, "landed-killed");
  const log = join(out, "seed-1", folderOf(landed!.arm), "metrics.jsonl");
  const progress = (): void => {
    if (existsSync(log) && readFileSync(log, "utf8").includes('"round":2,')) controller.abort();
  };
  const watch = { signal: controller.signal, progress };
  try {
    await runSeeds(protocol, [1], {}, await around(out, { watch }));
    assert.unreachable();
  } catch (error) {
    assert.is((error as Error).name, "AbortError");
  }
  const [, resumed] = await runSeeds(protocol, [1], {}, await around(out));
  assert.equal(rounds(resumed!), rounds(landed!));
  // An older version stopped it short of the level: it is done anew, in the same folder.
  const written = join(out, "seed-1", folderOf(landed!.arm), "result.json");
  const { history } = JSON.parse(readFileSync(written, "utf8")) as typeof landed & object;
  const short = { ...landed, stoppedBy: "unlearning accuracy", history: history.slice(0, at) };
  writeFileSync(written, JSON.stringify(short));
  const [, again] = await runSeeds(protocol, [1], {}, await around(out));
  assert.equal(rounds(again!), rounds(landed!));
});

test("settings are chosen by the mean over the tuning seeds", async () => {
  const protocol = protocolOf(
    "label-noise",
    { name: "synthetic" },
    { ...tiny, only: ["neg-grad"] },
  );
  const out = join(folder, "tuning-seeds");
  const both = await tune(protocol, [101, 102], await around(out));
  const each: Awaited<ReturnType<typeof tune>>[] = [];
  for (const seed of [101, 102]) each.push(await tune(protocol, [seed], await around(out)));
  both["neg-grad"]!.trials.forEach(({ settings, statistic, reached, end }, i) => {
    const alone = each.map((one) => one["neg-grad"]!.trials[i]!);
    assert.ok(alone.every((one) => JSON.stringify(one.settings) === JSON.stringify(settings)));
    assert.is(
      reached,
      alone.reduce((sum, one) => sum + one.reached!, 0),
    );
    // A seed that never gets there counts as no gain.
    const mean = alone.reduce((sum, one) => sum + (one.statistic ?? 0), 0) / 2;
    assert.is(statistic, reached === 0 ? undefined : mean);
    assert.is(end, (alone[0]!.end + alone[1]!.end) / 2);
  });
});

test("a variant is its arm with settings changed, tuned as that arm; only new arms are tuned", async () => {
  const options = { ...tiny, only: ["task-vector"] } as const;
  const settings = { lambda: { conv: 1, fc: 0.5 }, learningRate: 1e-5 };
  const variants = [{ arm: "task-vector", settings }];
  const protocol = protocolOf("label-noise", { name: "synthetic" }, { ...options, variants });
  const [, variant] = protocol.arms;
  assert.is(variant!.name, 'task-vector lambda={"conv":1,"fc":0.5} learningRate=0.00001');
  assert.is(variant!.tunedAs, "task-vector");
  const out = join(folder, "variants");
  const trials = protocol.arms[0]!.trials.map((trial) => ({
    settings: trial,
    statistic: 1,
    end: 1,
  }));
  const known = { "task-vector": { settings: { lambda: 3, learningRate: 1e-4 }, trials } };
  const tuned = await tune(protocol, [101], await around(out), known);
  assert.equal(tuned, known);
  assert.not(existsSync(join(out, "tuning")));
  const results = await runSeeds(protocol, [1], tuned, await around(out));
  assert.equal(
    results.map((result) => result.settings["learningRate"]),
    [1e-4, 1e-5],
  );
  assert.equal(results[1]!.settings["lambda"], settings.lambda);
  assert.ok(
    existsSync(join(out, "seed-1", "task-vector-lambda-conv-1-fc-0.5-learningRate-0.00001")),
  );
  const wrong = [{ arm: "rewind", settings }];
  assert.throws(
    () => protocolOf("label-noise", { name: "synthetic" }, { ...options, variants: wrong }),
    /a variant of "rewind", which is not run; the arms are: task-vector/,
  );
});

test.after(() => {
  rmSync(folder, { recursive: true, force: true });
  return closeGpus();
});
test.run();
