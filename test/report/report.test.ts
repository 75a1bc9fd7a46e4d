// What a report says of a run in which nothing was done.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { beforeAfter, curveChart, type UnlearnReport } from "../../src/report/report.ts";

const report = (rounds: number, forgetAccuracy: number): UnlearnReport =>
  ({
    rounds,
    stoppedBy: "forget share",
    before: { forgetAccuracy },
    after: { forgetAccuracy },
  }) as unknown as UnlearnReport;

test("a run without a round says why, and that there was nothing to forget", () => {
  assert.match(beforeAfter(report(0, 0)), /no round was run: .*"forget share".* nothing to forget/);
  assert.match(beforeAfter(report(0, 12.5)), /no round was run: .*on D_f was 12\.5 %\.$/);
  assert.not.match(beforeAfter(report(1, 0)), /no round/);
});

test("points of one run's curve say their round, as many as have room; several runs have none", () => {
  const run = (rounds: number) => {
    const history = Array.from({ length: rounds + 1 }, (_, round) => ({
      round,
      scores: { forgetAccuracy: 100 - round, testAccuracy: 50 + round },
    }));
    return {
      name: "rewind",
      report: {
        ...report(rounds, 100),
        scenario: "label-noise",
        before: history[0]!.scores,
        history,
      } as never,
    };
  };
  const labels = (...rounds: number[]) =>
    curveChart(rounds.map(run)).series[0]!.points.flatMap(({ label }) => label ?? []);
  assert.equal(labels(3), ["0", "1", "2", "3"]);
  assert.equal(labels(40), ["0", "5", "10", "15", "20", "25", "30", "35", "40"]);
  assert.equal(labels(3, 3), []);
});

test.run();
