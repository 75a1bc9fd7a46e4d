/** Reference files and real data beside the repository: never required, never shipped. */
import { fileURLToPath } from "node:url";

const folder =
  process.env["REWIND_SHARED"] ?? fileURLToPath(new URL("../../shared", import.meta.url));

/** Path of a shared file, whether it is there or not. */
export function sharedFile(path: string): string {
  return `${folder}/${path}`;
}

/** Says that a test is skipped for want of a shared file. */
export function skip(what: string): void {
  console.log(`skipped: needs ${what} in ../shared (or REWIND_SHARED)`);
}
