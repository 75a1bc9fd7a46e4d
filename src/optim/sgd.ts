/** Stochastic gradient descent, with momentum and Nesterov's variant of it. */
import { z } from "zod";
import { defineOptimizer } from "./optimizer.ts";

const settings = z.strictObject({
  momentum: z.number().min(0).lt(1).optional(),
  nesterov: z.boolean().optional(),
  weightDecay: z.number().min(0).optional(),
});

/** Settings of stochastic gradient descent; without momentum where none is given. */
export type SgdSettings = {
  readonly name: "sgd";
  readonly momentum?: number | undefined;
  readonly nesterov?: boolean | undefined;
  readonly weightDecay?: number | undefined;
};

export const sgd = defineOptimizer({
  name: "sgd",
  summary: "stochastic gradient descent with momentum",
  settings,
  options: [
    {
      option: "momentum",
      value: "m",
      text: "sgd: momentum",
      settings: ["momentum"],
      takes: { min: 0, max: 1 },
      default: 0.9,
    },
  ],
  states: 1,
  update({ momentum = 0, nesterov = false }, { parameters, first, gradients, blocks, step }) {
    const N = parameters.size;
    return {
      shader: "optim/sgd",
      constants: { N, MOMENTUM: momentum, NESTEROV: nesterov },
      bind: { parameters, first, gradients, blocks, step },
      threads: N / 4,
      flop: 6 * N,
    };
  },
});
