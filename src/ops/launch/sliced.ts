/** Launches that add slices: kernels that write partial sums, and what adds them up. */
import type { Tuning } from "../../gpu/device.ts";
import type { Launch, SlicedLaunch, Value } from "../../graph/value.ts";
import type { Shape } from "../../shape.ts";
import { withColumnSums } from "./product.ts";
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
  return [{ ...kernel, bind: { ...bind, [name]: partial }, flop }, joined(tuning, partial, value)];
}

/** Launch that adds the slices of `partial` [slices, ...]. */
function joined(tuning: Tuning, partial: Value, value: Value): Launch {
  return {
    ...sumSlices(tuning, value.size, partial.shape[0]!),
    bind: { x: partial, y: value },
    flop: partial.size,
  };
}

/** A kernel that makes a layer's weight gradient. */
export interface WeightGradient {
  readonly launch: SlicedLaunch;
  readonly bind: Readonly<Record<string, Value | null>>;
  /** Its output binding, and the gradient. */
  readonly output: { readonly name: string; readonly value: Value };
  readonly flop: number;
  /** The binding by which it gives partial sums [slices, C] of dy [..., C], which it reads anyway, as well. */
  readonly sums?: string | undefined;
}

/** Launches of a weight gradient, and of the bias gradient db [C] of the same layer where it is asked for. */
export function layerGradients(
  tuning: Tuning,
  { launch, bind, output, flop, sums }: WeightGradient,
  dy: Value,
  db: Value | null,
  scratch: Scratch,
): Launch[] {
  if (db === null || sums === undefined) {
    return [
      ...sumOfSlices(tuning, launch, bind, output, scratch, flop),
      ...(db === null ? [] : biasGradient(tuning, dy, db, scratch)),
    ];
  }
  const { slices } = launch;
  const partial = slices === 1 ? db : scratch(`${db.label} partial`, [slices, ...db.shape]);
  const both = { ...bind, [sums]: partial };
  const weights = sumOfSlices(tuning, launch, both, output, scratch, flop + dy.size);
  return slices === 1 ? weights : [...weights, joined(tuning, partial, db)];
}

/** The same of a layer whose weight gradient is a product c = a b of which b is dy: on GPUs it adds the rows of b. */
export function productGradients(
  tuning: Tuning,
  { launch, a, flop }: { readonly launch: SlicedLaunch; readonly a: Value; readonly flop: number },
  dy: Value,
  [dw, db]: readonly [Value, Value | null],
  scratch: Scratch,
): Launch[] {
  const summing = db === null ? undefined : withColumnSums(launch);
  const weights: WeightGradient = {
    ...{ launch: summing ?? launch, bind: { a, b: dy, bias: null }, flop },
    output: { name: "c", value: dw },
    sums: summing && "column_sums",
  };
  return layerGradients(tuning, weights, dy, db, scratch);
}

/** Launches of a bias gradient: db [C] = sum of dy [..., C] over everything but the last axis. */
export function biasGradient(tuning: Tuning, dy: Value, db: Value, scratch: Scratch): Launch[] {
  const launch = columnSum(tuning, dy.size / db.size, db.size);
  return sumOfSlices(tuning, launch, { x: dy }, { name: "y", value: db }, scratch, dy.size);
}
