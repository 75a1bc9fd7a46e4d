/** What a store is to those who work in it. */
import { DataError } from "../errors.ts";

/** A run was given to another worker while this one was silent. */
export class RunLost extends DataError {}

/** A run that this process alone works on. */
export interface Held {
  /** Gives it free. `keep`: other runs of this process need its files. */
  release(keep: boolean): Promise<void>;
}

/** The folder of an experiment in a store. */
export interface StoredFolder {
  /** Where it is on this machine. */
  readonly path: string;
  /** What it is called for people. */
  readonly shown: string;
  /** Whether the store has a file, by its path in the folder. */
  has(file: string): Promise<boolean>;
  /** Looks at the store once for many questions of {@link has} that follow. */
  look(): Promise<void>;
  /**
   * Brings files of finished runs here, by their keys, and what stands in the folder itself.
   *
   * @param options `networks`: with their networks, which are large.
   */
  bring(runs: readonly string[], options: { readonly networks: boolean }): Promise<void>;
  /**
   * Takes a run for this process, and brings what was saved of it here.
   *
   * @throws FolderInUse where another process works on it.
   */
  hold(run: string): Promise<Held>;
}

/** A store. */
export interface Store {
  folder(name: string): StoredFolder;
  /** Where files of the store are on this machine, where that is for this process and its children alone. */
  readonly mirror?: string;
  /** Removes what was for this process alone. */
  close(): Promise<void>;
}
