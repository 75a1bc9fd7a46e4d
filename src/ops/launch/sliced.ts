/** Launches that add slices: kernels that write partial sums, and what adds them up. */
import type { Tuning } from "../../gpu/device.ts";
import type { Launch, SlicedLaunch, Value } from "../../graph/value.ts";
import type { Shape } from "../../shape.ts";
import { columnSum, sumSlices } from "./reduce.ts";

type Scratch = (label: string, shape: Shape) => Value;

/**
 * Launches of a kernel that sums in slices: with one slice it writes the result itself, with more it
 * writes partial sums that a second launch adds in a fixed order.
 *
 * @param output the kernel's output binding and the value to write in full.
 */
export function sumOfSlices(
  tuning: Tuning,
  launch: SlicedLaunch,
  bind: Readonly<Record<string, Value | null>>,
  output: { readonly name: string; readonly value: Value },
  scratch: Scratch,
  flop: number,
): Launch[] {
  const { slices, ...kernel } = launch;
  const { name, value } = output;
  if (slices === 1) return [{ ...kernel, bind: { ...bind, [name]: value }, flop }];
  const partial = scratch(`${value.label} partial`, [slices, ...value.shape]);
  return [
    { ...kernel, bind: { ...bind, [name]: partial }, flop },
    {
      ...sumSlices(tuning, value.size, slices),
      bind: { x: partial, y: value },
      flop: partial.size,
    },
  ];
}

/** Launches of a bias gradient: db [C] = sum of dy [..., C] over everything but the last axis. */
export function biasGradient(tuning: Tuning, dy: Value, db: Value, scratch: Scratch): Launch[] {
  const launch = columnSum(tuning, dy.size / db.size, db.size);
  return sumOfSlices(tuning, launch, { x: dy }, { name: "y", value: db }, scratch, dy.size);
}
