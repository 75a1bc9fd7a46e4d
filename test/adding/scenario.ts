import { z } from "zod";
import { defineScenario, pointsOf, scenarios, splitForget, whereReached } from "../../src/index.ts";

/** A whole class is to be forgotten. */
export const oneClass = defineScenario({
  name: "one-class",
  summary: "all images of a class are to be forgotten",
  settings: z.strictObject({ target: z.number().int().min(0) }),
  // `--target`, which "backdoor" has as well.
  options: [
    {
      option: "target",
      value: "class",
      text: "one-class: the class",
      settings: ["target"],
      takes: { integer: true, min: 0 },
      default: 0,
    },
  ],
  apply(train, _test, { target }) {
    const forget = [...train.labels.keys()].filter((i) => train.labels[i] === target);
    return { train, labels: train.labels.slice(), ...splitForget(train.count, forget) };
  },
  // For `rewind experiment one-class`; a scenario of trainings alone does without.
  experiment: {
    title: "Forgetting a class",
    settings: () => ({ target: 0 }),
    until: { unlearningAccuracy: 90 },
    retains: true,
    againstRetrained: false,
    x: { score: "forgetAccuracy", label: "accuracy on the class" },
    y: [{ score: "retainAccuracy" }],
    reverseX: true,
    // The round that first gets there is measured where it does.
    landing: { reached: ({ forgetAccuracy }) => forgetAccuracy! <= 10 },
    statistic: {
      name: "accuracy on the other classes at 10 %",
      definition: "accuracy on D_r where the accuracy on the class has fallen to 10 %, %",
      better: "higher",
      decimals: 2,
      // Methods that differ by less are called equal.
      margin: 1,
      of: (curve) =>
        whereReached(pointsOf(curve, "forgetAccuracy", "retainAccuracy"), 10, "falling"),
    },
    endColumns: [{ score: "retainAccuracy", title: "other classes, end", decimals: 2 }],
    scaled: {
      grey: { train: 3000, test: 2000, epochs: 20, batch: 64 },
      colour: { train: 3000, test: 2000, epochs: 30, batch: 64 },
    },
  },
});

scenarios.add(oneClass);
