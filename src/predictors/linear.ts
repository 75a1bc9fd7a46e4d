/** Linear extrapolation: the baseline a learned predictor must beat. */
import { requireGiven } from "../checked.ts";
import { UsageError } from "../errors.ts";
import { parameterKinds } from "../weights/arena.ts";
import { predictionLaunch } from "./launch.ts";
import type { PredictorLoader } from "./loader.ts";
import { baseCode, type Predictor } from "./predictor.ts";

/** Floating-point operations a coordinate. */
const flop = 4;

/**
 * Continues each weight's straight line from newest to oldest snapshot by `horizon` epochs.
 *
 * @param window snapshots K.
 * @param horizon epochs before the oldest snapshot; negative: after the newest.
 * @throws UsageError for fewer than two snapshots: one has no direction.
 */
export function linearPredictor(window = 15, horizon = 3): Predictor {
  requireGiven(
    Number.isSafeInteger(window) && window >= 2,
    "linearPredictor: window",
    "an integer of at least 2",
    window,
  );
  requireGiven(Number.isFinite(horizon), "linearPredictor: horizon", "a finite number", horizon);
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
        flop,
        launches: (job) => [
          predictionLaunch(job, {
            shader: "predict/linear",
            constants: { WINDOW: window, HORIZON: horizon, BASE: baseCode[job.base] },
            flop,
          }),
        ],
      },
    ],
  };
}

const spec = /^linear(?::(-?\d+(?:\.\d+)?)(?::(\d+))?)?$/;

/**
 * `linear`, `linear:U`, `linear:U:K`: U epochs before the oldest of K snapshots.
 *
 * @throws UsageError for fewer than two snapshots: one has no direction.
 */
export const linearLoader: PredictorLoader = {
  name: "linear",
  formula(asked) {
    const match = spec.exec(asked);
    if (match === null) return undefined;
    const window = Number(match[2] ?? 15);
    if (window < 2) {
      throw new UsageError(
        `predictor "${asked}": a line takes two snapshots or more, not ${window}.`,
      );
    }
    return linearPredictor(window, Number(match[1] ?? 3));
  },
};
