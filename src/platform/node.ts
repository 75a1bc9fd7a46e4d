/** File access on Node and Deno (which implements `node:fs`). Loaded by files.ts only. */
import { appendFile, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";

export const readBytes = async (path: string | URL): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await readFile(path));

export const fileInfo = async (
  path: string,
): Promise<{ size: number; modified: number; directory: boolean }> => {
  const info = await stat(path);
  return { size: info.size, modified: info.mtimeMs, directory: info.isDirectory() };
};

export const listDir = async (path: string): Promise<string[]> => (await readdir(path)).sort();

export const makeDir = async (path: string): Promise<void> => {
  await mkdir(path, { recursive: true });
};

/** Writes and flushes to the disk, so that a rename after it never exposes a part of the file. */
export const writeFlushed = async (path: string, data: Uint8Array | string): Promise<void> => {
  const file = await open(path, "w");
  try {
    await file.writeFile(data);
    await file.sync();
  } finally {
    await file.close();
  }
};

export const append = async (path: string, data: Uint8Array | string): Promise<void> =>
  appendFile(path, data);

export const remove = async (path: string): Promise<void> =>
  rm(path, { recursive: true, force: true });

export { rename };
