/** Launch of the matrix product (shaders/gemm/product.wgsl). */
import type { Tuning } from "../../gpu/device.ts";
import type { SlicedLaunch } from "../../graph/value.ts";
import {
  chooseTile,
  type Product,
  productGpu,
  productSoftware,
  sliceLength,
  stepsOfB,
} from "./product.ts";
import { columnQuads } from "./tiles.ts";

/** Shape of c[m, n] = op(a) op(b) (+ bias[n]). */
export interface GemmShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** a is stored [k, m] instead of [m, k]. */
  readonly transA: boolean;
  /** b is stored [n, k] instead of [k, n]. */
  readonly transB: boolean;
  readonly hasBias: boolean;
  /** Slices of k; more than 1 gives partial sums [slices, m, n] without bias. Default 1. */
  readonly slices?: number;
}

/** The matrix product as its cores are launched. */
export function gemmProduct(tuning: Tuning, shape: GemmShape): Product {
  const { m, n, k, transA, transB, slices = 1 } = shape;
  const software = tuning === "software";
  const quads = n % 4 === 0;
  return {
    shader: "gemm/product",
    constants: {
      ...{ TRANS_A: transA, TRANS_B: transB, HAS_BIAS: shape.hasBias && slices === 1 },
    },
    sizes: {
      ...{ m, n, k, longest: sliceLength(k, slices, software ? 1 : 16), pieces: slices },
      ...stepsOfB(transB, k, n),
    },
    // A software lane reads rows as scalars, and transposed columns one by one.
    vec4: software
      ? { a: false, b: quads && !transB, c: quads }
      : { a: (transA ? m : k) % 4 === 0, b: quads && (!transB || k % 4 === 0), c: quads },
  };
}

/** Launch of the matrix product. Bindings: a, b, bias, c. */
export function gemm(tuning: Tuning, shape: GemmShape): SlicedLaunch {
  const { m, n, k, slices = 1 } = shape;
  const product = gemmProduct(tuning, shape);
  const launch =
    tuning === "software"
      ? productSoftware(product, columnQuads(n, m * n * k, product.vec4.b ? 4 : 2))
      : productGpu(product, chooseTile(m, n, slices));
  return { ...launch, slices };
}
