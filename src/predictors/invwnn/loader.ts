/** InvWNN from its files: the authors' Keras files, and safetensors files of `rewind predictor fit`. */
import { type PredictorLoader, requirePlain } from "../loader.ts";
import { twoStreamFiles } from "../two-stream-files.ts";
import { states } from "../weight-file.ts";
import { invWnnPredictor } from "./predictor.ts";
import { invWnnSpec } from "./weights.ts";

/** Horizon the published InvWNN was trained for, in epochs. */
const publishedHorizon = 3;

export const invWnnLoader: PredictorLoader = {
  name: "invwnn",
  stems: ["InvWNN"],
  recognises: (file) => file.format === "keras" || states(file, "invwnn"),
  load(request) {
    requirePlain(request, this.name, { base: true });
    const usual = { horizon: publishedHorizon, base: "oldest" } as const;
    const { sources, ...aim } = twoStreamFiles(invWnnSpec, request, usual);
    return invWnnPredictor(request.name, sources, aim);
  },
};
