/**
 * A store in a bucket. What a run needs is brought to a folder of this process, and every file that is written there is
 * in the bucket before the write ends: a worker that is killed leaves in the bucket what it would leave in a folder.
 *
 * The queue gives a run to one worker at a time. A worker that was silent for too long and wakes up does not know yet
 * that another has its run: who takes a run writes its name beside it, and before each file of the run its writer looks
 * whether the name is still its own. Between that look and the write there is a moment in which a late file can come
 * through; it is whole, and on the same kind of adapter the bits are the same.
 */
import { host } from "#platform";
import { DataError } from "../errors.ts";
import { graderFile } from "../experiments/grader.ts";
import { isNetworkFile } from "../experiments/parts.ts";
import type { HostFiles } from "../platform/host.ts";
import {
  interposeFiles,
  isLeftover,
  join,
  makeDir,
  remove,
  temporaryName,
  exists,
} from "../platform/files.ts";
import { Bucket } from "./bucket.ts";
import { type Held, RunLost, type Store, type StoredFolder } from "./stored-folder.ts";

/** Files that come at the same time. */
const atOnce = 8;

/** The object beside a run that says who works on it. */
const ownerFile = ".owner";

/** A part of a key that may be the name of a file here. */
const harmless = /^(?!\.{1,2}$)[\w.@+=,-]+$/;

/** A store in a bucket. */
export class BucketStore implements Store {
  readonly mirror: string;
  readonly bucket: Bucket;
  readonly #own: boolean;
  readonly #takeAway: () => void;
  /** The layer below: what is written by it is not sent. */
  #below!: HostFiles;
  /** The run that this process works on, by its key in the bucket, and its name as the owner. */
  held: { readonly key: string; readonly token: string } | undefined;

  private constructor(bucket: Bucket, mirror: string, own: boolean) {
    this.bucket = bucket;
    this.mirror = mirror;
    this.#own = own;
    this.#takeAway = interposeFiles((below) => {
      this.#below = below;
      return this.#sending(below);
    });
  }

  /** As `openStore` does. */
  static async open(place: string, mirror?: string): Promise<BucketStore> {
    const bucket = await Bucket.open(place);
    const temporary = host.variable?.("TMPDIR") ?? host.variable?.("TEMP") ?? "/tmp";
    const path = mirror ?? join(temporary, `rewind-store-${crypto.randomUUID().slice(0, 8)}`);
    await makeDir(path, { ownerOnly: true });
    return new BucketStore(bucket, path, mirror === undefined);
  }

  folder(name: string): StoredFolder {
    return new BucketFolder(this, name);
  }

  async close(): Promise<void> {
    this.#takeAway();
    if (this.#own) await remove(this.mirror);
  }

  /** Brings an object here; false where there is none. */
  async bring(key: string): Promise<boolean> {
    if (!key.split("/").every((part) => harmless.test(part))) {
      throw new DataError(
        `the store ${this.bucket.shown} has an object that is none of an experiment: ${JSON.stringify(key)}. Remove it.`,
      );
    }
    const bytes = await this.bucket.get(key);
    if (bytes === undefined) return false;
    const path = join(this.mirror, key);
    await makeDir(path.slice(0, path.lastIndexOf("/")));
    const temporary = temporaryName(path);
    await this.#below.createFlushed(temporary, bytes);
    await this.#below.rename(temporary, path);
    return true;
  }

  /** Removes what is here, and leaves the bucket as it is. */
  forget(key: string): Promise<void> {
    return this.#below.remove(join(this.mirror, key));
  }

  /** The key of a path that is sent; undefined for others. */
  #keyOf(path: string): string | undefined {
    const root = `${this.mirror}/`;
    if (!path.startsWith(root)) return undefined;
    const name = path.slice(path.lastIndexOf("/") + 1);
    return name.startsWith(".") || isLeftover(name) ? undefined : path.slice(root.length);
  }

  /** @throws RunLost where a key is of the run that this process works on, and another has it now. */
  async #requireOwn(key: string): Promise<void> {
    const { held } = this;
    if (held === undefined || !key.startsWith(`${held.key}/`)) return;
    const owner = await this.bucket.get(`${held.key}/${ownerFile}`);
    if (owner !== undefined && new TextDecoder().decode(owner) === held.token) return;
    throw new RunLost(
      `"${held.key}" in the store ${this.bucket.shown} was given to another worker while this one was silent.`,
    );
  }

  async #send(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#requireOwn(key);
    await this.bucket.put(key, bytes);
  }

  async #unsend(below: HostFiles, key: string): Promise<void> {
    await this.#requireOwn(key);
    const path = join(this.mirror, key);
    const directory = await below.info(path).then(
      (info) => info.directory,
      () => false,
    );
    if (!directory) return this.bucket.delete(key);
    for (const one of await this.bucket.list(`${key}/`)) await this.bucket.delete(one);
  }

  /** A layer that sends what is written. */
  #sending(below: HostFiles): HostFiles {
    const bytesOf = (data: Uint8Array | string): Uint8Array<ArrayBuffer> =>
      typeof data === "string" ? new TextEncoder().encode(data) : new Uint8Array(data);
    return {
      ...below,
      createFlushed: async (path, data, mode) => {
        const key = this.#keyOf(path);
        if (key !== undefined) await this.#send(key, bytesOf(data));
        await below.createFlushed(path, data, mode);
      },
      append: async (path, data) => {
        const key = this.#keyOf(path);
        if (key !== undefined) {
          const before = await below.readBytes(path).catch(() => new Uint8Array());
          const more = bytesOf(data);
          const whole = new Uint8Array(before.length + more.length);
          whole.set(before);
          whole.set(more, before.length);
          await this.#send(key, whole);
        }
        await below.append(path, data);
      },
      rename: async (from, to) => {
        const [old, key] = [this.#keyOf(from), this.#keyOf(to)];
        if (key !== undefined) await this.#send(key, await below.readBytes(from));
        await below.rename(from, to);
        if (old !== undefined) await this.bucket.delete(old);
      },
      remove: async (path) => {
        const key = this.#keyOf(path);
        if (key !== undefined) await this.#unsend(below, key);
        await below.remove(path);
      },
    };
  }
}

/** The folder of an experiment in a bucket. */
class BucketFolder implements StoredFolder {
  readonly path: string;
  readonly shown: string;
  readonly #store: BucketStore;
  readonly #name: string;
  /** Files that the bucket had when somebody looked. */
  #seen: ReadonlySet<string> = new Set();
  /** Runs whose files are here: without their networks, or with them. */
  readonly #here = new Map<string, boolean>();

  constructor(store: BucketStore, name: string) {
    this.#store = store;
    this.#name = name;
    this.path = join(store.mirror, name);
    this.shown = `${store.bucket.shown}/${name}`;
  }

  async has(file: string): Promise<boolean> {
    return this.#seen.has(file) || this.#store.bucket.has(`${this.#name}/${file}`);
  }

  async look(): Promise<void> {
    const keys = await this.#store.bucket.list(`${this.#name}/`);
    this.#seen = new Set(keys.map((key) => key.slice(this.#name.length + 1)));
  }

  async bring(
    runs: readonly string[],
    { networks }: { readonly networks: boolean },
  ): Promise<void> {
    const missing: string[] = [];
    for (const run of runs) {
      const here = this.#here.get(run);
      const whole = here === true || (here === false && !networks);
      // Another process that works in the mirror may have removed it since.
      if (!whole || !(await exists(join(this.path, run)))) missing.push(run);
    }
    if (runs.length > 0 && missing.length === 0) return;
    for (const file of ["config.json", graderFile]) {
      if (this.#here.has(file)) continue;
      if (await this.#store.bring(`${this.#name}/${file}`)) this.#here.set(file, true);
    }
    for (const run of missing) {
      await this.#bringRun(run, networks);
      this.#here.set(run, networks);
    }
  }

  async #bringRun(run: string, networks: boolean): Promise<void> {
    const all = await this.#store.bucket.list(`${this.#name}/${run}/`);
    const keys = all.filter((key) => {
      const name = key.slice(key.lastIndexOf("/") + 1);
      return !name.startsWith(".") && (networks || !isNetworkFile(name));
    });
    for (let i = 0; i < keys.length; i += atOnce) {
      await Promise.all(keys.slice(i, i + atOnce).map((key) => this.#store.bring(key)));
    }
  }

  async hold(run: string): Promise<Held> {
    const store = this.#store;
    const key = `${this.#name}/${run}`;
    const token = crypto.randomUUID();
    const owner = `${key}/${ownerFile}`;
    await store.bucket.put(owner, new TextEncoder().encode(token));
    store.held = { key, token };
    // What is here may be older than what another worker has saved since.
    await store.forget(key);
    this.#here.delete(run);
    await this.#bringRun(run, true);
    await makeDir(join(store.mirror, key));
    return {
      release: async (keep) => {
        store.held = undefined;
        if (keep) this.#here.set(run, true);
        else await store.forget(key);
        const last = await store.bucket.get(owner);
        if (last !== undefined && new TextDecoder().decode(last) === token) {
          await store.bucket.delete(owner);
        }
      },
    };
  }
}
