/** Images drawn by a network of diffusion: a step is recorded once and replayed, on noise that a seed gives. */
import { requireCount, UsageError } from "../errors.ts";
import { ratesAt } from "../feed/noise-schedule.ts";
import type { Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import { Bound } from "../graph/bound.ts";
import { Graph } from "../graph/graph.ts";
import { compile, type Program } from "../graph/program.ts";
import { floatWord, type Launch } from "../graph/value.ts";
import type { Model } from "../nn/model.ts";
import { Random } from "../random.ts";
import { count, type Shape } from "../shape.ts";
import { largestBatch, passOver } from "./memory.ts";
import { replay, type Watch } from "./replay.ts";

/**
 * How images lose their noise: `ddim` adds none, so that the noise at the start decides (Song, Meng and Ermon 2021);
 * `ddpm` is the ancestral sampler, which draws some anew at every step (Ho, Jain and Abbeel 2020).
 */
export const samplerNames = ["ddim", "ddpm"] as const;

export type SamplerName = (typeof samplerNames)[number];

/** Settings of {@link Sampler.run}. */
export interface SampleOptions {
  /** Images. */
  readonly count: number;
  /** Steps from noise to image. */
  readonly steps: number;
  readonly seed: number;
  readonly sampler?: SamplerName | undefined;
}

/** Words of a row of the step table. */
const stepWords = 8;
/** Images a pass at most; larger only costs memory. */
const mostImages = 64;

/** What a step makes of the noise that is found: shares as in shaders/diffusion/denoise. */
export interface SampleStep {
  readonly signal: number;
  readonly noise: number;
  readonly next: number;
  readonly along: number;
  readonly fresh: number;
}

/** The steps of a sampler, from time 1 down to 0; the last gives the image itself. */
export function sampleSteps(steps: number, sampler: SamplerName): SampleStep[] {
  return Array.from({ length: steps }, (_, i) => {
    const { signal, noise } = ratesAt(1 - i / steps);
    const next = i === steps - 1 ? { signal: 1, noise: 0 } : ratesAt(1 - (i + 1) / steps);
    // The variance that is lost between two times, as far as the next one has room for it.
    const lost = (next.noise / noise) * Math.sqrt(Math.max(0, 1 - (signal / next.signal) ** 2));
    const fresh = sampler === "ddpm" ? lost : 0;
    const along = Math.sqrt(Math.max(0, next.noise ** 2 - fresh ** 2));
    return { signal, noise, next: next.signal, along, fresh };
  });
}

interface Parts {
  /** Of all. */
  readonly owned: Owned;
  readonly start: Program;
  readonly step: Program;
  readonly table: GPUBuffer;
  readonly cursor: GPUBuffer;
  readonly x: GPUBuffer;
}

/** Draws images with a model's weights as they are when it runs; see {@link Sampler.create}. Owns its programs. */
export class Sampler {
  readonly #gpu: Gpu;
  readonly #shape: Shape;
  readonly #batch: number;
  readonly #parts: Parts;
  readonly #steps: number;

  private constructor(gpu: Gpu, shape: Shape, batch: number, steps: number, parts: Parts) {
    this.#gpu = gpu;
    this.#shape = shape;
    this.#batch = batch;
    this.#steps = steps;
    this.#parts = parts;
  }

  /**
   * Compiles a step in evaluation mode.
   *
   * @param most images and steps of the largest {@link run}.
   * @throws UsageError for a network that is not for diffusion.
   * @throws OutOfMemoryError where not even one image fits.
   */
  static async create(
    model: Model,
    most: Pick<SampleOptions, "count" | "steps">,
  ): Promise<Sampler> {
    const [shape, level] = model.spec.inputs;
    if (shape === undefined || level?.length !== 0) {
      throw new UsageError(`model "${model.spec.name}" is not for diffusion, and draws no images.`);
    }
    requireCount("count", most.count);
    requireCount("steps", most.steps);
    return largestBatch(passOver(most.count, mostImages), (batch) =>
      Owned.during((owned) => Sampler.#make(model, shape, batch, most.steps, owned)),
    );
  }

  static async #make(
    model: Model,
    shape: Shape,
    batch: number,
    steps: number,
    owned: Owned,
  ): Promise<Sampler> {
    const { gpu, spec } = model;
    const bound = owned.add(new Bound());
    const rows = (steps + 1) * stepWords;
    const table = await bound.zeros(gpu, "table", [rows], "u32");
    const cursor = await bound.zeros(gpu, "cursor", [1], "u32");
    const step = await bound.zeros(gpu, "step", [stepWords], "u32");
    const x = await bound.zeros(gpu, "images", [batch, ...shape]);
    const variance = await bound.zeros(gpu, "noise variance", [batch]);
    const next: Launch = {
      shader: "train/next-step",
      constants: {},
      bind: { table, cursor, step },
      groups: [1, 1, 1],
    };
    const graph = new Graph(gpu);
    const built = model.build(graph, [x, variance], "frozen");
    const constants = { B: batch, SIZE: count(shape) };
    const program = async (what: string, launches: readonly Launch[]): Promise<Program> =>
      owned.add(
        await compile(gpu, launches, {
          label: `${what} ${spec.name}`,
          bindings: new Map([...bound.bindings, ...built.bindings]),
          purpose: "activations of sampling",
        }),
      );
    const start = await program("start", [
      next,
      { shader: "diffusion/start", constants, bind: { step, x }, threads: x.size },
    ]);
    const e = built.output;
    const denoise = await program("denoise", [
      next,
      {
        shader: "diffusion/level",
        constants: { B: batch },
        bind: { step, variance },
        threads: batch,
      },
      ...graph.forward(),
      { shader: "diffusion/denoise", constants, bind: { step, e, x }, threads: x.size },
    ]);
    const [tableBuffer, cursorBuffer, images] = [table, cursor, x].map((v) => bound.at(v).buffer);
    return new Sampler(gpu, shape, batch, steps, {
      ...{ owned, start, step: denoise, table: tableBuffer!, cursor: cursorBuffer!, x: images! },
    });
  }

  /**
   * Draws images in the units that the network works in.
   *
   * @returns [count, height, width, channels], row-major. The same seed, count and weights give the same bits on an
   *   adapter; image i starts from the same noise whatever the count.
   * @throws UsageError for more steps than it was made for, or a count that is none.
   */
  async run(options: SampleOptions, watch: Watch = {}): Promise<Float32Array> {
    const { count: wanted, steps, seed, sampler = "ddim" } = options;
    requireCount("count", wanted);
    requireCount("steps", steps);
    if (steps > this.#steps) {
      throw new UsageError(`a sampler made for ${this.#steps} steps was asked for ${steps}.`);
    }
    const { start, step, x } = this.#parts;
    const size = count(this.#shape);
    const images = new Float32Array(wanted * size);
    const passes = Math.ceil(wanted / this.#batch);
    for (let pass = 0; pass < passes; pass++) {
      const first = pass * this.#batch;
      this.#load(first, seed, sampleSteps(steps, sampler));
      start.run();
      await replay(this.#gpu, step, steps, {
        ...watch,
        progress: (done) => watch.progress?.(pass * steps + done, passes * steps),
      });
      const here = Math.min(this.#batch, wanted - first);
      const view = { buffer: x, offset: 0, size: 4 * here * size };
      images.set(await this.#gpu.readFloats(view), first * size);
    }
    return images;
  }

  /** Writes the step table: a row for the noise at the start, then one a step. */
  #load(first: number, seed: number, steps: readonly SampleStep[]): void {
    const seeds = new Random(seed);
    const rows = [
      [first, seeds.int(2 ** 31), 0, 0, 0, 0, 0, 0],
      ...steps.map(({ signal, noise, next, along, fresh }) => [
        first,
        seeds.int(2 ** 31),
        ...[signal, noise, next, along, fresh].map(floatWord),
        0,
      ]),
    ];
    this.#gpu.write(this.#parts.table, Uint32Array.from(rows.flat()));
    this.#gpu.write(this.#parts.cursor, new Uint32Array(1));
  }

  destroy(): void {
    this.#parts.owned.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
