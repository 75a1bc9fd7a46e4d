/** Weights whose shape the size of a network's images decides, and what an error says of them. */
import type { Shape } from "../shape.ts";
import type { ParameterSpec } from "../weights/arena.ts";

/** Whether a tensor differs from a slot as with images of another size: in a dense layer's inputs alone, or in places of an embedding. */
export function differsBySize({ kind, shape }: ParameterSpec, found: Shape): boolean {
  const dense = kind === "fc" && shape.length === 2 && found.length === 2;
  return dense && found[0] !== shape[0] && found[1] === shape[1];
}

/** A sentence for an error. @param called what the size is called where it is given. */
export function sizeHint(called = "size"): string {
  return ` The size of the images decides that: give the one that the network was trained with (\`${called}\`).`;
}
