import { z } from "zod";
import { defineFittable, fittables, futureShape } from "../../src/entries/experiments.ts";

/** The next change of a weight as a weighted sum of its last ones. */
export const stepSum = defineFittable({
  name: "step-sum",
  title: "a sum of steps",
  settings: z.strictObject({ steps: z.number().int().min(1).default(3) }),
  options: [
    {
      option: "steps",
      value: "n",
      text: "step-sum: steps looked at",
      usual: 3,
      settings: ["steps"],
      takes: { integer: true, min: 1 },
    },
  ],
  family: ({ steps }) => ({
    name: "step-sum",
    shape: futureShape(steps + 1, 1),
    horizon: 1,
    base: "newest",
    spec: {
      name: `step-sum(${steps})`,
      inputs: [[steps]],
      output: [1],
      build: (layers, [changes]) => layers.linear("sum", changes!, 1),
    },
    widths: [steps],
    sets: { all: ["conv", "depthwise", "fc", "bias", "norm"] },
    encode({ history, target }) {
      const changes = history.slice(1).map((value, k) => value - history[k]!);
      const scale = Math.max(1e-12, ...changes.map(Math.abs));
      const inputs = changes.map((change) => change / scale);
      return { inputs, target: (target - history.at(-1)!) / scale, scale };
    },
    rate: () => 1,
    finish: (tensors) => tensors,
  }),
});

fittables.add(stepSum);
