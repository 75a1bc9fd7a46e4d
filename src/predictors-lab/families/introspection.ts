/** Introspection (Sinha et al., ICLR 2017) as a network to fit. */
import { z } from "zod";
import { glorotUniform } from "../../nn/init.ts";
import type { ModelSpec } from "../../nn/model.ts";
import { relu } from "../../ops/index.ts";
import { shownEpochs } from "../../predictors/introspection.ts";
import { introspectionShape } from "../windows.ts";
import { allKinds, changesOnly, defineFittable, type Family } from "./family.ts";

/** Introspection: four values times 1000 [N, 4] → the weight times 1000 [N, 1]; 241 parameters. */
export function introspection(): ModelSpec {
  return {
    name: "introspection(4, 40)",
    inputs: [[4]],
    output: [1],
    build(layers, [values]) {
      const hidden = relu(layers.linear("hidden", values!, 40, glorotUniform));
      return layers.linear("output", hidden, 1, glorotUniform);
    },
  };
}

/**
 * Introspection: one set for all kinds, everything times 1000. Its output is the weight itself, of which
 * the change is a small part: fitting starts from the network that answers with the newest value, and
 * holds the biases at zero, so that large and small weights are treated alike.
 */
export function introspectionFamily(): Family {
  return {
    name: "introspection",
    shape: introspectionShape(),
    horizon: shownEpochs,
    base: "newest",
    spec: introspection(),
    widths: [4],
    sets: allKinds,
    encode: ({ history, target }) => ({
      inputs: history.map((value) => 1000 * value),
      target: 1000 * target,
      scale: 1e-3,
    }),
    rate: ({ kind, name }) => (kind === "bias" ? 0 : name === "hidden.weight" ? 0.01 : 1),
    begin(tensors) {
      const units = tensors.get("output.weight")!.data.length;
      const hidden = changesOnly(tensors.get("hidden.weight")!.data, units);
      const output = new Float32Array(units);
      // newest = relu(newest) - relu(-newest): two units; the rest sees changes only, with no say yet.
      for (let i = 0; i < 4; i++) {
        hidden[i * units] = i === 3 ? 1 : 0;
        hidden[i * units + 1] = i === 3 ? -1 : 0;
      }
      output.set([1, -1]);
      return new Map([
        ...tensors,
        ["hidden.weight", { shape: [4, units], data: hidden }],
        ["output.weight", { shape: [units, 1], data: output }],
      ]);
    },
    finish: (tensors) => tensors,
  };
}

export const introspectionFittable = defineFittable({
  name: "introspection",
  title: "Introspection",
  settings: z.strictObject({}),
  family: introspectionFamily,
});
