import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { csvParse } from "d3-dsv";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compare, verdictOf } from "../../src/experiments/comparison.ts";
import { tidyCsv } from "../../src/experiments/csv.ts";
import { curveCharts, curvesOf, meanCurve } from "../../src/experiments/figures.ts";
import { experimentNames, protocolOf } from "../../src/experiments/protocol.ts";
import { summarise } from "../../src/experiments/summary.ts";
import { recordedExperiment } from "../../src/experiments/recorded.ts";
import {
  comparisonTable,
  nothingToForgetText,
  resultCsv,
  resultTable,
  tuningRows,
  tuningTable,
} from "../../src/experiments/tables.ts";
import type { Tuned } from "../../src/experiments/plan.ts";
import { latexTable } from "../../src/report/table.ts";
import {
  type ArmResult,
  collapseFloor,
  finishedRun,
} from "../../src/experiments/trained-network.ts";
import { whereReached } from "../../src/metrics/curve.ts";
import type { Measurement } from "../../src/metrics/measurement.ts";
import type { Scores } from "../../src/metrics/metric.ts";
import { scenarios } from "../../src/scenarios/index.ts";
import type { Progress } from "../../src/unlearn/driver.ts";

function history(...scores: readonly Partial<Scores>[]): Progress[] {
  return scores.map((given, round) => ({
    round,
    steps: 10 * round,
    seconds: round,
    scores: { forgetAccuracy: 0, forgetLoss: 0, ...given },
  }));
}

test("y is read where x is first reached, going along the curve", () => {
  const points = [
    { x: 80, y: 1 },
    { x: 40, y: 3 },
    { x: 60, y: 9 },
    { x: 20, y: 5 },
  ];
  assert.is(whereReached(points, 50, "falling"), 2.5);
  assert.is(whereReached(points, 80, "falling"), 1);
  assert.is(whereReached(points, 30, "falling"), 6);
  assert.is(whereReached(points, 10, "falling"), undefined);
  assert.is(whereReached(points, 90, "rising"), undefined);
  assert.is(whereReached([], 1, "rising"), undefined);
});

/** The statistic of an experiment. */
const statisticOf = (name: string, curve: Progress[], retrainedUa?: number) =>
  scenarios.find(name).experiment!.statistic.of(curve, retrainedUa);

test("the statistic of each experiment, by hand", () => {
  const noise = history(
    { forgetAccuracy: 80, testAccuracy: 85 },
    { forgetAccuracy: 50, testAccuracy: 99 },
    { forgetAccuracy: 40, testAccuracy: 88 },
    { forgetAccuracy: 10, testAccuracy: 90 },
  );
  // Where it has halved, neither where it is best before nor beyond.
  assert.is(statisticOf("label-noise", noise), 3);
  assert.is(statisticOf("label-noise", [noise[0]!, noise[1]!, noise[3]!]), 11.75);
  assert.is(statisticOf("label-noise", noise.slice(0, 2)), undefined);
  const backdoor = history(
    { forgetAccuracy: 100, forgetTrueAccuracy: 4 },
    { forgetAccuracy: 20, forgetTrueAccuracy: 60 },
    { forgetAccuracy: 0, forgetTrueAccuracy: 80 },
  );
  assert.is(statisticOf("backdoor", backdoor), 70);
  const overfit = history(
    { forgetLoss: 0.25, testLoss: 2 },
    { forgetLoss: 0.375, testLoss: 1 },
    { forgetLoss: 0.625, testLoss: 1.25 },
    { forgetLoss: 2, testLoss: 0.5 },
  );
  assert.is(statisticOf("overfit", overfit), -0.875);
  const half = history(
    { forgetAccuracy: 100, testAccuracy: 95 },
    { forgetAccuracy: 90, testAccuracy: 85 },
  );
  assert.is(statisticOf("standard", half, 5), 90);
  assert.is(statisticOf("standard", half, 20), undefined);
  assert.is(statisticOf("standard", half), undefined);
  // 100 - (100 - x) is less than x here: a run that ends at x has got there.
  const level = (100 * 11) / 60;
  assert.ok(100 - (100 - level) < level);
  const landed = history(
    { forgetAccuracy: 100, testAccuracy: 95 },
    { forgetAccuracy: level, testAccuracy: 90 },
  );
  assert.is(statisticOf("standard", landed, 100 - level), 90);
  // A network trained anew counts as it ends, and only where it does not know D_f; what never gets there, as it started.
  const of = (name: string) => scenarios.find(name).experiment!.statistic;
  assert.is(of("label-noise").ofRetrained!(noise), 5);
  assert.is(of("label-noise").ofRetrained!(noise.slice(0, 2)), undefined);
  assert.is(of("backdoor").ofRetrained!(backdoor), 80);
  assert.equal(
    ["label-noise", "overfit", "backdoor"].map((name) => of(name).never!(backdoor)),
    [0, 0, 4],
  );
  assert.is(of("standard").never, undefined);
});

const protocol = protocolOf(
  "label-noise",
  { name: "synthetic" },
  { size: "tiny", only: ["rewind", "neg-grad"] },
);

function result(arm: string, seed: number, tests: readonly number[]): ArmResult {
  const run = history(
    ...tests.map((testAccuracy, i) => ({ forgetAccuracy: 80 / 2 ** i, testAccuracy })),
  );
  const statistic = statisticOf("label-noise", run);
  return {
    arm,
    method: arm,
    settings: {},
    seed,
    stoppedBy: "rounds",
    history: run,
    end: run.at(-1)!.scores,
    ...(statistic === undefined ? {} : { statistic }),
  };
}

const results = [
  result("rewind", 1, [80, 84]),
  result("neg-grad", 1, [80, 81]),
  result("rewind", 2, [80, 86]),
  result("neg-grad", 2, [80, 82]),
];

test("means, comparisons and tables over seeds", () => {
  const [rewind, negGrad] = summarise(protocol, results);
  assert.is(rewind!.statistic!.mean, 5);
  assert.is(negGrad!.statistic!.mean, 1.5);
  assert.is(rewind!.seconds, 1);
  const [comparison] = compare(protocol, results);
  assert.is(comparison!.result!.difference, 3.5);
  assert.is(comparison!.result!.wins, 2);
  assert.equal(comparison!.reached, [2, 2]);
  const table = resultTable(protocol, summarise(protocol, results));
  assert.match(table, "| rewind | 5.00 ± 1.41 | 2 of 2 | 40.00 ± 0.00 | 85.00 ± 1.41 | 1.0 |");
  // A seed that never gets there counts as what it started from.
  const short = [...results.slice(0, 3), result("neg-grad", 2, [80])];
  assert.match(
    resultTable(protocol, summarise(protocol, short)),
    "| neg-grad | 0.50 ± 0.71 | 1 of 2 |",
  );
  const [counted] = compare(protocol, short);
  assert.equal([counted!.result!.difference, counted!.reached], [4.5, [2, 1]]);
  const none = [0, 2].map((i) => ({ ...results[i]!, statistic: undefined }));
  const neither = [...none, result("neg-grad", 1, [80]), result("neg-grad", 2, [80])];
  assert.is(compare(protocol, neither)[0]!.missing, "neither gets there on any seed");
  assert.match(resultTable(protocol, summarise(protocol, neither)), "| neg-grad | – | 0 of 2 |");
});

test("p values are for what was planned; a verdict says better, equal or not shown", () => {
  const planned = protocolOf(
    "label-noise",
    { name: "synthetic" },
    { size: "tiny", only: ["rewind", "linear-rewind", "task-vector", "neg-grad"] },
  );
  const gains = {
    rewind: [5, 6, 7, 8],
    "linear-rewind": [1, 2.5, 3, 4],
    "task-vector": [5.1, 5.9, 7.1, 7.9],
    "neg-grad": [0, 12, 1, 13],
  };
  const all = Object.entries(gains).flatMap(([arm, values]) =>
    values.map((gain, seed) => result(arm, seed, [80, 80 + gain])),
  );
  const of = (second: string) =>
    compare(planned, all).find((one) => one.first === "rewind" && one.second === second)!;
  const [line, vector, other] = ["linear-rewind", "task-vector", "neg-grad"].map(of);
  // Differences 4, 3.5, 4, 4: mean 3.875, standard error 0.125, t = 31 with 3 degrees of freedom, p = 7.4e-5.
  assert.ok(Math.abs(line!.result!.p - 7.38e-5) < 1e-6);
  assert.ok(Math.abs(line!.result!.holmP! - 2 * line!.result!.p) < 1e-12);
  assert.is(verdictOf(planned.statistic, line!), "first");
  // Differences -0.1, 0.1, -0.1, 0.1: none, and smaller than the margin of a point.
  assert.is(vector!.result!.holmP, 1);
  assert.is(verdictOf(planned.statistic, vector!), "equal");
  assert.is(other!.result!.holmP, undefined);
  assert.is(verdictOf(planned.statistic, other!), undefined);
  const wide = all.map((one) =>
    one.arm === "task-vector" ? result(one.arm, one.seed, [80, [80, 95, 78, 98][one.seed]!]) : one,
  );
  const unsure = compare(planned, wide).find(({ second }) => second === "task-vector")!;
  assert.is(verdictOf(planned.statistic, unsure), "not shown");
  const table = comparisonTable(planned, [line!, other!]);
  assert.match(table, "| rewind is better |");
  assert.match(table, "| – | not planned |");
  assert.match(table, "| 4 of 4 |");
  // Seeds on which neither is better are told.
  const tied = all.map((one) =>
    one.arm === "linear-rewind" && one.seed === 0 ? result(one.arm, 0, [80, 85]) : one,
  );
  const drawn = compare(planned, tied).find(({ second }) => second === "linear-rewind")!;
  assert.match(comparisonTable(planned, [drawn]), "| 3 of 4, 1 equal |");
  // Seeds on which neither gets there say nothing about the two being equal; the mean is over them, too.
  const short = (seeds: readonly number[], arms = ["rewind", "task-vector"]) =>
    all.map((one) =>
      arms.includes(one.arm) && seeds.includes(one.seed) ? result(one.arm, one.seed, [80]) : one,
    );
  const shownOf = (some: readonly ArmResult[]) => {
    const one = compare(planned, some).find(({ second }) => second === "task-vector")!;
    return [verdictOf(planned.statistic, one), one.result!.equalSeeds, one.result!.n];
  };
  assert.equal(shownOf(short([0, 1])), ["equal", 2, 4], "differences -0.1 and 0.1");
  assert.equal(shownOf(short([0, 1, 2])), ["not shown", 1, 4]);
  assert.equal(shownOf(short([0, 1, 2, 3], ["task-vector"])).slice(1), [4, 4]);
  const alike = short([0, 1, 2]).map((one) =>
    one.arm === "task-vector" && one.seed === 3 ? result(one.arm, 3, [80, 88]) : one,
  );
  assert.equal(shownOf(alike), ["not shown", 1, 4], "one seed on which both are the same");
  const half3 = compare(planned, alike).find(({ second }) => second === "task-vector")!;
  assert.match(
    comparisonTable(planned, [half3]),
    "| 0 of 4, 1 equal, 3 where neither gets there |",
  );
  // Where nothing counts for a run that never gets there, it counts as the worst on its seed.
  const half = protocolOf(
    "standard",
    { name: "synthetic" },
    { size: "tiny", only: ["rewind", "neg-grad"] },
  );
  const at = (arm: string, seed: number, statistic?: number): ArmResult => {
    const { statistic: _, ...one } = result(arm, seed, [80, 84]);
    return statistic === undefined ? one : { ...one, statistic };
  };
  const runs = [at("rewind", 1, 90), at("rewind", 2, 80), at("neg-grad", 1), at("neg-grad", 2, 81)];
  const [worst] = compare(half, runs);
  assert.equal([worst!.result!.difference, worst!.reached], [-0.5, [2, 1]]);
  // Where it would be alone, both count as the same: they are not equal for that.
  const alone = [0, 1, 2, 3, 4, 5].flatMap((seed) => [
    at("rewind", seed, 90),
    at("neg-grad", seed, seed === 0 ? undefined : 90),
  ]);
  assert.is(compare(half, alone)[0]!.result!.equalP, 1);
  const both = alone.map((one) => at(one.arm, one.seed, 90));
  assert.is(compare(half, both)[0]!.result!.equalP, 1 / 64);
});

test("the tidy table has a line a round, and mean curves a band", () => {
  const lines = tidyCsv(protocol, results).trimEnd().split("\n");
  assert.is(lines.length, 1 + 8);
  assert.is(lines[2], "label-noise,synthetic,1,rewind,1,10,1.000,40,0,,,84,,");
  const points = meanCurve(protocol, [results[0]!, results[2]!], protocol.y[0]!);
  assert.equal(points[0], { x: 80, y: 80 }, "two seeds have no band");
  assert.ok(Math.abs(points.at(-1)!.y - 85) < 1e-9 && Math.abs(points.at(-1)!.x - 40) < 1e-9);
  // Three seeds: 84, 86 and 88 at the end; t of two degrees of freedom is 4.302653.
  const three = [results[0]!, results[2]!, result("rewind", 3, [80, 88])];
  const { y, low, high } = meanCurve(protocol, three, protocol.y[0]!).at(-1)!;
  const half = (4.302653 * 2) / Math.sqrt(3);
  assert.ok([y - 86, low! - (86 - half), high! - (86 + half)].every((d) => Math.abs(d) < 1e-5));
});

test("a curve that rises ends where runs do, not where their last round leapt to", () => {
  const curves = { x: { score: "forgetLoss" }, reverseX: false, until: { forgetLoss: 2.5 } };
  const leapt = history({ forgetLoss: 0, testLoss: 1 }, { forgetLoss: 100, testLoss: 101 });
  const points = meanCurve(curves, [{ arm: "a", seed: 1, history: leapt }], { score: "testLoss" });
  assert.equal(points.at(-1), { x: 2.5, y: 3.5 });
});

test("a curve of what was not measured is empty", () => {
  const curves = { x: { score: "forgetLoss" }, reverseX: false, until: {} };
  const one = { arm: "a", seed: 1, history: history({ forgetLoss: 0 }, { forgetLoss: 1 }) };
  assert.equal(meanCurve(curves, [one], { score: "testLoss" }), []);
});

test("curves say what the methods read that they show", () => {
  const says = (...arms: string[]): string => {
    const runs = arms.map((arm) => ({ ...results[0]!, arm, method: arm }));
    return curveCharts({ ...curvesOf(protocol), arms }, runs)[0]!.chart.subtitle;
  };
  assert.match(says("rewind", "neg-grad"), "methods that read D_f only;");
  assert.match(says("rewind", "scrub", "ssd"), "scrub and ssd read D_r, the others D_f only;");
  assert.match(says("scrub"), "scrub reads D_r;");
});

test("the table as numbers, and in LaTeX", () => {
  const summaries = summarise(protocol, results);
  const [line] = csvParse(resultCsv(protocol, summaries));
  const { statistic } = protocol;
  assert.equal(
    ["mean", "deviation", "seeds"].map((part) => Number(line![`${statistic.name}: ${part}`])),
    [5, Math.SQRT2, 2],
  );
  assert.is(line!["testAccuracy at the end: mean"], "85");
  const latex = resultTable(protocol, summaries, latexTable);
  assert.match(latex, "rewind & 5.00 $\\pm$ 1.41 & 2 of 2 & 40.00 $\\pm$ 0.00 &");
  assert.match(latex, "\\begin{tabular}{lrrrrr}");
  // A title with what LaTeX takes for itself.
  assert.match(
    latexTable([{ title: "D_f 5 % & {a}\\b" }], []),
    "D\\_f 5 \\% \\& \\{a\\}\\textbackslash{}b \\\\",
  );
});

test("a folder of results is drawn and tabled as the experiment was", async () => {
  const folder = mkdtempSync(`${tmpdir()}/rewind-recorded-`);
  const written = { experiment: "label-noise", dataset: "synthetic", seeds: [1, 2] };
  const runs = results.map((one) => ({ ...one, history: undefined }));
  const { statistic } = protocol;
  writeFileSync(`${folder}/results.json`, JSON.stringify({ ...written, statistic, runs }));
  writeFileSync(`${folder}/results.csv`, tidyCsv(protocol, results));
  const recorded = await recordedExperiment(folder);
  assert.is(
    resultTable(recorded.protocol, summarise(recorded.protocol, recorded.results)),
    resultTable(protocol, summarise(protocol, results)),
  );
  assert.equal(curvesOf(recorded.protocol).arms, ["rewind", "neg-grad"]);
  const drawn = ["neg-grad"];
  writeFileSync(`${folder}/results.json`, JSON.stringify({ ...written, statistic, runs, drawn }));
  assert.equal(curvesOf((await recordedExperiment(folder)).protocol).arms, drawn);
  writeFileSync(`${folder}/results.json`, JSON.stringify({ seeds: [] }));
  try {
    await recordedExperiment(folder);
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /holds no results of `rewind experiment`/);
  }
  rmSync(folder, { recursive: true });
});

test("a seed on which there is nothing to forget decides nothing, and is told", async () => {
  const folder = mkdtempSync(`${tmpdir()}/rewind-nothing-`);
  const judged = async (name: string, runs: readonly Progress[][], ua?: number) => {
    const of = protocolOf(name, { name: "synthetic" }, { size: "tiny", only: ["neg-grad"] });
    const read = runs.map(async (one, seed): Promise<ArmResult> => {
      const { statistic: _, ...left } = { ...result("neg-grad", seed, [80]), history: one };
      mkdirSync(`${folder}/${name}-${seed}`);
      writeFileSync(`${folder}/${name}-${seed}/result.json`, JSON.stringify(left));
      return (await finishedRun(of, `${folder}/${name}-${seed}`, ua))!;
    });
    const results = await Promise.all(read);
    return { of, results, values: results.map(({ statistic }) => statistic) };
  };
  const loss = (...values: number[]) =>
    history(...values.map((forgetLoss) => ({ forgetLoss, testLoss: forgetLoss + 1 })));
  const wrong = (...values: number[]) =>
    history(...values.map((forgetAccuracy) => ({ forgetAccuracy, testAccuracy: 50 })));
  const overfit = await judged("overfit", [loss(0.25, 0.75), loss(0.75, 2)]);
  assert.equal(overfit.values, [0.25, undefined]);
  assert.match(nothingToForgetText(overfit.of, overfit.results)!, /^Nothing to forget on seed 1: /);
  const [summary] = summarise(overfit.of, overfit.results);
  assert.equal([summary!.reached, summary!.statistic!.mean], [1, 0.125]);
  assert.equal((await judged("label-noise", [wrong(0, 0), wrong(4, 2)])).values, [undefined, 0]);
  const stamped = (...values: number[]) =>
    history(...values.map((forgetAccuracy) => ({ forgetAccuracy, forgetTrueAccuracy: 7 })));
  assert.equal((await judged("backdoor", [stamped(9, 1), stamped(11, 9)])).values, [undefined, 7]);
  // In standard the level is the retrained network's.
  const half = await judged("standard", [wrong(80, 70), wrong(95, 80)], 15);
  assert.equal(half.values, [undefined, 50]);
  const reference = (seed: number): ArmResult => ({
    ...result("retrain", seed, [90]),
    statistic: undefined,
    history: wrong(80, 85),
  });
  const all = [reference(0), reference(1), ...half.results];
  assert.match(nothingToForgetText(half.of, all)!, /^Nothing to forget on seed 0: /);
  assert.is(nothingToForgetText(half.of, all.slice(1, 2)), undefined);
  rmSync(folder, { recursive: true });
});

test("a run that was stopped short of its level is not finished", async () => {
  const folder = mkdtempSync(`${tmpdir()}/rewind-short-`);
  const finished = async (stoppedBy: string, ...accuracies: number[]): Promise<boolean> => {
    const curve = history(...accuracies.map((forgetAccuracy) => ({ forgetAccuracy })));
    const run = { ...result("neg-grad", 1, [80]), stoppedBy, history: curve };
    writeFileSync(`${folder}/result.json`, JSON.stringify(run));
    return (await finishedRun(protocol, folder, undefined)) !== undefined;
  };
  assert.not(await finished("unlearning accuracy", 16, 9.5));
  assert.ok(await finished("unlearning accuracy", 16, 9.5, 8));
  assert.ok(await finished("rounds", 16, 9.5));
  rmSync(folder, { recursive: true });
});

test("protocols: D_r methods are left out of overfit, retraining always runs in standard", () => {
  for (const name of experimentNames()) {
    const { arms } = protocolOf(name, { name: "mnist" }, { size: "scaled", published: "x" });
    const names = arms.map((arm) => arm.name);
    assert.is(new Set(names).size, names.length);
    assert.is(names.includes("retrain"), name !== "overfit");
    assert.is(names.includes("temperature"), name === "overfit");
    const tuned = arms.filter((arm) => arm.trials.length > 0);
    // Methods that go back by what a window moved choose from as many settings as each other, and more than the rest.
    for (const { name: arm, trials } of tuned) {
      assert.is(trials.length, /rewind|task-vector|negmerge/.test(arm) ? 12 : 5, arm);
    }
    for (const { tunedAs } of arms) assert.ok(tunedAs === undefined || names.includes(tunedAs));
  }
  const only = protocolOf("standard", { name: "mnist" }, { size: "scaled", only: ["neg-grad"] });
  assert.equal(
    only.arms.map((arm) => arm.name),
    ["retrain", "neg-grad"],
  );
  const drawn = (asked?: string[]): readonly string[] =>
    curvesOf(protocolOf("standard", { name: "mnist" }, { size: "scaled", only: asked })).arms;
  assert.ok(!drawn().includes("scrub"));
  assert.equal(drawn(["scrub", "neg-grad"]), ["neg-grad", "scrub"]);
  assert.throws(
    () => protocolOf("overfit", { name: "mnist" }, { size: "scaled", only: ["scrub"] }),
    /no arm "scrub"; there are: rewind, /,
  );
});

test("a network is lost below twice guessing, or below half of what it had where that is less", () => {
  assert.is(collapseFloor(10, 95), 20);
  assert.is(collapseFloor(100, 70), 2);
  assert.is(collapseFloor(10, 16.5), 8.25);
});

test("every rewind has a control with steps as long in random directions, tuned as it is", () => {
  const { arms } = protocolOf("backdoor", { name: "mnist" }, { size: "scaled", published: "x" });
  const control = (name: string): unknown => {
    const { method, tunedAs, settings } = arms.find((arm) => arm.name === name)!;
    return [method, tunedAs, settings["predictor"]];
  };
  assert.equal(control("random-rewind"), ["random-rewind", "rewind", undefined]);
  assert.equal(control("random-rewind-published"), ["random-rewind", "rewind-published", "x"]);
});

test("standard's table has the gaps to the retrained network and the margin of D_r over D_f", () => {
  const half = protocolOf("standard", { name: "synthetic" }, { size: "tiny", only: ["neg-grad"] });
  const metric = (value: number): Measurement => ({
    name: "",
    definition: "",
    unit: "%",
    value,
    n: 1,
  });
  const run = (arm: string, [RA, UA, TA, MIA]: [number, number, number, number]): ArmResult => ({
    ...result(arm, 1, [90]),
    final: {
      accuracies: { RA: metric(RA), UA: metric(UA), TA: metric(TA) },
      mia: { attacks: { confidence: metric(MIA) } },
    } as unknown as NonNullable<ArmResult["final"]>,
  });
  const runs = [run("retrain", [99, 8, 91, 30]), run("neg-grad", [95, 10, 85, 33])];
  const [, line] = resultTable(half, summarise(half, runs)).split("\n").slice(2);
  assert.match(
    line!,
    "| 95.00 ± 0.00 (4.00) | 10.00 ± 0.00 (2.00) | 85.00 ± 0.00 (6.00) | 33.00 ± 0.00 (3.00) | 3.75 | 5.00 |",
  );
});

test("at full size the protocol is the paper's; options change parts of it", () => {
  const data = { name: "cifar10", dir: "x" } as const;
  const full = protocolOf("label-noise", data, { size: "full", model: "resnet18" });
  const { epochs, batch, model, augment, data: used } = full.train(1);
  assert.equal([epochs, batch, model.name, used], [200, 256, "resnet18", data]);
  assert.is(augment?.zoom?.[0], 0.7);
  const rewind = full.arms.find(({ name }) => name === "rewind")!;
  assert.is(rewind.settings["warmupEpochs"], 2);
  assert.ok(rewind.trials.some(({ learningRate }) => learningRate === 1e-6));
  assert.is(
    full.arms.find(({ name }) => name === "task-vector")!.settings["warmupEpochs"],
    undefined,
  );

  const changed = protocolOf("label-noise", data, {
    size: "full",
    model: "pvt-v2-b0",
    overrides: { train: 500, recipe: { epochs: 12, microBatch: 16 } },
  });
  assert.is(changed.train(1).data.trainCount, 500);
  assert.is(changed.train(1).microBatch, 16);
  for (const { method, settings } of changed.arms) {
    // Passes for squared gradients are of one image each.
    const single = method === "fisher" || method === "ssd";
    assert.is(settings["microBatch"], single ? undefined : 16, method);
  }
  assert.is(changed.arms.find(({ name }) => name === "retrain")!.settings["epochsPerRound"], 1);

  // Too few samples are one in a hundred, unaugmented.
  const few = protocolOf("overfit", data, { size: "full", model: "resnet18" }).train(1);
  assert.equal([few.data.trainCount, few.augment], [500, undefined]);
  // Of diffusion as well.
  const drawing = protocolOf(
    "diffusion",
    { name: "synthetic" },
    { size: "tiny", overrides: { recipe: { microBatch: 16 } } },
  );
  const split = drawing.arms.filter(({ settings }) => settings["microBatch"] === 16);
  assert.ok(split.some(({ method }) => method === "rewind"));
  assert.is(drawing.train(1).microBatch, 16);
});

test("what tuning tried says on how many seeds it gets there, and how it is chosen by that", () => {
  const tuned: Record<string, Tuned> = {
    rewind: {
      settings: { learningRate: 0.1 },
      trials: [
        { settings: { learningRate: 0.01 }, statistic: undefined, reached: 0, end: 60 },
        { settings: { learningRate: 0.1 }, statistic: 30, reached: 3, end: 25 },
        { settings: { learningRate: 1 }, statistic: 33, reached: 2, end: 25 },
        // Results of old had no such number.
        { settings: { learningRate: 10 }, statistic: 12, end: 25 },
      ],
    },
  };
  const of = (name: string) => protocolOf(name, { name: "synthetic" }, { size: "tiny" });
  const { rows } = tuningRows(of("standard"), tuned, JSON.stringify);
  assert.equal(
    rows.map(([, , value, seeds, chosen]) => [value, seeds, chosen]),
    [
      ["not reached", "0", ""],
      ["30.00", "3", "chosen"],
      ["33.00", "2", ""],
      ["12.00", "–", ""],
    ],
  );
  assert.match(
    tuningTable(of("standard"), tuned),
    /^Means are of the seeds that get there\. Chosen/,
  );
  assert.match(
    tuningTable(of("label-noise"), tuned),
    /^A seed that does not get there counts .* best mean of the settings that get there on a seed\. Where none does/,
  );
});

test.run();
