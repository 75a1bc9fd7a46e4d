/** The landscape of unlearning: accuracies over the plane in which the paths of runs move most, and the paths in it. */
import {
  PlaneEvaluator,
  type PlanePoint,
  type PointTotals,
  weightSet,
} from "../analysis/landscape.ts";
import { type Perturbation, perturbation } from "../analysis/perturbations.ts";
import { principalPlane, type WeightSet } from "../analysis/plane.ts";
import { type Dataset, subset } from "../data/dataset.ts";
import { DataError, OutOfMemoryError, UsageError } from "../errors.ts";
import { GpuDataset } from "../feed/gpu-dataset.ts";
import type { Gpu } from "../gpu/device.ts";
import { megabytes } from "../gpu/memory.ts";
import { Owned } from "../gpu/owned.ts";
import type { Scores } from "../metrics/metric.ts";
import type { Model, Tensors } from "../nn/model.ts";
import { Random } from "../random.ts";
import type { Watch } from "../train/replay.ts";
import type { SetupConfig } from "./config.ts";
import { type GivenNetwork, readRunNetwork } from "./given-network.ts";
import type { RunImages } from "./images.ts";
import { type Job, prepareJob } from "./job.ts";
import { keptRoundNumbers, keptWeights } from "./kept-rounds.ts";
import { landedAt, type RecordedRun, unlearnedFile } from "./recorded-run.ts";

/** A place in the plane with what the network there makes of both sets, %. */
export interface Place extends PlanePoint {
  readonly test: number;
  readonly forget: number;
}

/** A set of weights, beside the plane. */
export interface PlaceOfWeights extends PlanePoint {
  /** Its distance from the plane. */
  readonly off: number;
}

/** A run's way. */
export interface PathOfRun {
  readonly name: string;
  readonly run: string;
  readonly points: readonly (PlaceOfWeights & {
    /** Round after which the weights were kept; null for the end of a run whose last round was shortened. */
    readonly round: number | null;
    /** Scores that the run measured there; null where it did not. */
    readonly scores: Scores | null;
  })[];
}

/** A landscape with the paths of runs. Distances are Euclidean, in weights. */
export interface LandscapeOfRuns {
  /** Images that accuracies are measured on. */
  readonly images: { readonly test: number; readonly forget: number };
  /** What the plane's axes are the principal components of. */
  readonly directions: "paths" | "paths and perturbations";
  readonly sets: number;
  /** Share of the sets' variance about the trained weights along each axis, 0 to 1. */
  readonly explained: readonly [number, number];
  readonly paths: readonly PathOfRun[];
  /** Accuracies in the plane, row by row of `b`; none where perturbations are measured. */
  readonly grid: {
    readonly a: readonly number[];
    readonly b: readonly number[];
    readonly places: readonly Place[];
  } | null;
  /** Perturbed weights, with accuracies where they are and not in the plane. */
  readonly perturbations: readonly (Place & PlaceOfWeights & { readonly length: number })[] | null;
}

/** What is asked of a landscape. */
export interface LandscapeOptions {
  /** Places along each side of the grid. */
  readonly side: number;
  /** Images of each set at most. */
  readonly images: number;
  /** Perturbed weights that are drawn and measured in place of the grid. */
  readonly perturbations: number;
  readonly seed: number;
  readonly watch?: Watch | undefined;
}

/** Bytes of host memory that sets of weights may take. */
const mostBytes = 2 ** 30;

/** Room around the paths, as a share of what they take. */
const margin = 0.2;

/** At most so many of some places, at even distances. */
function evenly(places: Uint32Array, most: number): Uint32Array {
  const count = Math.min(most, places.length);
  return Uint32Array.from(
    { length: count },
    (_, i) => places[Math.floor((i * places.length) / count)]!,
  );
}

/** Two parts of one data set as one. */
function joined(first: Dataset, second: Dataset): Dataset {
  const size = first.pixels.length + second.pixels.length;
  const pixels = first.pixels instanceof Uint8Array ? new Uint8Array(size) : new Float32Array(size);
  pixels.set(first.pixels);
  pixels.set(second.pixels, first.pixels.length);
  const labels = new Uint16Array(first.count + second.count);
  labels.set(first.labels);
  labels.set(second.labels, first.count);
  return { ...first, count: labels.length, pixels, labels, names: undefined, numbers: undefined };
}

/** The weights that a run left on its way, without those it started from. */
async function wayOf(
  run: RecordedRun,
  job: Job<SetupConfig>,
  end: Tensors,
): Promise<{ round: number | null; scores: Scores | null; tensors: Tensors }[]> {
  const { folder } = run;
  const landed = await landedAt(run);
  const lines = (await folder.metrics()).filter(({ phase }) => phase === "unlearn");
  const scoresOf = (round: number): Scores | null =>
    (lines.find((line) => line["round"] === round)?.["scores"] as Scores | undefined) ?? null;
  const way: Awaited<ReturnType<typeof wayOf>> = [];
  for (const round of await keptRoundNumbers(folder)) {
    // It did not go on to the end of that round.
    if (landed !== undefined && round > landed.round) continue;
    const tensors = await keptWeights(folder, job, round);
    way.push({ round, scores: scoresOf(round), tensors });
  }
  if (landed !== undefined) {
    return [...way, { round: landed.round, scores: landed.scores, tensors: end }];
  }
  const last = Number(lines.at(-1)?.["round"] ?? 0);
  const kept = way.at(-1);
  if (kept?.round !== last) return [...way, { round: last, scores: scoresOf(last), tensors: end }];
  const same = [...end].every(([name, { data }]) =>
    data.every((value, i) => value === kept.tensors.get(name)!.data[i]),
  );
  return same ? way : [...way, { round: null, scores: null, tensors: end }];
}

/** A network's weights one after the other, as differences to an origin. */
function differenceOf({ slots }: Model, tensors: Tensors, origin: WeightSet): WeightSet {
  const set = new Float32Array(origin.length);
  let at = 0;
  for (const { name, size } of slots) {
    const { data } = tensors.get(name)!;
    for (let i = 0; i < size; i++, at++) set[at] = data[i]! - origin[at]!;
  }
  return set;
}

/** Values at even distances around some, with a margin. */
function along(values: readonly number[], count: number): number[] {
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  const room = margin * (high - low);
  return Array.from(
    { length: count },
    (_, i) => low - room + (i / (count - 1)) * (high - low + 2 * room),
  );
}

/**
 * The landscape of runs of one network, see `recordedRuns`; their paths as far as their folders have weights (`keepRounds`).
 *
 * @throws DataError without test images or D_f; UsageError where paths span no plane; OutOfMemoryError where the
 *   weights of all paths take more than 1 GiB.
 */
export async function landscapeOfRuns(
  gpu: Gpu,
  runs: readonly RecordedRun[],
  given: GivenNetwork,
  images: RunImages,
  options: LandscapeOptions,
): Promise<LandscapeOfRuns> {
  const { setup, forget } = runs[0]!;
  const { watch = {} } = options;
  const { train, labels, forget: all } = images.corrupted;
  if (all.length === 0 || images.test.count === 0) {
    throw new DataError("a landscape needs test images and a D_f, and one of them is empty.");
  }
  return Owned.within(async (owned) => {
    const job = owned.add(await prepareJob(gpu, setup, { images, given, forget }));
    const { model, info } = job;
    const origin = await weightSet(model.parameters);
    const ways = [];
    for (const run of runs) {
      const { weights } = await readRunNetwork(run.folder.file(unlearnedFile), setup);
      ways.push({ run, way: await wayOf(run, job, weights(model.spec)) });
    }
    const points = ways.reduce((sum, { way }) => sum + way.length, 0) + options.perturbations;
    if (points < 2) {
      throw new UsageError(
        `"${runs[0]!.folder.path}" has the weights of its beginning and end alone, which lie on a line: let a run keep its rounds ` +
          "(`keepRounds`), or give another run or random changes (`perturbations`) besides.",
      );
    }
    if (4 * points * origin.length > mostBytes) {
      throw new OutOfMemoryError(
        `${points} sets of ${origin.length} weights take ${megabytes(4 * points * origin.length)}, more than ` +
          `${megabytes(mostBytes)}: give fewer runs, or runs that kept fewer rounds (\`keepRounds\`).`,
      );
    }
    const random = new Random(options.seed);
    const perturbed: Perturbation[] = Array.from({ length: options.perturbations }, () =>
      perturbation(model.slots, origin, random.int(2 ** 31)),
    );
    const paths = ways.flatMap(({ way }) =>
      way.map(({ tensors }) => differenceOf(model, tensors, origin)),
    );
    const plane = await principalPlane(gpu, [...perturbed.map(({ set }) => set), ...paths]);
    const at = plane.points.slice(perturbed.length);

    const chosen = evenly(all, options.images);
    const tests = evenly(Uint32Array.from(images.test.labels.keys()), options.images);
    const own = subset(train, chosen);
    const trained = { ...own, labels: Uint16Array.from(chosen, (place) => labels[place]!) };
    const shown = joined(subset(images.test, tests), trained);
    const { mean, deviation } = info.preprocessing;
    const data = owned.add(await GpuDataset.upload(gpu, shown, mean, deviation));
    const places = (first: number, count: number): Uint32Array =>
      Uint32Array.from({ length: count }, (_, i) => first + i);
    const sets = [places(0, tests.length), places(tests.length, chosen.length)];
    const evaluator = owned.add(await PlaneEvaluator.create(model, data, sets));
    const measured = (point: PlanePoint, [test, forgotten]: readonly PointTotals[]): Place => ({
      a: point.a,
      b: point.b,
      test: test!.accuracy,
      forget: forgotten!.accuracy,
    });
    let grid: LandscapeOfRuns["grid"] = null;
    const around: NonNullable<LandscapeOfRuns["perturbations"]>[number][] = [];
    if (perturbed.length === 0) {
      evaluator.turn(plane.axes);
      const [a, b] = (["a", "b"] as const).map((axis) =>
        along(
          at.map((one) => one[axis]),
          options.side,
        ),
      );
      const points = b!.flatMap((y) => a!.map((x) => ({ a: x, b: y })));
      const totals = await evaluator.run(points, watch);
      grid = { a: a!, b: b!, places: points.map((point, i) => measured(point, totals[i]!)) };
    } else {
      // Each is measured where it is: it takes the place of an axis, one length from the origin.
      for (const [i, { set, length }] of perturbed.entries()) {
        evaluator.turn([set, set]);
        const [totals] = await evaluator.run([{ a: 1, b: 0 }], { signal: watch.signal });
        const { a, b, off } = plane.points[i]!;
        around.push({ ...measured({ a, b }, totals!), off, length });
        watch.progress?.(i + 1, perturbed.length);
      }
    }
    let next = 0;
    return {
      images: { test: tests.length, forget: chosen.length },
      directions: perturbed.length === 0 ? "paths" : "paths and perturbations",
      sets: plane.points.length,
      explained: plane.explained,
      paths: ways.map(({ run, way }) => ({
        name: run.name,
        run: run.folder.path,
        points: [
          { a: 0, b: 0, off: 0, round: 0, scores: null },
          ...way.map(({ round, scores }) => ({ ...at[next++]!, round, scores })),
        ],
      })),
      grid,
      perturbations: perturbed.length === 0 ? null : around,
    };
  });
}
