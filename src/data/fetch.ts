/** Downloads of the public data sets from their official places. */
import { md5 } from "../platform/digest.ts";
import {
  appendBytes,
  exists,
  makeDir,
  readBytes,
  remove,
  rename,
  writeAtomic,
} from "../platform/files.ts";
import { DataError, UsageError } from "../errors.ts";
import { gunzip } from "./gzip.ts";
import { datasets } from "./index.ts";
import { readTar } from "./tar.ts";

/** Names of the data sets that {@link fetchDataset} can download. */
export function fetchableNames(): readonly string[] {
  return datasets.all.flatMap(({ name, download }) => (download === undefined ? [] : [name]));
}

/** Options of {@link fetchDataset}. */
export interface FetchOptions {
  /** Stands in for the global `fetch`, for tests and proxies. */
  readonly fetch?: typeof globalThis.fetch;
  /** Another server with the same files; ends with "/". */
  readonly baseUrl?: string;
  /** Other MD5 sums by file name, for a server with other files. */
  readonly checksums?: { readonly [file: string]: string };
  /** Bytes of a file so far; `total` is undefined if the server does not say. */
  readonly onProgress?: (file: string, received: number, total: number | undefined) => void;
}

/** Bytes collected before they go to the disk. */
const flushSize = 1 << 20;

/**
 * Downloads a data set into `dir` (made if need be), checks it, and unpacks archives. Files that are
 * there already and have the right checksum are kept. Returns the paths of the downloaded files.
 *
 * A broken download stays as FILE.part and the next call continues it; a file only gets its name
 * after its MD5 is right.
 *
 * @throws UsageError for a name it cannot download; DataError for a network failure, an HTTP status, or a wrong
 *   checksum (the file is kept as FILE.bad), each with what to do.
 */
export async function fetchDataset(
  name: string,
  dir: string,
  options: FetchOptions = {},
): Promise<string[]> {
  const source = datasets.has(name) ? datasets.find(name).download : undefined;
  if (source === undefined) {
    throw new UsageError(
      `no download for data set "${name}"; known are ${fetchableNames().join(", ")}.`,
    );
  }
  await makeDir(dir);
  const paths: string[] = [];
  for (const [file, official] of Object.entries(source.files)) {
    const path = `${dir}/${file}`;
    const expected = options.checksums?.[file] ?? official;
    if (await exists(path)) {
      await checkPresent(path, expected);
    } else {
      const url = (options.baseUrl ?? source.baseUrl) + file;
      await download({ name, file, url, path, expected }, options);
    }
    if (source.unpack === true) await unpack(path, dir);
    paths.push(path);
  }
  return paths;
}

interface Download {
  readonly name: string;
  readonly file: string;
  readonly url: string;
  readonly path: string;
  readonly expected: string;
}

async function checkPresent(path: string, expected: string): Promise<void> {
  const got = await md5(await readBytes(path));
  if (got !== expected) {
    throw new DataError(
      `${path} is there but its MD5 is ${got}, expected ${expected}; move it away and fetch again.`,
    );
  }
}

async function download(what: Download, options: FetchOptions): Promise<void> {
  const { path, expected, url } = what;
  const part = `${path}.part`;
  await receive(what, part, options);
  const got = await md5(await readBytes(part));
  if (got !== expected) {
    await rename(part, `${path}.bad`);
    throw new DataError(
      `${url}: MD5 is ${got}, expected ${expected}. The file is kept as ${path}.bad; fetch again, and ` +
        "if it stays the same, the server has other contents.",
    );
  }
  await rename(part, path);
}

/** Brings `part` to its full length, from where it stands. */
async function receive(what: Download, part: string, options: FetchOptions): Promise<void> {
  const { file, url, name } = what;
  const again = `Run \`rewind fetch ${name}\` again`;
  let received = (await exists(part)) ? (await readBytes(part)).length : 0;
  // A content encoding would make the body differ from the file the checksum is for.
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  if (received > 0) headers["range"] = `bytes=${received}-`;

  let response: Response;
  try {
    response = await (options.fetch ?? globalThis.fetch)(url, { headers });
  } catch (cause) {
    throw new DataError(
      `${url}: no connection (${reason(cause)}). ${again} when the network is up` +
        `${received > 0 ? `; it continues after ${received} bytes` : ""}.`,
      { cause },
    );
  }
  if (response.status === 416 && received > 0) {
    // Nothing lies beyond what is here: the file is complete, or its checksum will tell.
    await response.body?.cancel();
    return;
  }
  if (!response.ok) {
    await response.body?.cancel();
    throw new DataError(
      `${url}: the server answered ${`${response.status} ${response.statusText}`.trim()}. ${again} ` +
        "later, or get the file by hand and put it into the directory.",
    );
  }
  const start = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1];
  if (response.status !== 206 || Number(start) !== received) {
    if (response.status === 206) {
      await response.body?.cancel();
      throw new DataError(
        `${url}: asked to continue at byte ${received}, the server sent "${
          response.headers.get("content-range") ?? ""
        }". Delete ${part} and fetch again.`,
      );
    }
    // The server ignored the range and sends the whole file.
    if (received > 0) await remove(part);
    received = 0;
  }
  const length = response.headers.get("content-length");
  const total = length === null ? undefined : received + Number(length);

  try {
    for await (const chunk of pieces(response)) {
      await appendBytes(part, chunk);
      received += chunk.length;
      options.onProgress?.(file, received, total);
    }
  } catch (cause) {
    throw interrupted(reason(cause), cause);
  }
  if (total !== undefined && received < total) throw interrupted("the server closed it early");

  function interrupted(why: string, cause?: unknown): DataError {
    return new DataError(
      `${url}: the download stopped after ${received} of ${total ?? "an unknown number of"} bytes ` +
        `(${why}). ${again}: it continues from there (${part}).`,
      { cause },
    );
  }
}

/** The body in pieces of about `flushSize`; what came before a failure is handed out before it. */
async function* pieces(response: Response): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let size = 0;
  const join = (): Uint8Array => {
    const joined = new Uint8Array(size);
    let at = 0;
    for (const chunk of held) {
      joined.set(chunk, at);
      at += chunk.length;
    }
    held = [];
    size = 0;
    return joined;
  };
  if (response.body === null) return;
  const reader = response.body.getReader();
  for (;;) {
    let next: ReadableStreamReadResult<Uint8Array>;
    try {
      next = await reader.read();
    } catch (error) {
      if (size > 0) yield join();
      throw error;
    }
    if (next.done) break;
    held.push(next.value);
    size += next.value.length;
    if (size >= flushSize) yield join();
  }
  if (size > 0) yield join();
}

async function unpack(archive: string, dir: string): Promise<void> {
  const entries = readTar(await gunzip(await readBytes(archive), archive), archive);
  for (const { path, data } of entries) {
    const folder = path.split("/").slice(0, -1).join("/");
    await makeDir(folder === "" ? dir : `${dir}/${folder}`);
    await writeAtomic(`${dir}/${path}`, data);
  }
}

/** The innermost message of a failure: `fetch` wraps "ECONNREFUSED" in "fetch failed". */
function reason(error: unknown): string {
  let inner = error;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  return inner instanceof Error && inner.message !== "" ? inner.message : String(inner);
}
