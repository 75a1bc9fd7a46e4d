/** Zip archives that others made: sizes are checked before anything is inflated, checksums after. */
import { strFromU8, unzipSync } from "fflate";
import { DataError } from "../errors.ts";
import { crc32 } from "./checksums.ts";

/** A file of an archive, as its directory says; nothing of it has been read. */
export interface ArchiveEntry {
  readonly name: string;
  /** Bytes when unpacked. */
  readonly size: number;
}

/** What the unpacked files of an archive may take. */
export interface ArchiveLimits {
  /** How often they may be as large as the archive. */
  readonly ratio: number;
  /** How many bytes they may take anyway. */
  readonly small: number;
}

/** Numbers of trained weights are as good as random: they do not pack. */
const weightLimits: ArchiveLimits = { ratio: 16, small: 2 ** 24 };

/** Bytes that the directory takes for an entry, at least. */
const entryBytes = 46;
/** Deflate makes no file smaller than this share of itself. */
export const deflateRatio: number = 1032;

/**
 * The files of an archive.
 *
 * @param name what errors call the archive.
 * @throws DataError if it is damaged, cut short, has two files of one name, or claims to unpack to far more than it
 *   can hold.
 */
export function archiveEntries(
  bytes: Uint8Array,
  name: string,
  { ratio, small }: ArchiveLimits = weightLimits,
): ArchiveEntry[] {
  const entries = new Map<string, ArchiveEntry>();
  let [total, packedTotal] = [0, 0];
  walk(bytes, name, (entry, packed) => {
    total += entry.size;
    // Files that share their bytes would be unpacked one by one.
    packedTotal += packed;
    const most = Math.max(small, ratio * bytes.length);
    if (packedTotal > bytes.length || entry.size > deflateRatio * packed + 64 || total > most) {
      throw new DataError(
        `"${name}": "${entry.name}" of its archive claims ${entry.size} bytes unpacked, more than the ` +
          `archive of ${bytes.length} can hold; it was not unpacked. Mind where this file comes from.`,
      );
    }
    if (entries.has(entry.name)) {
      throw new DataError(`"${name}": its archive has two files "${entry.name}"; save it again.`);
    }
    entries.set(entry.name, entry);
    return false;
  });
  return [...entries.values()];
}

/**
 * Unpacks files of an archive whose {@link archiveEntries} have been looked at.
 *
 * @throws DataError for a file that is cut short or does not have its checksum.
 */
export function unpack(
  bytes: Uint8Array,
  name: string,
  entries: readonly ArchiveEntry[],
): Map<string, Uint8Array> {
  const wanted = new Map(entries.map((entry) => [entry.name, entry]));
  const files = walk(bytes, name, (entry) => wanted.has(entry.name));
  const sums = checksums(bytes);
  return new Map(
    entries.map((entry) => {
      const file = files[entry.name];
      if (file?.length !== entry.size) {
        throw new DataError(
          `"${name}" is damaged or cut short: "${entry.name}" of its archive has ${file?.length ?? 0} of ` +
            `${entry.size} bytes; copy it again.`,
        );
      }
      // PyTorch can be told to leave the checksums out: they are 0 then.
      const sum = sums.get(entry.name) ?? 0;
      if (sum !== 0 && crc32(file) !== sum) {
        throw new DataError(
          `"${name}" is damaged: "${entry.name}" of its archive does not have its checksum; copy it again.`,
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

/** Marks of the end of the directory, of its 64-bit form and where that lies, and of an entry. */
const marks = { end: 0x06054b50, end64: 0x06064b50, locator64: 0x07064b50, entry: 0x02014b50 };

/**
 * The checksums in the directory of an archive, which {@link walk} has gone through: the unpacker does not look at them.
 */
function checksums(bytes: Uint8Array): Map<string, number> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const uint32 = (at: number): number => view.getUint32(at, true);
  let end = bytes.length - 22;
  while (uint32(end) !== marks.end) end--;
  let at = uint32(end + 16);
  if (end >= 20 && uint32(end - 20) === marks.locator64) {
    const end64 = uint32(end - 12);
    if (end64 + 52 <= bytes.length && uint32(end64) === marks.end64) at = uint32(end64 + 48);
  }
  const sums = new Map<string, number>();
  while (at + entryBytes <= bytes.length && uint32(at) === marks.entry) {
    const [name, extra, comment] = [28, 30, 32].map((field) =>
      view.getUint16(at + field, true),
    ) as [number, number, number];
    // As the unpacker reads names: UTF-8 where a flag says so, else a byte a character.
    const utf8 = (view.getUint16(at + 8, true) & 2048) !== 0;
    const letters = bytes.subarray(at + entryBytes, at + entryBytes + name);
    sums.set(strFromU8(letters, !utf8), uint32(at + 16));
    at += entryBytes + name + extra + comment;
  }
  return sums;
}
