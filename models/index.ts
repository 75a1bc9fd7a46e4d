/** Models by name: one file each, one line here. */
import type { ModelSpec } from "../src/nn/model.ts";
import { smallCnn, smallCnnDefaults } from "./small-cnn.ts";

/** Settings a configuration may give a model; absent ones take the model's defaults. */
export interface ModelConfig {
  readonly name: "small-cnn";
  readonly filters?: readonly [number, number] | undefined;
  readonly hidden?: number | undefined;
}

/** Names of all models. */
export const modelNames = ["small-cnn"] as const;

/** A model for pictures of a size. The spec's name carries the settings, so checkpoints can be compared. */
export function modelSpec(
  config: ModelConfig,
  input: readonly [number, number, number],
  classes: number,
): ModelSpec {
  const filters = config.filters ?? smallCnnDefaults.filters;
  const hidden = config.hidden ?? smallCnnDefaults.hidden;
  return {
    name: `${config.name}(${filters.join("-")}${hidden > 0 ? `-${hidden}` : ""}, ${input.join("×")} → ${classes})`,
    inputs: [input],
    output: [classes],
    build: (layers, [x]) => smallCnn(layers, x!, classes, { filters, hidden }),
  };
}
