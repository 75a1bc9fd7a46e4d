/** A random share is to be forgotten; nothing is wrong with it. */
import { z } from "zod";
import { splitForget } from "../data/corrupt.ts";
import { whereReached } from "../metrics/curve.ts";
import { Random } from "../random.ts";
import { amountOf, defineScenario, pointsOf, shareOption } from "./scenario.ts";

export const standard = defineScenario({
  name: "standard",
  summary: "a random share is to be forgotten; nothing is wrong with it",
  settings: z.strictObject({ share: z.number().gt(0).lt(1) }),
  options: [shareOption],
  apply(train, _test, { share }, seed) {
    const amount = amountOf(share, train.count);
    const drawn = new Random(seed).fork("standard").permutation(train.count).slice(0, amount);
    return { train, labels: train.labels.slice(), ...splitForget(train.count, drawn) };
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
      of: (curve, retrainedUa) =>
        retrainedUa === undefined
          ? undefined
          : whereReached(
              pointsOf(curve, "forgetAccuracy", "testAccuracy"),
              100 - retrainedUa,
              "falling",
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
});
