/** Launches of sums over one axis (shaders/reduce/axis-sum), staged so that no thread adds many terms. */
import type { Tuning } from "../../gpu/device.ts";
import type { Launch, Value } from "../../graph/value.ts";
import type { Shape } from "../../shape.ts";
import { lanePart } from "./lanes.ts";
import { asStored, orderPart, sumSizes } from "./reduce.ts";
import { ceilDiv } from "./tiles.ts";

/** Threads that fill an adapter. */
const wantedThreads = { software: 1024, gpu: 65_536 } as const;
/** Terms a thread adds at least, and at most in a single stage without slices. */
const [shortest, longest] = [32, 256] as const;

/** What {@link axisSum} adds: x seen as [outer, axis, inner]. */
export interface AxisSum {
  readonly outer: number;
  readonly axis: number;
  readonly inner: number;
  /** Factor of the result; 1 by default. */
  readonly scale?: number;
}

/**
 * Launches of y[o, i] = scale · sum over a of x[o, a, i].
 *
 * Long axes are cut into slices whose sums are added by further stages, in an order fixed by the
 * shape: results repeat bit by bit.
 *
 * @param y outer · inner floats, whatever its shape.
 */
export function axisSum(
  tuning: Tuning,
  x: Value,
  y: Value,
  sum: AxisSum,
  scratch: (label: string, shape: Shape) => Value,
): Launch[] {
  const launches: Launch[] = [];
  const { outer, scale = 1 } = sum;
  let { axis, inner } = sum;
  let from = x;
  for (;;) {
    // Sums of whole rows are read as vec4 too, as if they were rows of four columns.
    const folded = inner === 1 && axis % 4 === 0 && axis > longest;
    if (folded) [axis, inner] = [axis / 4, 4];
    const enough = ceilDiv(wantedThreads[tuning], outer * inner);
    const slices = axis <= longest && !folded ? 1 : Math.min(ceilDiv(axis, shortest), enough);
    const last = slices === 1 && !folded;
    const vec4 = inner % 4 === 0;
    const to = last ? y : scratch("partial sums", [outer, slices, inner]);
    launches.push({
      shader: "reduce/axis-sum",
      parts: [lanePart(vec4), "reduce/from-zero", ...asStored, orderPart(tuning)],
      constants: {},
      uniforms: { sizes: sumSizes({ outer, axis, inner, slices, scale: last ? scale : 1 }) },
      bind: { x: from, y: to },
      threads: (outer * slices * inner) / (vec4 ? 4 : 1),
      flop: outer * axis * inner,
    });
    if (last) return launches;
    [from, axis] = [to, slices];
    if (folded) [axis, inner] = [slices * 4, 1];
  }
}
