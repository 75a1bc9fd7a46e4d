import { readFileSync } from "node:fs";
import { type Predictor, predictors } from "../../src/index.ts";
import { predictionLaunch, registerShader } from "../../src/entries/engine.ts";

const shader = "own/mean";
registerShader(shader, readFileSync(new URL("mean.wgsl", import.meta.url), "utf8"));

/** Puts every weight back to the mean of its window. */
function meanPredictor(window: number): Predictor {
  return {
    name: `mean of ${window}`,
    window,
    direction: "past",
    reach: "the middle of the window",
    normalisation: "none",
    base: "oldest",
    sets: [
      {
        name: "all",
        kinds: ["conv", "depthwise", "fc", "bias", "norm"],
        source: "formula",
        parameters: 0,
        flop: window,
        launches: (job) => [
          predictionLaunch(job, { shader, constants: { WINDOW: window }, flop: window }),
        ],
      },
    ],
  };
}

/** `--predictor mean`. */
export const meanLoader = predictors.add({
  name: "mean",
  formula: (spec) => (spec === "mean" ? meanPredictor(15) : undefined),
});
