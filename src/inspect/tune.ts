/**
 * Which tile each matrix product of a training step is fastest in, measured on a device.
 *
 * Only tiles are tried: they change no bit (graph/product-tiles.ts). What does, slices of k, convolutions in tiles and
 * number formats, follows from a shape or is asked for.
 */
import { mean, median } from "simple-statistics";
import { jobTrainer } from "../api/training.ts";
import type { Gpu } from "../gpu/device.ts";
import { dryGpu, type DryLimits } from "../gpu/dry.ts";
import { textDigest, type TimedTile, type TunedChoice } from "../gpu/tuned.ts";
import type { Program } from "../graph/program.ts";
import {
  coreOf,
  coreTiles,
  fitsTile,
  productKey,
  retile,
  sizeOf,
  type TileConstants,
  tileOf,
} from "../graph/product-tiles.ts";
import { dryJob, type PlannedRun } from "../runs/memory-plan.ts";
import type { TrainConfig } from "../runs/config.ts";
import { distinctKernels, standIns, type StepKernel } from "./kernels.ts";

/**
 * The distinct products of a training step, those with most arithmetic first; no device is needed.
 *
 * @throws OutOfMemoryError where the limits do not hold the step.
 */
export async function stepProducts(
  run: PlannedRun & { readonly train: TrainConfig },
  limits: DryLimits,
): Promise<StepKernel[]> {
  const gpu = await dryGpu(limits);
  const job = await dryJob(run, gpu);
  const { program } = await jobTrainer({ ...job, config: run.train });
  const products = distinctKernels(program).filter(({ launch }) => tileOf(launch) !== undefined);
  return products.sort((a, b) => b.calls * b.flop - a.calls * a.flop);
}

/** A product by its operation and sizes: rows × columns × steps of k, and in how many pieces. */
export function productName({ label, launch }: StepKernel): string {
  const { m, n, k, pieces } = sizeOf(launch);
  return `${label} ${m} × ${n} × ${k}${pieces === 1 ? "" : ` in ${pieces}`}`;
}

/** How long is measured. */
export interface TuneEffort {
  /** Turns that each tile has in a half of the measurement; the median counts. */
  readonly rounds: number;
  /** Milliseconds of a turn at least. */
  readonly turnMs: number;
}

/** Five turns of 20 ms at least. */
export const usualEffort: TuneEffort = { rounds: 5, turnMs: 20 };

/** What a tile's time must be below, of the usual one's, in each half, so that it takes its place. */
const below = 0.97;

/** A tile that takes so many times as long as the usual one when it first runs is not measured further. */
const hopeless = 3;

/** Calls of a turn at most. */
const mostCalls = 10_000;

/** A product with the tile it has by its shape, the best one and the next best; times in milliseconds of one call. */
export interface ProductTimes {
  readonly product: StepKernel;
  readonly usual: TimedTile;
  /** The usual one, unless another takes less than 97 % of its time in both halves of the measurement. */
  readonly best: TimedTile;
  readonly runnerUp: TimedTile;
  /** All of them, the fastest first. */
  readonly tiles: readonly TimedTile[];
}

/** A tile that is measured. */
interface Contender {
  readonly tile: TileConstants;
  readonly program: Program;
  /** Milliseconds of a call as first measured, and calls in a turn. */
  readonly each: number;
  readonly calls: number;
  /** Milliseconds a call, in the turns of each half. */
  readonly halves: readonly [number[], number[]];
}

/**
 * Measures a product in every tile of its core, by turns: forwards in one round and backwards in the next, so that what
 * changes on the machine meanwhile hits all alike. Tiles that are not faster in the first half have no second.
 *
 * @param gpu opened without tuned tiles.
 */
export async function measureProduct(
  gpu: Gpu,
  product: StepKernel,
  { rounds, turnMs }: TuneEffort = usualEffort,
): Promise<ProductTimes> {
  const { launch } = product;
  const own = tileOf(launch)!;
  const others = coreTiles[coreOf(launch)!].filter((tile) => tile !== own && fitsTile(gpu, tile));
  const tiles = [own, ...others];
  const stand = await standIns(gpu, [launch]);
  const { watch, free } = gpu.device.features.has("timestamp-query")
    ? deviceWatch(gpu)
    : { watch: hostWatch(gpu), free: () => undefined };
  const made: Program[] = [];
  try {
    const contenders: Contender[] = [];
    for (const tile of tiles) {
      const program = await stand.program([retile(launch, tile)]);
      made.push(program);
      // In the first run drivers compile what they left until then.
      await watch(program, 1);
      const once = await watch(program, 1);
      const enough = (ms: number): number => Math.ceil(turnMs / Math.max(ms, turnMs / mostCalls));
      // What is shorter than the device's clock tells is told by many.
      const each = await watch(program, Math.ceil(enough(once) / 4), once);
      contenders.push({ tile, program, each, calls: enough(each), halves: [[each], []] });
    }
    const [usual, ...others] = contenders as [Contender, ...Contender[]];
    const first = others.filter((one) => one.each < hopeless * usual.each);
    const ahead = (half: 0 | 1) => (one: Contender) =>
      median(one.halves[half]) < below * median(usual.halves[half]);
    await takeTurns(watch, [usual, ...first], 0, rounds);
    const second = first.filter(ahead(0));
    if (second.length > 0) await takeTurns(watch, [usual, ...second], 1, rounds);
    const ranked = second.filter(ahead(1)).map(timed).sort(byTime);
    const best = ranked[0] ?? timed(usual);
    const all = contenders.map(timed).sort(byTime);
    const runnerUp = all.find(({ tile }) => tile !== best.tile)!;
    return { product, usual: timed(usual), best, runnerUp, tiles: all };
  } finally {
    for (const program of made) program.destroy();
    stand.destroy();
    free();
  }
}

/** What a call took: the mean of both halves, of one where there was no second. */
function timed({ tile, halves }: Contender): TimedTile {
  return { tile, ms: mean(halves.filter((half) => half.length > 0).map((half) => median(half))) };
}

const byTime = (a: TimedTile, b: TimedTile): number => a.ms - b.ms;

/** Gives each a turn in each round, and writes down what a call took. What stood there before was a first guess. */
async function takeTurns(
  watch: Watch,
  contenders: readonly Contender[],
  half: 0 | 1,
  rounds: number,
): Promise<void> {
  for (const { halves } of contenders) halves[half].length = 0;
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? contenders : contenders.toReversed();
    for (const { program, calls, each, halves } of order) {
      halves[half].push(await watch(program, calls, halves[half].at(-1) ?? each));
    }
  }
}

/** What is slept before a wait, of the time that is expected. */
const oversleep = 1.25;

/** Milliseconds of a call, of several in one pass; `expected`: what one takes, as far as it is known. */
type Watch = (program: Program, calls: number, expected?: number) => Promise<number>;

/**
 * Times by the device's clock. Until the work should be over this thread sleeps, as a wait may take one of the cores that a
 * software adapter runs on; what it sleeps too long does not count.
 */
function deviceWatch(gpu: Gpu): { readonly watch: Watch; readonly free: () => void } {
  const { device } = gpu;
  const queries = device.createQuerySet({ type: "timestamp", count: 2 });
  const usage = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC;
  const buffer = device.createBuffer({ label: "timestamps", size: 16, usage });
  const watch: Watch = async (program, calls, expected = 0) => {
    gpu.submit((encoder) => {
      const pass = encoder.beginComputePass({
        timestampWrites: {
          querySet: queries,
          beginningOfPassWriteIndex: 0,
          endOfPassWriteIndex: 1,
        },
      });
      for (let i = 0; i < calls; i++) program.encode(pass);
      pass.end();
      encoder.resolveQuerySet(queries, 0, 2, buffer, 0);
    });
    await new Promise((resolve) => setTimeout(resolve, oversleep * calls * expected));
    const [bytes] = await gpu.read({ buffer, offset: 0, size: 16 });
    const [begin, end] = new BigUint64Array(bytes!);
    return Number(end! - begin!) / 1e6 / calls;
  };
  const free = (): void => {
    queries.destroy();
    buffer.destroy();
  };
  return { watch, free };
}

/** Times by the host's clock, where a device has none. */
const hostWatch =
  (gpu: Gpu): Watch =>
  async (program, calls) => {
    const start = performance.now();
    program.run(calls);
    await gpu.idle();
    return (performance.now() - start) / calls;
  };

/** Whether another tile than the usual one is to be taken. */
export function isFaster({ usual, best }: ProductTimes): boolean {
  return best.tile !== usual.tile;
}

/** What is kept of a product that is faster in another tile. */
export async function choiceOf({
  product,
  usual,
  best: { tile, ms },
  runnerUp,
}: Omit<ProductTimes, "tiles">): Promise<TunedChoice> {
  const { launch } = product;
  return {
    ...{ product: productName(product), kernel: productKey(launch) },
    ...{ shader: await textDigest(launch), tile, ms, usual, runnerUp },
  };
}
