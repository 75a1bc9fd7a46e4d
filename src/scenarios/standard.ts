/** A random share is to be forgotten; nothing is wrong with it. */
import { z } from "zod";
import { splitForget } from "../data/corrupt.ts";
import { whereReached } from "../metrics/curve.ts";
import { Random } from "../random.ts";
import { unfitToForget } from "./meta-training.ts";
import { amountOf, defineScenario, pointsOf, shareOption } from "./scenario.ts";

function drawn(count: number, amount: number, seed: number): Uint32Array {
  return new Random(seed).fork("standard").permutation(count).slice(0, amount);
}

export const standard = defineScenario({
  name: "standard",
  summary: "a random share, or the images named, is to be forgotten; nothing is wrong with it",
  settings: z.strictObject({ share: z.number().gt(0).lt(1).optional() }),
  options: [shareOption],
  apply(train, _test, { share }, seed, chosen) {
    const forget = chosen ?? drawn(train.count, amountOf(share, train.count), seed);
    return { train, labels: train.labels.slice(), ...splitForget(train.count, forget) };
  },
  experiment: {
    title: "Forgetting a random half",
    settings: () => ({ share: 0.5 }),
    until: {},
    retains: true,
    againstRetrained: true,
    x: { score: "forgetAccuracy" },
    y: [{ score: "testAccuracy" }, { score: "retainAccuracy" }],
    reverseX: true,
    statistic: {
      name: "test accuracy at the retrained network's UA",
      definition:
        "test accuracy (%) where unlearning accuracy reaches the retrained network's; the last round is shortened to end there",
      better: "higher",
      decimals: 2,
      margin: 0.5,
      of: (curve, retrainedUa) =>
        retrainedUa === undefined
          ? undefined
          : whereReached(
              // By the numbers that a run ends at: 100 - (100 - x) is not always x.
              pointsOf(curve, "forgetAccuracy", "testAccuracy").map(({ x, y }) => ({
                x: 100 - x,
                y,
              })),
              retrainedUa,
              "rising",
            ),
    },
    endColumns: [],
    scaled: {
      grey: { train: 4000, test: 2000, epochs: 30, batch: 64 },
      colour: { train: 3000, test: 2000, epochs: 30, batch: 64 },
    },
    // Little is to be forgotten: an epoch of steps would forget far more.
    stepsPerRound: 4,
  },
  metaTraining: {
    varied: (pick) => ({ share: pick([0.2, 0.3, 0.4, 0.5]) }),
    unfit: unfitToForget,
    level: ({ retrained }) => retrained.forget,
  },
});
