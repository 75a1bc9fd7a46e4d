/** Run folders of commands: claimed for one command at a time, and given free when it ends. */
import { RunFolder } from "../report/run-folder.ts";

const claimed: RunFolder[] = [];

/** Where a run goes, and who may read it. */
export interface FolderFlags {
  readonly out: string;
  readonly private?: true;
}

/** The option `--private`. */
export const privateFlag = [
  "--private",
  "a run folder that is made can be read by its owner alone (mode 0700)",
] as const;

/**
 * Opens the folder of a run for the command that runs; {@link releaseFolders} gives it free.
 *
 * @throws DataError if it holds another run, or another process works in it.
 */
export async function claimFolder(flags: FolderFlags, config: unknown): Promise<RunFolder> {
  const folder = await RunFolder.claim(flags.out, config, { ownerOnly: flags.private });
  claimed.push(folder);
  return folder;
}

/** Gives every folder of {@link claimFolder} free. */
export async function releaseFolders(): Promise<void> {
  for (const folder of claimed.splice(0)) await folder.close();
}
