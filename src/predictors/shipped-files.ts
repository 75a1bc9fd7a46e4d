/** The weight files that ship, in the sources: `#weights` there. The package has their bytes in a module (scripts/embed.ts). */
import { readBytes } from "../platform/files.ts";

/** The bytes of `models/weights/<file>`. */
export function weightBytes(file: string): Promise<Uint8Array<ArrayBuffer>> {
  return readBytes(new URL(`../../models/weights/${file}`, import.meta.url));
}
