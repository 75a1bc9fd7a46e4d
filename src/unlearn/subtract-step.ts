/** Going back from where a round ended, past where it started. */
import type { Arena, ParameterKind } from "../weights/arena.ts";
import { Bound } from "../graph/bound.ts";
import { elementwise } from "../graph/elementwise.ts";
import { compile, type Program } from "../graph/program.ts";
import type { Model } from "../nn/model.ts";

/**
 * y = start - λ (y - start) on all parameters; λ of 0 gives the start and -1 changes nothing, to the bit.
 *
 * @param lambda one number, or one a kind of parameter (1 for those left out).
 */
export async function subtractStep(
  model: Model,
  start: Arena,
  lambda: number | Readonly<Partial<Record<ParameterKind, number>>>,
): Promise<Program> {
  const { gpu, parameters } = model;
  const bound = new Bound();
  const launches = parameters.layout.slots.map((slot) => {
    const LAMBDA = typeof lambda === "number" ? lambda : (lambda[slot.kind] ?? 1);
    const kernel = { shader: "unlearn/subtract-step", constants: { LAMBDA } };
    return elementwise(gpu.tuning, kernel, slot.size, {
      start: bound.slot(start, slot),
      y: bound.slot(parameters, slot),
    });
  });
  return compile(gpu, launches, { label: "subtract step", bindings: bound.bindings });
}
