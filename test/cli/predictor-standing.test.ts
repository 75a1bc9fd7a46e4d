// What `predictor show` says of predictors is what bench/results/small has.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { standingOf, standingText } from "../../src/cli/predictor-standing.ts";
import { type Comparison, verdictOf } from "../../src/experiments/comparison.ts";
import type { Protocol } from "../../src/experiments/protocol.ts";

const results = fileURLToPath(new URL("../../bench/results/small", import.meta.url));

interface Results {
  readonly experiment: string;
  readonly seeds: readonly number[];
  readonly statistic: Protocol["statistic"];
  readonly comparisons: readonly Comparison[];
}

const read = (folder: string): Results =>
  JSON.parse(readFileSync(`${results}/${folder}/results.json`, "utf8")) as Results;

const comparison = ({ comparisons }: Results, first: string, second: string): Comparison =>
  comparisons.find((one) => one.first === first && one.second === second)!;

for (const [spec, arm] of [
  [undefined, "rewind"],
  ["late", "late-rewind"],
] as const) {
  test(`${arm} stands where thirty seeds put it against the line`, () => {
    const rows = standingOf(spec)!;
    assert.ok(rows.length > 0);
    for (const row of rows) {
      const of = read(row.results);
      const found = comparison(of, arm, "linear-rewind");
      const { n, difference, interval } = found.result!;
      const printed = (value: number): string => value.toFixed(of.statistic.decimals);
      assert.equal([of.experiment, n], [row.purpose, 30], row.results);
      assert.is(row.margin, of.statistic.margin, row.results);
      assert.is(row.difference, printed(difference), row.results);
      assert.equal(row.interval, interval.map(printed), row.results);
      const verdict = verdictOf(of.statistic, found);
      const said = { first: "better", second: "worse", equal: "equal", "not shown": "not shown" }[
        verdict!
      ];
      assert.is(row.verdict, said, row.results);
    }
  });
}

test("the late line is better where the text of the default says so", () => {
  const said = standingText(undefined, standingOf(undefined)!).replaceAll("\n", " ");
  for (const [folder, on] of [
    ["standard-mnist", "MNIST"],
    ["standard-cifar", "CIFAR-10"],
  ] as const) {
    const { difference, interval } = comparison(read(folder), "late-rewind", "rewind").result!;
    const [low, high] = interval.map((one) => one.toFixed(2));
    const numbers = new RegExp(
      `by ${difference.toFixed(2)}( points)? \\[${low}, ${high}\\] on ${on}`,
    );
    assert.match(said, numbers);
  }
});

test("nothing is said of predictors that were not measured", () => {
  assert.is(standingOf("linear"), undefined);
  assert.is(standingOf("late:0.3"), undefined);
});

test.run();
