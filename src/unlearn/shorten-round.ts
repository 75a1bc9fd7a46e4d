/**
 * Ends a run where its unlearning accuracy is what was asked for, instead of wherever its last round did.
 *
 * Rounds of different methods differ a hundredfold in what they change: one that jumps from 0 to 60 % where 5 %
 * were asked for cannot be compared with one that stops at 5. So the last round is shortened: weights on the
 * straight line between its two ends are measured, and the first that reaches the target is kept.
 */
import { Owned } from "../gpu/owned.ts";
import type { Model, Tensors } from "../nn/model.ts";
import type { Scores } from "../metrics/metric.ts";
import { Combination } from "../weights/combine.ts";
import type { Progress } from "./driver.ts";

/** Measures a model: the scores named, of the empty list those of D_f alone; absent: all that the run measures. */
type Evaluate = (only?: readonly string[]) => Promise<Scores>;

/** Leaves the model where a round first gets to a level, and measures it there; see {@link shortenRound}. */
export async function landOn(
  model: Model,
  ends: readonly [before: Tensors, after: Tensors],
  whole: Progress,
  evaluate: Evaluate,
  reached: (scores: Scores) => boolean,
): Promise<Progress> {
  const share = await shortenRound(model, ...ends, async () => reached(await evaluate([])));
  return { ...whole, round: whole.round - 1 + share, scores: await evaluate() };
}

/** Halvings: the share of the round is found to a thousandth. */
const halvings = 10;

/**
 * Leaves the model where the last round first reaches a target. Both ends are uploaded once; what lies
 * between them is computed on the GPU.
 *
 * @param before weights before the round, which do not reach it.
 * @param after weights after it, which do.
 * @param reached measures the model as it stands.
 * @returns the share of the round that was kept: 1 if all of it was needed.
 */
export async function shortenRound(
  model: Model,
  before: Tensors,
  after: Tensors,
  reached: () => Promise<boolean>,
): Promise<number> {
  const { gpu } = model;
  return Owned.within(async (owned) => {
    model.load(before);
    const start = owned.add(await model.clone("before the round"));
    model.load(after);
    const end = owned.add(await model.clone("after the round"));
    const lines: Combination[] = [];
    for (const part of ["parameters", "statistics"] as const) {
      lines.push(owned.add(await Combination.create(gpu, start[part], model[part])));
    }
    /** Moves the model to a share of the way. */
    const move = (share: number): void => {
      model.copyFrom(end);
      for (const line of lines) line.run(share);
    };
    let [low, high] = [0, 1];
    for (let i = 0; i < halvings; i++) {
      const middle = (low + high) / 2;
      move(middle);
      if (await reached()) high = middle;
      else low = middle;
    }
    move(high);
    await gpu.idle();
    return high;
  });
}
