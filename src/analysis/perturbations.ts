/** Random changes of weights, as long as a share of each filter: what a landscape is drawn from beside paths. */
import { Random } from "../random.ts";
import type { Slot } from "../weights/arena.ts";
import type { WeightSet } from "./plane.ts";

/** Lengths of a change, in those of the filter it changes. */
export const perturbationLengths = [0.05, 0.1, 0.2, 0.5, 1] as const;

/** A random change of all weights. */
export interface Perturbation {
  /** Its length in each filter, in the filter's own. */
  readonly length: number;
  /** What is added to the weights. */
  readonly set: WeightSet;
}

/**
 * A change in a random direction for each filter (all weights that lead to one output), normally distributed and then brought to a
 * length: filter normalisation (Li et al., 2018). Parameters of one axis stay as they are.
 *
 * @param slots where the weights of `origin` lie, one parameter after the other.
 */
export function perturbation(
  slots: readonly Pick<Slot, "shape" | "size" | "name">[],
  origin: WeightSet,
  seed: number,
): Perturbation {
  const random = new Random(seed);
  const length = perturbationLengths[random.int(perturbationLengths.length)]!;
  const set = new Float32Array(origin.length);
  let start = 0;
  for (const { shape, size, name } of slots) {
    const outputs = shape.length > 1 ? shape.at(-1)! : 0;
    const stream = random.fork(name);
    for (let output = 0; output < outputs; output++) {
      let [own, drawn] = [0, 0];
      for (let at = start + output; at < start + size; at += outputs) {
        set[at] = stream.normal();
        own += origin[at]! ** 2;
        drawn += set[at]! ** 2;
      }
      const factor = drawn === 0 ? 0 : (length * Math.sqrt(own)) / Math.sqrt(drawn);
      for (let at = start + output; at < start + size; at += outputs) set[at]! *= factor;
    }
    start += size;
  }
  return { length, set };
}
