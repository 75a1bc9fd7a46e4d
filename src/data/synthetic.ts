/** Drawn digits: a seeded set of images that ships as code, so the demo needs no download. */
import { Random } from "../random.ts";
import { UsageError } from "../errors.ts";
import type { Dataset } from "./dataset.ts";
import { digitVariants, type Stroke } from "./digit-strokes.ts";
import { defineDataset, resized } from "./source.ts";

const side = 28;
/** Straight pieces per span between two control points: enough for a smooth look at 28 pixels. */
const piecesPerSpan = 5;

/** Sizes where nothing else is asked for. */
const sizes = { size: side, channels: 1, classes: 10, train: 4000, test: 1000 } as const;

export const synthetic = defineDataset({
  name: "synthetic",
  summary: "digits drawn by program, 28×28 grey; as many as asked for",
  folder: false,
  sizes,
  drawn: true,
  load: async (_dir, options) =>
    resized(
      {
        train: syntheticDigits(options.trainCount ?? sizes.train, options.seed, "train"),
        test: syntheticDigits(options.testCount ?? sizes.test, options.seed, "test"),
      },
      options,
    ),
});

/** A polyline in pixel coordinates: x0, y0, x1, y1, … */
type Polyline = readonly number[];

/**
 * Draws `count` images of the digits 0 to 9, 28×28 grey, white ink on black like MNIST.
 *
 * Every image takes one of several drawings of its digit, moves the control points, then rotates,
 * shears, scales and shifts it, and varies stroke thickness, blur, contrast and noise; some have a
 * stray stroke or an erased line across. Classes are balanced to within one image and in random
 * order. A longer set begins with the shorter one of the same seed and part; the parts share nothing.
 * Bit-identical on all engines (see {@link Random}).
 */
export function syntheticDigits(
  count: number,
  seed: number,
  part: "train" | "test" = "train",
): Dataset {
  if (!Number.isInteger(count) || count < 0) {
    throw new UsageError(`synthetic: the number of images must be 0 or more, got ${count}.`);
  }
  const random = new Random(seed).fork(`synthetic ${part}`);
  const pixels = new Uint8Array(count * side * side);
  const labels = new Uint16Array(count);
  const canvas = new Float64Array(side * side);
  for (let i = 0; i < count; i++) {
    if (i % 10 === 0) {
      const digits = random.permutation(10);
      for (let j = 0; j < 10 && i + j < count; j++) labels[i + j] = digits[j]!;
    }
    const own = random.fork(`picture ${i}`);
    drawDigit(labels[i]!, own, canvas);
    for (let p = 0; p < canvas.length; p++) {
      // Clamped by the byte type; rounding half up, unlike Uint8ClampedArray's half to even.
      pixels[i * canvas.length + p] = Math.floor(255 * Math.min(1, Math.max(0, canvas[p]!)) + 0.5);
    }
  }
  return {
    name: "synthetic",
    classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    height: side,
    width: side,
    channels: 1,
    count,
    pixels,
    labels,
  };
}

/** Draws one digit onto `canvas` ([28, 28], overwritten; 0 is black, 1 is white). */
function drawDigit(digit: number, random: Random, canvas: Float64Array): void {
  const variants = digitVariants[digit]!;
  const strokes = variants[random.int(variants.length)]!;
  const jitter = uniform(random, 0.01, 0.045);
  const transform = randomTransform(random);
  const lines = strokes.map((stroke) =>
    flatten(moved(stroke, jitter, random)).map((value, i, all) =>
      i % 2 === 0 ? transform.x(value, all[i + 1]!) : transform.y(all[i - 1]!, value),
    ),
  );
  const radius = uniform(random, 0.8, 1.8);
  const soft = uniform(random, 0.8, 2);
  const background = uniform(random, 0, 0.1);
  const ink = background + uniform(random, 0.5, 0.85);

  canvas.fill(background);
  for (const line of lines) drawLine(canvas, line, radius, soft, ink);
  // A stray stroke in ink may look like a part of a digit; one in background colour breaks a stroke.
  if (random.float() < 0.2) drawLine(canvas, strayLine(random), uniform(random, 0.5, 1), soft, ink);
  if (random.float() < 0.2) {
    drawLine(canvas, strayLine(random), uniform(random, 0.6, 1.2), soft, background);
  }
  const noise = uniform(random, 0.02, 0.08);
  for (let p = 0; p < canvas.length; p++) canvas[p]! += noise * random.normal();
}

/** The stroke with its control points moved by up to `amount` in x and y. */
function moved(stroke: Stroke, amount: number, random: Random): Stroke {
  const points = stroke.points.map(([x, y]): readonly [number, number] => [
    x + uniform(random, -amount, amount),
    y + uniform(random, -amount, amount),
  ]);
  return { ...stroke, points };
}

/** The stroke as a polyline: corners kept, curves as uniform Catmull–Rom splines. */
function flatten(stroke: Stroke): Polyline {
  const { points, shape } = stroke;
  const closed = shape === "loop";
  const last = points.length - 1;
  const at = (i: number) => {
    if (closed) return points[(i + points.length) % points.length]!;
    return points[Math.min(Math.max(i, 0), last)]!;
  };
  if (shape === "corners") return points.flat();
  const line: number[] = [...points[0]!];
  for (let i = 0; i < (closed ? points.length : last); i++) {
    const [p, q, r, s] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
    for (let k = 1; k <= piecesPerSpan; k++) {
      const t = k / piecesPerSpan;
      line.push(spline(p[0], q[0], r[0], s[0], t), spline(p[1], q[1], r[1], s[1], t));
    }
  }
  return line;
}

/** The Catmull–Rom cubic between q (t = 0) and r (t = 1). */
function spline(p: number, q: number, r: number, s: number, t: number): number {
  const linear = r - p;
  const square = 2 * p - 5 * q + 4 * r - s;
  const cubic = 3 * (q - r) + s - p;
  return q + 0.5 * t * (linear + t * (square + t * cubic));
}

/** From the digit's unit box to pixels: scale, shear, rotate, shift. */
function randomTransform(random: Random) {
  const scaleX = uniform(random, 15, 23);
  const scaleY = uniform(random, 16, 21);
  const shear = uniform(random, -0.25, 0.25);
  // The half-angle tangent gives sine and cosine without functions that engines round differently.
  const tangent = uniform(random, -0.16, 0.16);
  const sine = (2 * tangent) / (1 + tangent * tangent);
  const cosine = (1 - tangent * tangent) / (1 + tangent * tangent);
  const shiftX = (side - 1) / 2 + uniform(random, -2, 2);
  const shiftY = (side - 1) / 2 + uniform(random, -2, 2);
  return {
    x: (x: number, y: number): number =>
      cosine * scaleX * (x - shear * y) - sine * scaleY * y + shiftX,
    y: (x: number, y: number): number =>
      sine * scaleX * (x - shear * y) + cosine * scaleY * y + shiftY,
  };
}

/** A straight line across part of the image. */
function strayLine(random: Random): Polyline {
  const x = uniform(random, 2, side - 3);
  const y = uniform(random, 2, side - 3);
  return [x, y, x + uniform(random, -12, 12), y + uniform(random, -12, 12)];
}

/**
 * Paints a polyline of the given radius over the canvas in one colour; across its edge the colour
 * fades in over `soft` pixels (anti-aliasing and blur in one).
 */
function drawLine(
  canvas: Float64Array,
  line: Polyline,
  radius: number,
  soft: number,
  colour: number,
): void {
  const outer = radius + soft / 2;
  const coverage = new Float64Array(side * side);
  for (let i = 0; i + 3 < line.length; i += 2) {
    const [x0, y0, x1, y1] = [line[i]!, line[i + 1]!, line[i + 2]!, line[i + 3]!];
    const [dx, dy] = [x1 - x0, y1 - y0];
    const length2 = dx * dx + dy * dy;
    const left = Math.max(0, Math.ceil(Math.min(x0, x1) - outer));
    const right = Math.min(side - 1, Math.floor(Math.max(x0, x1) + outer));
    const top = Math.max(0, Math.ceil(Math.min(y0, y1) - outer));
    const bottom = Math.min(side - 1, Math.floor(Math.max(y0, y1) + outer));
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++) {
        const along = length2 === 0 ? 0 : ((x - x0) * dx + (y - y0) * dy) / length2;
        const t = Math.min(1, Math.max(0, along));
        const [ex, ey] = [x - x0 - t * dx, y - y0 - t * dy];
        const share = (outer - Math.sqrt(ex * ex + ey * ey)) / soft;
        const p = y * side + x;
        if (share > coverage[p]!) coverage[p] = Math.min(1, share);
      }
    }
  }
  for (let p = 0; p < coverage.length; p++) {
    canvas[p] = canvas[p]! + coverage[p]! * (colour - canvas[p]!);
  }
}

function uniform(random: Random, low: number, high: number): number {
  return low + (high - low) * random.float();
}
