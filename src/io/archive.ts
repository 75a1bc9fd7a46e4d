/** Zip archives that others made: sizes are checked before anything is inflated. */
import { unzipSync } from "fflate";
import { DataError } from "../errors.ts";

/** A file of an archive, as its directory says; nothing of it has been read. */
export interface ArchiveEntry {
  readonly name: string;
  /** Bytes when unpacked. */
  readonly size: number;
}

/** Bytes that the directory takes for an entry, at least. */
const entryBytes = 46;
/** How often the unpacked files may be as large as the archive, and how large they may be anyway. */
const largestRatio = 16;
const smallArchive = 2 ** 24;
/** Deflate makes no file smaller than this share of itself. */
const deflateRatio = 1032;

/**
 * The files of an archive.
 *
 * @param name what errors call the archive.
 * @throws DataError if it is damaged, cut short, or claims to unpack to far more than it can hold.
 */
export function archiveEntries(bytes: Uint8Array, name: string): ArchiveEntry[] {
  const entries: ArchiveEntry[] = [];
  let total = 0;
  walk(bytes, name, (entry, packed) => {
    total += entry.size;
    const most = Math.max(smallArchive, largestRatio * bytes.length);
    if (packed > bytes.length || entry.size > deflateRatio * packed + 64 || total > most) {
      throw new DataError(
        `"${name}": "${entry.name}" of its archive claims ${entry.size} bytes unpacked, more than the ` +
          `archive of ${bytes.length} can hold; it was not unpacked. Mind where this file comes from.`,
      );
    }
    entries.push(entry);
    return false;
  });
  return entries;
}

/** Unpacks files of an archive whose {@link archiveEntries} have been looked at. @throws DataError */
export function unpack(
  bytes: Uint8Array,
  name: string,
  entries: readonly ArchiveEntry[],
): Map<string, Uint8Array> {
  const wanted = new Map(entries.map((entry) => [entry.name, entry]));
  const files = walk(bytes, name, (entry) => wanted.has(entry.name));
  return new Map(
    entries.map((entry) => {
      const file = files[entry.name];
      if (file?.length !== entry.size) {
        throw new DataError(
          `"${name}" is damaged or cut short: "${entry.name}" of its archive has ${file?.length ?? 0} of ` +
            `${entry.size} bytes; copy it again.`,
        );
      }
      return [entry.name, file];
    }),
  );
}

function walk(
  bytes: Uint8Array,
  name: string,
  take: (entry: ArchiveEntry, packed: number) => boolean,
): Record<string, Uint8Array> {
  let count = 0;
  try {
    return unzipSync(bytes, {
      filter({ name: file, originalSize, size }) {
        if (++count > bytes.length / entryBytes) {
          throw new DataError("its directory lists more files than it can hold");
        }
        return take({ name: file, size: originalSize }, size);
      },
    });
  } catch (cause) {
    // What `take` refuses is said already.
    if (cause instanceof DataError && cause.message.startsWith(`"${name}"`)) throw cause;
    throw new DataError(
      `"${name}" is a zip archive that is damaged or cut short (${(cause as Error).message}); copy it again.`,
      { cause },
    );
  }
}
