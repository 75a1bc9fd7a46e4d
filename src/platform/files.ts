/**
 * Files on every runtime: the file system on Node and Deno, `fetch` (reading only) in browsers.
 *
 * Whole files are written under a temporary name that nobody else has, and renamed, so that a reader sees the old file
 * or the new one and an interrupted write loses nothing. What it leaves behind {@link removeLeftovers} removes.
 *
 * A failed access throws a DataError: what was done to which path, why it failed and what to do.
 */
import { host } from "#platform";
import { DataError } from "../errors.ts";
import type { HostFiles } from "./host.ts";
import { parseJson } from "./json.ts";

let layer: HostFiles | undefined = host.files;

/**
 * Puts another layer between this module and the file system, to see what a program does when files fail.
 *
 * @returns what takes it away again.
 */
export function interposeFiles(over: (below: HostFiles) => HostFiles): () => void {
  const below = layer;
  if (below !== undefined) layer = over(below);
  return () => void (layer = below);
}

const advice: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or directory; check the path",
  EACCES: "permission denied; check the owner and mode",
  EEXIST: "a file is there, and no folder can be; give another path",
  EPERM: "operation not permitted; check the owner and mode",
  ENOSPC: "the disk is full; free some space and run the same command again",
  EDQUOT: "the disk quota is used up; free some space and run the same command again",
  EISDIR: "it is a directory, a file was expected",
  ENOTDIR: "a part of the path is a file, not a directory",
  EROFS: "the file system is read-only",
};

async function access<T>(
  act: string,
  path: string | URL,
  work: (files: HostFiles) => Promise<T>,
): Promise<T> {
  if (layer === undefined)
    throw new DataError(`cannot ${act} "${path}": browsers have no file system.`);
  try {
    return await work(layer);
  } catch (cause) {
    // A layer that was put between says it itself.
    if (cause instanceof DataError) throw cause;
    const { code, message } = cause as { code?: string; message: string };
    throw new DataError(`cannot ${act} "${path}": ${advice[code ?? ""] ?? message}.`, { cause });
  }
}

/** The bytes of a file, or of an address in a browser. */
export async function readBytes(path: string | URL): Promise<Uint8Array<ArrayBuffer>> {
  const remote = path instanceof URL && path.protocol !== "file:";
  if (!remote && layer !== undefined) return access("read", path, (files) => files.readBytes(path));
  const failed = (why: string, cause?: unknown): DataError =>
    new DataError(`cannot read "${path}": ${why}.`, { cause });
  let response: Response;
  try {
    response = await fetch(path);
  } catch (cause) {
    throw failed((cause as Error).message, cause);
  }
  if (!response.ok) throw failed(`the server answered ${response.status}`);
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    throw failed((cause as Error).message, cause);
  }
}

/** The first bytes of a file: `count`, or all there are. */
export function readHead(path: string, count: number): Promise<Uint8Array<ArrayBuffer>> {
  return access("read", path, async (files) => files.readHead(path, count));
}

/** Bytes of text at most: strings hold little more. */
const longestText = 2 ** 28;

/** The text (UTF-8) of a file, or of an address in a browser. @throws DataError for a file that holds no such text. */
export async function readText(path: string | URL): Promise<string> {
  const bytes = await readBytes(path);
  if (bytes.length > longestText) {
    throw new DataError(
      `"${path}" has ${bytes.length} bytes, and texts have at most ${longestText}; is it the right file?`,
    );
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new DataError(`"${path}" is no text in UTF-8; save it in that encoding.`, { cause });
  }
}

/** What the JSON of a file says. @throws DataError naming a file that holds none. */
export async function readJson(path: string | URL): Promise<unknown> {
  const text = await readText(path);
  try {
    return parseJson(text);
  } catch (cause) {
    throw new DataError(`"${path}" is not valid JSON: ${(cause as Error).message}.`, { cause });
  }
}

/** Whether something is there. */
export async function exists(path: string): Promise<boolean> {
  return (await fileInfo(path)) !== undefined;
}

/** Size in bytes, time of the last change in ms since 1970 and kind; undefined if nothing is there. */
export async function fileInfo(
  path: string,
): Promise<{ size: number; modified: number; directory: boolean } | undefined> {
  try {
    return await access("look at", path, (files) => files.info(path));
  } catch (error) {
    const code = ((error as Error).cause as { code?: string } | undefined)?.code;
    // A name that is too long is none of a file either.
    if (["ENOENT", "ENOTDIR", "ENAMETOOLONG"].includes(code ?? "")) return undefined;
    throw error;
  }
}

/** Names in a directory, sorted. */
export function listDir(path: string): Promise<string[]> {
  return access("list", path, (files) => files.list(path));
}

/** Who may read what is made: everyone the process allows, or its owner alone. */
export interface Access {
  readonly ownerOnly?: boolean | undefined;
}

/** Makes a directory and its parents; it may exist already. */
export function makeDir(path: string, { ownerOnly }: Access = {}): Promise<void> {
  return access("make directory", path, (files) =>
    files.makeDir(path, ownerOnly === true ? 0o700 : undefined),
  );
}

/** A name for what becomes the file of a path once it is whole; {@link isLeftover} knows it. */
export function temporaryName(path: string): string {
  return `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
}

/** Writes a whole file: under a temporary name beside it, flushed, then renamed. */
export async function writeAtomic(
  path: string,
  data: Uint8Array | string,
  { ownerOnly }: Access = {},
): Promise<void> {
  const temporary = temporaryName(path);
  await access("write", path, async (files) => {
    try {
      await files.createFlushed(temporary, data, ownerOnly === true ? 0o600 : undefined);
      await files.rename(temporary, path);
    } catch (error) {
      await files.remove(temporary);
      throw error;
    }
  });
}

/** Requires that {@link writeAtomic} can write a file, before the work whose result it is to hold. */
export async function requireWritable(path: string): Promise<void> {
  const temporary = temporaryName(path);
  await access("write", path, async (files) => {
    await files.createFlushed(temporary, "");
    await files.remove(temporary);
  });
}

/** Whether a file is what an interrupted write left under a {@link temporaryName}. */
export function isLeftover(name: string): boolean {
  return /\.[0-9a-f]{8}\.tmp$/.test(name);
}

/** Removes what interrupted calls of {@link writeAtomic} left in a directory. */
export async function removeLeftovers(path: string): Promise<void> {
  for (const name of (await listDir(path)).filter(isLeftover)) await remove(join(path, name));
}

/** Makes a file that is not there yet; false if something is. */
export async function createFile(path: string, text: string): Promise<boolean> {
  return access("write", path, async (files) => {
    try {
      await files.createFlushed(path, text);
      return true;
    } catch (error) {
      if ((error as { code?: string }).code === "EEXIST") return false;
      throw error;
    }
  });
}

/** Sets the time of a file's last change to now. */
export function touch(path: string): Promise<void> {
  return access("touch", path, (files) => files.touch(path));
}

/** Appends text, all of it or nothing, creating the file if need be. */
export function appendText(path: string, text: string): Promise<void> {
  return access("append to", path, (files) => files.append(path, text));
}

/** Appends bytes, all of them or nothing, creating the file if need be. */
export function appendBytes(path: string, bytes: Uint8Array): Promise<void> {
  return access("append to", path, (files) => files.append(path, bytes));
}

/** Removes a file or a directory with all in it; nothing there is no error. */
export function remove(path: string): Promise<void> {
  return access("remove", path, (files) => files.remove(path));
}

/** Renames or moves; replaces what is at the new path. */
export function rename(from: string, to: string): Promise<void> {
  return access("rename", from, (files) => files.rename(from, to));
}

/**
 * Folder for what can be made again: `$REWIND_CACHE` (null if that is `off`), else `rewind` in the user's
 * cache folder; null in browsers and where there is no home.
 */
export function cacheFolder(): string | null {
  const { variable } = host;
  if (variable === undefined) return null;
  const own = variable("REWIND_CACHE");
  if (own !== undefined && own !== "") return own === "off" ? null : own;
  const home = variable("HOME");
  const caches =
    variable("XDG_CACHE_HOME") ??
    variable("LOCALAPPDATA") ??
    (home === undefined ? undefined : `${home}/.cache`);
  return caches === undefined ? null : join(caches, "rewind");
}

/** The path from the root of the file system: what is relative starts at the working folder. Itself in browsers. */
export function absolutePath(path: string): string {
  return layer?.absolute(path) ?? path;
}

/** The way from one folder to a path, both absolute. */
export function relativePath(folder: string, path: string): string {
  return layer?.relative(folder, path) ?? path;
}

/** Joins path parts with single slashes; empty parts are left out. */
export function join(...parts: readonly string[]): string {
  const kept = parts.filter((part) => part !== "");
  return kept
    .map((part, i) => (i === 0 ? part.replace(/(.)\/+$/, "$1") : part.replace(/^\/+|\/+$/g, "")))
    .join("/")
    .replace(/^\/\//, "/");
}

/** The path without its last part: "." if there is only one. */
export function dirname(path: string): string {
  const at = path.replace(/\/+$/, "").lastIndexOf("/");
  return at < 0 ? "." : at === 0 ? "/" : path.slice(0, at);
}
