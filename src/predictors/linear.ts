/** Linear extrapolation: the baseline a learned predictor must beat. */
import { parameterKinds } from "../weights/arena.ts";
import { foldGrid } from "../graph/program.ts";
import { baseCode, type Predictor } from "./predictor.ts";

/**
 * Continues each weight's straight line from newest to oldest snapshot by `horizon` epochs.
 *
 * @param window snapshots K.
 * @param horizon epochs before the oldest snapshot; negative: after the newest.
 */
export function linearPredictor(window = 15, horizon = 3): Predictor {
  return {
    name: `linear (${horizon} epochs)`,
    window,
    direction: horizon < 0 ? "future" : "past",
    reach: `${Math.abs(horizon)} epochs`,
    horizon: Math.abs(horizon),
    normalisation: "none",
    base: horizon < 0 ? "newest" : "oldest",
    sets: [
      {
        name: "all",
        kinds: parameterKinds,
        source: "formula",
        parameters: 0,
        flop: 4,
        geometry: (_, count, base) => ({
          shader: "predict/linear",
          constants: { WINDOW: window, HORIZON: horizon, BASE: baseCode[base] },
          groups: foldGrid(count, 64),
        }),
      },
    ],
  };
}
