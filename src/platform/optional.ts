/** Packages that may be left out of an installation (`npm install --omit=optional`). */

/** What `load` imports; undefined where one of its packages is not installed. */
export async function ifInstalled<T>(load: () => Promise<T>): Promise<T | undefined> {
  try {
    return await load();
  } catch (cause) {
    if ((cause as { code?: string }).code === "ERR_MODULE_NOT_FOUND") return undefined;
    throw cause;
  }
}
