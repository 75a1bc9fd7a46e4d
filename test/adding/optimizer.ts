import { readFileSync } from "node:fs";
import { z } from "zod";
import { defineOptimizer, optimizers } from "../../src/index.ts";
import { registerShader } from "../../src/entries/engine.ts";

const shader = "own/sign-descent";
registerShader(shader, readFileSync(new URL("sign-descent.wgsl", import.meta.url), "utf8"));

/** Steps of one length in every weight, by the sign of its gradient. */
export const signDescent = defineOptimizer({
  name: "sign-descent",
  summary: "steps of one length by the sign of the gradient",
  settings: z.strictObject({ weightDecay: z.number().min(0).optional() }),
  states: 1,
  update: (_settings, { parameters, gradients, blocks, step }) => ({
    shader,
    constants: { N: parameters.size },
    bind: { parameters, gradients, blocks, step },
    threads: parameters.size / 4,
  }),
});

optimizers.add(signDescent);
