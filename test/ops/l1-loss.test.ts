import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { count } from "../../src/shape.ts";
import { l1Loss, l1Norm } from "../../src/ops/l1-loss.ts";
import type { Random } from "../../src/random.ts";
import { checkOp } from "../check-op.ts";
import { closeGpus } from "../device.ts";

const shapes = [[1], [7, 3], [64], [512, 1], [1031], [5, 13, 3, 20]];
/** A short sum and one in stages show what they do. */
const scaled = [[7, 3], [1031]];

/** Away from the kink at 0 by more than a step of the finite differences. */
const awayFromZero = (random: Random, size: number): number[] =>
  Array.from({ length: size }, () => (random.float() < 0.5 ? -1 : 1) * (0.01 + random.float()));

/** n terms of about `size` in stages of at most 64: their sum has a relative error of at most 80 roundings. */
const tolerance = (scale: number) => ({
  absolute: 1e-6 * Math.abs(scale),
  relative: 80 * 2 ** -24,
});

test("l1Loss is the mean of the absolute differences, or any multiple of their sum", async () => {
  for (const scale of [undefined, 0.25, -3]) {
    for (const shape of scale === undefined ? shapes : scaled) {
      const factor = scale ?? 1 / count(shape);
      await checkOp({
        label: `l1Loss [${shape.join(", ")}] scale ${scale}`,
        inputs: [
          {
            shape,
            make: (random, size) => awayFromZero(random, size).map((v) => v + 2 * Math.sign(v)),
          },
          { shape },
        ],
        build: ([p, t]) => l1Loss(p!, t!, scale === undefined ? {} : { scale }),
        reference: ([p, t]) => [factor * p!.reduce((sum, v, i) => sum + Math.abs(v - t![i]!), 0)],
        tolerance: tolerance(factor),
        seeds: scale === undefined ? 5 : 2,
      });
    }
  }
});

test("l1Norm is a multiple of the sum of magnitudes", async () => {
  for (const coefficient of [1e-6, 0.1]) {
    for (const shape of coefficient === 0.1 ? shapes : scaled) {
      await checkOp({
        label: `l1Norm [${shape.join(", ")}] by ${coefficient}`,
        inputs: [{ shape, make: awayFromZero }],
        build: ([x]) => l1Norm(x!, coefficient),
        reference: ([x]) => [coefficient * x!.reduce((sum, v) => sum + Math.abs(v), 0)],
        tolerance: tolerance(coefficient),
      });
    }
  }
});

test("the derivative is 0 where prediction and target are equal", async () => {
  await checkOp({
    label: "l1Loss of equal values",
    inputs: [{ shape: [11], make: () => Array.from({ length: 11 }, (_, i) => i / 4) }],
    // Symmetric around the kink, so differences of the reference give 0 there as well.
    build: ([x]) => l1Norm(x!, 1),
    reference: ([x]) => [x!.reduce((sum, v) => sum + Math.abs(v), 0)],
    tolerance: tolerance(1),
    seeds: 1,
  });
});

test("different shapes and infinite factors are refused", () => {
  const graph = new Graph("software");
  const value = (...shape: number[]) => graph.input("v", shape);
  const refuses = (build: () => unknown, message: string): void =>
    assert.throws(
      build,
      (error: Error) => error instanceof ShapeError && error.message === message,
    );
  refuses(
    () => l1Loss(value(8, 1), value(8)),
    "l1Loss: prediction [8, 1] and target [8] must have one shape.",
  );
  refuses(
    () => l1Loss(value(8), value(8), { scale: Infinity }),
    "l1Loss: the scale must be finite, got Infinity.",
  );
  refuses(() => l1Norm(value(8), Number.NaN), "l1Norm: the coefficient must be finite, got NaN.");
});

test.after(closeGpus);
test.run();
