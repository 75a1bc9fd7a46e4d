/**
 * The lock of a run folder: one process at a time works in it.
 *
 * A file says which process holds the folder. It ends with the process: one that was killed is told by its number and
 * start, one on another machine, or that nothing may be asked of, by a time of change that no longer moves.
 */
import { host } from "#platform";
import { z } from "zod";
import { DataError } from "../errors.ts";
import type { ProcessId } from "../platform/host.ts";
import { createFile, fileInfo, join, readJson, remove, touch } from "../platform/files.ts";

/** The file of the lock. */
const lockFile = ".lock";

/** How often a holder says that it still runs. */
const beat = 15_000;

/** How long a holder of another machine may be silent before the folder is free. */
const patience = 5 * 60_000;

/** How long a lock may be that nobody can read: whoever makes one writes it at once, or has ended. */
const unfinished = 10_000;

const holderSchema = z.object({
  token: z.string(),
  since: z.string(),
  process: z.object({
    place: z.string(),
    machine: z.string(),
    number: z.number().int(),
    started: z.string().optional(),
  }),
});

type Holder = z.infer<typeof holderSchema>;

/** Tokens of the locks that this process holds: one of its own that is not among them was left where it could not be removed. */
const held = new Set<string>();

/** Another process works in a folder. */
export class FolderInUse extends DataError {}

/** A run folder that this process holds. */
export class FolderLock {
  readonly #path: string;
  readonly #token: string;
  readonly #beats: ReturnType<typeof setInterval>;

  private constructor(path: string, token: string) {
    this.#path = path;
    this.#token = token;
    this.#beats = setInterval(() => void touch(path).catch(() => undefined), beat);
    // A timer must not keep a program alive that has nothing else to do.
    (this.#beats as { unref?: () => void }).unref?.();
  }

  /**
   * Takes the lock of a folder, which must exist.
   *
   * @throws DataError naming the process that works in it.
   */
  static async take(folder: string): Promise<FolderLock> {
    const path = join(folder, lockFile);
    const token = crypto.randomUUID();
    const holder: Holder = {
      token,
      since: new Date().toISOString(),
      process: host.processes!.own,
    };
    // Known before the file is there, so that no other call in this process takes it for one that was left.
    held.add(token);
    try {
      for (;;) {
        if (await createFile(path, `${JSON.stringify(holder)}\n`)) {
          return new FolderLock(path, token);
        }
        const other = await holderOf(path);
        if (other === undefined) continue;
        if (await holds(other, path)) throw inUse(folder, path, other);
        await takeAway(path, other.token);
      }
    } catch (error) {
      held.delete(token);
      throw error;
    }
  }

  /** Removes the lock of a process that has ended, if there is one. */
  static async removeDead(folder: string): Promise<void> {
    const path = join(folder, lockFile);
    const other = await holderOf(path);
    if (other !== undefined && !(await holds(other, path))) await takeAway(path, other.token);
  }

  /** Gives the folder free. */
  async release(): Promise<void> {
    clearInterval(this.#beats);
    held.delete(this.#token);
    if ((await holderOf(this.#path))?.token === this.#token) await remove(this.#path);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}

/** Who holds a lock; undefined if nobody does. One that cannot be read is being written, or was left so. */
async function holderOf(path: string): Promise<Holder | undefined> {
  if ((await fileInfo(path)) === undefined) return undefined;
  try {
    return holderSchema.parse(await readJson(path));
  } catch {
    return { token: "", since: "", process: { place: "", machine: "", number: 0 } };
  }
}

async function holds({ process, token }: Holder, path: string): Promise<boolean> {
  const { own, runs } = host.processes!;
  const { place, number, started } = process;
  if (place === own.place && number === own.number && started === own.started) {
    return held.has(token);
  }
  const known = process.place === own.place ? runs(process) : undefined;
  if (known !== undefined) return known;
  const info = await fileInfo(path);
  const silence = process.place === "" ? unfinished : patience;
  return info !== undefined && Date.now() - info.modified < silence;
}

/**
 * Removes a lock whose holder has ended. One process at a time does so, with a file of its own, so that none removes what
 * another has just taken.
 */
async function takeAway(path: string, token: string): Promise<void> {
  const guard = `${path}.removing`;
  if (!(await createFile(guard, ""))) {
    const info = await fileInfo(guard);
    if (info !== undefined && Date.now() - info.modified >= unfinished) await remove(guard);
    else await new Promise((resolve) => setTimeout(resolve, 20));
    return;
  }
  try {
    if ((await holderOf(path))?.token === token) await remove(path);
  } finally {
    await remove(guard);
  }
}

function inUse(folder: string, path: string, { process, since }: Holder): FolderInUse {
  const { place, machine, number }: ProcessId = process;
  const { own, runs } = host.processes!;
  const unsure = place !== own.place || runs(process) === undefined;
  const who =
    machine === "" ? "another process" : `process ${number} on "${machine}", since ${since},`;
  return new FolderInUse(
    `"${folder}" is in use: ${who} works in it. Wait until it has ended, or give another \`out\`.` +
      (unsure
        ? ` If it has ended already, the folder is free ${patience / 60_000} minutes after that, or at once without "${path}".`
        : ""),
  );
}
