/**
 * Copies that a launch list can do without.
 *
 * An operation that changes nothing but a shape, and the gradient of a sum, are copies, as every operation writes an
 * output of its own. Where both sides are temporary, the users of the output may as well read what was copied.
 */
import type { Launch, Value } from "./value.ts";

/** The kernel whose output is its input. */
const copyShader = "elementwise/copy";

/** Steps without copies between planned values. */
export interface Uncopied<T> {
  readonly steps: readonly (Launch | T)[];
  /** Values that nothing writes any more, and those with the same contents. */
  readonly same: ReadonlyMap<Value, Value>;
  /** Those that others now read instead, and how many of the steps come before: no later one may write them. */
  readonly fixed: ReadonlyMap<Value, number>;
}

/**
 * Leaves out copies from one planned value to another: who read the second reads the first. The bits stay as they are.
 *
 * @param given launches in order, and other steps among them, which write no planned value.
 */
export function withoutCopies<T extends object = Launch>(
  given: readonly (Launch | T)[],
): Uncopied<T> {
  const same = new Map<Value, Value>();
  const fixed = new Map<Value, number>();
  const seen = new Set<Value>();
  const steps: (Launch | T)[] = [];
  for (const step of given) {
    if (!("shader" in step)) {
      steps.push(step);
      continue;
    }
    const bind = Object.fromEntries(
      Object.entries(step.bind).map(([name, value]) => [
        name,
        value === null ? null : (same.get(value) ?? value),
      ]),
    );
    const { x, y } = bind;
    const temporary = x?.storage === "planned" && y?.storage === "planned";
    // An output that was there before is one that others write as well.
    if (step.shader === copyShader && temporary && x.bytes === y.bytes && !seen.has(y)) {
      same.set(y, x);
      if (!fixed.has(x)) fixed.set(x, steps.length);
      continue;
    }
    for (const value of Object.values(bind)) if (value !== null) seen.add(value);
    steps.push({ ...step, bind });
  }
  return { steps, same, fixed };
}
