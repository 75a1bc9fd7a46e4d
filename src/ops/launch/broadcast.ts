/** NumPy broadcasting: shape rule, launches of broadcast kernels and of the sums that undo them. */
import type { Tuning } from "../../gpu/device.ts";
import { ShapeError } from "../../errors.ts";
import type { Constants } from "../../gpu/kernel.ts";
import { elementwise, quadThreads } from "../../graph/elementwise.ts";
import type { Launch, Value } from "../../graph/value.ts";
import { count, format, sameShape, type Shape } from "../../shape.ts";
import { applyFunction } from "../elementwise.ts";
import { axisSum } from "./axis-sum.ts";
import { lanePart } from "./lanes.ts";

type Scratch = (label: string, shape: Shape) => Value;

/** Axes a broadcast kernel can walk. */
const maxAxes = 4;

/**
 * Shape of two operands under NumPy's rule: aligned at the last axis, sizes equal or one of them 1.
 *
 * @throws ShapeError naming the operation and both shapes.
 */
export function broadcastShape(name: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  const [wideA, wideB] = [widen(a, rank), widen(b, rank)];
  const shape = wideA.map((n, axis) => {
    const m = wideB[axis]!;
    if (n !== m && n !== 1 && m !== 1) {
      throw new ShapeError(
        `${name}: ${format(a)} and ${format(b)} do not broadcast: sizes ${n} and ${m} of axis ` +
          `${axis - rank} differ and neither is 1.`,
      );
    }
    return n === 1 ? m : n;
  });
  if (!sameShape(a, b) && collapse(shape, [wideA, wideB]).length > maxAxes) {
    throw new ShapeError(
      `${name}: ${format(a)} and ${format(b)} broadcast over more than ${maxAxes} groups of axes; ` +
        "reshape them first.",
    );
  }
  return shape;
}

function widen(shape: Shape, rank: number): Shape {
  return [...Array<number>(rank - shape.length).fill(1), ...shape];
}

/** Neighbouring axes that every operand treats alike, taken together. */
interface AxisGroup {
  readonly size: number;
  /** By operand: whether it has size 1 here and is repeated. */
  readonly repeated: readonly boolean[];
}

function collapse(shape: Shape, operands: readonly Shape[]): AxisGroup[] {
  const groups: AxisGroup[] = [];
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const repeated = operands.map((operand) => operand[axis] === 1);
    const previous = groups.at(-1);
    if (previous !== undefined && previous.repeated.every((flag, i) => flag === repeated[i])) {
      groups[groups.length - 1] = { size: previous.size * size, repeated };
    } else {
      groups.push({ size, repeated });
    }
  });
  return groups;
}

/** Constants D1…D3 and strides by operand letter; axes a shape does not need have size 1 in front. */
function strideConstants(
  groups: readonly AxisGroup[],
  letters: readonly string[],
): Record<string, number> {
  const sizes = widen(
    groups.map((group) => group.size),
    maxAxes,
  );
  const constants: Record<string, number> = { D1: sizes[1]!, D2: sizes[2]!, D3: sizes[3]! };
  letters.forEach((letter, operand) => {
    let stride = 1;
    for (let axis = maxAxes - 1; axis >= 0; axis--) {
      const group = groups[axis - (maxAxes - groups.length)];
      const repeated = group === undefined || group.repeated[operand] === true;
      constants[`${letter}${axis}`] = repeated ? 0 : stride;
      if (!repeated) stride *= group.size;
    }
  });
  return constants;
}

/** Functions of two values: y = a + b and y = a · b. */
export type PairFunction = "elementwise/sum" | "elementwise/product";

/** Launch of a function of a and b, where y has the shape both broadcast to. */
export function broadcast(
  tuning: Tuning,
  shader: PairFunction,
  a: Value,
  b: Value,
  y: Value,
): Launch {
  if (sameShape(a.shape, b.shape)) {
    return elementwise(tuning, { shader, parts: ["walk/pair"] }, y.size, { a, b, y });
  }
  return strided(tuning, { shader, walk: "walk/broadcast" }, { a, b }, [a.shape, b.shape], y);
}

/**
 * Launch of y = scale · a, with a repeated to the shape of y.
 *
 * @param shape how to see a, if not as it is.
 */
export function spread(
  tuning: Tuning,
  a: Value,
  y: Value,
  scale = 1,
  shape: Shape = a.shape,
): Launch {
  const kernel = {
    shader: "elementwise/scale",
    walk: "walk/spread",
    constants: { FACTOR: scale },
  };
  return strided(tuning, kernel, { a }, [shape], y);
}

function strided(
  tuning: Tuning,
  kernel: { readonly shader: string; readonly walk: string; readonly constants?: Constants },
  operands: Readonly<Record<string, Value>>,
  shapes: readonly Shape[],
  y: Value,
): Launch {
  const rank = y.shape.length;
  const groups = collapse(
    y.shape,
    shapes.map((shape) => widen(shape, rank)),
  );
  const letters = ["A", "B"].slice(0, shapes.length);
  const strides = strideConstants(groups, letters);
  const vec4 = strides["D3"]! % 4 === 0;
  const { PER, threads } = quadThreads(tuning, vec4 ? y.size / 4 : y.size);
  return {
    shader: kernel.shader,
    parts: [lanePart(vec4), kernel.walk],
    constants: { ...kernel.constants, ...strides, N: y.size, PER },
    bind: { ...operands, y },
    threads,
    flop: y.size,
  };
}

/**
 * Launches that undo a broadcast: dx = sum of dy over the axes where dx was repeated; a copy where it
 * was not.
 */
export function undoBroadcast(tuning: Tuning, dy: Value, dx: Value, scratch: Scratch): Launch[] {
  const groups = collapse(dy.shape, [widen(dx.shape, dy.shape.length)]);
  if (groups.every((group) => !group.repeated[0])) {
    return [applyFunction(tuning, { shader: "elementwise/copy" }, dy, dx)];
  }
  const launches: Launch[] = [];
  let from = dy;
  let left = groups;
  // Outermost first: those sums run along memory.
  for (;;) {
    const at = left.findIndex((group) => group.repeated[0]);
    const product = (part: readonly AxisGroup[]): number => count(part.map((group) => group.size));
    const [outer, axis, inner] = [
      product(left.slice(0, at)),
      left[at]!.size,
      product(left.slice(at + 1)),
    ];
    left = left.filter((_, i) => i !== at);
    const last = left.every((group) => !group.repeated[0]);
    const to = last ? dx : scratch("undo broadcast", [outer * inner]);
    launches.push(...axisSum(tuning, from, to, { outer, axis, inner }, scratch));
    if (last) return launches;
    from = to;
  }
}
