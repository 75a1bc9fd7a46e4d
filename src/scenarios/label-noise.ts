/** A random share has wrong labels. */
import { z } from "zod";
import { mislabel, splitForget } from "../data/corrupt.ts";
import { amountOf, best, defineScenario, shareOption } from "./scenario.ts";

export const labelNoise = defineScenario({
  name: "label-noise",
  summary:
    "a random share, or the images named, gets a wrong label, uniform over the other classes",
  settings: z.strictObject({ share: z.number().gt(0).lt(1).optional() }),
  options: [shareOption],
  apply(train, _test, { share }, seed, chosen) {
    if (chosen === undefined) amountOf(share, train.count);
    const { labels, changed } = mislabel(train, chosen ?? share!, seed);
    return { train, labels, ...splitForget(train.count, changed) };
  },
  experiment: {
    title: "Forgetting wrong labels",
    settings: () => ({ share: 0.2 }),
    until: { unlearningAccuracy: 90 },
    retains: true,
    againstRetrained: false,
    x: { score: "forgetAccuracy", label: "accuracy on the wrong labels" },
    y: [{ score: "testAccuracy" }],
    reverseX: true,
    statistic: {
      name: "gain in test accuracy",
      definition:
        "largest test accuracy among rounds with at most half the first accuracy on the wrong labels, minus the first test accuracy, points",
      better: "higher",
      decimals: 2,
      of(curve) {
        const start = curve[0]!.scores;
        const top = best(
          curve,
          ({ forgetAccuracy }) => forgetAccuracy! <= start["forgetAccuracy"]! / 2,
          ({ testAccuracy }) => testAccuracy!,
        );
        return top === undefined ? undefined : top - start["testAccuracy"]!;
      },
    },
    endColumns: [
      { score: "forgetAccuracy", title: "wrong labels, end", decimals: 2 },
      { score: "testAccuracy", title: "test, end", decimals: 2 },
    ],
    scaled: {
      grey: { train: 3000, test: 2000, epochs: 60, batch: 64 },
      colour: { train: 3000, test: 2000, epochs: 40, batch: 64 },
    },
  },
});
