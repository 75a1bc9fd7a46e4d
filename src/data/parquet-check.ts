/** What a parquet file claims, looked at before its reader believes it: sizes, counts, checksums. */
import type { ColumnMetaData, FileMetaData, PageHeader, SchemaTree } from "hyparquet";
import { DataError } from "../errors.ts";
import { crc32 } from "../io/checksums.ts";

/** Bytes of a file for a row, at least: a row has an image. */
const rowBytes = 16;
const fewRows = 4096;
/** How often the file's bytes its unpacked pages may take, and how many bytes they may take anyway. */
const largestRatio = 16;
const smallPages = 2 ** 26;
/** Values by which a run of packed bits may be longer than its page needs. */
const padding = 512;

/** Encodings that make no more of a page than its values take; the writers of data sets use the first three. */
const encodings = ["PLAIN", "PLAIN_DICTIONARY", "RLE_DICTIONARY", "RLE", "DELTA_BINARY_PACKED"];

/** What a page is read by. */
interface Parts {
  readonly parquetHeader: (reader: { view: DataView; offset: number }) => PageHeader;
  readonly decompress: (
    bytes: Uint8Array,
    size: number,
    codec: ColumnMetaData["codec"],
  ) => Uint8Array;
}

/** What all pages of a file may hold, as they are gone through. */
class Allowance {
  #rows: number;
  #bytes: number;

  constructor({ length }: Uint8Array) {
    this.#rows = Math.max(fewRows, length / rowBytes);
    this.#bytes = Math.max(smallPages, largestRatio * length);
  }

  /** Takes rows of a group. */
  rows(count: number): void {
    this.#rows -= count;
    if (!(count >= 0 && this.#rows >= 0)) throw new Error("it claims more rows than it can hold");
  }

  /** Takes unpacked bytes. */
  bytes(count: number): void {
    this.#bytes -= count;
    if (!(count >= 0 && this.#bytes >= 0)) throw new Error("its pages unpack to too much");
  }
}

/**
 * Goes through the pages of the columns that will be read.
 *
 * @throws DataError for an encoding that is not read; Error for a page that is damaged or claims more than it holds.
 */
export function checkPages(
  file: Uint8Array,
  { row_groups: groups }: FileMetaData,
  tree: SchemaTree,
  columns: readonly string[],
  parts: Parts,
): void {
  const allowance = new Allowance(file);
  for (const { num_rows, columns: chunks } of groups) {
    allowance.rows(Number(num_rows));
    for (const { meta_data: column } of chunks) {
      if (column === undefined) throw new Error("a column has no description");
      if (!columns.includes(column.path_in_schema[0]!)) continue;
      const levels = levelsOf(tree, column.path_in_schema);
      const values = checkColumn(file, column, levels, allowance, parts);
      // A list has several values a row.
      if (levels.repetition === 0 && values !== Number(num_rows)) {
        throw new Error(
          `column ${column.path_in_schema.join(".")} has ${values} values for ${num_rows} rows`,
        );
      }
    }
  }
}

/** Highest levels of a column: how many of its parts are optional, and how many are lists. */
interface Levels {
  readonly definition: number;
  readonly repetition: number;
}

function levelsOf(tree: SchemaTree, path: readonly string[]): Levels {
  let [definition, repetition, node] = [0, 0, tree];
  for (const name of path) {
    const child = node.children.find(({ element }) => element.name === name);
    if (child === undefined) throw new Error(`there is no column ${path.join(".")}`);
    if (child.element.repetition_type !== "REQUIRED") definition++;
    if (child.element.repetition_type === "REPEATED") repetition++;
    node = child;
  }
  return { definition, repetition };
}

/** @returns the values of all pages of a column. */
function checkColumn(
  file: Uint8Array,
  column: ColumnMetaData,
  levels: Levels,
  allowance: Allowance,
  { parquetHeader, decompress }: Parts,
): number {
  const start = Number(column.dictionary_page_offset || column.data_page_offset);
  const end = start + Number(column.total_compressed_size);
  if (!(start >= 0 && end >= start && end <= file.length)) throw new Error("a column lies outside");
  const reader = {
    view: new DataView(file.buffer, file.byteOffset + start, end - start),
    offset: 0,
  };
  let values = 0;
  while (reader.offset < end - start - 1) {
    const header = parquetHeader(reader);
    const { compressed_page_size: packed, uncompressed_page_size: size } = header;
    const from = start + reader.offset;
    if (!(packed >= 0 && from + packed <= end)) throw new Error("a page lies outside its column");
    reader.offset += packed;
    allowance.bytes(size);
    const bytes = file.subarray(from, from + packed);
    if (header.crc !== undefined && crc32(bytes) !== header.crc >>> 0) {
      throw new Error(`the page at byte ${from} does not have its checksum`);
    }
    if (header.type !== "DICTIONARY_PAGE") {
      values += checkPage(header, bytes, levels, (part, length) =>
        decompress(part, length, column.codec),
      );
    }
  }
  return values;
}

/** @returns the values of a page of data. */
function checkPage(
  { data_page_header: one, data_page_header_v2: two, uncompressed_page_size: size }: PageHeader,
  bytes: Uint8Array,
  { definition, repetition }: Levels,
  unpack: (bytes: Uint8Array, size: number) => Uint8Array,
): number {
  const header = one ?? two;
  if (header === undefined) throw new Error("a page has no header");
  const { num_values: count, encoding } = header;
  if (!(count >= 0)) throw new Error("a page has no number of values");
  if (encoding === undefined) throw new Error("a page has no encoding");
  if (!encodings.includes(encoding)) {
    throw new DataError(
      `it is encoded by ${encoding}, which is not read; write it by dictionary or plain`,
    );
  }
  let page: Uint8Array;
  if (two === undefined) {
    page = unpack(bytes, size);
    for (const level of [repetition, definition]) {
      if (level === 0) continue;
      const length = new DataView(page.buffer, page.byteOffset, page.length).getUint32(0, true);
      checkRuns(page.subarray(4), bitWidth(level), count);
      page = page.subarray(4 + length);
    }
  } else {
    const { repetition_levels_byte_length: first, definition_levels_byte_length: second } = two;
    if (repetition > 0) checkRuns(bytes, bitWidth(repetition), count);
    if (definition > 0) checkRuns(bytes.subarray(first), bitWidth(definition), count);
    const packed = bytes.subarray(first + second);
    const rest = size - first - second;
    page = two.is_compressed !== false && rest > 0 ? unpack(packed, rest) : packed;
  }
  if (encoding.endsWith("DICTIONARY") && page[0]! > 0) {
    checkRuns(page.subarray(1), page[0]!, count, true);
  }
  if (encoding === "DELTA_BINARY_PACKED") {
    const head = new Varints(page);
    if (head.next() > 2 ** 16 || head.next() > 2 ** 10) throw new Error("a block is too large");
  }
  return count;
}

const bitWidth = (level: number): number => 32 - Math.clz32(level);

/** Numbers of seven bits a byte. */
class Varints {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  next(): number {
    let [value, factor] = [0, 1];
    for (;;) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined) throw new Error("a page is cut short");
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  }
}

/** Goes through runs of equal values and of packed bits until there are `count` values. */
function checkRuns(bytes: Uint8Array, width: number, count: number, fewer = false): void {
  const runs = new Varints(bytes);
  for (let seen = 0; seen < count;) {
    // Values that are missing have no place in a dictionary.
    if (fewer && runs.at >= bytes.length) return;
    const header = runs.next();
    const packed = header % 2 === 1;
    const length = Math.floor(header / 2) * (packed ? 8 : 1);
    if (length > count - seen + (packed ? padding : 0)) {
      throw new Error("a run is longer than its page");
    }
    runs.at += packed ? (length * width) / 8 : Math.ceil(width / 8);
    seen += length;
  }
}
