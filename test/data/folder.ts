/** Scratch folders for the data tests. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const made: string[] = [];

/** A new folder holding `files` (paths inside it to contents). */
export function folderOf(files: { readonly [path: string]: Uint8Array | string } = {}): string {
  const dir = mkdtempSync(join(tmpdir(), "rewind-data-"));
  made.push(dir);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), content);
  }
  return dir;
}

/** Removes all folders made: for `test.after`. */
export function removeFolders(): void {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true });
}

/** The error `action` ends with; fails the test if it ends well. */
export async function errorOf(action: Promise<unknown>): Promise<Error> {
  try {
    await action;
  } catch (error) {
    return error as Error;
  }
  throw new Error("expected an error, but there was none");
}
