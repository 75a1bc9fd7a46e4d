/** A reader for tar archives held in memory. */
import { DataError } from "../errors.ts";

const block = 512;

/** A regular file of an archive; `data` is a view into it. */
export interface TarEntry {
  readonly path: string;
  readonly data: Uint8Array;
}

/** A file of an archive, or a link and where it leads. */
interface Member {
  readonly path: string;
  readonly data?: Uint8Array | undefined;
  /** Of a symbolic link, as it is stored: from the folder of the link. */
  readonly target?: string | undefined;
}

/**
 * The regular files of a tar archive (ustar, with the long names of GNU and pax). A hard link is the file of its name
 * before it, a symbolic link the file that it leads to; links to folders of the archive are passed over.
 *
 * @param lost is told of each link that leads to no file of the archive; without it such a link is an error.
 * @throws DataError that names `archive` on a damaged or shortened one, on sparse files, and on a path that leads out of
 *   the target.
 */
export function readTar(
  bytes: Uint8Array,
  archive: string,
  lost?: (path: string) => void,
): TarEntry[] {
  const members: Member[] = [];
  const byPath = new Map<string, Member>();
  const folders = new Set<string>();
  let named: Named = {};
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
    const path = named.path ?? (prefix === "" ? "" : `${prefix}/`) + text(header, 0, 100);
    const target = named.target ?? text(header, 157, 100);
    const type = text(header, 156, 1);
    const data = bytes.subarray(at + block, at + block + size);
    at += block + Math.ceil(size / block) * block;
    // What names the entry after it, where the name does not fit into a header.
    if (type === "L" || type === "K" || type === "x") {
      const said = text(data, 0, size);
      if (type === "x") named = { ...named, ...paxNames(data) };
      else named = type === "L" ? { ...named, path: said } : { ...named, target: said };
      continue;
    }
    const sparse = type === "S" || named.sparse === true;
    named = {};
    if (sparse) {
      throw new DataError(
        `${archive}: "${path}" is stored as a sparse file, which is not read; pack it without the option -S of tar.`,
      );
    }
    if (type === "5") folders.add(plainPath(path));
    if (!["", "0", "7", hardLink, symbolicLink].includes(type)) continue;
    if (path.startsWith("/") || path.split(/[/\\]/).includes("..")) {
      throw new DataError(`${archive}: refuses to unpack "${path}" outside the target folder.`);
    }
    const member: Member =
      type === hardLink
        ? { ...byPath.get(plainPath(target)), path }
        : type === symbolicLink
          ? { path, target }
          : { path, data };
    members.push(member);
    byPath.set(plainPath(path), member);
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
  if (members.length === 0) throw new DataError(`${archive}: not a tar archive, or an empty one.`);
  const entries: TarEntry[] = [];
  for (const member of members) {
    const found = followed(member, byPath, folders);
    if (found === "folder") continue;
    if (found !== undefined) entries.push({ path: member.path, data: found });
    else if (lost !== undefined) lost(member.path);
    else {
      throw new DataError(
        `${archive}: "${member.path}" is a link to no file of the archive; pack the files themselves, as tar does with -h.`,
      );
    }
  }
  return entries;
}

const [hardLink, symbolicLink] = ["1", "2"];

/** Links that lead to each other at most: more are a circle. */
const longestChain = 32;

/** The data that a member leads to. */
function followed(
  member: Member,
  byPath: ReadonlyMap<string, Member>,
  folders: ReadonlySet<string>,
): Uint8Array | "folder" | undefined {
  let one: Member | undefined = member;
  for (let i = 0; i < longestChain && one?.data === undefined; i++) {
    if (one?.target === undefined) return undefined;
    const path = one.target.startsWith("/")
      ? one.target
      : plainPath(`${one.path.slice(0, one.path.lastIndexOf("/") + 1)}${one.target}`);
    if (folders.has(path)) return "folder";
    one = byPath.get(path);
  }
  return one?.data;
}

/** A path without `.` and empty parts, and with `..` taken: `..` alone for what leads out of the archive. */
function plainPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") {
      if (parts.length === 0) return "..";
      parts.pop();
    } else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

function text(header: Uint8Array, start: number, length: number): string {
  const field = header.subarray(start, start + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

/** What the entries before one say of it. */
interface Named {
  readonly path?: string;
  readonly target?: string;
  readonly sparse?: true;
}

/** The names among the records of a pax header, each "LENGTH KEY=VALUE" and a line feed. */
function paxNames(data: Uint8Array): Named {
  let names: Named = {};
  for (let at = 0; at < data.length;) {
    const space = data.indexOf(32, at);
    const length = Number(new TextDecoder().decode(data.subarray(at, space)));
    if (space < 0 || !(length > 0)) break;
    const record = new TextDecoder().decode(data.subarray(space + 1, at + length - 1));
    const value = record.slice(record.indexOf("=") + 1);
    if (record.startsWith("path=")) names = { ...names, path: value };
    else if (record.startsWith("linkpath=")) names = { ...names, target: value };
    else if (record.startsWith("GNU.sparse.")) names = { ...names, sparse: true };
    at += length;
  }
  return names;
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
