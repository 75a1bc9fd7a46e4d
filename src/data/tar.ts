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
  const damaged = (at: number): DataError =>
    new DataError(
      `${archive}: the tar data is damaged or cut short at byte ${at}; fetch it again.`,
    );
  let at = 0;
  while (at < bytes.length && bytes[at] !== 0) {
    if (at + block > bytes.length) throw damaged(at);
    const header = bytes.subarray(at, at + block);
    const size = octal(header, 124, 12);
    if (size === undefined || !isHeader(header) || at + block + size > bytes.length) {
      throw damaged(at);
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
  if (at > 0 && at === bytes.length) {
    throw new DataError(
      `${archive}: the tar data has no end mark, so that it may be cut short at byte ${at}; fetch it again.`,
    );
  }
  const next = bytes.subarray(at).findIndex((byte) => byte !== 0);
  const rest = next < 0 ? undefined : bytes.subarray(at + Math.floor(next / block) * block);
  if (rest !== undefined && rest.length >= block && isHeader(rest)) {
    throw new DataError(
      `${archive}: more follows on the end of the tar data at byte ${at}; it is of several archives; unpack them and pack them into one.`,
    );
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

/** Whether a block has the checksum of a header, which is taken with its own eight bytes as spaces. */
function isHeader(bytes: Uint8Array): boolean {
  const sum = bytes
    .subarray(0, block)
    .reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
  return sum === octal(bytes, 148, 8);
}

/** A number in octal digits, or undefined; sizes of 8 GiB and more, which are written otherwise, are not read. */
function octal(header: Uint8Array, start: number, length: number): number | undefined {
  const digits = text(header, start, length).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : undefined;
}
