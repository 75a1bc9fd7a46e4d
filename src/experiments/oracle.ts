/**
 * A set of networks that unlearned ones are measured against: as many as trained on all images, and as many retrained
 * without D_f, which is the same for all.
 *
 * Each has a run folder in the set's, and a line with its digest in the manifest: a network that is another one, or of
 * other images, is refused.
 */
import { z } from "zod";
import { DataError, UsageError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import { contentDigest } from "../platform/digest.ts";
import { exists, join, readBytes, readJson } from "../platform/files.ts";
import { adapterLine } from "../report/report.ts";
import { RunFolder } from "../report/run-folder.ts";
import { checkedFile } from "../runs/checked-file.ts";
import {
  retrainSettings,
  type TrainConfig,
  trainSchema,
  type UnlearnConfig,
} from "../runs/config.ts";
import { forgetRecord, recordForget } from "../runs/forget-record.ts";
import { loadImages, type RunImages } from "../runs/images.ts";
import { type Inputs, inputsOf, recordInputs } from "../runs/inputs.ts";
import { prepareJob } from "../runs/job.ts";
import { unlearnedFile } from "../runs/recorded-run.ts";
import { loadTrained, trainInFolder } from "../runs/train-run.ts";
import { discardRounds, unlearnInFolder } from "../runs/unlearn-run.ts";
import type { Watch } from "../train/replay.ts";
import { requireImages } from "../unlearn/method.ts";
import { methods, methodSettings } from "../unlearn/methods/index.ts";

/** The file of an {@link OracleManifest}. */
export const oracleFile = "oracle.json";

const format = "rewind oracle 1";

/** What a network of a set is: trained on all images, or on those outside D_f. */
export type OracleKind = "trained" | "retrained";

const manifestSchema = z.object({
  format: z.literal(format),
  /** SHA-256 of the images, and of the files that trainings begin with. */
  inputs: z.record(z.string(), z.string()),
  forget: z.object({ count: z.number(), of: z.number(), digest: z.string() }),
  networks: z.array(
    z.object({
      kind: z.enum(["trained", "retrained"]),
      seed: z.number(),
      /** From the folder of the set. */
      file: z.string(),
      /** SHA-256 of the file. */
      sha256: z.string(),
      adapter: z.string(),
    }),
  ),
});

/** What a set consists of. */
export type OracleManifest = z.infer<typeof manifestSchema>;

/** One network of a set. */
export type OracleNetwork = OracleManifest["networks"][number];

const configSchema = z.looseObject({ oracle: z.literal(format), train: trainSchema });

/** What the folder of a set is begun with (config.json): networks may be added later. */
export function oracleConfig(train: TrainConfig): object {
  return { oracle: format, train };
}

/** Seeds between those of one kind and the next: more than a set has networks. */
const kindStep = 100_000;
const seedSteps = { trained: 0, retrained: kindStep, unlearned: 2 * kindStep } as const;

/**
 * The seed of the i-th network of a kind, from 0: none is that of a network of another kind.
 *
 * @param kind `unlearned`: of what a method draws, in the i-th trained network.
 */
export function seedOf(kind: keyof typeof seedSteps, seed: number, i: number): number {
  return seed + seedSteps[kind] + i;
}

/** Name of the i-th folder of a kind, from 0. */
export function numbered(kind: string, i: number): string {
  return `${kind}-${String(i + 1).padStart(3, "0")}`;
}

/** The most epochs between two saves of a retraining. */
const epochsPerRound = 10;

/** How a network is trained without D_f: by the settings of the others. */
function retraining(train: TrainConfig, seed: number): UnlearnConfig {
  const method = methods.all.find(({ reference }) => reference === true)!.name;
  const { epochs } = train;
  const round = Array.from({ length: epochsPerRound }, (_, i) => epochsPerRound - i).find(
    (n) => epochs % n === 0,
  )!;
  const given = Object.entries(retrainSettings(train)).filter(([, value]) => value !== undefined);
  return {
    method,
    settings: methodSettings(method, { ...Object.fromEntries(given), epochsPerRound: round }),
    rounds: epochs / round,
    ...(train.precision === undefined ? {} : { precision: train.precision }),
    seed,
  };
}

/**
 * @throws UsageError for a training that cannot be done again without D_f, or that leaves the numbers of other seeds no
 *   room.
 */
export function checkOracle(
  train: TrainConfig,
  { corrupted: { forget, retain }, test }: Pick<RunImages, "corrupted" | "test">,
): void {
  if (train.nowcast !== undefined) {
    throw new UsageError(
      "`nowcast`: networks without D_f are trained without forecasts, and would differ by more than D_f. Leave it out.",
    );
  }
  const highest = 2 ** 31 - 1 - 10 * kindStep;
  if (train.seed > highest) {
    throw new UsageError(
      `\`seed=${train.seed}\`: the networks of a set take seeds from it on; give one of at most ${highest}.`,
    );
  }
  requireImages(methods.find(retraining(train, train.seed).method), forget.length, retain.length);
  if (test.count === 0)
    throw new UsageError("a set of networks needs test images: give `testCount`.");
}

/** @throws DataError where a file is not the network that a set lists. */
async function requireNetwork(path: string, { file, sha256 }: OracleNetwork): Promise<void> {
  const place = join(path, file);
  const what = !(await exists(place))
    ? "is not there"
    : (await contentDigest(await readBytes(place))) === sha256
      ? undefined
      : "is another network";
  if (what === undefined) return;
  throw new DataError(
    `"${place}" ${what}: ${oracleFile} lists one of digest ${sha256.slice(0, 12)}…. Put it back, or build the set anew ` +
      "in another folder.",
  );
}

async function readManifest(path: string): Promise<OracleManifest | undefined> {
  const file = join(path, oracleFile);
  return (await exists(file)) ? checkedFile(manifestSchema, await readJson(file), file) : undefined;
}

/** What {@link buildOracle} tells on the way. */
export interface OracleTold {
  readonly watch: Watch;
  /** Called with one line after each network. */
  readonly log: (line: string) => void;
  /** Milliseconds between saves of a training; see `trainInFolder`. */
  readonly saveEveryMs?: number;
}

/**
 * Trains the networks that a set lacks: `count` on all images, and `count` without D_f.
 *
 * Resumable: what is listed is checked by its digest, what is not is trained, or goes on, to the same bits.
 *
 * @param folder that of the set, begun with {@link oracleConfig}.
 * @throws DataError where images or networks are not those that the set began with.
 */
export async function buildOracle(
  gpu: Gpu,
  folder: RunFolder,
  train: TrainConfig,
  images: Pick<RunImages, "corrupted" | "test">,
  count: number,
  { watch, log, ...saves }: OracleTold,
): Promise<OracleManifest> {
  checkOracle(train, images);
  const inputs: Inputs = await inputsOf({ setup: train, images });
  await recordInputs(folder, inputs);
  const record = await forgetRecord(images.corrupted, train);
  await recordForget(folder, record);
  let manifest: OracleManifest = (await readManifest(folder.path)) ?? {
    format,
    inputs,
    forget: { count: record.count, of: record.of, digest: record.digest },
    networks: [],
  };
  const listed = ({ file }: OracleNetwork): boolean =>
    manifest.networks.some((one) => one.file === file);
  const adapter = adapterLine(gpu.adapter);
  for (let i = 0; i < count; i++) {
    const places = (["trained", "retrained"] as const).map((kind) => ({
      kind,
      seed: seedOf(kind, train.seed, i),
      file: join(numbered(kind, i), unlearnedFile),
      ...{ sha256: "", adapter },
    }));
    for (const place of places) {
      const known = manifest.networks.find(({ file }) => file === place.file);
      if (known !== undefined) await requireNetwork(folder.path, known);
    }
    if (!places.every(listed)) {
      await Owned.within(async (owned) => {
        const job = owned.add(
          await prepareJob(gpu, { ...train, seed: places[0]!.seed }, { images }),
        );
        for (const place of places) {
          const start = performance.now();
          const path = join(folder.path, numbered(place.kind, i));
          const config = retraining(train, place.seed);
          const own = await RunFolder.start(path, {
            train: job.config,
            ...(place.kind === "trained" ? {} : { unlearn: config }),
          });
          if (listed(place)) {
            await loadTrained(own.folder, job, unlearnedFile);
            continue;
          }
          if (place.kind === "trained") {
            await trainInFolder(own.folder, job, unlearnedFile, { watch, ...saves });
          } else {
            await unlearnInFolder(own.folder, job, config, { watch, scores: [] });
          }
          const sha256 = await contentDigest(await readBytes(join(folder.path, place.file)));
          manifest = { ...manifest, networks: [...manifest.networks, { ...place, sha256 }] };
          await folder.writeJson(oracleFile, manifest);
          const seconds = (performance.now() - start) / 1000;
          log(`${place.kind} network ${i + 1} of ${count}: ${seconds.toFixed(1)} s`);
        }
      });
    }
    // What an interruption left of a retraining that is done.
    await discardRounds(await RunFolder.open(join(folder.path, numbered("retrained", i))));
  }
  return manifest;
}

/** A set that is there. */
export interface Oracle {
  readonly folder: RunFolder;
  readonly train: TrainConfig;
  readonly manifest: OracleManifest;
  /** SHA-256 of the networks that are measured and of what they were made from. */
  readonly digest: string;
  /** Networks of either kind, in pairs: the i-th trained and the i-th retrained one. */
  readonly trained: readonly OracleNetwork[];
  readonly retrained: readonly OracleNetwork[];
}

/**
 * Opens a set.
 *
 * @param count how many networks of either kind; absent: all there are.
 * @throws DataError where the folder holds none, or a network is another one; UsageError for more networks than it has.
 */
export async function openOracle(path: string, count?: number): Promise<Oracle> {
  const manifest = await readManifest(path);
  if (manifest === undefined) {
    throw new DataError(
      `"${path}" is no set of networks: it has no ${oracleFile}. Make one by \`rewind oracle build\`.`,
    );
  }
  const folder = await RunFolder.open(path);
  const { train } = checkedFile(configSchema, await folder.config(), folder.file("config.json"));
  const of = (kind: OracleKind): OracleNetwork[] =>
    manifest.networks.filter((network) => network.kind === kind);
  const pairs = Math.min(of("trained").length, of("retrained").length);
  if (pairs === 0 || (count !== undefined && count > pairs)) {
    throw new UsageError(
      `\`networks\`: ${count ?? "all"} of either kind, and "${path}" has ${pairs}; \`rewind oracle build\` adds some.`,
    );
  }
  const [trained, retrained] = [of("trained"), of("retrained")].map((all) =>
    all.slice(0, count ?? pairs),
  ) as [OracleNetwork[], OracleNetwork[]];
  for (const network of [...trained, ...retrained]) await requireNetwork(path, network);
  const text = JSON.stringify([
    manifest.inputs,
    manifest.forget,
    [...trained, ...retrained].map(({ sha256 }) => sha256),
  ]);
  const digest = await contentDigest(new TextEncoder().encode(text));
  return { folder, train, manifest, digest, trained, retrained };
}

/**
 * The images of a set.
 *
 * @throws DataError where they are not those that its networks were trained on.
 */
export async function oracleImages({ folder, train, manifest }: Oracle): Promise<RunImages> {
  const images = await loadImages(train);
  const inputs = await inputsOf({ setup: train, images });
  const changed = Object.keys(inputs).find((what) => inputs[what] !== manifest.inputs[what]);
  if (changed === undefined) return images;
  throw new DataError(
    `${changed}: the content is not what the networks of "${folder.path}" were made from (${oracleFile}). Put it back, ` +
      "or build another set.",
  );
}
