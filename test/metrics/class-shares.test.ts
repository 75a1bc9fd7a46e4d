import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.ts";
import { classShares } from "../../src/metrics/class-shares.ts";

test("shares of the classes, and how sure the answers are", () => {
  // Probabilities 1/4 and 3/4, 9/10 and 1/10, and a tie, which the first class gets.
  const logits = [0, Math.log(3), Math.log(9) + 700, 700, -5, -5, -1000, 0];
  const { shares, confidence, images } = classShares(logits, 2);
  assert.equal(shares, [50, 50]);
  assert.equal(
    images.map((image) => image.class),
    [1, 0, 0, 1],
  );
  const want = [0.75, 0.9, 0.5, 1];
  images.forEach((image, i) => assert.ok(Math.abs(image.confidence - want[i]!) < 1e-12));
  assert.ok(Math.abs(confidence - 3.15 / 4) < 1e-12);
});

test("logits that are not whole rows are refused", () => {
  for (const logits of [[], [1, 2, 3]]) {
    assert.throws(
      () => classShares(logits, 2),
      (error: Error) =>
        error instanceof ShapeError && /whole rows of 2 classes/.test(error.message),
    );
  }
});

test.run();
