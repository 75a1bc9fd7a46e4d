/** The shader files, in the sources: `#shaders` there. The package has their texts in a module (scripts/embed.ts). */
import { readText } from "../platform/files.ts";

/** The text of `shaders/<file>.wgsl`. @throws DataError if there is no such file. */
export function shaderText(file: string): Promise<string> {
  return readText(new URL(`../../shaders/${file}.wgsl`, import.meta.url));
}
