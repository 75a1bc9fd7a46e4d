/** HDF5 files by h5wasm, which prints nothing here and reads no more than a file can hold. */
import type { Dataset, File as H5File, Group } from "h5wasm";
import type * as h5wasm from "h5wasm";
import { DataError } from "../errors.ts";
import { requireInstalled } from "../platform/optional.ts";
import { count } from "../shape.ts";
import { decodeNumbers, type NumberFormat } from "./number-formats.ts";
import type { Tensor } from "./safetensors.ts";

const signature = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];
/** Bytes of the shortest superblock. */
const superblock = 48;
/** Bytes that a group takes, at least: links can make circles of them. */
const groupBytes = 32;
/** How often compressed numbers may take the file's bytes, and how many bytes they may take anyway. */
const largestRatio = 16;
const smallData = 2 ** 24;

/** Where a superblock keeps the end-of-file address, by its version. */
const endAddress: readonly (number | undefined)[] = [40, 44, 28, 28];

/** Whether a file begins as HDF5 does, with all of it or the part that is there. */
export function startsAsHdf5(bytes: Uint8Array): boolean {
  const start = signature.slice(0, bytes.length);
  return bytes.length > 0 && start.every((byte, i) => bytes[i] === byte);
}

/** @throws DataError unless the file is HDF5 and as long as it says it is. */
function checkLength(bytes: Uint8Array, name: string): void {
  if (!startsAsHdf5(bytes)) {
    throw new DataError(
      `"${name}" is not an HDF5 file (wrong first bytes); a Keras .h5 weight file is needed.`,
    );
  }
  if (bytes.length < superblock) {
    throw new DataError(
      `"${name}" is cut short: ${bytes.length} bytes are the start of an HDF5 file; copy it again.`,
    );
  }
  const at = endAddress[bytes[8]!];
  // Addresses of another size are left to the library.
  const wide = bytes[8]! < 2 ? bytes[13] === 8 : bytes[9] === 8;
  if (at === undefined || !wide) return;
  const end = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at, true));
  if (bytes.length < end) {
    throw new DataError(`"${name}" is cut short: ${bytes.length} of ${end} bytes; copy it again.`);
  }
}

type Library = typeof h5wasm;

/** The library, whose error stack goes nowhere: what is wrong is said by errors alone. */
async function quietLibrary(): Promise<Library> {
  const library = await requireInstalled(
    () => import("h5wasm"),
    "HDF5 files need an optional package: `npm install h5wasm`.",
  );
  const { FS } = await library.ready;
  const streams = FS as unknown as { getStream(fd: number): Parameters<typeof FS.close>[0] };
  if (!quiet) {
    quiet = true;
    FS.close(streams.getStream(2));
    FS.open("/dev/null", "w");
  }
  return library;
}
let quiet = false;
let files = 0;

/**
 * Lets the library's memory grow to so many bytes and no further: it believes the sizes of a damaged file, and what it
 * is refused it reports as an error. No other code runs until the function that this gives is called.
 */
function bindMemory({ Module }: Library, most: number): () => void {
  const { prototype } = WebAssembly.Memory;
  const grow = Object.getOwnPropertyDescriptor(prototype, "grow")!;
  Object.defineProperty(prototype, "grow", {
    ...grow,
    value(this: WebAssembly.Memory, pages: number): number {
      const { buffer } = this;
      if (buffer === Module.HEAPU8.buffer && buffer.byteLength + pages * 2 ** 16 > most) {
        throw new RangeError(`the HDF5 library asks for more than ${most} bytes`);
      }
      return (grow.value as (pages: number) => number).call(this, pages);
    },
  });
  return () => void Object.defineProperty(prototype, "grow", grow);
}

/** An open file. Paths are absolute, with slashes. */
export class Hdf5 {
  readonly #library: Library;
  readonly #file: H5File;
  readonly #name: string;
  readonly #bytes: number;
  #left: number;
  #groups: number;

  private constructor(library: Library, file: H5File, name: string, { length }: Uint8Array) {
    this.#library = library;
    this.#file = file;
    this.#name = name;
    this.#bytes = length;
    this.#groups = length / groupBytes;
    this.#left = Math.max(smallData, largestRatio * length);
  }

  /**
   * Opens a file for as long as `read` takes.
   *
   * @param name what errors call it.
   * @throws DataError if it is no HDF5 file, is cut short or damaged; what `read` throws.
   */
  static async reading<T>(bytes: Uint8Array, name: string, read: (file: Hdf5) => T): Promise<T> {
    checkLength(bytes, name);
    const library = await quietLibrary();
    const { FS } = await library.ready;
    // h5wasm reads from its own memory file system.
    const path = `keras-${files++}.h5`;
    FS.writeFile(path, bytes);
    let file: H5File | undefined;
    // Numbers, their packed chunk and the chunk unpacked.
    const unbind = bindMemory(library, 2 ** 28 + 3 * largestRatio * bytes.length);
    try {
      file = new library.File(path, "r");
      if (file.file_id < 0n) throw new Error("the library does not open it");
      return read(new Hdf5(library, file, name, bytes));
    } catch (cause) {
      if (cause instanceof DataError) throw cause;
      // What the library says is about its own insides.
      throw new DataError(`"${name}" is a damaged HDF5 file; copy it again.`, { cause });
    } finally {
      unbind();
      if (file !== undefined && file.file_id >= 0n) file.close();
      FS.unlink(path);
    }
  }

  /** Whether there is a group, a data set, or neither. */
  kind(path: string): "group" | "data" | undefined {
    const found = this.#file.get(path);
    if (found instanceof this.#library.Group) return "group";
    return found instanceof this.#library.Dataset ? "data" : undefined;
  }

  /** Names in a group, sorted by the library. */
  names(path: string): string[] {
    this.#groups -= 1;
    if (this.#groups < 0) {
      throw new DataError(`"${this.#name}" is damaged: it has more groups than it can hold.`);
    }
    return (this.#at(path) as Group).keys();
  }

  /**
   * An attribute's texts of fixed length, as Keras writes them; none where it is absent or holds no text.
   *
   * @throws DataError for texts of variable length: a damaged heap of them makes the library run for ever.
   */
  texts(path: string, attribute: string): string[] {
    const found = this.#at(path).attrs[attribute];
    if (found?.metadata.type !== types.text) return [];
    if (found.metadata.vlen) {
      throw new DataError(
        `"${this.#name}": "${attribute}" has texts of variable length, which Keras does not write; save the ` +
          "weights by Keras (model.save_weights).",
      );
    }
    if (count(found.shape ?? []) * found.metadata.size > this.#bytes) {
      throw new DataError(`"${this.#name}" is damaged: "${attribute}" is larger than the file.`);
    }
    const value: unknown = found.value;
    const items: unknown[] = Array.isArray(value) ? value : [value];
    return items.filter((item): item is string => typeof item === "string");
  }

  /**
   * A data set's numbers as float32; undefined for one of text or records.
   *
   * @throws DataError if it claims more than the file can hold.
   */
  numbers(path: string): Tensor | undefined {
    const { metadata } = this.#at(path) as Dataset;
    const { shape, size, chunks } = metadata;
    const format = formatOf(metadata);
    if (shape === null || format === undefined) return undefined;
    const bytes = shape.includes(0) ? 0 : count(shape) * size;
    // A chunk is unpacked as a whole, however little of it belongs to the numbers.
    const claimed = Math.max(bytes, chunks === null ? 0 : count(chunks) * size);
    if (!(claimed <= (chunks === null ? this.#bytes : this.#left))) {
      throw new DataError(
        `"${this.#name}": "${path}" claims ${claimed} bytes, more than the file of ${this.#bytes} can hold.`,
      );
    }
    this.#left -= bytes;
    if (bytes === 0) return { shape, data: new Float32Array(0) };
    const { Module } = this.#library;
    const { _malloc: allocate, _free: free } = Module;
    const at = allocate(bytes);
    try {
      const status = Module.get_dataset_data(
        this.#file.file_id,
        path,
        null,
        null,
        null,
        BigInt(at),
      );
      if (at === 0 || status < 0) throw new Error(`"${path}" is not read`);
      const raw = Module.HEAPU8.slice(at, at + bytes);
      return { shape, data: decodeNumbers(format, raw) };
    } finally {
      free(at);
    }
  }

  #at(path: string): Group | Dataset {
    const found = this.#file.get(path);
    if (found === null) throw new Error(`there is no "${path}"`);
    return found as Group | Dataset;
  }
}

/** HDF5's classes of types, by their numbers. */
const types = { integer: 0, float: 1, text: 3, opaque: 5 } as const;

/** The format of numbers, which the library gives little-endian. */
function formatOf({ type, size, signed }: Dataset["metadata"]): NumberFormat | undefined {
  if (type === types.integer) {
    return signed
      ? ({ 1: "I8", 2: "I16", 4: "I32", 8: "I64" } as const)[size]
      : ({ 1: "U8", 2: "U16", 4: "U32", 8: "U64" } as const)[size];
  }
  if (type === types.float) return ({ 2: "F16", 4: "F32", 8: "F64" } as const)[size];
  // What HDF5 has no name for; of two bytes Keras writes only bfloat16.
  return type === types.opaque && size === 2 ? "BF16" : undefined;
}
