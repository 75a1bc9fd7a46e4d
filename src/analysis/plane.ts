/**
 * The plane through a network's weights in which paths move most: principal components of sets of weights about an origin.
 *
 * Sets are differences to the origin, so that the origin is the plane's (0, 0) and variance is about it, not about the
 * mean. Inner products of all pairs are computed on the GPU in blocks of 1024 products and added in float64; their
 * eigenvectors say what the plane's axes are made of.
 */
import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { UsageError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import { Bound } from "../graph/bound.ts";
import { Graph } from "../graph/graph.ts";
import { compile } from "../graph/program.ts";
import { matmul } from "../ops/index.ts";

/** Weights one after the other, without what lies between parameters; all sets in the same order. */
export type WeightSet = Float32Array;

/** Products that are added on the GPU before float64 takes over. */
const block = 1024;
/** Bytes of sets on the device at a time. */
const mostBytes = 2 ** 24;

/** Inner products of all pairs of sets, [sets, sets], row-major. @throws UsageError unless all are of one size. */
export async function gramMatrix(gpu: Gpu, sets: readonly WeightSet[]): Promise<Float64Array> {
  const count = sets.length;
  const size = sets[0]?.length ?? 0;
  if (size === 0 || sets.some((set) => set.length !== size)) {
    throw new UsageError("gram matrix: the sets need one size above 0.");
  }
  const gram = new Float64Array(count * count);
  const blocks = Math.min(
    Math.ceil(size / block),
    Math.max(1, Math.floor(mostBytes / (4 * block * count))),
  );
  await Owned.within(async (owned) => {
    const bound = owned.add(new Bound());
    const graph = new Graph(gpu);
    const x = graph.input("sets", [blocks, count, block]);
    const held = await bound.zeros(gpu, "sets", x.shape);
    const products = matmul(x, x, { transB: true });
    const program = owned.add(
      await compile(gpu, graph.forward(), {
        label: "inner products",
        bindings: new Map([[x, bound.at(held)]]),
        keep: [products],
      }),
    );
    for (let first = 0; first < size; first += blocks * block) {
      const data = new Float32Array(x.size);
      for (const [s, set] of sets.entries()) {
        for (let b = 0; b < blocks; b++) {
          const from = first + b * block;
          if (from < size)
            data.set(set.subarray(from, Math.min(size, from + block)), (b * count + s) * block);
        }
      }
      gpu.write(bound.at(held).buffer, data);
      program.run();
      const values = await gpu.readFloats({ ...program.view(products), size: products.bytes });
      for (const [i, value] of values.entries()) gram[i % gram.length]! += value;
    }
  });
  return gram;
}

/** A plane of weights. */
export interface Plane {
  /** Its axes: unit vectors at right angles. */
  readonly axes: readonly [WeightSet, WeightSet];
  /** Share of the sets' variance about the origin that lies along each axis, 0 to 1. */
  readonly explained: readonly [number, number];
  /** Each set's place in it, and its distance from it. */
  readonly points: readonly { readonly a: number; readonly b: number; readonly off: number }[];
}

/**
 * The plane of the first two principal components of sets of weights (differences to the origin).
 *
 * Axes point to where the last set lies.
 *
 * @throws UsageError where the sets span no plane.
 */
export async function principalPlane(gpu: Gpu, sets: readonly WeightSet[]): Promise<Plane> {
  const count = sets.length;
  const gram = sets.length < 2 ? new Float64Array() : await gramMatrix(gpu, sets);
  const rows = Array.from({ length: count }, (_, i) => [
    ...gram.subarray(i * count, (i + 1) * count),
  ]);
  const { realEigenvalues: values, eigenvectorMatrix: vectors } =
    count < 2
      ? { realEigenvalues: [0], eigenvectorMatrix: Matrix.zeros(0, 0) }
      : new EigenvalueDecomposition(new Matrix(rows), { assumeSymmetric: true });
  const order = [...values.keys()].sort((i, j) => values[j]! - values[i]!);
  const [first = 0, second = 0] = order.map((i) => values[i]!);
  // Below that a second direction is the roundings of the products.
  if (!(second > 1e-6 * first)) {
    throw new UsageError(
      "plane: the weights of these runs span no plane; give runs of more rounds, or another method or random changes (`perturbations`) besides.",
    );
  }
  const axis = (rank: number): WeightSet => {
    const column = vectors.getColumn(order[rank]!);
    const sum = new Float64Array(sets[0]!.length);
    for (const [s, set] of sets.entries()) {
      const share = column[s]!;
      for (let i = 0; i < sum.length; i++) sum[i]! += share * set[i]!;
    }
    const sign = inner(sum, sets.at(-1)!) < 0 ? -1 : 1;
    const length = sign * Math.sqrt(inner(sum, sum));
    return Float32Array.from(sum, (value) => value / length);
  };
  const axes = [axis(0), axis(1)] as const;
  const total = rows.reduce((sum, row, i) => sum + row[i]!, 0);
  const points = sets.map((set, i) => {
    const [a, b] = [inner(axes[0], set), inner(axes[1], set)];
    return { a, b, off: Math.sqrt(Math.max(0, rows[i]![i]! - a * a - b * b)) };
  });
  return { axes, explained: [first / total, second / total], points };
}

function inner(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
