/**
 * Tiles that were measured on an adapter, and the file that keeps them.
 *
 * `rewind tune` writes one file for each adapter into the cache folder, and every device that is opened on that adapter
 * later reads it. They are of use as long as nothing changes that decides how long a kernel takes: the file says for which
 * driver, runtime and version of the package they hold, and each of them has the digest of its shader. What does not fit
 * is left aside, never repaired.
 */
import { host } from "#platform";
import { z } from "zod";
import { sha256 } from "../platform/digest.ts";
import {
  cacheFolder,
  dirname,
  exists,
  join,
  makeDir,
  readJson,
  remove,
  writeAtomic,
} from "../platform/files.ts";
import { json } from "../platform/json.ts";
import { type KernelId, prelude } from "./kernel.ts";
import { link } from "./link.ts";

/** What a device says of itself. */
export interface DeviceNames {
  readonly runtime: string;
  readonly runtimeVersion: string;
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
}

const tileSchema = z.record(z.string(), z.number());

const choiceSchema = z.strictObject({
  product: z.string(),
  kernel: z.string(),
  shader: z.string(),
  tile: tileSchema,
  ms: z.number(),
  usual: z.strictObject({ tile: tileSchema, ms: z.number() }),
  runnerUp: z.strictObject({ tile: tileSchema, ms: z.number() }),
});

/** A kernel's tile that was faster than the usual one. */
export interface TunedChoice {
  /** Its operation and sizes, for people. */
  readonly product: string;
  /** The kernel without its tile (graph/product-tiles.ts). */
  readonly kernel: string;
  /** Digest of its shader's text. */
  readonly shader: string;
  /** Constants of the tile. */
  readonly tile: Readonly<Record<string, number>>;
  /** Milliseconds of the kernel in this tile, in the one it has by its shape, and in the next best. */
  readonly ms: number;
  readonly usual: TimedTile;
  readonly runnerUp: TimedTile;
}

/** A tile with what a kernel takes in it, in milliseconds. */
export interface TimedTile {
  readonly tile: Readonly<Record<string, number>>;
  readonly ms: number;
}

/** What a table of tiles is, as `rewind tune` writes it. */
export interface TunedTable {
  readonly format: "rewind tiles 1";
  /** What they were measured with; see {@link measuredWith}. */
  readonly adapter: Readonly<Record<string, string>>;
  readonly choices: readonly TunedChoice[];
}

/** Tables of tiles, as they are read. */
export const tunedSchema: z.ZodType<TunedTable> = z.strictObject({
  format: z.literal("rewind tiles 1"),
  adapter: z.record(z.string(), z.string()),
  choices: z.array(choiceSchema),
});

/** Choices by their kernels. */
export type Tuned = ReadonlyMap<string, TunedChoice>;

/** The choices of a table, or none. */
export function tunedOf(table?: Pick<TunedTable, "choices">): Tuned {
  return new Map(table?.choices.map((choice) => [choice.kernel, choice]));
}

const digests = new Map<string, Promise<string>>();

/** The digest of a kernel's text without its constants. */
export function textDigest({ shader, parts = [], constants }: KernelId): Promise<string> {
  const name = [shader, ...parts].join(" ");
  let digest = digests.get(name);
  if (digest === undefined) {
    const head = prelude(constants);
    digest = link(shader, parts, head).then(async ({ code }) =>
      (await sha256(new TextEncoder().encode(code.slice(head.length)))).slice(0, 32),
    );
    digests.set(name, digest);
    digest.catch(() => digests.delete(name));
  }
  return digest;
}

/** What tiles are measured with: another one may make others faster. The package's version stands for Dawn's. */
export async function measuredWith(adapter: DeviceNames): Promise<Record<string, string>> {
  const { runtimeVersion, vendor, architecture, device, description } = adapter;
  const version = (await host.version?.()) ?? "unknown";
  return { version, runtime: runtimeVersion, vendor, architecture, device, driver: description };
}

/** The file of an adapter; null where nothing is kept. */
export async function tunedPath(adapter: DeviceNames): Promise<string | null> {
  const folder = cacheFolder();
  if (folder === null) return null;
  const { runtime, vendor, architecture, device } = adapter;
  const name = JSON.stringify([runtime, vendor, architecture, device]);
  const digest = await sha256(new TextEncoder().encode(name));
  return join(folder, `tiles-${digest.slice(0, 16)}.json`);
}

/** What a file held for an adapter, and in a line why nothing of it is used, where that is so. */
export interface KeptTiles {
  readonly path: string | null;
  readonly table?: TunedTable;
  readonly problem?: string;
}

/** Reads the file of an adapter; no file is no problem. */
export async function readTuned(adapter: DeviceNames): Promise<KeptTiles> {
  let path: string | null = null;
  try {
    path = await tunedPath(adapter);
    if (path === null || !(await exists(path))) return { path };
    const found = tunedSchema.safeParse(await readJson(path));
    if (!found.success) return { path, problem: `"${path}" is no table of tiles of this version.` };
    const now = await measuredWith(adapter);
    const { adapter: then } = found.data;
    const [other] = Object.entries(now).filter(([name, value]) => then[name] !== value);
    if (other === undefined) return { path, table: found.data };
    const [name, value] = other;
    const problem = `the tiles in "${path}" are for ${name} "${then[name]}", and here it is "${value}".`;
    return { path, problem };
  } catch (cause) {
    // A program may be allowed neither the variables of the environment nor the folder.
    return { path, problem: (cause as Error).message };
  }
}

/** Keeps choices for an adapter, in place of those that are kept. @throws DataError where the file cannot be written. */
export async function writeTuned(
  adapter: DeviceNames,
  path: string,
  choices: readonly TunedChoice[],
): Promise<void> {
  await makeDir(dirname(path), { ownerOnly: true });
  await writeAtomic(path, json(await tableOf(adapter, choices)));
}

/** A table of choices that were measured on an adapter now. */
export async function tableOf(
  adapter: DeviceNames,
  choices: readonly TunedChoice[],
): Promise<TunedTable> {
  return { format: "rewind tiles 1", adapter: await measuredWith(adapter), choices };
}

/** Removes the file of an adapter; false if there is none. */
export async function clearTuned(adapter: DeviceNames): Promise<boolean> {
  const path = await tunedPath(adapter);
  if (path === null || !(await exists(path))) return false;
  await remove(path);
  return true;
}
