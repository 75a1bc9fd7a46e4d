import { test } from "uvu";
import * as assert from "uvu/assert";
import { labelOf, legendNames, meanCurve } from "../../src/experiments/figures.ts";

/** A run whose forgotten loss and test accuracy are these, round by round. */
const run = (...points: readonly (readonly [number, number])[]) => ({
  ...{ arm: "a", seed: 1 },
  history: points.map(([forgetDistance, drawnForgotten], round) => ({
    ...{ round, steps: round, seconds: round },
    scores: { forgetDistance, drawnForgotten },
  })),
});

const y = { score: "drawnForgotten" } as const;

test("an axis with a reach ends at that many times the start, and the curve on its line there", () => {
  const x = { score: "forgetDistance", reach: 4 } as const;
  const points = meanCurve({ x, reverseX: false, until: {} }, [run([2, 40], [6, 20], [80, 0])], y);
  assert.equal(points[0], { x: 2, y: 40 });
  const last = points.at(-1)!;
  assert.is(last.x, 8);
  assert.ok(Math.abs(last.y - (20 - (20 * 2) / 74)) < 1e-9, `${last.y}`);
});

test("without one it ends where the last round does, from a start of 0 as well", () => {
  const x = { score: "forgetDistance" } as const;
  const points = meanCurve({ x, reverseX: false, until: {} }, [run([0, 40], [80, 0])], y);
  assert.equal(
    [points[0], points.at(-1)],
    [
      { x: 0, y: 40 },
      { x: 80, y: 0 },
    ],
  );
});

test("a legend names variants by the last part of their paths, unless two would be the same", () => {
  const variant = (path: string): string => `late-rewind predictor=${path} strength=2`;
  assert.equal(legendNames(["rewind", variant("runs/a/mix-1.safetensors"), variant("/b/mix-2")]), [
    "rewind",
    variant("mix-1.safetensors"),
    variant("mix-2"),
  ]);
  const same = [variant("a/mix-1"), variant("b/mix-1")];
  assert.equal(legendNames(same), same);
});

test("the label of a number without a unit is its name", () => {
  assert.is(labelOf({ score: "forgetDistance" }), "KID to D_f");
  assert.match(labelOf({ score: "testAccuracy" }), / \(%\)$/);
});

test.run();
