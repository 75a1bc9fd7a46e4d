/**
 * Ends a run where its unlearning accuracy is what was asked for, instead of wherever its last round did.
 *
 * Rounds of different methods differ a hundredfold in what they change: one that jumps from 0 to 60 % where 5 %
 * were asked for cannot be compared with one that stops at 5. So the last round is shortened: weights on the
 * straight line between its two ends are measured, and the first that reaches the target is kept.
 */
import type { Model, Tensors } from "../nn/model.ts";

/** Halvings: the share of the round is found to a thousandth. */
const halvings = 10;

/** Weights a share of the way from one set to another. */
function between(before: Tensors, after: Tensors, share: number): Tensors {
  return new Map(
    [...after].map(([name, { shape, data }]) => {
      const from = before.get(name)!.data;
      return [name, { shape, data: data.map((to, i) => from[i]! + share * (to - from[i]!)) }];
    }),
  );
}

/**
 * Leaves the model where the last round first reaches a target.
 *
 * @param before weights before the round, which do not reach it.
 * @param after weights after it, which do.
 * @param reached measures the model as it stands.
 * @returns the share of the round that was kept: 1 if all of it was needed.
 */
export async function land(
  model: Model,
  before: Tensors,
  after: Tensors,
  reached: () => Promise<boolean>,
): Promise<number> {
  let [low, high] = [0, 1];
  for (let i = 0; i < halvings; i++) {
    const middle = (low + high) / 2;
    model.load(between(before, after, middle));
    if (await reached()) high = middle;
    else low = middle;
  }
  model.load(high === 1 ? after : between(before, after, high));
  return high;
}
