import { z } from "zod";
import { ShapeError } from "../errors.ts";
import { applyOperation, type Operation } from "../graph/graph.ts";
import type { Tuning } from "../gpu/device.ts";
import type { Launch, Value } from "../graph/value.ts";
import { format, sameShape, type Shape } from "../shape.ts";
import { sized, stepsOfB } from "./launch/product.ts";
import { settingsOf } from "./settings.ts";

/** Settings of {@link matmul}. */
export interface MatmulAttrs {
  /** Take the transpose of a's (b's) matrices. */
  readonly transA?: boolean;
  readonly transB?: boolean;
}

const schema = z.strictObject({ transA: z.boolean().optional(), transB: z.boolean().optional() });

type Transposed = Required<MatmulAttrs>;

/** Rows and columns of a matrix as it enters the product. */
function matrix(shape: Shape, transposed: boolean): [number, number] {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return transposed ? [columns, rows] : [rows, columns];
}

function product(
  tuning: Tuning,
  a: Value,
  b: Value,
  c: Value,
  { transA, transB }: Transposed,
): Launch {
  const [m, k] = matrix(a.shape, transA);
  const n = c.shape.at(-1)!;
  const pieces = c.size / (m * n);
  const known = sized(tuning, { m, n, k, longest: k, pieces, ...stepsOfB(transB, k, n) });
  return {
    shader: "gemm/batched",
    ...known,
    constants: { ...known.constants, TRANS_A: transA, TRANS_B: transB },
    bind: { a, b, c },
    threads: pieces * Math.ceil(m / 4) * Math.ceil(n / 4),
    flop: 2 * c.size * k,
  };
}

const operation: Operation<Transposed> = {
  name: "matmul",
  takes: { a: "f32", b: "f32" },
  shape: ([a, b], { transA, transB }) => {
    const shapes = `got ${format(a!)}${transA ? "ᵀ" : ""} and ${format(b!)}${transB ? "ᵀ" : ""}`;
    if (a!.length < 2 || !sameShape(a!.slice(0, -2), b!.slice(0, -2)) || b!.length < 2) {
      throw new ShapeError(
        `matmul: both factors must be [..., rows, columns] with the same leading axes, ${shapes}.`,
      );
    }
    const [rows, inner] = matrix(a!, transA);
    const [expected, columns] = matrix(b!, transB);
    if (inner !== expected) {
      throw new ShapeError(`matmul: ${inner} columns meet ${expected} rows, ${shapes}.`);
    }
    return [...a!.slice(0, -2), rows, columns];
  },
  forward: ({ inputs: [a, b], y, attrs, tuning }) => [product(tuning, a!, b!, y, attrs)],
  backward: ({ inputs: [a, b], dy, dinputs: [da, db], attrs: { transA, transB }, tuning }) => {
    const launches: Launch[] = [];
    if (da != null) {
      launches.push(
        transA
          ? product(tuning, b!, dy, da, { transA: transB, transB: true })
          : product(tuning, dy, b!, da, { transA: false, transB: !transB }),
      );
    }
    if (db != null) {
      launches.push(
        transB
          ? product(tuning, dy, a!, db, { transA: true, transB: transA })
          : product(tuning, a!, dy, db, { transA: !transA, transB: false }),
      );
    }
    return launches;
  },
};

/**
 * Matrix products over leading axes: c[..., i, j] = Σ a[..., i, k] b[..., k, j].
 *
 * Made for many small matrices; one large product is faster as {@link linear}.
 *
 * @param a [..., M, K], or [..., K, M] if `transA`.
 * @param b [..., K, N], or [..., N, K] if `transB`; the leading axes are a's.
 * @returns [..., M, N].
 * @throws ShapeError if the sizes do not fit.
 */
export function matmul(a: Value, b: Value, attrs: MatmulAttrs = {}): Value {
  const { transA = false, transB = false } = settingsOf(schema, attrs, "matmul");
  return applyOperation(operation, [a, b], { transA, transB });
}
