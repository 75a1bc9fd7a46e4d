/** Single kernels of a program: which there are, and each alone on a device. */
import type { Gpu } from "../gpu/device.ts";
import { compile, type Dispatch, type Program } from "../graph/program.ts";
import { type Launch, Value } from "../graph/value.ts";
import { Random } from "../random.ts";

/** A kernel of a step with its sizes, and how often the step has it. */
export interface StepKernel {
  readonly label: string;
  readonly launch: Launch;
  readonly calls: number;
  readonly flop: number;
  /** Bytes of all bound values. */
  readonly bytes: number;
}

/** What makes two launches the same work. */
function keyOf({ shader, entry, parts, constants, uniforms, bind }: Launch): string {
  const words = Object.entries(uniforms ?? {}).map(([name, value]) => [name, ...value]);
  const sizes = Object.entries(bind).map(([name, value]) => [name, value?.size ?? 0]);
  return JSON.stringify([shader, entry, parts, constants, words, sizes]);
}

/** The distinct kernels of a program. */
export function distinctKernels({ dispatches }: Pick<Program, "dispatches">): StepKernel[] {
  const found = new Map<string, Dispatch[]>();
  for (const dispatch of dispatches) {
    const key = keyOf(dispatch.launch);
    found.set(key, [...(found.get(key) ?? []), dispatch]);
  }
  return [...found.values()].map((same) => {
    const { label, launch, flop, bytes } = same[0]!;
    return { label, launch, calls: same.length, flop, bytes };
  });
}

/** Shapes of what a launch binds, in the order of its bindings: what tells layers of one kind apart. */
export function shapesOf({ bind }: Launch): string {
  return Object.entries(bind)
    .flatMap(([name, value]) => (value === null ? [] : [`${name} ${value.shape.join("×")}`]))
    .join(", ");
}

const random = new Random(1);
/** Random floats that all inputs are cut from: kernels run faster on zeros. */
const noise = Float32Array.from({ length: 1 << 20 }, () => 2 * random.float() - 1);

let count = 0;

/** Values of launches, each with a buffer of its own. Owns the buffers. */
export interface StandIns {
  /** Launches as a program of their own, which is the caller's. */
  program(launches: readonly Launch[]): Promise<Program>;
  destroy(): void;
}

/** Buffers for what launches bind. Floats are random; integers (labels, places) are 0. */
export async function standIns(gpu: Gpu, launches: readonly Launch[]): Promise<StandIns> {
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
      gpu.write(buffers[i]!, noise.subarray(0, Math.min(noise.length, value.size - at)), 4 * at);
    }
  }
  return {
    program: (some) =>
      compile(
        gpu,
        some.map((launch) => ({
          ...launch,
          bind: Object.fromEntries(
            Object.entries(launch.bind).map(([name, value]) => [
              name,
              value === null ? null : bound.get(value)!,
            ]),
          ),
        })),
        // A label of its own: waits for it are paced by its own times.
        { label: `${some[0]!.shader} ${count++}`, bindings },
      ),
    destroy: () => gpu.free(...buffers),
  };
}

/** Launches as a program of their own, on buffers of their own; see {@link standIns}. */
export async function alone(
  gpu: Gpu,
  launches: readonly Launch[],
): Promise<{ program: Program; free: () => void }> {
  const stand = await standIns(gpu, launches);
  const program = await stand.program(launches);
  return {
    program,
    free: () => {
      program.destroy();
      stand.destroy();
    },
  };
}
