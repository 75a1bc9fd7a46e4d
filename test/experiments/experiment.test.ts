import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type ExperimentName, planOf } from "../../src/experiments/plan.ts";
import { runSeeds, type Surroundings, tune } from "../../src/experiments/run.ts";
import { figures, resultTable, summarise } from "../../src/experiments/summary.ts";
import { closeGpus, testGpu } from "../device.ts";

const folder = mkdtempSync(join(tmpdir(), "rewind-experiment-"));

async function around(out: string, changes: Partial<Surroundings> = {}): Promise<Surroundings> {
  return { gpu: await testGpu(), out, watch: {}, say: () => {}, ...changes };
}

/** Histories without times. */
function bare(results: Awaited<ReturnType<typeof runSeeds>>): unknown {
  return results.map(({ history, ...rest }) => ({
    ...rest,
    history: history.map((progress) => ({ ...progress, seconds: 0 })),
  }));
}

for (const name of ["standard", "label-noise", "backdoor", "overfit"] as ExperimentName[]) {
  test(`${name} runs from tuning to tables and figures, on a tiny set`, async () => {
    const out = join(folder, name);
    const plan = planOf(
      name,
      { name: "synthetic" },
      { size: "tiny", only: ["task-vector", "salun"] },
    );
    const tuned = await tune(plan, 101, await around(out));
    assert.equal(Object.keys(tuned).includes("task-vector"), true);
    assert.is(tuned["salun"]!.trials.length, 5);
    const results = await runSeeds(plan, [1, 2], tuned, await around(out));
    assert.is(results.length, 2 * plan.arms.length);
    for (const { history, final, end, method, stoppedBy } of results) {
      // A network this small may reach the retrained one's UA before the first round.
      assert.ok(history.length >= (name === "standard" ? 1 : 2));
      const { scores } = history[0]!;
      assert.is(scores.attackSuccess !== undefined, name === "backdoor");
      assert.is(scores.retainAccuracy === undefined, name === "overfit");
      assert.is(final !== undefined, name === "standard");
      // Rounds measure what the curves show; the start and the end, everything.
      assert.equal(Object.keys(end), Object.keys(scores));
      // Where the last round was shortened its own end stands last, what was kept before it.
      const landed =
        name === "standard" &&
        method !== "retrain" &&
        stoppedBy === "unlearning accuracy" &&
        history.length > 1;
      assert.is(history.at(landed ? -2 : -1)!.scores.testAccuracy, end.testAccuracy);
    }
    const table = resultTable(plan, summarise(plan, results));
    assert.match(table, "| salun |");
    if (name === "standard") assert.match(table, "avg. gap");
    for (const { svg } of await figures(plan, results)) assert.match(svg, /^<svg/);
  });
}

test("an experiment killed between rounds goes on, and ends with the same numbers", async () => {
  const plan = planOf(
    "label-noise",
    { name: "synthetic" },
    { size: "tiny", only: ["neg-grad", "scrub"] },
  );
  const whole = await runSeeds(plan, [3], {}, await around(join(folder, "whole")));
  const controller = new AbortController();
  let calls = 0;
  const progress = (): void => {
    if (++calls === 9) controller.abort();
  };
  const out = join(folder, "killed");
  try {
    await runSeeds(
      plan,
      [3],
      {},
      await around(out, { watch: { signal: controller.signal, progress } }),
    );
    assert.unreachable();
  } catch (error) {
    assert.is((error as Error).name, "AbortError");
  }
  assert.not(existsSync(join(out, "seed-3", "scrub", "result.json")));
  const resumed = await runSeeds(plan, [3], {}, await around(out));
  assert.equal(bare(resumed), bare(whole));
  // A third run only reads what is there.
  const written = readFileSync(join(out, "seed-3", "scrub", "result.json"), "utf8");
  assert.equal(bare(await runSeeds(plan, [3], {}, await around(out))), bare(whole));
  assert.is(readFileSync(join(out, "seed-3", "scrub", "result.json"), "utf8"), written);
});

test("a variant is its arm with settings changed, tuned as that arm; only new arms are tuned", async () => {
  const options = { size: "tiny", only: ["task-vector"] } as const;
  const settings = { lambda: { conv: 1, fc: 0.5 }, learningRate: 1e-5 };
  const variants = [{ arm: "task-vector", settings }];
  const plan = planOf("label-noise", { name: "synthetic" }, { ...options, variants });
  const [, variant] = plan.arms;
  assert.is(variant!.name, 'task-vector lambda={"conv":1,"fc":0.5} learningRate=0.00001');
  assert.is(variant!.tunedAs, "task-vector");
  const out = join(folder, "variants");
  const trials = plan.arms[0]!.trials.map((trial) => ({
    settings: trial,
    statistic: 1,
    end: 1,
  }));
  const known = { "task-vector": { settings: { lambda: 3, learningRate: 1e-4 }, trials } };
  const tuned = await tune(plan, 101, await around(out), known);
  assert.equal(tuned, known);
  assert.not(existsSync(join(out, "tuning")));
  const results = await runSeeds(plan, [1], tuned, await around(out));
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
    () => planOf("label-noise", { name: "synthetic" }, { ...options, variants: wrong }),
    /a variant of "rewind", which is not run; the arms are: task-vector/,
  );
});

test.after(() => {
  rmSync(folder, { recursive: true, force: true });
  return closeGpus();
});
test.run();
