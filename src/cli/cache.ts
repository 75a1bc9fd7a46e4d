/** `rewind cache`: decoded images that are kept for the next start. */
import type { Command } from "commander";
import { type CacheFile, cacheFiles, cacheLimit, clearCache } from "../data/image-cache.ts";
import { cacheFolder } from "../platform/files.ts";
import { example } from "./examples.ts";
import { answer } from "./output.ts";

function sized(files: readonly CacheFile[]): { bytes: number; text: string } {
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  const count = files.length === 1 ? "1 file" : `${files.length} files`;
  return { bytes, text: `${count}, ${(bytes / 2 ** 20).toFixed(1)} MiB` };
}

export function registerCache(group: Command): void {
  const show = group.command("show").description("where they are kept, and how much there is");
  example(show, "the cache of this user", "rewind cache show").action(async () => {
    const folder = cacheFolder();
    const files = folder === null ? [] : await cacheFiles(folder);
    const { bytes, text } = sized(files);
    const limit = cacheLimit();
    answer(
      { folder, files: files.length, bytes, limit },
      folder === null
        ? "nothing is kept (REWIND_CACHE is off)"
        : `${folder}: ${text}, of ${limit / 2 ** 30} GiB at most`,
    );
  });
  const clear = group.command("clear").description("remove them all");
  example(clear, "no pixels of private images are left", "rewind cache clear").action(async () => {
    const folder = cacheFolder();
    const files = folder === null ? [] : await clearCache(folder);
    const { bytes, text } = sized(files);
    answer({ folder, files: files.length, bytes }, `removed ${text}`);
  });
}
