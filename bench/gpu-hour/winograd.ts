/** Convolutions by Winograd's algorithm beside direct sums: time of each part, and errors. */
import type { Gpu } from "../../src/gpu/device.ts";
import { compile } from "../../src/graph/program.ts";
import { type Launch, Value } from "../../src/graph/value.ts";
import {
  conv2dForward,
  conv2dInputGrad,
  type Conv2dShape,
  conv2dWeightGrad,
} from "../../src/ops/launch/conv2d.ts";
import { sumOfSlices } from "../../src/ops/launch/sliced.ts";
import {
  type Direction,
  winogradForward,
  winogradInputGrad,
  type WinogradTile,
  winogradWeightGrad,
} from "../../src/ops/launch/winograd.ts";
import { Random } from "../../src/random.ts";
import type { Figures } from "./rows.ts";
import type { Stage, Task } from "./stage.ts";
import { round, timed } from "./timed.ts";

const directions: readonly Direction[] = ["forward", "inputGrad", "weightGrad"];
const tiles: readonly WinogradTile[] = [2, 3, 4];

/** A square convolution with a window of 3×3, padding 1. */
export function square(n: number, side: number, cin: number, cout: number): Conv2dShape {
  return {
    ...{ n, h: side, w: side, cin, oh: side, ow: side, cout, kh: 3, kw: 3 },
    ...{ strideH: 1, strideW: 1, padH: 1, padW: 1, hasBias: false },
  };
}

/** A convolution in one direction; x, w and dy are what it is computed from, `result` is what it makes. */
export interface Convolution {
  readonly launches: readonly Launch[];
  readonly x: Value;
  readonly w: Value;
  readonly dy: Value;
  readonly result: Value;
}

/** Launches of a convolution in tiles, or directly. */
export function convolution(
  { tuning }: Pick<Gpu, "tuning">,
  shape: Conv2dShape,
  direction: Direction,
  m: WinogradTile | undefined,
): Convolution {
  const { n, h, w: width, cin, oh, ow, cout } = shape;
  const value = (label: string, ...sizes: number[]): Value =>
    new Value(label, sizes, "f32", "bound");
  const [x, w] = [value("x", n, h, width, cin), value("w", 3, 3, cin, cout)];
  const dy = value("dy", n, oh, ow, cout);
  const context = {
    tuning,
    scratch: (label: string, sizes: readonly number[]) => new Value(label, sizes, "f32", "planned"),
  };
  const flop = 2 * 9 * n * oh * ow * cin * cout;
  const shapes = { forward: dy.shape, inputGrad: x.shape, weightGrad: w.shape };
  const result = new Value("result", shapes[direction], "f32", "bound");
  const launches = {
    forward: () =>
      m === undefined
        ? [{ ...conv2dForward(tuning, shape), bind: { a: x, b: w, bias: null, c: result }, flop }]
        : winogradForward(context, shape, m, { x, w, bias: null, y: result }),
    inputGrad: () =>
      m === undefined
        ? [
            {
              ...conv2dInputGrad(tuning, shape),
              bind: { a: dy, b: w, bias: null, c: result },
              flop,
            },
          ]
        : winogradInputGrad(context, shape, m, { dy, w, dx: result }),
    weightGrad: () =>
      m === undefined
        ? sumOfSlices(
            tuning,
            conv2dWeightGrad(tuning, shape),
            { a: x, b: dy, bias: null },
            { name: "c", value: result },
            context.scratch,
            flop,
          )
        : winogradWeightGrad(context, shape, m, { x, dy, dw: result }),
  };
  return { launches: launches[direction](), x, w, dy, result };
}

/** What a launch of a convolution does, as a name for its time. */
function partOf({ shader, constants }: Launch): string {
  if (shader === "winograd/from-image") {
    return ["inputs", "weights", "output gradients"][Number(constants["KIND"])]!;
  }
  if (shader === "winograd/to-image") return constants["WEIGHTS"] ? "weight gradients" : "outputs";
  return shader === "winograd/product" ? "products" : "sums";
}

/** The elements that errors are taken of, at most: each costs a sum in float64. */
const mostChecked = 2000;

/** One element of a convolution's result, in float64. */
function element(
  { n, h, w: width, cin, oh, ow, cout }: Conv2dShape,
  direction: Direction,
  { x, w, dy }: Readonly<Record<"x" | "w" | "dy", Float32Array>>,
  at: number,
): number {
  let sum = 0;
  if (direction === "weightGrad") {
    const [o, i] = [at % cout, Math.floor(at / cout) % cin];
    const tap = Math.floor(at / (cout * cin));
    for (let pixel = 0; pixel < n * oh * ow; pixel++) {
      const row = (Math.floor(pixel / ow) % oh) + Math.floor(tap / 3) - 1;
      const column = (pixel % ow) + (tap % 3) - 1;
      if (row < 0 || row >= h || column < 0 || column >= width) continue;
      const image = Math.floor(pixel / (oh * ow));
      sum += x[((image * h + row) * width + column) * cin + i]! * dy[pixel * cout + o]!;
    }
    return sum;
  }
  const forward = direction === "forward";
  const [channels, source] = forward ? [cout, x] : [cin, dy];
  const others = forward ? cin : cout;
  const channel = at % channels;
  const pixel = Math.floor(at / channels);
  for (let tap = 0; tap < 9; tap++) {
    const [p, q] = [Math.floor(tap / 3) - 1, (tap % 3) - 1];
    const row = (Math.floor(pixel / width) % h) + (forward ? p : -p);
    const column = (pixel % width) + (forward ? q : -q);
    if (row < 0 || row >= h || column < 0 || column >= width) continue;
    const from = (Math.floor(pixel / (h * width)) * h * width + row * width + column) * others;
    for (let k = 0; k < others; k++) {
      const weight = forward ? (tap * cin + k) * cout + channel : (tap * cin + channel) * cout + k;
      sum += source[from + k]! * w[weight]!;
    }
  }
  return sum;
}

/**
 * Root mean square of a result's errors, as a share of the result's own, of inputs as after a ReLU, normal weights and
 * normal gradients of the outputs.
 */
export async function relativeError(
  gpu: Gpu,
  shape: Conv2dShape,
  direction: Direction,
  m: WinogradTile | undefined,
): Promise<number> {
  const made = convolution(gpu, shape, direction, m);
  const random = new Random(7);
  const normal = (size: number): Float32Array =>
    Float32Array.from({ length: size }, () => random.normal());
  const given = {
    x: normal(made.x.size).map((value) => Math.max(0, value)),
    w: normal(made.w.size),
    dy: normal(made.dy.size),
  };
  const { x, w, dy, result } = made;
  const buffers = await gpu.allocate({ x: x.bytes, w: w.bytes, dy: dy.bytes, y: result.bytes });
  const view = (buffer: GPUBuffer, { bytes }: Value) => ({ buffer, offset: 0, size: bytes });
  const program = await compile(gpu, made.launches, {
    label: "errors",
    bindings: new Map(
      (
        [
          [x, buffers.x],
          [w, buffers.w],
          [dy, buffers.dy],
          [result, buffers.y],
        ] as const
      ).map(([value, buffer]) => [value, view(buffer, value)]),
    ),
  });
  try {
    for (const name of ["x", "w", "dy"] as const) gpu.write(buffers[name], given[name]);
    program.run();
    const got = await gpu.readFloats(view(buffers.y, result));
    let [error, norm] = [0, 0];
    const checked = Math.min(mostChecked, result.size);
    for (let i = 0; i < checked; i++) {
      const at = Math.floor(((i + random.float()) * result.size) / checked);
      const want = element(shape, direction, given, at);
      error += (got[at]! - want) ** 2;
      norm += want ** 2;
    }
    return Math.sqrt(error / norm);
  } finally {
    program.destroy();
    gpu.free(...Object.values(buffers));
  }
}

/** A shape's row: direct, or in tiles with each part apart. */
function timing(shape: Conv2dShape, direction: Direction, m: WinogradTile | undefined): Task {
  const { n, h, cin, cout } = shape;
  const how = m === undefined ? "direct" : `F(${m}×${m})`;
  return {
    name: `${n} × ${h}², ${cin} → ${cout}, ${direction}, ${how}`,
    async run(context): Promise<Figures> {
      const { launches } = convolution(context.gpu, shape, direction, m);
      const figures = await timed(context, launches);
      const parts: Record<string, number> = {};
      if (m !== undefined) {
        for (const part of new Set(launches.map(partOf))) {
          const own = launches.filter((launch) => partOf(launch) === part);
          parts[`ms, ${part}`] = (await timed(context, own))["ms"]!;
        }
      }
      return { ...figures, ...parts };
    },
  };
}

/** Errors of all tiles in all directions, in those of the direct sums. */
function errors(shape: Conv2dShape): Task {
  return {
    name: `errors of ${shape.cin} → ${shape.cout} at ${shape.n} × ${shape.h}², in those of direct sums`,
    async run({ gpu }): Promise<Figures> {
      const figures: Record<string, number> = {};
      for (const direction of directions) {
        const direct = await relativeError(gpu, shape, direction, undefined);
        figures[`${direction}, direct sums, 1e-9`] = round(direct * 1e9);
        for (const m of tiles) {
          const error = await relativeError(gpu, shape, direction, m);
          figures[`${direction}, F(${m}×${m})`] = round(error / direct);
        }
      }
      return figures;
    },
  };
}

export const winograd: Stage = {
  name: "winograd",
  decides:
    "which 3×3 convolutions are faster in tiles than by direct sums, and what that costs in accuracy",
  share: 0.08,
  tasks({ tiny }) {
    const shapes = tiny
      ? [square(1, 6, 4, 4)]
      : [
          square(128, 34, 128, 128),
          square(128, 17, 256, 256),
          square(128, 9, 512, 512),
          // Measured on an H200, where F(2×2) gains nothing.
          square(128, 34, 64, 64),
        ];
    const channels = tiny ? [4] : [64, 128, 512];
    return Promise.resolve([
      ...shapes.flatMap((shape) =>
        directions.flatMap((direction) =>
          [undefined, ...tiles].map((m) => timing(shape, direction, m)),
        ),
      ),
      ...channels.map((count) => errors(square(tiny ? 1 : 4, tiny ? 5 : 12, count, count))),
    ]);
  },
};
