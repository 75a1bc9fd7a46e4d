/** Arrays of numpy: .npy files, and archives of them (.npz). */
import { DataError } from "../errors.ts";
import { archiveEntries, unpack } from "../io/archive.ts";
import { decodeNumbers } from "../io/number-formats.ts";
import { latin1 } from "./image-bytes.ts";

/** Numbers that an array may be made of. */
export type Numbers = Uint8Array | Int8Array | Float32Array | Float64Array;

/** An array of numbers. */
export interface NumpyArray {
  readonly shape: readonly number[];
  readonly data: Numbers;
  /** Elements between neighbours along each axis: the last axis lies closest, or with Fortran's order the first. */
  readonly strides: readonly number[];
  /** "bool", "byte" (0 to 255), "integer" or "float". */
  readonly kind: "bool" | "byte" | "integer" | "float";
}

/** Words, as numpy keeps them in 4 bytes a character. */
export interface NumpyWords {
  readonly words: readonly string[];
}

/** Bytes of a header at most: of plain arrays they have some hundred. */
const longestHeader = 2 ** 16;

/**
 * Reads a .npy file. `where` names it in errors.
 *
 * @throws DataError if it is damaged or holds Python objects or numbers of a kind that is not read.
 */
export function readNpy(bytes: Uint8Array, where: string): NumpyArray | NumpyWords {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const wide = bytes[6]! > 1;
  const start = wide ? 12 : 10;
  if (latin1(bytes, 0, 6) !== "\x93NUMPY" || bytes.length < start) {
    throw new DataError(`${where}: this is no array of numpy.`);
  }
  const end = start + (wide ? view.getUint32(8, true) : view.getUint16(8, true));
  if (end - start > longestHeader || end > bytes.length) {
    throw new DataError(`${where}: its header is damaged or cut short; save it again.`);
  }
  const header = latin1(bytes, start, end - start);
  const descr = /'descr':\s*'([^']+)'/.exec(header)?.[1];
  const fortran = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  const sizes = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1];
  if (descr === undefined || fortran === undefined || sizes === undefined) {
    throw new DataError(`${where}: its header is damaged, or it holds records; save plain arrays.`);
  }
  const shape = sizes
    .split(",")
    .filter((size) => size.trim() !== "")
    .map(Number);
  const count = shape.reduce((product, size) => product * size, 1);
  const body = bytes.subarray(end);
  const [, order, letter, width] = /^([<>|=])([a-zA-Z])(\d*)$/.exec(descr) ?? [];
  if (letter === "O") {
    throw new DataError(`${where}: it holds Python objects; save it as an array of numbers.`);
  }
  const elementBytes = Number(width) * (letter === "U" ? 4 : 1);
  const sized = shape.every((size) => Number.isSafeInteger(size) && size >= 0) && elementBytes > 0;
  if (!sized || body.length !== count * elementBytes) {
    throw new DataError(`${where}: it is cut short or damaged (${shape.join("×")} of "${descr}").`);
  }
  const little = order !== ">";
  if (letter === "U") return { words: readWords(body, count, Number(width), little, where) };
  const numbers = readNumbers(body, count, `${letter ?? ""}${width ?? ""}`, little);
  if (numbers === undefined) {
    throw new DataError(`${where}: numbers of type "${descr}" are not read; use uint8 or float32.`);
  }
  return { shape, ...numbers, strides: stridesOf(shape, fortran === "True") };
}

function stridesOf(shape: readonly number[], fortran: boolean): number[] {
  const strides: number[] = Array.from({ length: shape.length }, () => 1);
  const axes = [...shape.keys()];
  let step = 1;
  for (const axis of fortran ? axes : axes.reverse()) {
    strides[axis] = step;
    step *= shape[axis]!;
  }
  return strides;
}

function readWords(
  body: Uint8Array,
  count: number,
  width: number,
  little: boolean,
  where: string,
): string[] {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const character = (at: number): string => {
    const point = view.getUint32(at, little);
    if (point <= 0x10ffff) return String.fromCodePoint(point);
    throw new DataError(`${where}: it is damaged: ${point} is no character; save it again.`);
  };
  return Array.from({ length: count }, (_, i) =>
    Array.from({ length: width }, (_2, c) => character(4 * (i * width + c)))
      .join("")
      .replace(/\0+$/, ""),
  );
}

/** Numbers by numpy's letter and bytes; integers of 8 bytes become floats, exact up to 2⁵³. */
function readNumbers(
  body: Uint8Array,
  count: number,
  type: string,
  little: boolean,
): Pick<NumpyArray, "data" | "kind"> | undefined {
  if (type === "u1") return { data: body, kind: "byte" };
  if (type === "b1") return { data: body, kind: "bool" };
  if (type === "i1") {
    return { data: new Int8Array(body.buffer, body.byteOffset, count), kind: "integer" };
  }
  if (little && (type === "f2" || type === "f4")) {
    return { data: decodeNumbers(type === "f2" ? "F16" : "F32", body), kind: "float" };
  }
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const readers: { readonly [type: string]: (at: number) => number } = {
    u2: (at) => view.getUint16(at, little),
    i2: (at) => view.getInt16(at, little),
    u4: (at) => view.getUint32(at, little),
    i4: (at) => view.getInt32(at, little),
    u8: (at) => Number(view.getBigUint64(at, little)),
    i8: (at) => Number(view.getBigInt64(at, little)),
    f4: (at) => view.getFloat32(at, little),
    f8: (at) => view.getFloat64(at, little),
  };
  const read = readers[type];
  if (read === undefined) return undefined;
  const width = body.length / Math.max(1, count);
  const data = new Float64Array(count);
  for (let i = 0; i < count; i++) data[i] = read(i * width);
  return { data, kind: type.startsWith("f") ? "float" : "integer" };
}

/** What an archive may unpack to: masks and plain drawings pack well. */
const limits = { ratio: 64, small: 2 ** 26 };

/**
 * The arrays of an .npz archive by name.
 *
 * @throws DataError naming the archive that is damaged or cut short, or unpacks to far more than arrays of images do.
 */
export function readNpz(bytes: Uint8Array, path: string): Map<string, NumpyArray | NumpyWords> {
  const entries = archiveEntries(bytes, path, limits).filter(({ name }) => name.endsWith(".npy"));
  return new Map(
    [...unpack(bytes, path, entries)].map(([file, content]) => {
      const name = file.slice(0, -".npy".length);
      return [name, readNpy(content, `${path}, array "${name}"`)];
    }),
  );
}
