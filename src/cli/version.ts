/** The version of the package, from its package.json. */
import { DataError } from "../errors.ts";
import { readText } from "../platform/files.ts";

const packageName = "rewind-webgpu";

/** Reads the version; the file lies two folders up in the sources, and three in the built package. */
export async function packageVersion(): Promise<string> {
  for (const up of ["../../", "../../../"]) {
    try {
      const text = await readText(new URL(`${up}package.json`, import.meta.url));
      const { name, version } = JSON.parse(text) as { name?: unknown; version?: unknown };
      if (name === packageName && typeof version === "string") return version;
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
    }
  }
  return "unknown";
}
