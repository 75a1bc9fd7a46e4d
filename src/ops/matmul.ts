import { z } from "zod";
import { ShapeError } from "../errors.ts";
import { applyOperation, type Operation } from "../graph/graph.ts";
import type { Launch, Value } from "../graph/value.ts";
import { format, sameShape, type Shape } from "../shape.ts";
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

function product(a: Value, b: Value, c: Value, { transA, transB }: Transposed): Launch {
  const [M, K] = matrix(a.shape, transA);
  const N = c.shape.at(-1)!;
  const BATCH = c.size / (M * N);
  return {
    shader: "gemm/batched",
    constants: { BATCH, M, N, K, TRANS_A: transA, TRANS_B: transB },
    bind: { a, b, c },
    threads: BATCH * Math.ceil(M / 4) * Math.ceil(N / 4),
    flop: 2 * c.size * K,
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
  forward: ({ inputs: [a, b], y, attrs }) => [product(a!, b!, y, attrs)],
  backward: ({ inputs: [a, b], dy, dinputs: [da, db], attrs: { transA, transB } }) => {
    const launches: Launch[] = [];
    if (da != null) {
      launches.push(
        transA
          ? product(b!, dy, da, { transA: transB, transB: true })
          : product(dy, b!, da, { transA: false, transB: !transB }),
      );
    }
    if (db != null) {
      launches.push(
        transB
          ? product(dy, a!, db, { transA: true, transB: transA })
          : product(a!, dy, db, { transA: !transA, transB: false }),
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
