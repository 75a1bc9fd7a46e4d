/**
 * NiNo as a predictor (Knyazev et al., ICLR 2025): forecasts all weights 1 to 40 snapshots ahead from five.
 *
 * Each tensor is scaled by its mean and deviation over all weights and snapshots. The MLP runs over tiles of
 * weights, the message passing over the whole neural graph in blocks of edges; all of it on the GPU.
 */
import { Owned } from "../../gpu/owned.ts";
import { onlyFile, type PredictorLoader, requirePlain } from "../loader.ts";
import type { JointPlace, Predictor, PreparedJoint } from "../predictor.ts";
import { tensorsOf } from "../weight-file.ts";
import { blockEdges, graphLaunches, recordedGraph } from "./message-passing.ts";
import { requireEncodable } from "./neural-graph.ts";
import { NinoNetwork, type NinoWeights, ninoWeights, ninoWindow } from "./network.ts";
import { type Block, type Forecast, partsOf } from "./rows.ts";
import { tensorStatistics } from "./statistics.ts";
import { tileRows, tileSteps } from "./tiles.ts";

/** Steps ahead of each forecast: from `steps` down to 1, `steps^((1 - i / (n - 1))…)` evenly spaced in the root. */
export function ninoSchedule(forecasts: number, steps = 40, power = 2): number[] {
  const high = steps ** (1 / power);
  return Array.from({ length: forecasts }, (_, i) => {
    const root = forecasts === 1 ? high : high + ((1 - high) * i) / (forecasts - 1);
    return Math.round(root ** power);
  });
}

/** The predictor of a checkpoint; the full graph needs to know the model. */
export function ninoPredictor(name: string, weights: NinoWeights, source: string): Predictor {
  return {
    name,
    window: ninoWindow,
    direction: "future",
    reach: `1 to ${weights.steps} snapshots`,
    normalisation: "each tensor: mean subtracted, divided by the standard deviation",
    base: "newest",
    sets: [],
    joint: {
      source,
      parameters: weights.parameters,
      steps: weights.steps,
      check(spec, recorded) {
        if (weights.variant === "graph") requireEncodable(recordedGraph(spec, recorded));
      },
      prepare: (place) => prepare(weights, place),
    },
  };
}

async function prepare(weights: NinoWeights, place: JointPlace): Promise<PreparedJoint> {
  const { variant } = weights;
  const { layout, gpu } = place.trajectory;
  const wiring =
    variant === "graph"
      ? recordedGraph(
          place.spec,
          layout.tracks.map(({ slot }) => slot),
        )
      : undefined;
  const parts = partsOf(place, wiring);
  const blocks =
    wiring === undefined
      ? blocksOf(layout.coordinates, tileRows)
      : blocksOf(wiring.source.length, blockEdges);
  return Owned.during(async (owned) => {
    const network = owned.add(await NinoNetwork.create(gpu, weights));
    const { launches, statistics } = await tensorStatistics(place, parts, layout.tracks.length);
    const forecast: Forecast = { place, variant, parts, blocks, statistics };
    const steps =
      wiring === undefined
        ? await tileSteps(network, forecast, owned)
        : await graphLaunches(network, forecast, wiring);
    const destroy = (): void => owned.destroy();
    return {
      steps: [...launches, ...steps],
      aim: (step: number) => network.aim(step),
      destroy,
      [Symbol.dispose]: destroy,
    };
  });
}

/** So many edges in blocks of at most `size`. */
function blocksOf(edges: number, size: number): Block[] {
  return Array.from({ length: Math.ceil(edges / size) }, (_, b) => ({
    first: b * size,
    count: Math.min(size, edges - b * size),
  }));
}

/** Tensors that every checkpoint has, and no network. */
const ownTensors = ["layer_embed.weight", "edge_proj.fc.0.weight"];

/** NiNo from the authors' checkpoints. */
export const ninoLoader: PredictorLoader = {
  name: "nino",
  recognises: (file) =>
    file.format === "torch" && ownTensors.some((name) => file.tensors.has(name)),
  load(request) {
    requirePlain(request, this.name);
    const file = onlyFile(request);
    return ninoPredictor(request.name, ninoWeights(tensorsOf(file)), file.source);
  },
};
