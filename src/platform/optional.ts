/** Packages that may be left out of an installation (`npm install --omit=optional`). */
import { UsageError } from "../errors.ts";

/** What `load` imports; undefined where one of its packages is not installed. */
export async function ifInstalled<T>(load: () => Promise<T>): Promise<T | undefined> {
  try {
    return await load();
  } catch (cause) {
    if ((cause as { code?: string }).code === "ERR_MODULE_NOT_FOUND") return undefined;
    throw cause;
  }
}

/** What `load` imports. @throws UsageError saying `missing` where one of its packages is not installed. */
export async function requireInstalled<T>(load: () => Promise<T>, missing: string): Promise<T> {
  const loaded = await ifInstalled(load);
  if (loaded !== undefined) return loaded;
  throw new UsageError(missing);
}
