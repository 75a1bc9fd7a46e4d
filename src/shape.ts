/** Shapes of tensors. */

/** Sizes by axis, outermost first. Images are NHWC: batch, height, width, channels. */
export type Shape = readonly number[];

/** Number of elements of a shape. */
export function count(shape: Shape): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** A shape as text: `[8, 28, 28, 1]`. */
export function format(shape: Shape): string {
  return `[${shape.map(String).join(", ")}]`;
}

/** Whether two shapes are the same. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, axis) => n === b[axis]);
}
