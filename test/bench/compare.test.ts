import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type BenchResults, changes, comparison } from "../../bench/compare.ts";
import type { BenchRow } from "../../bench/harness.ts";

const machine: BenchResults["machine"] = {
  ...{ adapter: "a", driver: "d", runtime: "r", software: true, tuning: "gpu", commit: "c" },
};

const row = (name: string, milliseconds: number, share?: number): BenchRow => ({
  ...{ name, milliseconds, low: milliseconds, high: milliseconds },
  figures: share === undefined ? {} : { "% of the ceiling": share },
});

test("rows are compared by their share of the ceiling, or by time where they have none; the slowest come first", () => {
  const before = { layers: [row("a", 10, 50), row("b", 10), row("gone", 1)] };
  // The machine is half as fast: the share of the ceiling is what it was.
  const after = { layers: [row("a", 20, 50), row("b", 20), row("new", 1)] };
  assert.equal(changes({ machine, results: before }, { machine, results: after }), [
    { bench: "layers", name: "b", before: 10, after: 20, by: "ms", ratio: 0.5 },
    { bench: "layers", name: "a", before: 50, after: 50, by: "% of the ceiling", ratio: 1 },
  ]);
});

test("a file that holds no results is refused by name", () => {
  const folder = mkdtempSync(`${tmpdir()}/rewind-compare-`);
  const good = `${folder}/good.json`;
  writeFileSync(good, JSON.stringify({ machine, results: { layers: [row("a", 10, 50)] } }));
  assert.match(comparison(good, good), /1 rows in both/);
  const bad = `${folder}/bad.json`;
  assert.throws(() => comparison(good, bad), /bad\.json is no result of .*: there is no such file/);
  for (const [text, why] of [
    ["# no JSON", /it is not JSON/],
    ["null", /what it holds: /],
    ['{"machine":{"adapter":"a"},"results":{"a":3}}', /results\.a: /],
    ['{"machine":{"adapter":"a"},"results":{"a":[{"name":"x"}]}}', /results\.a\.0\.milliseconds: /],
  ] as const) {
    writeFileSync(bad, text);
    assert.throws(() => comparison(good, bad), why);
  }
  rmSync(folder, { recursive: true });
});

test.run();
