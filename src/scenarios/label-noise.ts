/** A random share has wrong labels. */
import { z } from "zod";
import { mislabel, splitForget } from "../data/corrupt.ts";
import { whereReached } from "../metrics/curve.ts";
import type { Scores } from "../metrics/metric.ts";
import { unfitToCorrect } from "./meta-training.ts";
import { amountOf, defineScenario, pointsOf, shareOption } from "./scenario.ts";

function isHalved(scores: Scores, start: Scores): boolean {
  return scores["forgetAccuracy"]! <= start["forgetAccuracy"]! / 2;
}

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
    landing: { reached: isHalved },
    statistic: {
      name: "gain in test accuracy",
      definition:
        "test accuracy where the accuracy on the wrong labels first gets to half of what it was, minus the first test accuracy, points; 0 for a run that never gets there",
      better: "higher",
      decimals: 2,
      margin: 1,
      never: () => 0,
      of(curve) {
        const start = curve[0]!.scores;
        const points = pointsOf(curve, "forgetAccuracy", "testAccuracy");
        const there = whereReached(points, start["forgetAccuracy"]! / 2, "falling");
        return there === undefined ? undefined : there - start["testAccuracy"]!;
      },
      ofRetrained(curve) {
        const [start, end] = [curve[0]!.scores, curve.at(-1)!.scores];
        return isHalved(end, start) ? end["testAccuracy"]! - start["testAccuracy"]! : undefined;
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
  metaTraining: {
    varied: (pick) => ({ share: pick([0.1, 0.2, 0.3, 0.4]) }),
    unfit: unfitToCorrect,
    level: ({ trained }, draw) => (0.15 + 0.35 * draw) * trained.forget,
  },
});
