import { z } from "zod";
import { ShapeError } from "../errors.ts";
import { applyOperation, type Operation } from "../graph/graph.ts";
import type { Launch, Value } from "../graph/value.ts";
import { format } from "../shape.ts";
import { settingsOf } from "./settings.ts";

/** Rows or columns on each side. */
export interface PadSides {
  readonly top?: number;
  readonly bottom?: number;
  readonly left?: number;
  readonly right?: number;
}

const side = z.number().optional();
const schema = z.strictObject({ top: side, bottom: side, left: side, right: side });

function move(source: Value, result: Value, down: number, right: number): Launch {
  const [N, H, W, C] = source.shape as [number, number, number, number];
  const [, OH, OW] = result.shape as [number, number, number];
  return {
    shader: "pool/pad",
    constants: { N, H, W, C, OH, OW, DI: -down, DJ: -right },
    bind: { source, result },
    threads: Math.ceil(result.size / 4),
  };
}

const operation: Operation<Required<PadSides>> = {
  name: "pad",
  takes: { x: "f32" },
  neurons: "same",
  shape: ([x], { top, bottom, left, right }) => {
    const sides = [top, bottom, left, right];
    if (x!.length !== 4 || !sides.every((side) => Number.isInteger(side) && side >= 0)) {
      throw new ShapeError(
        `pad: the input must be [N, H, W, C] and the sides whole numbers of at least 0, got ${format(x!)} ` +
          `and ${format(sides)}.`,
      );
    }
    const [n, h, w, c] = x as [number, number, number, number];
    return [n, h + top + bottom, w + left + right, c];
  },
  forward: ({ inputs: [x], y, attrs: { top, left } }) => [move(x!, y, top, left)],
  backward: ({ dy, dinputs: [dx], attrs: { top, left } }) => [move(dy, dx!, -top, -left)],
};

/**
 * Zeros around images: [N, H, W, C] → [N, top + H + bottom, left + W + right, C].
 *
 * @param sides the same number all around, or by side (0 where it is left out).
 * @throws ShapeError if the input has not four axes or a side is negative.
 */
export function pad(x: Value, sides: number | PadSides): Value {
  const all =
    typeof sides === "number" ? { top: sides, bottom: sides, left: sides, right: sides } : sides;
  const { top = 0, bottom = 0, left = 0, right = 0 } = settingsOf(schema, all, "pad");
  return applyOperation(operation, [x], { top, bottom, left, right });
}
