import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runCommand } from "../../src/cli/program.ts";
import {
  epochsTo,
  nowcastCsv,
  type NowcastResult,
  nowcastTable,
  summariseNowcast,
} from "../../src/experiments/nowcast.ts";

/** A curve from losses and accuracies. */
const curve = (losses: readonly number[], accuracies: readonly number[]): NowcastResult["curve"] =>
  losses.map((loss, i) => ({ epoch: i + 1, loss, testAccuracy: accuracies[i]!, testLoss: loss }));

const arms = [{ name: "adam" }, { name: "fast" }, { name: "stuck" }];
const results: NowcastResult[] = [
  { arm: "adam", seed: 1, curve: curve([2, 1.5, 1], [50, 70, 60]) },
  { arm: "fast", seed: 1, curve: curve([2, 0.9, 0.5], [50, 65, 80]) },
  { arm: "stuck", seed: 1, curve: curve([2, 2, 2], [50, 50, 50]) },
  { arm: "adam", seed: 2, curve: curve([2, 1, 0.5], [50, 60, 90]) },
  { arm: "fast", seed: 2, curve: curve([0.4, 0.3, 0.2], [70, 80, 90]) },
  { arm: "stuck", seed: 2, curve: curve([2, 2, 0.5], [50, 50, 50]) },
];

test("epochs to a goal are counted to the first that is as good", () => {
  const { curve: plain } = results[0]!;
  assert.is(epochsTo(plain, "testAccuracy", 60), 2);
  assert.is(epochsTo(plain, "loss", 1), 3);
  assert.is(epochsTo(plain, "loss", 0.9), undefined);
});

test("arms are measured against plain Adam of the same seed, over the seeds that get there", () => {
  const [adam, fast, stuck] = summariseNowcast(arms, results);
  // Adam passes its own last accuracy of 60 in its second epoch.
  assert.equal([adam!.toAccuracy.mean, adam!.toLoss.mean], [2.5, 3]);
  assert.equal([fast!.toLoss.mean, fast!.toLoss.n], [1.5, 2]);
  assert.equal([fast!.toAccuracy.mean, fast!.testAccuracy.mean], [2.5, 85]);
  assert.equal([stuck!.toLoss.mean, stuck!.toLoss.n, stuck!.toAccuracy.n], [3, 1, 0]);
  const lines = nowcastTable([adam!, fast!, stuck!]).split("\n");
  assert.match(lines[4]!, /\| stuck \| 3\.0 ± 0\.0 \(1 of 2\) \| – \| 50\.00 ± 0\.00 \|/);
  assert.is(nowcastCsv(results).trim().split("\n").length, 1 + 18);
});

test("curves and tables of a run come from its results", async () => {
  const dir = mkdtempSync(`${tmpdir()}/rewind-nowcast-`);
  const { log } = console;
  console.log = () => undefined;
  try {
    const written = { experiment: "nowcast", dataset: "mnist", seeds: [1, 2] };
    writeFileSync(`${dir}/results.json`, JSON.stringify(written));
    writeFileSync(`${dir}/results.csv`, nowcastCsv(results));
    assert.is(await runCommand(["figure", "curves", dir, "--out", `${dir}/figures`]), 0);
    const files = ["loss.png", "loss.svg", "table.md", "table.tex", "testAccuracy.png"];
    assert.equal(readdirSync(`${dir}/figures`).sort(), [...files, "testAccuracy.svg"]);
    const want = nowcastTable(summariseNowcast(arms, results));
    assert.is(readFileSync(`${dir}/figures/table.md`, "utf8"), `${want}\n`);
  } finally {
    console.log = log;
    rmSync(dir, { recursive: true });
  }
});

test.run();
