/** Shapes of tensors. */
import { UsageError } from "./errors.ts";

/** Sizes by axis, outermost first. Images are NHWC: batch, height, width, channels. */
export type Shape = readonly number[];

/** @throws UsageError for a setting that is no integer of 1 or more. */
export function requireCount(setting: string, value: number): void {
  if (!(Number.isInteger(value) && value >= 1)) {
    throw new UsageError(`${setting} must be an integer of 1 or more, got ${value}.`);
  }
}

/** Number of elements of a shape. */
export function count(shape: Shape): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** A shape as text: `[8, 28, 28, 1]`. */
export function format(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** Whether two shapes are the same. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, axis) => n === b[axis]);
}
