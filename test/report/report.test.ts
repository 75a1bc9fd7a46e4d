// What a report says of a run in which nothing was done.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { beforeAfter, type UnlearnReport } from "../../src/report/report.ts";

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

test.run();
