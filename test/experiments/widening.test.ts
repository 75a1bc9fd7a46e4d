// Tuning beyond the edge of what was tried.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { planOf } from "../../src/experiments/plan.ts";
import { protocolOf } from "../../src/experiments/protocol.ts";
import { PlanResults, tune } from "../../src/experiments/run.ts";
import type { Environment } from "../../src/experiments/trained-network.ts";
import { beyondEdge, edgesOf, widest } from "../../src/experiments/widening.ts";
import type { Arm, Settings } from "../../src/unlearn/arm.ts";
import { takesSettings } from "../../src/unlearn/methods/index.ts";
import { closeGpus, testGpu } from "../device.ts";

const folder = mkdtempSync(`${tmpdir()}/rewind-widening-`);
const rates = [3e-4, 1e-3, 3e-3, 1e-2];
const grid = [1, 4].flatMap((strength) =>
  rates.map((learningRate) => ({ learningRate, strength })),
);
const any = (): boolean => true;
const caps = [10, 100, 1e3, 1e4, 1e5].map((cap) => ({ cap }));
const byRate = { trials: grid };
const byBoth = { trials: grid, widens: ["learningRate", "strength"] };
const byCap = { trials: caps, widens: ["cap"] };

test("beyond an edge a grid goes on as it begins or ends, with every value of what else it has", () => {
  const [least, inner, most] = [grid[4]!, grid[1]!, grid[3]!];
  assert.equal(beyondEdge(byRate, least, grid, any), [
    { learningRate: 1e-4, strength: 4 },
    { learningRate: 1e-4, strength: 1 },
  ]);
  assert.equal(beyondEdge(byRate, most, grid, any), [
    { learningRate: 0.03, strength: 1 },
    { learningRate: 0.03, strength: 4 },
  ]);
  assert.equal(beyondEdge(byRate, inner, grid, any), []);
  assert.is(widest(byRate, 1), 2);
  assert.is(widest(byRate, 2), 2);
  assert.equal(beyondEdge(byCap, caps[4]!, caps, any), [{ cap: 1e6 }]);
  assert.equal(beyondEdge(byCap, caps[0]!, caps, any), [{ cap: 1 }]);
  assert.is(widest(byCap, 1), 1);
});

test("of two settings the one that was widened least often goes first", () => {
  // Both lie at an edge: the rate, then the strength, though the rate still does, then the rate again.
  let tried = [...grid];
  const beyond = (best: (typeof grid)[number]): unknown => {
    const found = beyondEdge(byBoth, best, tried, any) as typeof grid;
    tried = [...tried, ...found];
    return found;
  };
  assert.equal(beyond(grid[4]!), [
    { learningRate: 1e-4, strength: 4 },
    { learningRate: 1e-4, strength: 1 },
  ]);
  const lowest = tried.at(-2)!;
  assert.equal(beyond(lowest), [
    { learningRate: 1e-4, strength: 16 },
    ...rates.map((learningRate) => ({ learningRate, strength: 16 })),
  ]);
  assert.equal(beyond(tried.at(-5)!), [
    { learningRate: 3e-5, strength: 16 },
    ...[4, 1].map((strength) => ({ learningRate: 3e-5, strength })),
  ]);
  // Along the other side: a quarter of the least strength where the rate is inside.
  assert.equal(
    beyondEdge(byBoth, grid[1]!, grid, any),
    [1e-3, 3e-4, 3e-3, 1e-2].map((learningRate) => ({ learningRate, strength: 0.25 })),
  );
  assert.equal(
    [1, 2, 3].map((time) => widest(byBoth, time)),
    [4, 5, 6],
  );
});

/** Asks {@link beyondEdge} for every best trial, so many times over; as long as it finds any. */
function everyWidening(arm: Arm, trials: readonly Settings[], time: number, most: number): void {
  for (const best of trials) {
    const found = beyondEdge(arm, best, trials, any);
    assert.ok(found.length <= widest(arm, time), `${arm.name}: ${found.length} at time ${time}`);
    const all = [...trials, ...found];
    assert.is(new Set(all.map((trial) => JSON.stringify(trial))).size, all.length, arm.name);
    for (const settings of found) assert.ok(takesSettings(arm.method, settings), arm.name);
    if (found.length > 0 && time < most) everyWidening(arm, all, time + 1, most);
  }
}

test("whatever is best, no trial beyond an edge is one too many, there already, or refused", () => {
  for (const size of ["small", "scaled"] as const) {
    const { arms } = protocolOf("standard", { name: "mnist" }, { size });
    for (const arm of arms) everyWidening(arm, arm.trials, 1, 2);
  }
  const cube = [1, 2].flatMap((a) => [1, 3].flatMap((b) => [1, 4].map((c) => ({ a, b, c }))));
  const arm = { name: "cube", method: "none", settings: {}, rounds: 1, trials: cube };
  const unchecked = (widens: string[], time: number): number => widest({ ...arm, widens }, time);
  assert.is(unchecked(["a", "b"], 2), 6);
  assert.equal(edgesOf({ a: 0 }, [{ a: 0 }, { a: 1 }]), []);
  assert.equal(edgesOf({ a: 1 }, [{ a: 0 }, { a: 1 }]), []);
  assert.equal(edgesOf({ a: -1 }, [{ a: 1 }, { a: -1 }]), []);
});

test("an arm that is tuned in the place of another goes beyond the same edges", () => {
  const { arms } = protocolOf(
    "label-noise",
    { name: "mnist" },
    { size: "small", only: ["random-rewind"] },
  );
  const random = arms.find(({ name }) => name === "random-rewind");
  assert.is(random!.trials.length, 8);
  assert.equal(random!.widens, ["learningRate", "strength"]);
});

test("every method that goes back by a window goes beyond the edges of rate and length", () => {
  const { arms } = protocolOf("label-noise", { name: "mnist" }, { size: "small" });
  const lengths = new Map(
    arms
      .filter(({ trials }) => trials.length === 8)
      .map(({ name, widens, trials }) => [
        name,
        trials.map((trial) => widens?.map((setting) => typeof trial[setting]).join()),
      ]),
  );
  assert.equal(
    ["rewind", "late-rewind", "linear-rewind", "task-vector", "negmerge"].filter(
      (name) => !lengths.get(name)?.every((kinds) => kinds === "number,number"),
    ),
    [],
  );
});

test("one value has no edge, nor has what is no number, and what a method does not take is not tried", () => {
  const lengths = [{ strength: 1 }, { strength: 1, other: 2 }];
  assert.equal(edgesOf(lengths[1]!, lengths), []);
  assert.is(widest({ trials: lengths, widens: ["strength"] }, 1), 0);
  const named = ["a", "b", "c"].map((optimizer) => ({ optimizer }));
  assert.equal(edgesOf(named[0]!, named), []);
  const steps = [
    { learningRate: 0.01, stepsPerRound: 5 },
    { learningRate: 0.1, stepsPerRound: 2 },
    { learningRate: 1, stepsPerRound: 1 },
  ];
  assert.equal(
    edgesOf(steps[0]!, steps).map(({ name }) => name),
    ["learningRate", "stepsPerRound"],
  );
  // What only says how often a method is measured is left as it is.
  const bySteps = { trials: steps };
  assert.equal(beyondEdge(bySteps, steps[2]!, steps, any), [
    { learningRate: 10, stepsPerRound: 1 },
  ]);
  assert.equal(
    beyondEdge(bySteps, steps[2]!, steps, () => false),
    [],
  );
});

/**
 * A tiny experiment whose one tuned arm has some rates to choose from.
 *
 * @param score what a run is judged by, from how far its one round moved the loss on D_f: higher rates move it more.
 */
function choosing(
  learningRates: readonly number[],
  widenings: number,
  score = (moved: number): number => moved,
) {
  const overrides = {
    train: 80,
    test: 40,
    recipe: { epochs: 3, batch: 16, learningRate: 6e-4 },
  };
  const protocol = protocolOf(
    "label-noise",
    { name: "synthetic" },
    { size: "tiny", only: ["random-label"], overrides, widenings },
  );
  const arms = protocol.arms.map((arm) => ({
    ...arm,
    rounds: 1,
    trials: learningRates.map((learningRate) => ({ learningRate })),
  }));
  return {
    ...protocol,
    arms,
    statistic: {
      ...protocol.statistic,
      of: (history: Parameters<typeof protocol.statistic.of>[0]) =>
        score(Math.abs(history.at(-1)!.scores["forgetLoss"]! - history[0]!.scores["forgetLoss"]!)),
    },
    scores: [...protocol.scores, "forgetLoss"],
  };
}

async function around(out: string): Promise<Environment & { readonly told: readonly string[] }> {
  const told: string[] = [];
  const log = (line: string): void => void told.push(line);
  const added = (): void => void told.push("added");
  return { gpu: await testGpu(), out, watch: {}, log, added, told };
}

test("what a plan tries of two settings is what was best of all before, and nothing where that lies inside", async () => {
  const protocol = protocolOf(
    "label-noise",
    { name: "mnist" },
    { size: "small", only: ["linear-rewind"] },
  );
  const judged: typeof protocol = {
    ...protocol,
    statistic: { ...protocol.statistic, of: (history) => history.at(-1)!.scores["gain"] },
  };
  const plan = planOf(judged, { seeds: [], tuningSeeds: [101] });
  /** The trials beyond edges, by their keys, where the nearest to a rate and a length is best. */
  const wider = async (rate: number, length: number): Promise<unknown> => {
    const out = `${folder}/made-up-${rate}-${length}`;
    const found: Record<string, unknown> = {};
    for (const run of plan) {
      const results = new PlanResults(judged, plan, {}, out);
      if (run.kind !== "trial" || !(await results.isNeeded(run))) continue;
      const { learningRate, strength } = await results.settingsOf(run);
      const [lr, by] = [learningRate, strength].map(Number) as [number, number];
      const gain = -Math.abs(Math.log(lr / rate)) - Math.abs(Math.log(by / length));
      const scores = { gain, forgetAccuracy: 90, testAccuracy: 0 };
      const history = [{ round: 0, steps: 0, seconds: 0, scores }];
      const of = { arm: "x", method: "rewind", settings: {}, seed: 101, stoppedBy: "rounds" };
      mkdirSync(`${out}/${run.key}`, { recursive: true });
      writeFileSync(
        `${out}/${run.key}/result.json`,
        JSON.stringify({ ...of, history, end: scores }),
      );
      if (run.widening !== undefined) found[run.key.split("-wider-")[1]!] = [lr, by];
    }
    return found;
  };
  assert.equal(await wider(1e-3, 16), {
    ...{ "1-1": [1e-3, 16], "1-2": [3e-4, 16], "1-3": [3e-3, 16], "1-4": [0.01, 16] },
    // The best is the longest still.
    ...{ "2-1": [1e-3, 64], "2-2": [3e-4, 64], "2-3": [3e-3, 64], "2-4": [0.01, 64] },
  });
  assert.equal(await wider(0.03, 0.25), {
    ...{ "1-1": [0.03, 1], "1-2": [0.03, 4] },
    ...{ "2-1": [0.03, 0.25], "2-2": [3e-4, 0.25], "2-3": [1e-3, 0.25] },
    ...{ "2-4": [3e-3, 0.25], "2-5": [0.01, 0.25] },
  });
  assert.equal(await wider(3e-3, 1.1), {
    ...{ "1-1": [3e-3, 0.25], "1-2": [3e-4, 0.25], "1-3": [1e-3, 0.25], "1-4": [0.01, 0.25] },
  });
});

test("an arm whose best rate is the highest is tried beyond it, once and again, and goes on where it stopped", async () => {
  const rates = [1e-6, 1e-5, 1e-4];
  const once = await around(`${folder}/once`);
  const { "random-label": first } = await tune(choosing(rates, 1), [101, 102], once);
  const tried = (tuned: typeof first): unknown[] =>
    tuned!.trials.map(({ settings }) => settings["learningRate"]);
  assert.equal(tried(first), [...rates, 1e-3]);
  assert.is(first!.settings["learningRate"], 1e-3);
  // Each is told, the wider ones as they come to the others.
  assert.is(once.told.filter((line) => line === "added").length, 2);
  assert.ok(once.told.at(-1)!.startsWith('tuning {"learningRate":0.001} random-label, seed 102: '));
  const groups = ["101", "102"].map((seed) => `${folder}/once/tuning/seed-${seed}`);
  for (const group of groups) assert.ok(existsSync(`${group}/random-label-wider-1-1/result.json`));
  // Twice, in the same folder: the same trials and one more.
  const again = await around(`${folder}/once`);
  const { "random-label": second } = await tune(choosing(rates, 2), [101, 102], again);
  assert.equal(tried(second), [...rates, 1e-3, 1e-2]);
  assert.equal(second!.trials.slice(0, 4), first!.trials);
  const known = { "random-label": second! };
  assert.equal(planOf(choosing(rates, 2), { seeds: [], tuningSeeds: [101, 102], known }), []);
});

test("an arm whose best rate lies between others is not tried beyond them, and one whose lowest is best below it", async () => {
  const rates = [1e-4, 1e-3, 1e-2];
  const out = `${folder}/inner`;
  const { "random-label": plain } = await tune(choosing(rates, 0), [101], await around(out));
  assert.is(plain!.trials.length, 3);
  const [, middle] = plain!.trials.map(({ statistic }) => statistic!);
  const near = choosing(rates, 2, (moved) => -Math.abs(moved - middle!));
  const { "random-label": inner } = await tune(near, [101], await around(out));
  assert.is(inner!.settings["learningRate"], 1e-3);
  assert.is(inner!.trials.length, 3);
  const little = choosing(rates, 1, (moved) => -moved);
  const { "random-label": lowest } = await tune(little, [101], await around(out));
  assert.is(lowest!.settings["learningRate"], 1e-5);
  assert.equal(readdirSync(`${out}/tuning/seed-101`).sort(), [
    ...["random-label-1", "random-label-2", "random-label-3", "random-label-wider-1-1", "trained"],
  ]);
});

test.after(async () => {
  rmSync(folder, { recursive: true, force: true });
  await closeGpus();
});
test.run();
