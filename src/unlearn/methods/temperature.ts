/**
 * The control of everything that is judged by a cross-entropy: logits divided by a temperature that rises from round to
 * round. What the network answers stays, and how sure it is of it falls, on every image alike; nothing is forgotten.
 *
 * The last layer, a dense one, is scaled, so that what comes out is a network like any other.
 */
import { z } from "zod";
import { UsageError } from "../../errors.ts";
import { Owned } from "../../gpu/owned.ts";
import { Bound } from "../../graph/bound.ts";
import { compile } from "../../graph/program.ts";
import { Arena, layerOf } from "../../weights/arena.ts";
import { combineLaunch } from "../../weights/combine.ts";
import { defineMethod, type Subject } from "../method.ts";
import { OneShotSession } from "../one-shot.ts";

/** The dense layer that the logits are scaled in. @throws UsageError if a network has none. */
function lastLayer({ slots, spec }: Pick<Subject, "slots" | "spec">): string {
  const last = slots.findLast(({ kind }) => kind === "fc");
  if (last !== undefined) return layerOf(last);
  throw new UsageError(
    `temperature scales the last dense layer, and "${spec.name}" has none: choose another method.`,
  );
}

export const temperature = defineMethod({
  name: "temperature",
  summary: "control: logits divided by a rising temperature; answers stay",
  reads: "D_f",
  arms: ({ byLoss, rounds }) =>
    byLoss
      ? [
          {
            name: "temperature",
            method: "temperature",
            settings: {},
            trials: [],
            rounds: rounds.epochs,
          },
        ]
      : [],
  settings: z.strictObject({
    growth: z
      .number()
      .gt(1)
      .default(1.15)
      .describe("what the temperature is multiplied by from round to round, from 1"),
  }),
  check: (_, subject) => void lastLayer(subject),
  async create({ model }, { growth }) {
    const { gpu, parameters, slots } = model;
    const last = lastLayer(model);
    const scaled = slots.filter((slot) => layerOf(slot) === last);
    return Owned.during(async (owned) => {
      const original = owned.add(await Arena.create(gpu, parameters.layout, "original weights"));
      gpu.submit((encoder) => original.copyFrom(parameters, encoder));
      const bound = owned.add(new Bound());
      const settings = await bound.zeros(gpu, "1 / temperature", [1, 4]);
      const launches = scaled.map((slot) =>
        combineLaunch(gpu.tuning, slot.size, 0, {
          x: bound.slot(original, slot),
          y: bound.slot(parameters, slot),
          factors: settings,
        }),
      );
      const { bindings } = bound;
      const program = owned.add(await compile(gpu, launches, { label: "temperature", bindings }));
      return new OneShotSession({
        ...{ method: "temperature", gpu, owned, program, bound, settings },
        of: (round) => new Uint32Array(Float32Array.of(growth ** -(round + 1), 0, 0, 0).buffer),
      });
    });
  },
});
