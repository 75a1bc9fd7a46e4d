/** Archives among the files that were opened, unpacked. */
import { DataError } from "../../errors.ts";
import { gunzip, isGzip } from "../../data/gzip.ts";
import { latin1 } from "../../data/image-bytes.ts";
import { readTar } from "../../data/tar.ts";
import { archiveEntries, unpack } from "../../io/archive.ts";
import type { GivenFile } from "../files.ts";

/** Bytes that tell an archive: the mark of a tar archive stands at 257. */
const headLength = 512;

/** Images are packed already, and raw ones become at most so much smaller. */
const limits = { ratio: 64, small: 2 ** 26 };

/**
 * The files, of .zip archives and of tar archives with folders in them what they hold: in a folder named after the
 * archive. Arrays of numpy (.npz) and the flat archives of WebDataset are read as they are.
 *
 * @param signal ends it between two files.
 * @throws DataError for an archive that is damaged or claims to unpack to far more than it can hold.
 */
export async function unpacked(
  files: readonly GivenFile[],
  signal: AbortSignal,
): Promise<GivenFile[]> {
  const all: GivenFile[] = [];
  for (const given of files) {
    for (const one of (await contents(given)) ?? [given]) all.push(one);
    signal.throwIfAborted();
  }
  return all;
}

async function contents({ path, file }: GivenFile): Promise<GivenFile[] | undefined> {
  const bytesOf = async (blob: Blob): Promise<Uint8Array<ArrayBuffer>> =>
    new Uint8Array(await blob.arrayBuffer());
  const head = await bytesOf(file.slice(0, headLength));
  const folder = path.replace(/\.(zip|tar|tgz|tar\.gz)$/i, "");
  const within = (name: string, data: Uint8Array): GivenFile => ({
    path: `${folder}/${name.replaceAll("\\", "/")}`,
    file: new Blob([data.slice()]),
  });
  if (latin1(head, 0, 4) === "PK\x03\x04") {
    if (/\.npz$/i.test(path)) return undefined;
    const bytes = await bytesOf(file);
    const entries = archiveEntries(bytes, path, limits).filter(({ name }) => !/[/\\]$/.test(name));
    return [...unpack(bytes, path, entries)].map(([name, data]) => within(name, data));
  }
  // The end of an archive, and nothing before it.
  if (latin1(head, 0, 4) === "PK\x05\x06") {
    throw new DataError(`"${path}" is a zip archive with nothing in it.`);
  }
  const gzipped = isGzip(head) && /\.(tgz|tar\.gz)$/i.test(path);
  if (!gzipped && latin1(head, 257, 5) !== "ustar") return undefined;
  const bytes = await bytesOf(file);
  const entries = readTar(gzipped ? await gunzip(bytes, path) : bytes, path);
  if (!entries.some((entry) => entry.path.includes("/"))) return undefined;
  return entries.map((entry) => within(entry.path, entry.data));
}
