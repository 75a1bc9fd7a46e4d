/** Launches of the depthwise convolution (shaders/depthwise), for both tunings. */
import type { Tuning } from "../../gpu/device.ts";
import { foldGroups } from "../../graph/grid.ts";
import type { UnboundLaunch, SlicedLaunch } from "../../graph/value.ts";
import type { Conv2dShape } from "./conv2d.ts";
import { lanePart } from "./lanes.ts";
import { ceilDiv, softwareGrid } from "./tiles.ts";

/** Shape of a depthwise convolution: [n, h, w, c] -> [n, oh, ow, c] with weights [kh, kw, c]. */
export type DepthwiseShape = Omit<Conv2dShape, "cin" | "cout"> & { readonly c: number };

function baseConstants(shape: DepthwiseShape): Record<string, number> {
  return {
    ...{ N: shape.n, H: shape.h, W: shape.w, C: shape.c, OH: shape.oh, OW: shape.ow },
    ...{ KH: shape.kh, KW: shape.kw },
    ...{ SH: shape.strideH, SW: shape.strideW, PH: shape.padH, PW: shape.padW },
  };
}

/** A kernel and its lanes: four channels at a time where channels come in fours. */
function kernel(
  name: "correlate" | "weight-grad",
  { c }: DepthwiseShape,
): Pick<UnboundLaunch, "shader" | "parts"> {
  const after = name === "correlate" ? ["after/nothing"] : [];
  return { shader: `depthwise/${name}`, parts: [lanePart(c % 4 === 0), ...after] };
}

/** Lanes side by side that cover the channels of one pixel. */
function channelLanes({ c }: DepthwiseShape): number {
  return c % 4 === 0 ? c / 4 : c;
}

function grid(
  tuning: Tuning,
  lanes: number,
): { wg: number; groups: readonly [number, number, number] } {
  return tuning === "software"
    ? softwareGrid(lanes)
    : { wg: 64, groups: foldGroups(ceilDiv(lanes, 64)) };
}

/** Parts of at most `most` that `size` splits into evenly: 28 pixels make four sevens, not three eights and a four. */
function evenly(size: number, most: number): number {
  return ceilDiv(size, ceilDiv(size, most));
}

/**
 * Pixels a lane makes, at most. Each tap loads one pixel and one weight for all of them; 8 are as fast as
 * 14 on lavapipe and compile faster. GPUs have caches for what a lane reloads and need the lanes more.
 */
const pixelsPerLane = { software: 8, gpu: 4 };

/**
 * Taps whose sums a lane of the weight gradient keeps, at most: a whole 3×3 window or a row of 7. On GPUs a
 * lane keeps one row, whatever the window: on an H200 whole 3×3 windows took seven times as long as rows of
 * 7 on more data, as if they lay in memory and not in registers.
 */
const tapsPerLane = 9;

/** Launch of y = conv(x, w) (+ b). Bindings: source = x, w, b, result = y. */
export function depthwiseForward(
  shape: DepthwiseShape,
  tuning: Tuning,
): UnboundLaunch & { readonly entry: string } {
  const per = evenly(shape.ow, pixelsPerLane[tuning]);
  const tiles = shape.n * shape.oh * ceilDiv(shape.ow, per);
  const { wg, groups } = grid(tuning, tiles * channelLanes(shape));
  return {
    ...kernel("correlate", shape),
    entry: "forward",
    constants: { ...baseConstants(shape), HAS_BIAS: shape.hasBias, PER: per, WG: wg },
    groups,
  };
}

/** Launch of the input gradient. Bindings: source = dy, w, result = dx. */
export function depthwiseInputGrad(
  shape: DepthwiseShape,
  tuning: Tuning,
): UnboundLaunch & { readonly entry: string } {
  const { strideW } = shape;
  const columns = ceilDiv(shape.w, strideW);
  const per = evenly(columns, pixelsPerLane[tuning]);
  const tiles = shape.n * shape.h * strideW * ceilDiv(columns, per);
  const { wg, groups } = grid(tuning, tiles * channelLanes(shape));
  return {
    ...kernel("correlate", shape),
    entry: "input_gradient",
    constants: { ...baseConstants(shape), HAS_BIAS: false, PER: per, WG: wg },
    groups,
  };
}

/**
 * Launch of the weight gradient: partial sums [slices, kh, kw, c], to be added by
 * sumSlices. Bindings: x, dy, partial, partial_bias (null without sums).
 *
 * @param sums whether it adds dy as well: partial sums [slices, c] of the bias gradient.
 */
export function depthwiseWeightGrad(
  shape: DepthwiseShape,
  tuning: Tuning,
  sums: boolean,
): SlicedLaunch {
  const { kh, kw, n, oh } = shape;
  const tapW = evenly(kw, tapsPerLane);
  const tapH = tuning === "gpu" ? 1 : evenly(kh, Math.max(1, Math.floor(tapsPerLane / tapW)));
  const tiles = ceilDiv(kh, tapH) * ceilDiv(kw, tapW) * channelLanes(shape);
  // Lanes for every core (processor), yet not more partial sums than pay for themselves.
  const wanted =
    tuning === "software" ? ceilDiv(512, tiles) : Math.min(256, ceilDiv(65_536, tiles));
  const slices = Math.max(1, Math.min(n * oh, wanted));
  const { wg, groups } = grid(tuning, tiles * slices);
  return {
    ...kernel("weight-grad", shape),
    constants: {
      ...baseConstants(shape),
      SUMS: sums,
      SLICES: slices,
      TAPH: tapH,
      TAPW: tapW,
      WG: wg,
    },
    groups,
    slices,
  };
}
