/** A reader for tar archives held in memory. */
import { DataError } from "../errors.ts";

const block = 512;

/** A regular file of an archive; `data` is a view into it. */
export interface TarEntry {
  readonly path: string;
  readonly data: Uint8Array;
}

/**
 * The regular files of a tar archive (ustar, with the long names of GNU and pax; folders and links are passed over).
 * Throws a DataError that names `archive` on a damaged or shortened one, and on a path that leads out of the target.
 */
export function readTar(bytes: Uint8Array, archive: string): TarEntry[] {
  const entries: TarEntry[] = [];
  let long: string | undefined;
  for (let at = 0; at + block <= bytes.length && bytes[at] !== 0;) {
    const header = bytes.subarray(at, at + block);
    // The checksum is taken with its own eight bytes as spaces.
    const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
    const size = octal(header, 124, 12);
    if (sum !== octal(header, 148, 8) || at + block + size > bytes.length) {
      throw new DataError(`${archive}: the tar data is damaged or cut short at byte ${at}.`);
    }
    const prefix = text(header, 257, 5) === "ustar" ? text(header, 345, 155) : "";
    const path = long ?? (prefix === "" ? "" : `${prefix}/`) + text(header, 0, 100);
    const type = text(header, 156, 1);
    const data = bytes.subarray(at + block, at + block + size);
    // What names the entry after it, where the name does not fit into a header.
    long = type === "L" ? text(data, 0, size) : type === "x" ? paxPath(data) : undefined;
    if (type === "" || type === "0") {
      if (path.startsWith("/") || path.split(/[/\\]/).includes("..")) {
        throw new DataError(`${archive}: refuses to unpack "${path}" outside the target folder.`);
      }
      entries.push({ path, data });
    }
    at += block + Math.ceil(size / block) * block;
  }
  if (entries.length === 0) throw new DataError(`${archive}: not a tar archive, or an empty one.`);
  return entries;
}

function text(header: Uint8Array, start: number, length: number): string {
  const field = header.subarray(start, start + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

/** The path among the records of a pax header, each "LENGTH KEY=VALUE" and a line feed. */
function paxPath(data: Uint8Array): string | undefined {
  for (let at = 0; at < data.length;) {
    const space = data.indexOf(32, at);
    const length = Number(new TextDecoder().decode(data.subarray(at, space)));
    if (space < 0 || !(length > 0)) return undefined;
    const record = new TextDecoder().decode(data.subarray(space + 1, at + length - 1));
    if (record.startsWith("path=")) return record.slice(5);
    at += length;
  }
  return undefined;
}

function octal(header: Uint8Array, start: number, length: number): number {
  return Number.parseInt(text(header, start, length).trim(), 8);
}
