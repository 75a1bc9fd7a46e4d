/** Launch of the matrix product on software adapters (shaders/gemm/gemm-software*.wgsl). */
import type { SlicedGeometry } from "../../gpu/geometry.ts";
import { ceilDiv, columnQuads, softwareGrid } from "./tiles.ts";

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

/** Geometry of the matrix product on a software adapter. Bindings: a, b, bias, c. */
export function gemmSoftware(shape: GemmShape): SlicedGeometry {
  const { m, n, k, transA, transB } = shape;
  const slices = shape.slices ?? 1;
  const vec4 = n % 4 === 0 && !transB;
  const vt = columnQuads(n, m * n * k, vec4 ? 4 : 2);
  const lanes = ceilDiv(m, 8) * ceilDiv(n, 4 * vt) * slices;
  const { wg, groups } = softwareGrid(lanes);
  const hasBias = shape.hasBias && slices === 1;
  return {
    shader: vec4 ? "gemm/gemm-software-vec4" : "gemm/gemm-software",
    constants: {
      ...{ M: m, N: n, K: k, TRANS_A: transA, HAS_BIAS: hasBias, SLICES: slices, VT: vt, WG: wg },
      ...(vec4 ? {} : { TRANS_B: transB }),
    },
    groups,
    slices,
  };
}
