/** Launches of the 2-D convolution and its gradients (shaders/conv2d). */
import type { Tuning } from "../../gpu/device.ts";
import type { UnboundLaunch, SlicedLaunch } from "../../graph/value.ts";
import {
  chooseTile,
  planProduct,
  type Product,
  productGpu,
  productSoftware,
  type ProductSizes,
  sliceLength,
} from "./product.ts";
import { ceilDiv, columnQuads } from "./tiles.ts";

/**
 * Shape of a 2-D convolution. Activations are [n, h, w, cin] -> [n, oh, ow, cout], weights are
 * [kh, kw, cin, cout]. Output (y, x) reads input rows y * strideH - padH + (0 .. kh - 1) and
 * columns x * strideW - padW + (0 .. kw - 1); what lies outside counts as zero, so bottom and right
 * padding follow from oh and ow.
 */
export interface Conv2dShape {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly cin: number;
  readonly oh: number;
  readonly ow: number;
  readonly cout: number;
  readonly kh: number;
  readonly kw: number;
  readonly strideH: number;
  readonly strideW: number;
  /** Rows of zero padding above the input. */
  readonly padH: number;
  /** Columns of zero padding left of the input. */
  readonly padW: number;
  /** Whether the forward pass adds a bias [cout]. */
  readonly hasBias: boolean;
}

function window(shape: Conv2dShape): Record<string, number> {
  return {
    ...{ KH: shape.kh, KW: shape.kw, SH: shape.strideH, SW: shape.strideW },
    ...{ PH: shape.padH, PW: shape.padW },
  };
}

function images(shape: Conv2dShape): NonNullable<ProductSizes["images"]> {
  return {
    x: [shape.h, shape.w, shape.cin],
    y: [shape.oh, shape.ow, shape.cout],
    largest: [ceilDiv(shape.h, shape.strideH), ceilDiv(shape.w, shape.strideW)],
  };
}

function multiplyAdds(shape: Conv2dShape): number {
  return shape.n * shape.oh * shape.ow * shape.cout * shape.kh * shape.kw * shape.cin;
}

/** Launch of y = conv(x, w) (+ bias). Bindings: a = x, b = w, bias, c = y. */
export function conv2dForward(tuning: Tuning, shape: Conv2dShape): UnboundLaunch {
  const [m, n] = [shape.n * shape.oh * shape.ow, shape.cout];
  const k = shape.kh * shape.kw * shape.cin;
  const software = tuning === "software";
  const quads = n % 4 === 0;
  const product: Product = {
    shader: "conv2d/forward",
    constants: { ...window(shape), HAS_BIAS: shape.hasBias },
    sizes: {
      ...{ m, n, k, longest: k, run: shape.cin, pieces: 1, stepB: n, columnB: 1 },
      images: images(shape),
    },
    // A software lane reads rows as scalars.
    vec4: { a: !software && shape.cin % 4 === 0, b: quads, c: quads },
  };
  return software
    ? productSoftware(product, columnQuads(n, multiplyAdds(shape), quads ? 4 : 2))
    : productGpu(product, chooseTile(m, n, 1));
}

/** Launch of the input gradient. Bindings: a = dy, b = w, c = dx. */
export function conv2dInputGrad(tuning: Tuning, shape: Conv2dShape): UnboundLaunch {
  const { cout, kh, kw, strideH, strideW } = shape;
  const sides = images(shape);
  // One product per class of pixels with the same remainders; see the shader.
  const pieces = strideH * strideW;
  const [m, n] = [shape.n * sides.largest[0] * sides.largest[1], shape.cin];
  const software = tuning === "software";
  const quads = n % 4 === 0;
  // The channels that k runs over lie together, which a software lane cannot use.
  const along = !software && cout % 4 === 0;
  const product: Product = {
    shader: "conv2d/input-grad",
    constants: { ...window(shape), HAS_BIAS: false },
    sizes: {
      ...{ m, n, k: kh * kw * cout, longest: ceilDiv(kh, strideH) * ceilDiv(kw, strideW) * cout },
      ...{ run: cout, pieces, stepB: 1, columnB: cout, images: sides },
    },
    vec4: { a: along, b: along && quads, c: quads },
  };
  return software
    ? productSoftware(product, columnQuads(n, multiplyAdds(shape), quads ? 4 : 2))
    : productGpu(product, chooseTile(m, n, pieces));
}

/**
 * Launch of the weight gradient: partial sums [slices, kh, kw, cin, cout], to be added by
 * sumSlices. Bindings: a = x, b = dy, c = partial.
 */
export function conv2dWeightGrad(tuning: Tuning, shape: Conv2dShape): SlicedLaunch {
  const [m, n] = [shape.kh * shape.kw * shape.cin, shape.cout];
  const pixels = shape.n * shape.oh * shape.ow;
  const quads = n % 4 === 0;
  const product = (slices: number, grain: number): Product => ({
    shader: "conv2d/weight-grad",
    constants: { ...window(shape), HAS_BIAS: false },
    sizes: {
      ...{ m, n, k: pixels, longest: sliceLength(pixels, slices, grain), run: shape.ow },
      ...{ pieces: slices, stepB: n, columnB: 1, images: images(shape) },
    },
    vec4: { a: shape.cin % 4 === 0, b: quads, c: quads },
  });
  if (tuning === "software") {
    const vt = columnQuads(n, multiplyAdds(shape), quads ? 4 : 2);
    const tiles = ceilDiv(m, 8) * ceilDiv(n, 4 * vt);
    // Enough lanes for every core, yet few partial sums: each slice costs a pass over the weights. Slices
    // are made of whole output rows.
    const slices = Math.max(1, Math.min(shape.n * shape.oh, ceilDiv(512, tiles)));
    return { ...productSoftware(product(slices, shape.ow), vt), slices };
  }
  const { tile, slices } = planProduct(m, n, pixels, Math.max(1, Math.floor(pixels / 256)));
  return { ...productGpu(product(slices, 16), tile), slices };
}
