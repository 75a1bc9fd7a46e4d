/** Launches of the 2-D convolution on GPUs (shaders/conv2d/*-gpu*.wgsl). */
import type { Geometry, SlicedGeometry } from "../../gpu/geometry.ts";
import type { Conv2dShape } from "./conv2d-shape.ts";
import { planTiles } from "./gemm-gpu.ts";
import { ceilDiv, foldGroups } from "./tiles.ts";

function baseConstants(shape: Conv2dShape): Record<string, number | boolean> {
  return {
    ...{ N: shape.n, H: shape.h, W: shape.w, CIN: shape.cin },
    ...{ OH: shape.oh, OW: shape.ow, COUT: shape.cout, KH: shape.kh, KW: shape.kw },
    ...{ SH: shape.strideH, SW: shape.strideW, PH: shape.padH, PW: shape.padW },
  };
}

/** Path of a kernel: the one that moves four channels at a time where all channels come in fours. */
function shader(name: string, shape: Conv2dShape): string {
  const vec4 = shape.cin % 4 === 0 && shape.cout % 4 === 0;
  return `conv2d/${name}-gpu${vec4 ? "-vec4" : ""}`;
}

/** Geometry of y = conv(x, w) (+ b). Bindings: x, w, b, y. */
export function conv2dForwardGpu(shape: Conv2dShape): Geometry {
  const plan = planTiles(shape.n * shape.oh * shape.ow, shape.cout, 1);
  return {
    shader: shader("forward", shape),
    constants: { ...baseConstants(shape), HAS_BIAS: shape.hasBias, ...plan.constants },
    groups: foldGroups(plan.count),
  };
}

/** Geometry of the input gradient. Bindings: dy, w, dx. */
export function conv2dInputGradGpu(shape: Conv2dShape): Geometry {
  const { n, h, w, strideH, strideW } = shape;
  // One product per class of pixels with the same remainders; see the shader.
  const classes = strideH * strideW;
  const plan = planTiles(n * ceilDiv(h, strideH) * ceilDiv(w, strideW), shape.cin, classes);
  return {
    shader: shader("input-grad", shape),
    constants: { ...baseConstants(shape), ...plan.constants },
    groups: foldGroups(plan.count * classes),
  };
}

/**
 * Geometry of the weight gradient: partial sums [slices, kh, kw, cin, cout], to be added by
 * sumSlices. Bindings: x, dy, partial.
 */
export function conv2dWeightGradGpu(shape: Conv2dShape): SlicedGeometry {
  const plan = planTiles(shape.kh * shape.kw * shape.cin, shape.cout, 0);
  // About two workgroups a processor, but slices long enough to outweigh adding them up.
  const pixels = shape.n * shape.oh * shape.ow;
  const slices = Math.max(1, Math.min(Math.floor(pixels / 256), ceilDiv(256, plan.count)));
  return {
    shader: shader("weight-grad", shape),
    constants: { ...baseConstants(shape), SLICES: slices, ...plan.constants },
    groups: foldGroups(plan.count * slices),
    slices,
  };
}
