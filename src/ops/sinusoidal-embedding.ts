import { z } from "zod";
import { ShapeError } from "../errors.ts";
import { applyOperation, type Operation } from "../graph/graph.ts";
import { floatWord, type Launch, type Value } from "../graph/value.ts";
import { format } from "../shape.ts";
import { ceilDiv } from "./launch/tiles.ts";
import { numberSchema, settingsOf } from "./settings.ts";

/** Settings of {@link sinusoidalEmbedding}. */
export interface SinusoidalEmbeddingAttrs {
  /** Numbers of an embedding, even and at most 512: sines, then cosines of the same angles. */
  readonly size: number;
  /** Lowest and highest frequency, in turns a unit; 1 and 1000 by default. The others lie between them, evenly on a logarithmic scale. */
  readonly lowest?: number;
  readonly highest?: number;
}

const schema = z.strictObject({
  size: numberSchema,
  lowest: numberSchema.optional(),
  highest: numberSchema.optional(),
});

type Attrs = Required<SinusoidalEmbeddingAttrs>;

/** Largest size: its frequencies fill a small uniform. */
const largest = 512;

function frequencies({ size, lowest, highest }: Attrs): number[] {
  const half = size / 2;
  const ratio = half === 1 ? 1 : (highest / lowest) ** (1 / (half - 1));
  return Array.from({ length: half }, (_, k) => lowest * ratio ** k);
}

function launch(
  entry: "forward" | "backward",
  attrs: Attrs,
  numbers: number,
  bind: Launch["bind"],
): Launch {
  const HALF = attrs.size / 2;
  const QUADS = ceilDiv(HALF, 4);
  const table = new Uint32Array(4 * QUADS);
  table.set(frequencies(attrs).map(floatWord));
  return {
    shader: "elementwise/sinusoids",
    entry,
    constants: { HALF, QUADS },
    uniforms: { numbers: Uint32Array.of(numbers), frequencies: table },
    bind,
    threads: entry === "forward" ? numbers * attrs.size : numbers,
    flop: 20 * numbers * attrs.size,
  };
}

const operation: Operation<Attrs> = {
  name: "sinusoidalEmbedding",
  takes: { x: "f32" },
  shape: ([x], { size, lowest, highest }) => {
    if (x!.length !== 1) {
      throw new ShapeError(`sinusoidalEmbedding: the input must be [N], got ${format(x!)}.`);
    }
    if (!Number.isInteger(size / 2) || size < 2 || size > largest) {
      throw new ShapeError(
        `sinusoidalEmbedding: the size must be even, from 2 to ${largest}, got ${size}.`,
      );
    }
    if (!(lowest > 0 && highest >= lowest && Number.isFinite(highest))) {
      throw new ShapeError(
        `sinusoidalEmbedding: frequencies from ${lowest} to ${highest} are not possible: they must be above 0 and rise.`,
      );
    }
    return [x![0]!, size];
  },
  forward: ({ inputs: [x], y, attrs }) => [launch("forward", attrs, x!.size, { x: x!, y })],
  backward: ({ inputs: [x], dy, dinputs: [dx], attrs }) => [
    launch("backward", attrs, x!.size, { x: x!, dy, dx: dx! }),
  ],
};

/**
 * Sines and cosines of numbers at several frequencies: [N] → [N, size], y = (sin 2π f_k x, cos 2π f_k x), f_k from
 * `lowest` to `highest` on a logarithmic scale (Vaswani et al. 2017, as diffusion models embed the noise variance).
 *
 * An angle of f turns is off by up to f · 2^-23 turns, which float32 makes of the product.
 *
 * @throws ShapeError if the input is not [N], the size is odd or too large, or the frequencies do not rise.
 */
export function sinusoidalEmbedding(x: Value, attrs: SinusoidalEmbeddingAttrs): Value {
  const { size, lowest = 1, highest = 1000 } = settingsOf(schema, attrs, "sinusoidalEmbedding");
  return applyOperation(operation, [x], { size, lowest, highest });
}
