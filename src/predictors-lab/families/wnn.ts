/** WNN (Jang et al., ICML 2023) as a network to fit. */
import { z } from "zod";
import type { ModelSpec } from "../../nn/model.ts";
import { leakyRelu } from "../../ops/index.ts";
import { invWnnKinds } from "../../predictors/invwnn/predictor.ts";
import { streamNames } from "../../predictors/two-stream.ts";
import { futureShape, nearest } from "../windows.ts";
import {
  allKinds,
  defineFittable,
  differencesOf,
  type Family,
  type FamilyOptions,
  horizonOption,
  joined,
} from "./family.ts";
import { gate, mainInit, twoStreams } from "./two-stream.ts";

/** WNN: normalised values [N, 5] oldest first and their differences [N, 4] → residual [N, 1]; 9,425 parameters. */
export function wnn(): ModelSpec {
  return twoStreams("wnn(5, 64-8-32)", 5, streamNames, (layers, name, x) => {
    const first = layers.linear(`${name}.first`, x, 64, mainInit);
    const gated = gate(layers, name, first, 64, 8);
    return leakyRelu(layers.linear(`${name}.third`, gated, 32, mainInit), 0.3);
  });
}

const settings = z.strictObject({ horizon: z.number().int().min(1).optional() });

const defaultHorizon = 5;

/** WNN: K = 5, one horizon, every weight normalised by its own range; added to the newest. */
export function wnnFamily({
  horizon = defaultHorizon,
  shared = false,
}: z.output<typeof settings> & FamilyOptions = {}): Family {
  return {
    name: "wnn",
    shape: futureShape(5, horizon),
    horizon,
    base: "newest",
    spec: wnn(),
    widths: [5, 4],
    sets: shared ? allKinds : invWnnKinds,
    encode(window) {
      const { history, target } = window;
      const range = Math.max(...history) - Math.min(...history) + 1e-8;
      const scale = 2 * (range + 1e-5);
      const values = history.map((value) => (value - history[0]!) / scale);
      return {
        inputs: joined(values, differencesOf(values)),
        target: (target - nearest(window, this.shape)) / scale,
        scale,
      };
    },
    rate: () => 1,
    finish: (tensors) => tensors,
  };
}

export const wnnFittable = defineFittable({
  name: "wnn",
  title: "WNN",
  settings,
  options: [{ ...horizonOption, usual: defaultHorizon }],
  family: wnnFamily,
});
