/** Where results and checkpoints of a queue's runs lie: a folder that all machines share, or a bucket. */
import { UsageError } from "../errors.ts";
import { absolutePath, exists, join, makeDir } from "../platform/files.ts";
import { FolderLock } from "../report/folder-lock.ts";
import { RunFolder } from "../report/run-folder.ts";
import { BucketStore } from "./bucket-store.ts";
import type { Held, Store, StoredFolder } from "./stored-folder.ts";

/** Whether a store is a bucket, and no folder. */
export function isBucket(place: string): boolean {
  return /^s3:\/\//i.test(place);
}

/**
 * Opens a store: a folder, or `s3://…`.
 *
 * @param mirror where another process of this store has its files, to share them.
 * @throws UsageError for a place that is none; DataError for a bucket that refuses.
 */
export async function openStore(place: string, mirror?: string): Promise<Store> {
  if (isBucket(place)) return BucketStore.open(place, mirror);
  // A place may hold a key that somebody put there: it is not repeated.
  if (/^[a-z][\w+.-]+:\/\//i.test(place)) {
    throw new UsageError(
      "the store is no folder and no bucket: give one that all machines share, or s3://BUCKET/PREFIX.",
    );
  }
  const path = absolutePath(place);
  if (!(await exists(path))) {
    throw new UsageError(
      `the store "${place}" is not there: make it, or mount what all machines share.`,
    );
  }
  return {
    folder: (name) => new SharedFolder(join(path, name)),
    close: () => Promise.resolve(),
  };
}

/** Makes the folder of an experiment, or finds it. @throws DataError where it was begun for something else. */
export async function beginIn(folder: StoredFolder, config: unknown): Promise<void> {
  await makeDir(folder.path);
  await folder.bring([], { networks: false });
  if (!(await RunFolder.check(folder.path, config))) await RunFolder.start(folder.path, config);
}

/** A folder that all machines see: everything is here already. */
class SharedFolder implements StoredFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  get shown(): string {
    return this.path;
  }

  has(file: string): Promise<boolean> {
    return exists(join(this.path, file));
  }

  look(): Promise<void> {
    return Promise.resolve();
  }

  bring(): Promise<void> {
    return Promise.resolve();
  }

  async hold(run: string): Promise<Held> {
    const path = join(this.path, run);
    await makeDir(path);
    const lock = await FolderLock.take(path);
    return { release: () => lock.release() };
  }
}
