import { ShapeError } from "../errors.ts";
import type { Tuning } from "../gpu/device.ts";
import { applyOperation, type Operation } from "../graph/graph.ts";
import type { Launch, Value } from "../graph/value.ts";
import { format, sameShape } from "../shape.ts";
import { gemm } from "./launch/gemm.ts";
import { planProduct } from "./launch/product.ts";
import { sumSlices } from "./launch/reduce.ts";
import { biasGradient, productGradients, sumOfSlices } from "./launch/sliced.ts";

/** Steps of k in a slice at least, on each kind of adapter. */
const shortestSlice = { software: 64, gpu: 128 } as const;

/**
 * Slices of k for c [m, n]: enough output tiles to fill the adapter, and a slice long enough that
 * the partial sums cost little beside the products.
 */
export function slicesOfK(tuning: Tuning, m: number, n: number, k: number): number {
  const most = Math.max(1, Math.floor(k / shortestSlice[tuning]));
  if (tuning === "gpu") return planProduct(m, n, k, most).slices;
  // A software lane makes 8 rows of up to 16 columns.
  const tiles = Math.ceil(m / 8) * Math.ceil(n / 16);
  return Math.max(1, Math.min(most, Math.floor(64 / tiles)));
}

/** A plain product: neither factor transposed, no bias. */
const product = { transA: false, transB: false, hasBias: false };

const operation: Operation<null> = {
  name: "linear",
  takes: { x: "f32", w: "f32", b: "f32" },
  neurons: "dense",
  shape: ([x, w, b]) => {
    if (x!.length < 2) {
      throw new ShapeError(
        `linear: the input must be [..., features], got ${format(x!)} (weight ${format(w!)}).`,
      );
    }
    if (w!.length !== 2) {
      throw new ShapeError(
        `linear: the weight must be [in, out], got ${format(w!)} (input ${format(x!)}).`,
      );
    }
    const features = x!.at(-1)!;
    const [inputs, units] = w as [number, number];
    if (features !== inputs) {
      throw new ShapeError(
        `linear: input ${format(x!)} has ${features} features, weight ${format(w!)} expects ${inputs}.`,
      );
    }
    if (b !== undefined && !sameShape(b, [units])) {
      throw new ShapeError(
        `linear: weight ${format(w!)} has ${units} units, so the bias must be [${units}], got ${format(b)}.`,
      );
    }
    return [...x!.slice(0, -1), units];
  },
  forward: ({ inputs: [x, w, b], y, tuning, scratch }) => {
    const [features, units] = w!.shape as [number, number];
    const rows = x!.size / features;
    const flop = 2 * rows * units * features;
    const slices = slicesOfK(tuning, rows, units, features);
    const hasBias = b !== undefined && slices === 1;
    const kernel = gemm(tuning, { ...product, m: rows, n: units, k: features, hasBias, slices });
    const bind = { a: x!, b: w!, bias: hasBias ? b : null };
    if (b === undefined || slices === 1) {
      return sumOfSlices(
        tuning,
        { ...kernel, slices },
        bind,
        { name: "c", value: y },
        scratch,
        flop,
      );
    }
    // A sliced product cannot add the bias; the sum over its slices does.
    const partial = scratch("partial", [slices, rows, units]);
    return [
      { ...kernel, bind: { ...bind, c: partial }, flop },
      {
        ...sumSlices(tuning, y.size, slices, units),
        bind: { x: partial, b, y },
        flop: partial.size,
      },
    ];
  },
  backward: ({ inputs: [x, w], dy, dinputs: [dx, dw, db], tuning, scratch }) => {
    const [features, units] = w!.shape as [number, number];
    const rows = x!.size / features;
    const flop = 2 * rows * units * features;
    const launches: Launch[] = [];
    if (dx != null) {
      // dx = dy wᵀ
      const shape = { ...product, m: rows, n: features, k: units, transB: true };
      const bind = { a: dy, b: w!, bias: null };
      const slices = slicesOfK(tuning, rows, features, units);
      const sliced = { ...gemm(tuning, { ...shape, slices }), slices };
      launches.push(...sumOfSlices(tuning, sliced, bind, { name: "c", value: dx }, scratch, flop));
    }
    if (dw != null) {
      // dw = xᵀ dy
      const shape = { ...product, m: features, n: units, k: rows, transA: true };
      const slices = slicesOfK(tuning, features, units, rows);
      const weights = { launch: gemm(tuning, { ...shape, slices }), a: x!, flop };
      launches.push(...productGradients(tuning, weights, dy, [dw, db ?? null], scratch));
    } else if (db != null) {
      launches.push(...biasGradient(tuning, dy, db, scratch));
    }
    return launches;
  },
};

/**
 * Fully connected layer: y = x w + b.
 *
 * @param x [..., in]; every position of the leading axes is a row.
 * @param w [in, out].
 * @param b [out], or null for none.
 * @returns [..., out].
 * @throws ShapeError if the sizes do not fit.
 */
export function linear(x: Value, w: Value, b: Value | null, label?: string): Value {
  return applyOperation(operation, b === null ? [x, w] : [x, w, b], null, label);
}
