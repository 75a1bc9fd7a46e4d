/** Scale and shift of normalisations, which may do without. */
import { ShapeError } from "../errors.ts";
import type { Value } from "../graph/value.ts";
import { format, sameShape, type Shape } from "../shape.ts";

/** gamma and beta as inputs of an operation; none where both are null. @throws ShapeError where one of them is. */
export function affineInputs(name: string, gamma: Value | null, beta: Value | null): Value[] {
  if (gamma === null && beta === null) return [];
  if (gamma === null || beta === null) {
    throw new ShapeError(`${name}: gamma and beta must be two values, or both null.`);
  }
  return [gamma, beta];
}

/** @throws ShapeError unless each value has one number for each channel of x. */
export function requirePerChannel(
  name: string,
  x: Shape,
  values: readonly Shape[],
  called: readonly string[],
): void {
  const channels = x.at(-1);
  if (channels === undefined) {
    throw new ShapeError(`${name}: input ${format(x)} has no channel axis.`);
  }
  for (const [i, shape] of values.entries()) {
    if (sameShape(shape, [channels])) continue;
    throw new ShapeError(
      `${name}: input ${format(x)} has ${channels} channels, so ${called[i]!} must be [${channels}], got ${format(shape)}.`,
    );
  }
}
