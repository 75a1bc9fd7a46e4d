/** PyTorch's tensors: views of storages, whose sizes are checked before any number is copied. */
import { DataError } from "../errors.ts";
import { format as formatShape } from "../shape.ts";
import { decodeNumbers, formatBytes, type NumberFormat } from "./number-formats.ts";
import type { Tensor } from "./safetensors.ts";

/** A storage that a pickle refers to; `part` is what a view of another storage takes of it, in elements. */
export class Storage {
  readonly format: NumberFormat;
  readonly key: string;
  readonly part: { readonly from: number; readonly count: number } | undefined;

  constructor(format: NumberFormat, key: string, part?: Storage["part"]) {
    this.format = format;
    this.key = key;
    this.part = part;
    Object.freeze(this);
  }
}

/** A tensor of a pickle. Sizes, strides and the offset are in elements. */
export class View {
  readonly storage: Storage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  /** Elements of the tensor. */
  readonly count: number;

  /** @throws DataError for what describes no tensor. */
  constructor(storage: unknown, offset: unknown, shape: unknown, strides: unknown) {
    const valid =
      storage instanceof Storage && isSize(offset) && isSizes(shape) && isSizes(strides);
    if (!valid || shape.length !== strides.length) {
      throw new DataError("a tensor's description is not one.");
    }
    const { sizes, count } = sizesOf(shape);
    this.storage = storage;
    this.offset = offset;
    this.shape = sizes;
    // A list can still grow, a copy cannot.
    this.strides = Object.freeze([...strides]);
    this.count = count;
    Object.freeze(this);
  }
}

const isSize = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0;

/** Most axes of a tensor, as in PyTorch. */
const mostAxes = 64;

/** Whether a value is a shape: a list or tuple of sizes. */
export function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length <= mostAxes && value.every(isSize);
}

/** A shape that nothing can change, and how many elements it has. @throws DataError if they are too many. */
export function sizesOf(shape: readonly number[]): { sizes: readonly number[]; count: number } {
  const count = shape.includes(0) ? 0 : shape.reduce((product, n) => product * n, 1);
  if (!Number.isSafeInteger(count)) {
    throw new DataError(`a tensor has the shape ${formatShape(shape)}: more numbers than can be.`);
  }
  return { sizes: Object.freeze([...shape]), count };
}

/** How many numbers views may make in all of each that the file stores, and how many they may make anyway. */
const largestRatio = 16;
const smallViews = 2 ** 20;

/** Storages by key: raw little-endian numbers. */
export type Storages = (key: string) => Uint8Array | undefined;

/**
 * Tensors of views in row-major order.
 *
 * @param fileBytes size of the file, packed as it is.
 * @throws DataError for a storage that is missing or too short, and for views that make far more numbers than
 *   their storages hold (by strides of 0, or by many views of one storage).
 */
export function gatherViews(
  views: ReadonlyMap<string, View>,
  storages: Storages,
  fileBytes: number,
): Map<string, Tensor> {
  const decoded = new Map<string, Float32Array<ArrayBuffer>>();
  const uses = new Map<string, number>();
  const formats = new Set<string>();
  let [made, stored] = [0, 0];
  for (const [name, view] of views) {
    const { storage, count } = view;
    const { key, format, part } = storage;
    const raw = storages(key);
    if (raw === undefined) {
      throw new DataError(`tensor "${name}" lies in storage ${key}, which is missing.`);
    }
    if (raw.length % formatBytes[format] !== 0) {
      throw new DataError(`storage ${key} is no whole number of ${format} values.`);
    }
    const length = raw.length / formatBytes[format];
    checkReach(name, view, part?.from ?? 0, Math.min(length, part?.count ?? length), length);
    if (!uses.has(key)) stored += length;
    // Bytes that are read as numbers of several types are decoded once for each.
    else if (!formats.has(`${format} ${key}`)) made += length;
    formats.add(`${format} ${key}`);
    uses.set(key, (uses.get(key) ?? 0) + 1);
    made += count;
  }
  if (made > smallViews && made > largestRatio * Math.min(stored, fileBytes)) {
    throw new DataError(
      `its tensors make ${made} numbers of the ${stored} that it stores; it was not read. ` +
        "Save them without expanded views (tensor.contiguous()).",
    );
  }
  const tensors = new Map<string, Tensor>();
  for (const [name, view] of views) {
    const { key, format } = view.storage;
    const id = `${format} ${key}`;
    const numbers = decoded.get(id) ?? decodeNumbers(format, storages(key)!);
    // Only what several tensors share is kept.
    if (uses.get(key)! > 1) decoded.set(id, numbers);
    tensors.set(name, gather(view, numbers, uses.get(key) === 1));
  }
  return tensors;
}

/** @throws DataError if a view reaches beyond its storage. */
function checkReach(
  name: string,
  { offset, shape, strides, count }: View,
  from: number,
  length: number,
  stored: number,
): void {
  if (count === 0) return;
  const last = shape.reduce((at, n, axis) => at + (n - 1) * strides[axis]!, offset);
  if (last >= length || from + last >= stored) {
    throw new DataError(
      `tensor "${name}" reaches element ${last} of a storage of ${length}: it is cut short.`,
    );
  }
}

/** The elements of a view in row-major order. `alone`: nothing else reads the numbers. */
function gather(
  { offset, shape, strides, count, storage }: View,
  numbers: Float32Array<ArrayBuffer>,
  alone: boolean,
): Tensor {
  const start = offset + (storage.part?.from ?? 0);
  let row = 1;
  const contiguous = shape.every((_, i) => {
    const axis = shape.length - 1 - i;
    const fits = shape[axis] === 1 || strides[axis] === row;
    row *= shape[axis]!;
    return fits;
  });
  if (contiguous) {
    const whole = alone && start === 0 && count === numbers.length;
    return { shape, data: whole ? numbers : numbers.slice(start, start + count) };
  }
  const at = shape.map(() => 0);
  const data = new Float32Array(count);
  for (let i = 0, from = start; i < count; i++) {
    data[i] = numbers[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++at[axis]! < shape[axis]!) break;
      from -= shape[axis]! * strides[axis]!;
      at[axis] = 0;
    }
  }
  return { shape, data };
}
