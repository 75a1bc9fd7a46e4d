/** How predictors are meta-trained on a scenario: which trained networks they learn from, and where rewinds of these land. */
import type { z } from "zod";
import type { Dataset } from "../data/dataset.ts";

/** Scores of a network, in %. */
export interface EndScore {
  /** Accuracy on D_f, with the labels that were trained. */
  readonly forget: number;
  /** What unlearning is to keep or to raise: the first score on the vertical axis of the scenario's experiment. */
  readonly goal: number;
}

/** Scores of a trained network, and of one retrained without D_f. */
export interface EndScores {
  readonly trained: EndScore;
  readonly retrained: EndScore;
}

/** What `rewind predictor train` asks of a scenario. */
export interface MetaTraining<S extends z.ZodObject = z.ZodObject> {
  /** Settings of the scenario for one training; `pick` takes one of several. */
  varied(pick: <T>(options: readonly T[]) => T): z.input<S>;
  /** Why nothing can be learnt from a trained network; undefined where something can. */
  unfit(scores: EndScores): string | undefined;
  /**
   * Accuracy on D_f at which a rewind of a trained network ends, %.
   *
   * @param draw in [0, 1), even, for levels that are drawn.
   */
  level(scores: EndScores, draw: number): number;
  /**
   * Images that no training has seen, with their true labels, whose cross-entropy is to be low where a rewind ends;
   * absent: the test images as they are.
   */
  heldOut?(test: Dataset, settings: z.output<S>): Dataset;
}

/** Least share of D_f that must be known by heart, in %. */
const leastKnown = 85;

/** Least difference between a trained and a retrained network, in points. */
const leastDifference = 3;

function tooLittleKnown({ trained }: EndScores): string | undefined {
  if (trained.forget >= leastKnown) return undefined;
  return `only ${trained.forget.toFixed(1)} % of D_f is known by heart`;
}

/** Why a network teaches nothing about undoing what D_f did wrong: it has not learnt it, or retraining is no better. */
export function unfitToCorrect(scores: EndScores): string | undefined {
  const gain = scores.retrained.goal - scores.trained.goal;
  const little =
    gain < leastDifference ? `retraining gains ${gain.toFixed(1)} points only` : undefined;
  return tooLittleKnown(scores) ?? little;
}

/** Why a network teaches nothing about forgetting what is right: it does not know D_f, or one that never saw it does as well. */
export function unfitToForget(scores: EndScores): string | undefined {
  const lost = scores.trained.forget - scores.retrained.forget;
  const little =
    lost < leastDifference
      ? `a retrained network knows all of D_f but ${lost.toFixed(1)} points`
      : undefined;
  return tooLittleKnown(scores) ?? little;
}
