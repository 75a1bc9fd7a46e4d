/** What a launch list becomes before it gets memory, in one order for all who plan it. */
import { type Uncopied, withoutCopies } from "./copies.ts";
import { fuse } from "./fusion.ts";
import type { Launch, Value } from "./value.ts";

/**
 * Fuses kernels, and then leaves out copies.
 *
 * @param keep values that must be there in the end.
 */
export function rewrite<T extends object = Launch>(
  given: readonly (Launch | T)[],
  keep: readonly Value[] = [],
): Uncopied<T> {
  return withoutCopies<T>(fuse<T>(given, keep));
}
