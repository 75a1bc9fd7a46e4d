/** Single kernels of whole steps: which there are, each alone on a device, and in other tiles or slices. */
import { dryGpu, limitsOf } from "../../src/gpu/dry.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import type { KernelId } from "../../src/gpu/kernel.ts";
import { type Dispatch, compile, type Program } from "../../src/graph/program.ts";
import { type Launch, Value } from "../../src/graph/value.ts";
import { sliceLength, tileCount, type Tile, tiles } from "../../src/ops/launch/product.ts";
import { sumSlices } from "../../src/ops/launch/reduce.ts";
import { foldGroups } from "../../src/ops/launch/tiles.ts";
import { Random } from "../../src/random.ts";
import { type NetworkStep, withStep } from "../networks.ts";

/** A kernel of a step with its sizes, and how often the step has it. */
export interface StepKernel {
  readonly label: string;
  readonly launch: Launch;
  readonly calls: number;
  readonly flop: number;
  /** Bytes of all bound values. */
  readonly bytes: number;
}

/** Shapes of what a launch binds, in the order of its bindings: what tells layers of one kind apart. */
export function shapesOf({ bind }: Launch): string {
  return Object.entries(bind)
    .flatMap(([name, value]) => (value === null ? [] : [`${name} ${value.shape.join("×")}`]))
    .join(", ");
}

/** What makes two launches the same work. */
function keyOf({ shader, entry, parts, constants, uniforms, bind }: Launch): string {
  const words = Object.entries(uniforms ?? {}).map(([name, value]) => [name, ...value]);
  const sizes = Object.entries(bind).map(([name, value]) => [name, value?.size ?? 0]);
  return JSON.stringify([shader, entry, parts, constants, words, sizes]);
}

/** The distinct kernels of a training step, what takes most arithmetic or memory first; no device is needed. */
export async function stepKernels(
  gpu: Gpu,
  step: NetworkStep,
  flopPerByte: number,
): Promise<StepKernel[]> {
  const dry = await dryGpu(limitsOf(gpu));
  try {
    return await withStep(dry, step, 1, ({ trainer }) => {
      const found = new Map<string, Dispatch[]>();
      for (const dispatch of trainer.program.dispatches) {
        const key = keyOf(dispatch.launch);
        found.set(key, [...(found.get(key) ?? []), dispatch]);
      }
      const kernels = [...found.values()].map((same): StepKernel => {
        const { label, launch, flop, bytes } = same[0]!;
        return { label, launch, calls: same.length, flop, bytes };
      });
      const weight = ({ calls, flop, bytes }: StepKernel): number =>
        calls * Math.max(flop, bytes * flopPerByte);
      return Promise.resolve(kernels.sort((a, b) => weight(b) - weight(a)));
    });
  } finally {
    dry.close();
  }
}

/** What the kernel cache knows a launch by. */
export function kernelId({ shader, parts, entry, constants }: Launch): KernelId {
  return {
    shader,
    ...(parts === undefined ? {} : { parts }),
    ...(entry === undefined ? {} : { entry }),
    constants,
  };
}

const random = new Random(1);
/** Random floats that all inputs are cut from: kernels run faster on zeros. */
const noise = Float32Array.from({ length: 1 << 20 }, () => 2 * random.float() - 1);

let count = 0;

/**
 * Launches as a program of their own: every value has a buffer of its own. Floats are random; integers (labels,
 * places) are 0.
 */
export async function alone(
  gpu: Gpu,
  launches: readonly Launch[],
): Promise<{ program: Program; free: () => void }> {
  const values = [...new Set(launches.flatMap(({ bind }) => Object.values(bind)))].filter(
    (value) => value !== null,
  );
  const bound = new Map(
    values.map((value) => [value, new Value(value.label, value.shape, value.dtype, "bound")]),
  );
  const buffers = Object.values(
    await gpu.allocate(Object.fromEntries(values.map((value, i) => [`${i}`, value.bytes]))),
  );
  const bindings = new Map(
    values.map((value, i) => [
      bound.get(value)!,
      { buffer: buffers[i]!, offset: 0, size: value.bytes },
    ]),
  );
  for (const [i, value] of values.entries()) {
    if (value.dtype === "u32") continue;
    for (let at = 0; at < value.size; at += noise.length) {
      const some = noise.subarray(0, Math.min(noise.length, value.size - at));
      gpu.device.queue.writeBuffer(buffers[i]!, 4 * at, some);
    }
  }
  const program = await compile(
    gpu,
    launches.map((launch) => ({
      ...launch,
      bind: Object.fromEntries(
        Object.entries(launch.bind).map(([name, value]) => [
          name,
          value === null ? null : bound.get(value)!,
        ]),
      ),
    })),
    // A label of its own: waits for it are paced by its own times.
    { label: `${launches[0]!.shader} ${count++}`, bindings },
  );
  return {
    program,
    free: () => {
      program.destroy();
      gpu.free(...buffers);
    },
  };
}

/** Sizes of a product on a GPU, which are constants of its launch; undefined for another kernel. */
function productOf({
  parts = [],
  constants,
}: Launch): { m: number; n: number; k: number; pieces: number } | undefined {
  if (!parts.includes("product/gpu")) return undefined;
  const [m, n, k, pieces] = ["M", "N", "K", "PIECES"].map((name) => Number(constants[name]));
  return { m: m!, n: n!, k: k!, pieces: pieces! };
}

/** A tile by its rows and columns, and the quads of a lane. */
export function tileName({ constants: { BM, BN, TM, TN } }: Tile): string {
  return `${BM}×${BN} (${4 * TM}×${4 * TN} a lane)`;
}

/** The tile of a product's launch. */
export function tileOf({ constants }: Launch): Tile | undefined {
  return tiles.find(({ constants: tile }) =>
    Object.entries(tile).every(([name, value]) => constants[name] === value),
  );
}

/** Whether a launch is a product on a GPU, so that its tile can be chosen. */
export function isProduct(launch: Launch): boolean {
  return productOf(launch) !== undefined;
}

/** A product in another tile: the same bits. */
export function inTile(launch: Launch, tile: Tile): Launch {
  const { m, n, pieces } = productOf(launch)!;
  return {
    ...launch,
    constants: { ...launch.constants, ...tile.constants },
    groups: foldGroups(tileCount(tile, m, n) * pieces),
  };
}

/** Whether a product's steps of k are cut into slices that are added up behind it. */
export function isSliced({ shader, bind }: Launch): boolean {
  return shader === "conv2d/weight-grad" && bind["c"] != null;
}

/** A weight gradient in so many slices, with the sum of them: other bits. */
export function inSlices(launch: Launch, slices: number): Launch[] {
  const { m, n, k } = productOf(launch)!;
  const partial = new Value("partial", [slices, m, n], "f32", "planned");
  const sum = new Value("sum", [m, n], "f32", "planned");
  const product: Launch = inTile(
    {
      ...launch,
      constants: { ...launch.constants, PIECES: slices, LONGEST: sliceLength(k, slices, 16) },
      bind: { ...launch.bind, c: partial },
    },
    tileOf(launch)!,
  );
  if (slices === 1) return [product];
  return [
    product,
    { ...sumSlices("gpu", m * n, slices), bind: { x: partial, y: sum }, flop: m * n * slices },
  ];
}
