/** Launches of the 2-D convolution on software adapters (shaders/conv2d/*-software*.wgsl). */
import type { Geometry, SlicedGeometry } from "../../gpu/geometry.ts";
import type { Conv2dShape } from "./conv2d-shape.ts";
import { ceilDiv, columnQuads, softwareGrid } from "./tiles.ts";

function baseConstants(shape: Conv2dShape): Record<string, number | boolean> {
  return {
    ...{ N: shape.n, H: shape.h, W: shape.w, CIN: shape.cin },
    ...{ OH: shape.oh, OW: shape.ow, COUT: shape.cout, KH: shape.kh, KW: shape.kw },
    ...{ SH: shape.strideH, SW: shape.strideW, PH: shape.padH, PW: shape.padW },
  };
}

function multiplyAdds(shape: Conv2dShape): number {
  return shape.n * shape.oh * shape.ow * shape.cout * shape.kh * shape.kw * shape.cin;
}

/** Geometry of y = conv(x, w) (+ b). Bindings: x, w, b, y. */
export function conv2dForwardSoftware(shape: Conv2dShape): Geometry {
  const vec4 = shape.cout % 4 === 0;
  const vt = columnQuads(shape.cout, multiplyAdds(shape), vec4 ? 4 : 2);
  const pixels = shape.n * shape.oh * shape.ow;
  const { wg, groups } = softwareGrid(ceilDiv(pixels, 8) * ceilDiv(shape.cout, 4 * vt));
  return {
    shader: vec4 ? "conv2d/forward-software-vec4" : "conv2d/forward-software",
    constants: { ...baseConstants(shape), HAS_BIAS: shape.hasBias, VT: vt, WG: wg },
    groups,
  };
}

/** Geometry of the input gradient. Bindings: dy, w, dx. */
export function conv2dInputGradSoftware(shape: Conv2dShape): Geometry {
  const vec4 = shape.cin % 4 === 0;
  const vt = columnQuads(shape.cin, multiplyAdds(shape), vec4 ? 4 : 2);
  const pixels = shape.n * shape.h * shape.w;
  const { wg, groups } = softwareGrid(ceilDiv(pixels, 8) * ceilDiv(shape.cin, 4 * vt));
  return {
    shader: vec4 ? "conv2d/input-grad-software-vec4" : "conv2d/input-grad-software",
    constants: { ...baseConstants(shape), VT: vt, WG: wg },
    groups,
  };
}

/**
 * Geometry of the weight gradient: partial sums [slices, kh, kw, cin, cout], to be added by
 * sumSlices. Bindings: x, dy, partial.
 */
export function conv2dWeightGradSoftware(shape: Conv2dShape): SlicedGeometry {
  const vec4 = shape.cin % 4 === 0 && shape.cout % 4 === 0;
  const vt = columnQuads(shape.cout, multiplyAdds(shape), shape.cout % 4 === 0 ? 4 : 2);
  const tiles = ceilDiv(shape.kh * shape.kw * shape.cin, 8) * ceilDiv(shape.cout, 4 * vt);
  // Enough lanes for every core, yet few partial sums: each slice costs a pass over the weights.
  const rows = shape.n * shape.oh;
  const slices = Math.max(1, Math.min(rows, ceilDiv(512, tiles)));
  const { wg, groups } = softwareGrid(tiles * slices);
  return {
    shader: vec4 ? "conv2d/weight-grad-software-vec4" : "conv2d/weight-grad-software",
    constants: { ...baseConstants(shape), SLICES: slices, VT: vt, WG: wg },
    groups,
    slices,
  };
}
