/** `#platform` of the page: what was opened in it is its file system, held in memory under paths, and only read. */
import { browserAdvice } from "../platform/browser.ts";
import type { GpuAdvice, Host, HostFiles } from "../platform/host.ts";

/** Reads at once, as workers may. */
declare const FileReaderSync: new () => { readAsArrayBuffer(blob: Blob): ArrayBuffer };

/** A file and where it lies in what was opened: "digits/train/0/a.png". */
export interface GivenFile {
  readonly path: string;
  readonly file: Blob;
}

const held = new Map<string, Blob>();
/** What lies in each folder, by its path. */
const folders = new Map<string, Set<string>>();

/** Takes files under a folder, in place of those that lay there. */
export function hold(folder: string, files: readonly GivenFile[]): void {
  for (const map of [held, folders]) {
    for (const path of map.keys()) if (isWithin(path, folder)) map.delete(path);
  }
  folders.set(folder, new Set());
  for (const { path, file } of files) {
    const parts = path.split("/").filter((part) => part !== "" && part !== ".");
    let at = folder;
    for (const part of parts) {
      if (!folders.has(at)) folders.set(at, new Set());
      folders.get(at)!.add(part);
      at = `${at}/${part}`;
    }
    held.set(at, file);
  }
}

/** The files below a folder, with their paths within it. */
export function heldIn(folder: string): GivenFile[] {
  return [...held]
    .filter(([path]) => isWithin(path, folder))
    .map(([path, file]) => ({ path: path.slice(folder.length + 1), file }));
}

const isWithin = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(`${folder}/`);

/** One slash between parts, none at the end. */
const plain = (path: string | URL): string =>
  String(path).replaceAll(/\/+/g, "/").replace(/\/$/, "");

function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

function blobAt(path: string | URL): Blob {
  const blob = held.get(plain(path));
  if (blob !== undefined) return blob;
  const folder = folders.has(plain(path));
  throw failure(folder ? "EISDIR" : "ENOENT", `${folder ? "a folder" : "no file"}: ${path}`);
}

const readOnly = (): never => {
  throw failure("EROFS", "what was opened in the page is only read");
};

const files: HostFiles = {
  readBytes: async (path) => new Uint8Array(await blobAt(path).arrayBuffer()),
  readHead: (path, count) =>
    new Uint8Array(new FileReaderSync().readAsArrayBuffer(blobAt(path).slice(0, count))),
  async info(path) {
    if (folders.has(plain(path))) return { size: 0, modified: 0, directory: true };
    const blob = blobAt(path);
    const modified = blob instanceof File ? blob.lastModified : 0;
    return { size: blob.size, modified, directory: false };
  },
  async list(path) {
    const names = folders.get(plain(path));
    if (names === undefined) throw failure(held.has(plain(path)) ? "ENOTDIR" : "ENOENT", path);
    return [...names].sort();
  },
  makeDir: readOnly,
  createFlushed: readOnly,
  append: readOnly,
  touch: readOnly,
  remove: readOnly,
  rename: readOnly,
  absolute: (path) => path,
  relative: (_folder, path) => path,
};

/** A tab that takes more memory than it may is closed; images are held up to four times: here, drawn, kept, and as they were. */
const mostImageBytes = 2 ** 30;

/** The page takes another device by itself. */
const gpuAdvice: GpuAdvice = {
  ...browserAdvice,
  refused:
    "Close other tabs and programs that use the GPU, then begin again or load the page again.",
  lost: "Images and network are still here: begin again, on another device.",
};

export const host: Host = { files, mostImageBytes, gpuAdvice };
