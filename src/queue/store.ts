/** Where results and checkpoints of a queue's runs lie: a folder that all machines share. */
import { UsageError } from "../errors.ts";
import { absolutePath, exists, join, makeDir } from "../platform/files.ts";
import { RunFolder } from "../report/run-folder.ts";

/** A store. */
export class Store {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** @throws UsageError for a place that is no folder; DataError where there is none. */
  static async open(place: string): Promise<Store> {
    if (/^[a-z][\w+.-]+:\/\//i.test(place)) {
      throw new UsageError(`the store "${place}" is no folder: give one that all machines share.`);
    }
    const path = absolutePath(place);
    if (!(await exists(path))) {
      throw new UsageError(
        `the store "${place}" is not there: make it, or mount what all machines share.`,
      );
    }
    return new Store(path);
  }

  /** The folder of an experiment. */
  folder(name: string): string {
    return join(this.path, name);
  }

  /** Makes the folder of an experiment, or finds it. @throws DataError where it was begun for something else. */
  async begin(name: string, config: unknown): Promise<void> {
    const path = this.folder(name);
    await makeDir(path);
    if (!(await RunFolder.check(path, config))) await RunFolder.start(path, config);
  }
}
