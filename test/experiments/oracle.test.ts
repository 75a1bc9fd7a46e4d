// Sets of networks trained and retrained without D_f, and measurements over them.
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { shareDevice } from "../../src/cli/device-options.ts";
import type { OracleManifest } from "../../src/experiments/oracle.ts";
import type { OracleMeasured } from "../../src/experiments/oracle-table.ts";
import { closeGpus, testGpu } from "../device.ts";
import { run } from "../faults/kill.ts";

const root = mkdtempSync(join(tmpdir(), "rewind-oracle-"));
const small =
  "--scenario standard --share 0.5 --train 60 --test 20 --epochs 12 --batch 10 --lr 0.01 --model mlp --image-size 8";
// A step so small that nothing is forgotten.
const nothing = "--method neg-grad --rate 1e-9 --forget-batch 10 --rounds 1";

const read = (...path: string[]): unknown =>
  JSON.parse(readFileSync(join(root, ...path), "utf8")) as unknown;
const manifestOf = (name: string): OracleManifest => read(name, "oracle.json") as OracleManifest;
const measuredOf = (name: string): OracleMeasured => read(name, "results.json") as OracleMeasured;
const checkpoint = (...place: string[]): string => join(root, ...place, "checkpoint.safetensors");

/** Runs a command, `oracle` before and `--out` behind it; what it must say of failing. */
async function oracle(words: string, out: string, failing?: { code: number; said: RegExp }) {
  const { code, said } = await run(`oracle ${words} --out ${join(root, out)}`, undefined);
  assert.is(code, failing?.code ?? 0, `${words}: ${said}`);
  if (failing !== undefined) assert.match(said, failing.said);
}

test.before(async () => shareDevice(await testGpu()));

test("a set has as many networks of either kind, no two of one start, and grows to the same bits", async () => {
  await oracle(`build ${small} --networks 2`, "grown");
  const first = manifestOf("grown");
  assert.equal(
    first.networks.map(({ kind, seed }) => [kind, seed]),
    [
      ["trained", 1],
      ["retrained", 100_001],
      ["trained", 2],
      ["retrained", 100_002],
    ],
  );
  assert.is(new Set(first.networks.map(({ sha256 }) => sha256)).size, 4);
  assert.equal([first.forget.count, first.forget.of], [30, 60]);
  // The last of the networks is begun anew.
  rmSync(join(root, "grown", "retrained-002"), { recursive: true });
  writeFileSync(
    join(root, "grown", "oracle.json"),
    JSON.stringify({ ...first, networks: first.networks.slice(0, 3) }),
  );
  await oracle(`build ${small} --networks 4`, "grown");
  await oracle(`build ${small} --networks 4`, "set");
  assert.equal(manifestOf("grown"), manifestOf("set"));
  assert.equal(manifestOf("set").networks.slice(0, 4), first.networks);
});

test("what is not forgotten is found, on D_f more than on the test images; the measurement repeats", async () => {
  await oracle(`measure --oracle ${root}/set ${nothing}`, "nothing");
  const { rows, runs, oracle: of } = measuredOf("nothing");
  assert.equal([of.networks, of.dataset, of.model, of.forget.count], [4, "synthetic", "mlp", 30]);
  const [floor, before, after] = rows;
  assert.equal(
    [floor!.networks, before!.networks, after!.networks],
    [
      [2, 2],
      [4, 4],
      [4, 4],
    ],
  );
  assert.is(before!.name, "untouched");
  assert.is(floor!.uLira.forget.accuracy.missing, "fewer than three networks of a kind");
  // 30 memorised images, by networks of twice the images.
  const { forget, test: unseen } = after!.uLira;
  assert.ok(forget.accuracy.value! > 70, `${forget.accuracy.value}`);
  assert.ok(forget.accuracy.value! > unseen.accuracy.value!, `${unseen.accuracy.value}`);
  assert.is(after!.accuracy.forget, before!.accuracy.forget);
  assert.ok(after!.accuracy.forget > 90 && floor!.accuracy.forget < after!.accuracy.forget);
  assert.equal(runs.stoppedBy, { rounds: 4 });
  // A line an image: its number in the training or test images.
  const lines = readFileSync(join(root, "nothing", "images.csv"), "utf8")
    .trim()
    .split("\n");
  assert.is(lines.length, 1 + 30 + 30 + 20);
  const klom = lines
    .filter((line) => line.startsWith("forget,"))
    .map((line) => Number(line.split(",")[2]));
  const mean = klom.reduce((sum, value) => sum + value, 0) / 30;
  assert.ok(Math.abs(mean - after!.klom.forget.mean.value!) < 1e-5);
  rmSync(join(root, "nothing", "network-002"), { recursive: true });
  await oracle(`measure --oracle ${root}/set ${nothing}`, "nothing");
  assert.equal(measuredOf("nothing").rows, rows);
});

test("retraining with other seeds cannot be told from the set's; a method ends where retraining is", async () => {
  await oracle(`measure --oracle ${root}/set --method retrain`, "retrain");
  await oracle(
    `measure --oracle ${root}/set --method neg-grad --rate 0.1 --forget-batch 30 --rounds 60 --until-retrained --name away`,
    "away",
  );
  const [, before, retrained] = measuredOf("retrain").rows;
  assert.ok(retrained!.klom.forget.mean.value! < before!.klom.forget.mean.value!);
  assert.ok(
    retrained!.uLira.forget.accuracy.value! < 65,
    `${retrained!.uLira.forget.accuracy.value}`,
  );
  const { rows, runs } = measuredOf("away");
  assert.equal(runs.stoppedBy, { "unlearning accuracy": 4 });
  // The level is that of the set's retrained networks, which two halves of them have on average as well.
  const level = rows[0]!.accuracy.forget;
  assert.ok(
    Math.abs(rows[2]!.accuracy.forget - level) < 10,
    `${rows[2]!.accuracy.forget}, ${level}`,
  );
  // What the two measurements share is the same, and stands once in their table.
  const joined = await run(
    `oracle table ${root}/retrain ${root}/away --out ${root}/table`,
    undefined,
  );
  assert.is(joined.code, 0, joined.said);
  const table = read("table", "table.json") as Pick<OracleMeasured, "rows">;
  assert.equal(
    table.rows.map(({ name }) => name),
    ["retrained, two halves", "untouched", "retrain", "away"],
  );
  assert.equal(table.rows, [...measuredOf("retrain").rows, rows[2]]);
  assert.match(readFileSync(join(root, "table", "table.md"), "utf8"), /\n\| away \| 4 : 4 \| /);
});

test("of two levels that which is reached first ends a run, on it, and its rounds are counted up to there", async () => {
  await oracle(
    `measure --oracle ${root}/set --method neg-grad --rate 0.1 --forget-batch 30 --rounds 60 --until-ua 99 --until-share 0.5`,
    "share",
  );
  const { rows, runs } = measuredOf("share");
  assert.equal(runs.stoppedBy, { "forget share": 4 });
  const [, before, after] = rows;
  const over = after!.accuracy.forget / before!.accuracy.forget;
  // An image of 30 is 3.3 %.
  assert.ok(over <= 0.5 && over > 0.4, `${over} of the accuracy on D_f is left`);
  const rounds = [1, 2, 3, 4].map(
    (i) => (read("share", `network-00${i}`, "result.json") as { rounds: number }).rounds,
  );
  assert.not(rounds.some(Number.isInteger), `${rounds.join(", ")}: each is shortened`);
  const mean = rounds.reduce((sum, count) => sum + count, 0) / 4;
  assert.ok(Math.abs(runs.rounds - mean) < 1e-12, `${runs.rounds} for ${mean}`);
});

test("networks, images, settings and tables that do not belong together are refused", async () => {
  const usage = (said: RegExp) => ({ code: 2, said });
  const data = (said: RegExp) => ({ code: 1, said });
  await oracle(
    `build ${small.replace("0.5", "0.4")}`,
    "set",
    data(/scenario.share is 0.5 there, 0.4 here/),
  );
  await oracle(
    `build ${small} --scenario overfit`.replace("--scenario standard --share 0.5 ", ""),
    "none",
    usage(/D_r/),
  );
  await oracle(
    `build ${small} --nowcast wnn --nowcast-predictor linear:-2:4`,
    "none",
    usage(/--nowcast: networks without D_f/),
  );
  await oracle(
    `build ${small} --seed 2147483647`,
    "none",
    usage(/--seed 2147483647: the networks .* at most 2146483647/),
  );
  await oracle(
    `measure --oracle ${root}/none ${nothing}`,
    "none",
    data(/no set of networks: .*rewind oracle build/),
  );
  await oracle(
    `measure --oracle ${root}/set --networks 5 ${nothing}`,
    "none",
    usage(/--networks: 5 of either kind, and .* has 4/),
  );
  await oracle(
    `measure --oracle ${root}/set --method retrain --until-retrained`,
    "none",
    usage(/--until-retrained: retrain ends/),
  );
  await oracle(
    `measure --oracle ${root}/set ${nothing} --until-retrained --until-ua 50`,
    "none",
    usage(/--until-retrained and --until-ua both/),
  );
  await oracle(
    `measure --oracle ${root}/set ${nothing} --until-retrained --land`,
    "none",
    usage(/--land: `oracle measure` ends every run on .* by itself/),
  );
  await oracle(
    `measure --oracle ${root}/set --networks 3 ${nothing}`,
    "nothing",
    data(/another configuration/),
  );
  await oracle(`table ${root}/set`, "none", data(/no results.json: .*rewind oracle measure/));
  await oracle(`measure --oracle ${root}/set --networks 3 ${nothing} --name other`, "three");
  await oracle(
    `table ${root}/nothing ${root}/three`,
    "none",
    data(/not measured over the same networks/),
  );
  await oracle(
    `table ${root}/nothing ${root}/nothing`,
    "none",
    data(/two of the folders are called "neg-grad"/),
  );
  // A network in the place of another, and none.
  renameSync(checkpoint("set", "retrained-001"), checkpoint("set"));
  copyFileSync(checkpoint("set", "retrained-002"), checkpoint("set", "retrained-001"));
  const another = data(/retrained-001.* is another network: oracle.json lists one of digest/);
  await oracle(`measure --oracle ${root}/set ${nothing}`, "none", another);
  await oracle(`build ${small} --networks 4`, "set", another);
  rmSync(checkpoint("set", "retrained-001"));
  await oracle(`build ${small} --networks 4`, "set", data(/retrained-001.* is not there/));
  renameSync(checkpoint("set"), checkpoint("set", "retrained-001"));
  // The manifest says of which images the networks are.
  const manifest = manifestOf("set");
  const inputs = { ...manifest.inputs, "test images": "0" };
  writeFileSync(join(root, "set", "oracle.json"), JSON.stringify({ ...manifest, inputs }));
  await oracle(
    `measure --oracle ${root}/set ${nothing}`,
    "none",
    data(/test images: the content is not what the networks/),
  );
  writeFileSync(join(root, "set", "oracle.json"), "{}");
  await oracle(`measure --oracle ${root}/set ${nothing}`, "none", data(/oracle.json" is damaged/));
  assert.not(existsSync(join(root, "none")), "nothing is written before all is checked");
});

test.after(async () => {
  shareDevice(undefined);
  rmSync(root, { recursive: true, force: true });
  await closeGpus();
});
test.run();
