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
  /** Milliseconds without a byte after which a download counts as broken. Default: a minute. */
  readonly patience?: number;
  /** Bytes of a file so far; `total` is undefined if the server does not say. */
  readonly onProgress?: (file: string, received: number, total: number | undefined) => void;
}

/** Bytes collected before they go to the disk. */
const flushSize = 1 << 20;

/** Bytes of a file at most: none is so large, and runtimes read no larger one. */
const mostBytes = 2 ** 31 - 1;

/** Places a download may be sent on to, one after the other. */
const mostRedirects = 5;

const minute = 60_000;

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
  const patience = new Patience(options.patience ?? minute);
  try {
    await receive(what, part, options, patience);
  } finally {
    patience.end();
  }
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
async function receive(
  what: Download,
  part: string,
  options: FetchOptions,
  patience: Patience,
): Promise<void> {
  const { file, url, name } = what;
  const again = `Run \`rewind fetch ${name}\` again`;
  let received = (await exists(part)) ? (await readBytes(part)).length : 0;
  // A content encoding would make the body differ from the file the checksum is for.
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  if (received > 0) headers["range"] = `bytes=${received}-`;

  let response: Response;
  try {
    response = await followed(url, { headers, signal: patience.signal }, options);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
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
  const most = Math.min(total ?? mostBytes, mostBytes);
  if (total !== undefined && !(total <= mostBytes)) {
    await response.body?.cancel();
    throw new DataError(
      `${url}: the server speaks of ${length} bytes, and no file of ${name} is larger than ${mostBytes}; ` +
        "it was not fetched.",
    );
  }

  try {
    for await (const chunk of pieces(response, () => patience.renew())) {
      if (received + chunk.length > most) {
        await response.body?.cancel().catch(() => undefined);
        await remove(part);
        throw new DataError(
          `${url}: the server sent more than the ${most} bytes of the file; what came was removed. ${again}, and if ` +
            "it stays the same, the server has other contents.",
        );
      }
      await appendBytes(part, chunk);
      received += chunk.length;
      options.onProgress?.(file, received, total);
    }
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
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

/** Gives up on a server that says nothing for a while. */
class Patience {
  readonly #controller = new AbortController();
  readonly #milliseconds: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
    this.renew();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Waits from now on. */
  renew(): void {
    clearTimeout(this.#timer);
    const why = new Error(`nothing came for ${this.#milliseconds / 1000} s`);
    this.#timer = setTimeout(() => this.#controller.abort(why), this.#milliseconds);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

/** Asks for an address, and for those it is sent on to: never from one that is encrypted to one that is not. */
async function followed(from: string, init: RequestInit, options: FetchOptions): Promise<Response> {
  let url = from;
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    const response = await (options.fetch ?? globalThis.fetch)(url, {
      ...init,
      redirect: "manual",
    });
    const to = response.headers.get("location");
    if (response.status < 300 || response.status > 399 || to === null) return response;
    await response.body?.cancel();
    const next = URL.canParse(to, url) ? new URL(to, url) : undefined;
    const safe = next?.protocol === "https:" || next?.protocol === new URL(url).protocol;
    if (next === undefined || !safe) {
      throw new DataError(
        `${from}: the server sends on to "${to}", which is not encrypted (https); nothing was fetched from there. Get ` +
          "the file by hand and put it into the directory.",
      );
    }
    url = next.href;
  }
  throw new DataError(
    `${from}: the server sends on more than ${mostRedirects} times; get the file by hand and put it into the directory.`,
  );
}

/**
 * The body in pieces of about `flushSize`; what came before a failure is handed out before it.
 *
 * @param alive is called whenever something comes.
 */
async function* pieces(response: Response, alive: () => void): AsyncGenerator<Uint8Array> {
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
    alive();
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
