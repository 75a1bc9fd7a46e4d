/** InvWNN from its files: the authors' Keras files, and safetensors files of `rewind predictor fit`. */
import { type PredictorLoader, requirePlain } from "../loader.ts";
import { twoStreamFiles } from "../two-stream-files.ts";
import { statedAim, states } from "../weight-file.ts";
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
    const { first, sources } = twoStreamFiles(invWnnSpec, request.files);
    const { horizon, base } = statedAim(first, { horizon: publishedHorizon, base: "oldest" });
    return invWnnPredictor(request.name, sources, { horizon, base: request.base ?? base });
  },
};
