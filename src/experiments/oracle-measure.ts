/** Measures a method over a set of networks: each trained one is made to forget, and all are held against the retrained ones. */
import { csvFormatRows } from "d3-dsv";
import { z } from "zod";
import { UsageError } from "../errors.ts";
import type { GpuDataset } from "../feed/gpu-dataset.ts";
import type { Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import { hits, perSample } from "../metrics/classification.ts";
import { halves, klom, type KlomResult } from "../metrics/klom.ts";
import type { MarginPair } from "../metrics/margins.ts";
import { type Measurement, missing } from "../metrics/measurement.ts";
import { meanAndDeviation } from "../metrics/statistics.ts";
import { testAccuracy } from "../metrics/test-accuracy.ts";
import { uLira, type ULiraResult } from "../metrics/u-lira.ts";
import { join, readJson } from "../platform/files.ts";
import { RunFolder } from "../report/run-folder.ts";
import { checkedFile } from "../runs/checked-file.ts";
import type { UnlearnConfig } from "../runs/config.ts";
import type { RunImages } from "../runs/images.ts";
import { type Job, prepareJob } from "../runs/job.ts";
import { unlearnedFile } from "../runs/recorded-run.ts";
import { loadTrained } from "../runs/train-run.ts";
import { discardRounds, shippedIn, unlearnInFolder } from "../runs/unlearn-run.ts";
import { Collector } from "../train/collector.ts";
import type { Watch } from "../train/replay.ts";
import { isReference } from "./arms.ts";
import { numbered, type Oracle, type OracleTold, seedOf } from "./oracle.ts";
import { resultFile } from "./trained-network.ts";

/** The sets of images that networks are compared on. */
export const oracleSets = ["forget", "retain", "test"] as const;

export type OracleSet = (typeof oracleSets)[number];

/** What a network says of each set. */
type Reading = Readonly<Record<OracleSet, { margins: Float64Array; accuracy: number }>>;

/** What is asked of a method. */
export interface OracleProtocol {
  /** The method, its settings and its end; its seed is not used: each network has its own. */
  readonly unlearn: Omit<UnlearnConfig, "seed">;
  /** What tables call the method. */
  readonly name: string;
  /** End where D_f is answered as wrongly as by the retrained networks on average. */
  readonly untilRetrained: boolean;
}

/** Numbers of one kind of networks, held against the retrained ones. */
export interface OracleRow {
  readonly name: string;
  /** Networks, and retrained ones that they are held against. */
  readonly networks: readonly [number, number];
  /** Accuracy, % on average over the networks, with the labels of the training on D_f. */
  readonly accuracy: Readonly<Record<OracleSet, number>>;
  readonly klom: Readonly<Record<OracleSet, Omit<KlomResult, "perImage">>>;
  readonly uLira: Readonly<Record<OracleSet, Omit<ULiraResult, "perImage" | "scores">>>;
}

/** How the unlearning of the set's networks went. */
export interface OracleRuns {
  /** Rounds on average, and seconds of unlearning. */
  readonly rounds: number;
  readonly seconds: number;
  /** Networks by what ended their unlearning. */
  readonly stoppedBy: Readonly<Record<string, number>>;
}

/** What {@link measureOracle} finds. */
export interface OracleResult {
  /** The floor (retrained networks, one half against the other), the networks before they forget, and after. */
  readonly rows: readonly OracleRow[];
  readonly runs: OracleRuns;
  /** Numbers of each image of the networks that forgot. */
  readonly csv: string;
}

/** Names of the rows that are the same for every method. */
export const oracleRows = { floor: "retrained, two halves", before: "untouched" } as const;

/** Images a pass. */
const passRows = 256;

/** Reads margins of the network that a job holds. Owns its collectors. */
class Reader {
  readonly #job: Job;
  readonly #collectors: ReadonlyMap<GpuDataset, Collector>;

  constructor(job: Job, collectors: ReadonlyMap<GpuDataset, Collector>) {
    this.#job = job;
    this.#collectors = collectors;
  }

  static async create(job: Job, owned: Owned): Promise<Reader> {
    const collectors = new Map<GpuDataset, Collector>();
    for (const data of [job.data, job.testData]) {
      collectors.set(data, owned.add(await Collector.create(job.model, job.task, data, passRows)));
    }
    return new Reader(job, collectors);
  }

  async read(): Promise<Reading> {
    const { sets, train } = this.#job;
    const read: [OracleSet, Reading[OracleSet]][] = [];
    for (const name of oracleSets) {
      const { data, items, labels } = sets.get(name)!;
      const logits = await this.#collectors.get(data)!.run(items);
      const own = Uint32Array.from(items, (item) => labels[item]!);
      const samples = perSample({ logits, labels: own }, train.classes.length);
      const accuracy = (100 * hits(samples, own)) / own.length;
      read.push([name, { margins: samples.margin, accuracy }]);
    }
    return Object.fromEntries(read) as Reading;
  }
}

/** @throws UsageError where a method that ends by itself is to end otherwise. */
export function requireEnd({ unlearn, untilRetrained }: OracleProtocol): void {
  if (!untilRetrained) return;
  if (isReference(unlearn)) {
    throw new UsageError(
      `\`untilRetrained\`: ${unlearn.method} ends with its own epochs. Leave it out.`,
    );
  }
  if (unlearn.unlearningAccuracy !== undefined) {
    throw new UsageError(
      "`untilRetrained` and `unlearningAccuracy` both say the accuracy to end at: give one of them.",
    );
  }
}

/** One line an image: its set, its number in the training or test images, and what was found. */
function imagesCsv(found: readonly PerImage[], { sets }: Job): string {
  const text = (value: number | undefined): string => value?.toFixed(6) ?? "";
  const rows = found.flatMap(({ set, klom: divergence, uLira: accuracy }) =>
    Array.from(sets.get(set)!.items, (item, i) => [
      set,
      String(item),
      text(divergence[i]),
      text(accuracy?.[i]),
    ]),
  );
  return `${csvFormatRows([["set", "image", "klom", "uLira"], ...rows])}\n`;
}

/** Numbers of the images of a set. */
interface PerImage {
  readonly set: OracleSet;
  /** Nats. */
  readonly klom: Float64Array;
  /** Balanced accuracy, %. */
  readonly uLira: Float64Array | undefined;
}

/** U-LiRA, or the reason why there is none. */
function attacked(
  pair: MarginPair,
): Pick<ULiraResult, "accuracy" | "tprAt1" | "tprAt01"> & Partial<ULiraResult> {
  if (pair.unlearned.length >= 3 && pair.retrained.length >= 3) return uLira(pair);
  const none = (name: string, definition: string): Measurement =>
    missing({ name, definition, unit: "%" }, "fewer than three networks of a kind");
  return {
    accuracy: none("U-LiRA accuracy", "balanced accuracy of an attack on each image, %"),
    tprAt1: none("U-LiRA TPR at 1 % FPR", "share of pairs found, %"),
    tprAt01: none("U-LiRA TPR at 0.1 % FPR", "share of pairs found, %"),
  };
}

/** Compares networks with retrained ones; numbers of each image beside. */
function compared(
  name: string,
  mine: readonly Reading[],
  retrained: readonly Reading[],
): { readonly row: OracleRow; readonly images: readonly PerImage[] } {
  const images: PerImage[] = [];
  const bySet = <T>(of: (set: OracleSet) => T): Record<OracleSet, T> =>
    Object.fromEntries(oracleSets.map((set) => [set, of(set)])) as Record<OracleSet, T>;
  const pairOf = (set: OracleSet): MarginPair => ({
    unlearned: mine.map((reading) => reading[set].margins),
    retrained: retrained.map((reading) => reading[set].margins),
  });
  const found = bySet((set) => {
    const pair = pairOf(set);
    const { perImage, ...divergence } = klom(pair);
    const { perImage: right, scores: _, ...attack } = attacked(pair);
    images.push({ set, klom: perImage, uLira: right });
    return { divergence, attack };
  });
  return {
    row: {
      name,
      networks: [mine.length, retrained.length],
      accuracy: bySet((set) => meanAndDeviation(mine.map((one) => one[set].accuracy)).mean),
      klom: bySet((set) => found[set].divergence),
      uLira: bySet((set) => found[set].attack),
    },
    images,
  };
}

/** What retrained networks score against each other. */
function floorOf(retrained: readonly Reading[]): OracleRow[] {
  if (retrained.length < 2) return [];
  return [compared(oracleRows.floor, ...halves(retrained)).row];
}

/** How the unlearning of one network went. */
const runSchema = z.looseObject({
  rounds: z.number(),
  seconds: z.number(),
  stoppedBy: z.string(),
});

type Run = Readonly<z.output<typeof runSchema>>;

/** Makes the i-th trained network forget, or loads the one that has. */
async function forgotten(
  oracle: Oracle,
  i: number,
  config: UnlearnConfig,
  path: string,
  job: Job,
  watch: Watch,
): Promise<Run> {
  const { folder } = await RunFolder.start(path, {
    network: oracle.trained[i]!.sha256,
    unlearn: config,
    ...(await shippedIn(config)),
  });
  if (!(await folder.has(resultFile))) {
    const trained = await RunFolder.open(oracle.folder.file(numbered("trained", i)));
    await loadTrained(trained, job, unlearnedFile);
    const { history, reason } = await unlearnInFolder(folder, job, config, {
      watch,
      endOnDivergence: true,
      scores: config.testFloor === undefined ? [] : [testAccuracy.name],
      shortenLast: config.unlearningAccuracy !== undefined,
    });
    // Where a round was shortened stands before its own end, with a fraction for its number.
    const last = history.at(-1)!;
    const { round } = history.find((one) => !Number.isInteger(one.round)) ?? last;
    const run: Run = { rounds: round, seconds: last.seconds, stoppedBy: reason };
    await folder.writeJson(resultFile, run);
  }
  await discardRounds(folder);
  await loadTrained(folder, job, unlearnedFile);
  const file = folder.file(resultFile);
  return checkedFile(runSchema, await readJson(file), file);
}

/**
 * Measures a method over a set, each network in a run folder of its own in `out`. Resumable, to the same bits.
 *
 * @throws UsageError for an end that needs what a reference method has not.
 */
export async function measureOracle(
  gpu: Gpu,
  oracle: Oracle,
  images: Pick<RunImages, "corrupted" | "test">,
  protocol: OracleProtocol,
  out: string,
  { watch, log }: OracleTold,
): Promise<OracleResult> {
  requireEnd(protocol);
  const { train, trained } = oracle;
  return Owned.within(async (owned) => {
    const job = owned.add(await prepareJob(gpu, train, { images }));
    const reader = await Reader.create(job, owned);
    const readAll = async (kind: "trained" | "retrained"): Promise<Reading[]> => {
      const readings: Reading[] = [];
      for (const i of oracle[kind].keys()) {
        watch.signal?.throwIfAborted();
        const folder = await RunFolder.open(oracle.folder.file(numbered(kind, i)));
        await loadTrained(folder, job, unlearnedFile);
        readings.push(await reader.read());
      }
      return readings;
    };
    const retrained = await readAll("retrained");
    const before = await readAll("trained");
    const level = 100 - meanAndDeviation(retrained.map(({ forget }) => forget.accuracy)).mean;
    const until = protocol.untilRetrained ? { unlearningAccuracy: level } : {};
    const runs: Run[] = [];
    const after: Reading[] = [];
    for (const i of trained.keys()) {
      const config = { ...protocol.unlearn, ...until, seed: seedOf("unlearned", train.seed, i) };
      const run = await forgotten(oracle, i, config, join(out, numbered("network", i)), job, watch);
      runs.push(run);
      after.push(await reader.read());
      log(
        `network ${i + 1} of ${trained.length}: ${Number(run.rounds.toFixed(2))} rounds, stopped by ${run.stoppedBy}`,
      );
    }
    const { row, images: perImage } = compared(protocol.name, after, retrained);
    const mean = (of: (run: Run) => number): number => meanAndDeviation(runs.map(of)).mean;
    const stoppedBy = Object.fromEntries(
      [...new Set(runs.map((run) => run.stoppedBy))].map((reason) => [
        reason,
        runs.filter((run) => run.stoppedBy === reason).length,
      ]),
    );
    return {
      rows: [...floorOf(retrained), compared(oracleRows.before, before, retrained).row, row],
      runs: { rounds: mean((run) => run.rounds), seconds: mean((run) => run.seconds), stoppedBy },
      csv: imagesCsv(perImage, job),
    };
  });
}
