/** Run folders of commands: where they may lie, and how one is claimed. */
import { UsageError } from "../errors.ts";
import { absolutePath, relativePath } from "../platform/files.ts";
import { RunFolder } from "../report/run-folder.ts";
import { commandFile, lastCommand } from "../runs/run-view.ts";
import { claim } from "./claims.ts";
import { packageVersion } from "./version.ts";

/** Where a run goes, and who may read it. */
export interface FolderFlags {
  readonly out: string;
  readonly private?: true;
  /** What names the folder, in errors; `out` where it is left out. */
  readonly called?: string;
}

/** The option `--private`. */
export const privateFlag = [
  "--private",
  "a run folder that is made can be read by its owner alone (mode 0700)",
] as const;

/** @throws UsageError where a run's files would lie among the images, or other files, that it reads. */
export function requireApart(out: string, ...folders: readonly (string | undefined)[]): void {
  for (const folder of folders) {
    if (folder === undefined) continue;
    const way = relativePath(absolutePath(folder), absolutePath(out));
    if (/^\.\.(?:[/\\]|$)|^[/\\]|^\w:/.test(way)) continue;
    throw new UsageError(
      `${out} lies in ${folder}, which is read: they would be mixed. Give a folder outside of it.`,
    );
  }
}

/**
 * Opens the folder of a run for the command that runs; it is given free when the command ends.
 *
 * @throws DataError if it holds another run, or another process works in it.
 */
export async function claimFolder(flags: FolderFlags, config: unknown): Promise<RunFolder> {
  const { called, private: ownerOnly } = flags;
  const folder = await RunFolder.claim(flags.out, config, { ownerOnly, called });
  const given = claim(folder);
  if (given.length > 0) await noteCommand(folder, given);
  return folder;
}

/** Writes a command down. A folder may grow by another one, as an experiment does by seeds: that is the one then. */
async function noteCommand(folder: RunFolder, words: readonly string[]): Promise<void> {
  const last = await lastCommand(folder);
  if (JSON.stringify(last?.words) === JSON.stringify(words)) return;
  const { before = [], ...first } = last ?? {};
  await folder.writeJson(commandFile, {
    ...{ version: await packageVersion(), words },
    ...(last && { before: [...before, first] }),
  });
}
