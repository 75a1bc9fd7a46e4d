// An experiment in shares: put together, they say what one process says; what does not belong together is refused.
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
import { csvRecords } from "../../src/data/csv.ts";
import { shareDevice } from "../../src/cli/device-options.ts";
import { runCommand } from "../../src/cli/program.ts";
import { planOf, sharesOf } from "../../src/experiments/plan.ts";
import { protocolOf } from "../../src/experiments/protocol.ts";
import { finishedRun } from "../../src/experiments/trained-network.ts";
import type { Settings } from "../../src/unlearn/arm.ts";
import { closeGpus, testGpu } from "../device.ts";
import { contentsOf, differencesOf, run } from "../faults/kill.ts";

const folder = mkdtempSync(`${tmpdir()}/rewind-shares-`);
const words =
  "experiment standard --size tiny --dataset synthetic --train 60 --test 40 --epochs 3 --batch 20 --model mlp " +
  "--seeds 2 --arms neg-grad,linear-rewind";
/** With trials beyond an edge of those of every arm. */
const wider = `${words} --widenings 2`;

async function done(line: string): Promise<void> {
  const { code, said } = await run(line, undefined);
  assert.is(code, 0, said);
}

async function refused(line: string, says: RegExp): Promise<void> {
  const { code, said } = await run(line, undefined);
  assert.is.not(code, 0);
  assert.match(said, says);
}

/** What a command says on stdout, where its time is spent. */
async function answered(line: string): Promise<{
  finished: boolean;
  done: number;
  runs: number;
  summaries: { arm: string; seeds: number }[];
}> {
  const { log } = console;
  const said: string[] = [];
  console.log = (text: string) => void said.push(text);
  try {
    assert.is(await runCommand([...line.split(" "), "--quiet", "--json"]), 0);
  } finally {
    console.log = log;
  }
  return JSON.parse(said.join("\n")) as Awaited<ReturnType<typeof answered>>;
}

test.before(async () => shareDevice(await testGpu()));

test("a plan has every run once, after those that it needs", () => {
  const protocol = protocolOf("standard", { name: "synthetic" }, { size: "tiny" });
  const plan = planOf(protocol, { seeds: [1, 2, 3], tuningSeeds: [101] });
  const before = new Set<string>();
  for (const { key, after } of plan) {
    assert.not(before.has(key), key);
    assert.equal(
      after.filter((one) => !before.has(one)),
      [],
      key,
    );
    before.add(key);
  }
  const trials = protocol.arms.reduce((sum, arm) => sum + arm.trials.length, 0);
  // Besides them each seed's training, and once the reference on the tuning seed.
  assert.is(plan.length, trials + 1 + 4 + 3 * protocol.arms.length);
  const arm = plan.find(({ key }) => key === "seed-2/neg-grad")!;
  assert.ok(["seed-2/trained", "seed-2/retrain"].every((key) => arm.after.includes(key)));
  assert.ok(arm.after.includes("tuning/seed-101/neg-grad-1"));
});

test("an arm is tuned against the reference, whether that was tuned before or not", () => {
  const options = { size: "tiny", only: ["neg-grad", "salun"] } as const;
  const protocol = protocolOf("standard", { name: "synthetic" }, options);
  const trialsOf = (choices: readonly Settings[]) => ({
    settings: {},
    trials: choices.map((settings) => ({ settings, statistic: 1, end: 1 })),
  });
  const tuned = (names: readonly string[]) =>
    Object.fromEntries(
      protocol.arms
        .filter(({ name }) => names.includes(name))
        .map(({ name, trials }) => [name, trialsOf(name === "retrain" ? [{}] : trials)]),
    );
  const trials = (...names: string[]): string[] =>
    planOf(protocol, { seeds: [1], tuningSeeds: [101], known: tuned(names) })
      .filter(({ kind }) => kind === "trial")
      .map(({ key }) => key.replace("tuning/seed-101/", ""));
  assert.equal(trials("retrain", "neg-grad", "salun"), []);
  const left = [1, 2, 3, 4, 5].map((i) => `salun-${i}`);
  assert.equal(trials("retrain", "neg-grad"), ["retrain-1", ...left]);
});

test("a result that is read has NaN where its run had none of a number", async () => {
  const protocol = protocolOf("label-noise", { name: "synthetic" }, { size: "tiny" });
  const scores = { testLoss: null, testAccuracy: 50 };
  const history = [{ round: 0, steps: 0, seconds: 0, scores }];
  const run = { arm: "ours", method: "rewind", settings: {}, seed: 1, stoppedBy: "rounds" };
  writeFileSync(`${folder}/result.json`, JSON.stringify({ ...run, history, end: scores }));
  const result = (await finishedRun(protocol, folder, undefined))!;
  assert.ok(Number.isNaN(result.history[0]!.scores["testLoss"]));
  assert.ok(Number.isNaN(result.end["testLoss"]));
  assert.is(result.end["testAccuracy"], 50);
});

test("shares have every arm and seed between them once, and whatever these need", () => {
  const protocol = protocolOf("label-noise", { name: "synthetic" }, { size: "tiny" });
  for (const tuningSeeds of [[101], [101, 102], []]) {
    const plan = planOf(protocol, { seeds: [1, 2, 3], tuningSeeds });
    const arms = plan.filter(({ kind }) => kind === "arm").map(({ key }) => key);
    for (const count of [1, 2, 3, 7, arms.length]) {
      const shares = sharesOf(plan, count);
      assert.equal(shares.flatMap(({ own }) => [...own]).sort(), [...arms].sort());
      for (const { runs } of shares) {
        const keys = new Set(runs.map(({ key }) => key));
        for (const { after } of runs) assert.ok(after.every((one) => keys.has(one)));
      }
    }
    assert.throws(() => sharesOf(plan, arms.length + 1), /not split further/);
  }
  // Cut by arms where settings are chosen, so that trials are run once; else by seeds, so that trainings are.
  const trialsOf = (tuningSeeds: readonly number[]): number[] =>
    sharesOf(planOf(protocol, { seeds: [1, 2, 3], tuningSeeds }), 3).map(
      ({ runs }) => runs.filter(({ kind }) => kind === "training").length,
    );
  assert.equal(trialsOf([]), [1, 1, 1]);
  assert.equal(trialsOf([101]), [4, 4, 4]);
});

test("shares that are put together say what one process says", async () => {
  await done(`${wider} --out ${folder}/whole`);
  assert.ok(readdirSync(`${folder}/whole/tuning/seed-101`).some((name) => /-wider-1/.test(name)));
  await done(`${wider} --out ${folder}/one --shard 1/2`);
  // The same command goes on, which is nothing here.
  await done(`${wider} --out ${folder}/one --shard 1/2`);
  await refused(`experiment merge ${folder}/one --out ${folder}/none`, /share 2 of 2 is missing/);
  await done(`${wider} --out ${folder}/two --shard 2/2`);
  await done(`experiment merge ${folder}/two ${folder}/one --out ${folder}/merged`);
  const contents = (name: string) =>
    new Map(
      [...contentsOf(`${folder}/${name}`)].filter(
        // What was said to make it differs, and pages say it.
        ([file]) => file !== "command.json" && !file.endsWith(".html"),
      ),
    );
  assert.equal(differencesOf(contents("merged"), contents("whole")), []);
});

test("what does not belong together is refused by name", async () => {
  const [one, two] = [`${folder}/one`, `${folder}/two`];
  const merged = `--out ${folder}/refused`;
  await refused(`experiment merge ${one} ${one} ${merged}`, /are both share 1 of 2: give one/);
  await refused(
    `experiment merge ${one} ${folder}/whole ${merged}`,
    /is no share of an experiment/,
  );
  await refused(`experiment merge ${one} ${two} --seeds 2 ${merged}`, /and no --seeds/);
  await refused(`${wider} --out ${two} --shard 1/2`, /two" is share 2 of 2/);
  await refused(`${wider} --out ${folder}/whole --shard 1/2`, /holds the whole experiment/);
  await refused(`${words} --out ${folder}/none --shard 1/90`, /90 shares of 6 runs/);
  const changed = async (file: string, from: string, to: string, says: RegExp): Promise<void> => {
    const copy = `${folder}/changed`;
    rmSync(copy, { recursive: true, force: true });
    cpSync(two, copy, { recursive: true });
    const text = readFileSync(`${copy}/${file}`, "utf8");
    assert.ok(text.includes(from), from);
    writeFileSync(`${copy}/${file}`, text.replace(from, to));
    await refused(`experiment merge ${one} ${copy} ${merged}`, says);
  };
  await changed(
    "part.json",
    '"finished": true',
    '"finished": false',
    /share 2 in .* is not finished/,
  );
  await changed("part.json", '"train": 60', '"train": 61', /what was asked \(overrides\)/);
  await changed("part.json", '"test images": "', '"test images": "0', /content of the test images/);
  // What both did must have come out alike.
  await changed(
    "tuning/seed-101/retrain-1/result.json",
    '"testLoss": ',
    '"testLoss": 1',
    /retrain-1 came out differently in .*Compute all shares on one kind of adapter/,
  );
});

test("an experiment ends after its minutes with what is done, and goes on by the same command", async () => {
  const out = `${folder}/minutes`;
  await done(`${words.replace("--seeds 2", "--seeds 1")} --out ${out}`);
  const told = await answered(`${words} --minutes 0.00001 --out ${out}`);
  const named = ["retrain", "linear-rewind", "neg-grad"];
  // What was tuned is not tuned again.
  assert.equal([told.finished, told.done, told.runs], [false, 3, 6]);
  const shown = told.summaries.map(({ arm, seeds }) => [arm, seeds]);
  assert.equal(
    shown,
    named.map((arm) => [arm, 1]),
  );
  await done(`${words} --out ${out}`);
  const { seeds } = JSON.parse(readFileSync(`${out}/results.json`, "utf8")) as { seeds: number[] };
  assert.equal(seeds, [1, 2]);
  await refused(`${words} --minutes 1 --queue redis://localhost --store x --out ${out}`, /--idle/);
  // Timers count no further than 24 days: more would be none.
  await refused(`${words} --minutes 50000 --out ${out}`, /at most 34560/);
  await refused(`experiment nowcast --minutes 1 --out ${folder}/none`, /has no --minutes/);
});

test("settings that another run chose are taken over: to the same bits, and at the paper's size", async () => {
  const [chose, takes] = [`${folder}/minutes`, `${folder}/taken`];
  const line = `${words} --tuned ${chose}`;
  await done(`${line} --out ${takes}`);
  const read = (dir: string, file: string): string => readFileSync(`${dir}/${file}`, "utf8");
  const curves = (dir: string): string[] =>
    // Without their seconds.
    csvRecords(read(dir, "results.csv"), dir).map((row) => JSON.stringify({ ...row, seconds: "" }));
  assert.equal(curves(takes), curves(chose));
  assert.is(existsSync(`${takes}/tuning`), false);
  const { tuningSeeds, settingsFrom } = JSON.parse(read(takes, "results.json")) as {
    tuningSeeds?: object;
    settingsFrom: { dataset: string; tuningSeeds: number[]; settings: Record<string, object> };
  };
  assert.equal(
    [tuningSeeds, settingsFrom.dataset, settingsFrom.tuningSeeds],
    [undefined, "synthetic", [101]],
  );
  const tuned = JSON.parse(read(chose, "tuning.json")) as Record<string, { settings: object }>;
  // The reference has none of its own.
  assert.equal(Object.keys(settingsFrom.settings).sort(), ["linear-rewind", "neg-grad", "retrain"]);
  for (const [arm, { settings }] of Object.entries(tuned)) {
    assert.equal(settingsFrom.settings[arm], settings);
  }
  assert.match(
    read(takes, "report.md"),
    /settings taken over from another run \(synthetic, seeds 101\)/,
  );
  // A hundredth of the paper's images, by a network that takes seconds: training, retraining, windows and report.
  const full = `${folder}/full`;
  const short = "--train 500 --test 100 --epochs 2 --schedule one-cycle --seeds 1";
  const paper = line
    .replace("--size tiny", "--size full")
    .replace(/--train 60 .* --batch 20/, short)
    .replace("--seeds 2 ", "");
  await done(`${paper.replace("neg-grad,", "")} --minutes 45 --out ${full}`);
  const { summaries } = JSON.parse(read(full, "results.json")) as { summaries: { arm: string }[] };
  assert.equal(summaries.map(({ arm }) => arm).sort(), ["linear-rewind", "retrain"]);
  await refused(`${paper.replace("neg-grad", "task-vector")} --out ${folder}/none`, /task-vector/);
  await refused(`${line} --tuning-seeds 2 --out ${folder}/none`, /leave --tuning-seeds out/);
  await refused(
    `${line.replace("standard", "overfit")} --out ${folder}/none`,
    /of standard, not of/,
  );
  await refused(`${words} --tuned ${takes} --out ${folder}/none`, /chose no settings/);
  await refused(`${words} --tuned ${folder} --out ${folder}/none`, /there is no .*results\.json/);
  await refused(`${line} --out ${chose}`, /tuned|another/);
  await refused(`experiment diffusion --tuned ${chose} --out ${folder}/none`, /tunes nothing/);
});

test("the training of an experiment takes another rate, schedule and optimiser", async () => {
  const own = "--lr 0.1 --schedule one-cycle --optimizer sgd --weight-decay 0.0005";
  const out = `${folder}/one-cycle`;
  const line = `${words.replace("--seeds 2", "--seeds 1")} ${own} --minutes 0.00001 --out ${out}`;
  await done(line);
  const { train } = JSON.parse(readFileSync(`${out}/config.json`, "utf8")) as {
    train: { learningRate: number; schedule: string; optimizer: object };
  };
  const { learningRate, schedule, optimizer } = train;
  assert.equal([learningRate, schedule], [0.1, "one-cycle"]);
  assert.equal(optimizer, { name: "sgd", momentum: 0.9, weightDecay: 5e-4 });
  await refused(line.replace("--optimizer sgd ", ""), /--weight-decay belongs to --optimizer/);
});

test.after(() => {
  shareDevice(undefined);
  rmSync(folder, { recursive: true, force: true });
  return closeGpus();
});
test.run();
