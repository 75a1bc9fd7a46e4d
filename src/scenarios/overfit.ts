/** Everything is D_f, and there is no D_r: the network has seen too few images. */
import { z } from "zod";
import { splitForget } from "../data/corrupt.ts";
import { UsageError } from "../errors.ts";
import { whereReached } from "../metrics/curve.ts";
import { defineScenario, pointsOf } from "./scenario.ts";

/** Cross-entropy on D_f at which runs are compared, nats. */
export const overfitLevel = 0.5;

export const overfit = defineScenario({
  name: "overfit",
  summary: "everything is D_f: the network has seen too few images",
  settings: z.strictObject({}),
  apply(train, _test, _settings, _seed, chosen) {
    if (chosen !== undefined) {
      throw new UsageError('scenario "overfit" forgets every image: name none (`forget`).');
    }
    return {
      train,
      labels: train.labels.slice(),
      ...splitForget(train.count, [...train.labels.keys()]),
    };
  },
  experiment: {
    title: "Forgetting too few samples",
    settings: () => ({}),
    until: { forgetLoss: 2.5 },
    retains: false,
    againstRetrained: false,
    x: { score: "forgetLoss" },
    y: [{ score: "testLoss" }, { score: "testAccuracy" }],
    reverseX: false,
    landing: { reached: (scores) => scores["forgetLoss"]! >= overfitLevel },
    statistic: {
      name: "change of test cross-entropy",
      definition: `test cross-entropy where the cross-entropy on D_f first gets to ${overfitLevel} nats, minus the first test cross-entropy, nats; 0 for a run that never gets there`,
      better: "lower",
      decimals: 3,
      margin: 0.1,
      never: () => 0,
      of(curve) {
        const points = pointsOf(curve, "forgetLoss", "testLoss");
        const there = whereReached(points, overfitLevel, "rising");
        return there === undefined ? undefined : there - curve[0]!.scores["testLoss"]!;
      },
    },
    endColumns: [
      { score: "forgetLoss", title: "D_f loss, end", decimals: 3 },
      { score: "testAccuracy", title: "test accuracy, end", decimals: 2 },
    ],
    scaled: {
      // 1 % of MNIST and of CIFAR-10.
      grey: { train: 600, test: 2000, epochs: 150, batch: 50 },
      colour: { train: 500, test: 2000, epochs: 150, batch: 50 },
    },
    trainedShare: 0.01,
  },
});
