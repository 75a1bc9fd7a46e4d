/** Adam (Kingma and Ba, 2015), and AdamW (Loshchilov and Hutter, 2019) as its decoupled form. */
import { z } from "zod";
import { defineOptimizer } from "./optimizer.ts";

const settings = z.strictObject({
  beta1: z.number().min(0).lt(1).optional(),
  beta2: z.number().min(0).lt(1).optional(),
  epsilon: z.number().positive().optional(),
  weightDecay: z.number().min(0).optional(),
  /** AdamW: decay the weights directly instead of through the gradient. */
  decoupled: z.boolean().optional(),
});

/** Adam's settings; the defaults are the paper's (learning rate aside, which is given per step). */
export type AdamSettings = {
  readonly name: "adam";
  readonly beta1?: number | undefined;
  readonly beta2?: number | undefined;
  readonly epsilon?: number | undefined;
  readonly weightDecay?: number | undefined;
  readonly decoupled?: boolean | undefined;
};

/** The moments' decay rates with their defaults. */
function betas({ beta1 = 0.9, beta2 = 0.999 }: z.output<typeof settings>): [number, number] {
  return [beta1, beta2];
}

export const adam = defineOptimizer({
  name: "adam",
  summary: "Adam; decoupled: AdamW",
  settings,
  aliases: { adamw: { decoupled: true } },
  states: 2,
  update(given, { parameters, first, second, gradients, blocks, step }) {
    const { epsilon = 1e-8, decoupled = false } = given;
    const [B1, B2] = betas(given);
    const N = parameters.size;
    return {
      shader: "optim/adam",
      constants: { N, B1, B2, EPSILON: epsilon, DECOUPLED: decoupled },
      bind: { parameters, first, second, gradients, blocks, step },
      threads: N / 4,
      flop: 14 * N,
    };
  },
  /** Bias corrections 1 / (1 - βᵗ). */
  corrections(given, t) {
    const [beta1, beta2] = betas(given);
    return [1 / (1 - beta1 ** t), 1 / (1 - beta2 ** t)];
  },
});
