/** Everything is D_f, and there is no D_r: the network has seen too few images. */
import { z } from "zod";
import { splitForget } from "../data/corrupt.ts";
import { UsageError } from "../errors.ts";
import { best, defineScenario } from "./scenario.ts";

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
    statistic: {
      name: "change of test cross-entropy",
      definition:
        "smallest test cross-entropy among rounds with a cross-entropy on D_f of 0.1 to 1.5, minus the first test cross-entropy, nats",
      better: "lower",
      decimals: 3,
      of(curve) {
        const low = best(
          curve,
          ({ forgetLoss }) => forgetLoss! >= 0.1 && forgetLoss! <= 1.5,
          ({ testLoss }) => -testLoss!,
        );
        return low === undefined ? undefined : -low - curve[0]!.scores["testLoss"]!;
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
