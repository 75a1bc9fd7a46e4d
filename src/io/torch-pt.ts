/**
 * PyTorch checkpoints (`torch.save`, zip format): tensors only.
 *
 * The pickle inside is data, not a program: it may name the four globals a state dict needs, and any other
 * is refused by name before anything is made of it.
 */
import { strFromU8, unzipSync } from "fflate";
import pickle from "pickleparser";
import { DataError } from "../errors.ts";
import { decodeNumbers, formatBytes, type NumberFormat } from "./number-formats.ts";
import type { Tensor, TensorFile } from "./safetensors.ts";

const formats: Readonly<Record<string, NumberFormat>> = {
  DoubleStorage: "F64",
  FloatStorage: "F32",
  HalfStorage: "F16",
  BFloat16Storage: "BF16",
  LongStorage: "I64",
  IntStorage: "I32",
  ShortStorage: "I16",
  CharStorage: "I8",
  ByteStorage: "U8",
  BoolStorage: "BOOL",
};

/** A storage the pickle refers to. */
class Storage {
  readonly format: NumberFormat;
  readonly key: string;
  constructor(format: NumberFormat, key: string) {
    this.format = format;
    this.key = key;
  }
}

/** A tensor of the pickle: a view of a storage. Sizes, strides and the offset are in elements. */
class View {
  readonly storage: Storage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  constructor(
    storage: Storage,
    offset: number,
    shape: readonly number[],
    strides: readonly number[],
  ) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}

/** Where the tensors may lie in a dictionary that holds more than them. */
const nested = ["state_dict", "model_state_dict", "model"];

/**
 * Reads the tensors of a state dict, or of a dictionary that holds one as `state_dict`,
 * `model_state_dict` or `model`. All numbers become float32.
 *
 * @param name what errors call the file.
 * @throws DataError for a damaged file, the format before PyTorch 1.6, or a pickle that names
 *   anything but tensors.
 */
export function readTorch(bytes: Uint8Array, name = "file"): TensorFile {
  const fail = (what: string, cause?: unknown): never => {
    throw new DataError(`"${name}" is not a readable PyTorch checkpoint: ${what}.`, { cause });
  };
  if (!(bytes[0] === 0x50 && bytes[1] === 0x4b)) {
    fail(
      "it is no zip archive; files from before PyTorch 1.6 must be loaded and saved again by a newer one",
    );
  }
  let files: Record<string, Uint8Array>;
  try {
    files = unzipSync(bytes);
  } catch (cause) {
    return fail(`its archive is damaged or cut short (${(cause as Error).message})`, cause);
  }
  const entry = Object.keys(files).find((path) => /(^|\/)data\.pkl$/.test(path));
  if (entry === undefined) return fail("it has no data.pkl");
  const root = entry.slice(0, -"data.pkl".length);
  const order = files[`${root}byteorder`];
  if (order !== undefined && strFromU8(order).trim() !== "little") {
    fail("its numbers are big-endian");
  }
  let top: unknown;
  try {
    top = unpickle(files[entry]!);
  } catch (cause) {
    if (cause instanceof DataError) throw new DataError(`"${name}": ${cause.message}`);
    return fail(`its data.pkl cannot be read (${(cause as Error).message})`, cause);
  }
  let dictionary = top;
  for (const key of nested) {
    const inner = dictionary instanceof Map ? (dictionary.get(key) as unknown) : undefined;
    if (inner instanceof Map) dictionary = inner;
  }
  if (!(dictionary instanceof Map)) return fail("it holds no dictionary of tensors");
  const decoded = new Map<string, Float32Array>();
  const tensors = new Map<string, Tensor>();
  for (const [key, value] of dictionary as Map<unknown, unknown>) {
    if (typeof key !== "string" || !(value instanceof View)) continue;
    const { storage } = value;
    const raw = files[`${root}data/${storage.key}`];
    if (raw === undefined)
      return fail(`tensor "${key}" lies in data/${storage.key}, which is missing`);
    if (raw.length % formatBytes[storage.format] !== 0) {
      return fail(`data/${storage.key} is no whole number of ${storage.format} values`);
    }
    const numbers = decoded.get(storage.key) ?? decodeNumbers(storage.format, raw);
    decoded.set(storage.key, numbers);
    tensors.set(key, gather(key, value, numbers, fail));
  }
  if (tensors.size === 0) return fail("its dictionary holds no tensors");
  return { tensors, metadata: {} };
}

/** The elements of a view in row-major order. */
function gather(
  key: string,
  { offset, shape, strides }: View,
  numbers: Float32Array,
  fail: (what: string) => never,
): Tensor {
  const size = shape.reduce((product, n) => product * n, 1);
  const last = shape.reduce((at, n, axis) => at + (n - 1) * strides[axis]!, offset);
  if (size > 0 && (last >= numbers.length || offset < 0 || strides.some((stride) => stride < 0))) {
    return fail(
      `tensor "${key}" reaches element ${last} of a storage of ${numbers.length}: it is cut short`,
    );
  }
  const at = shape.map(() => 0);
  const data = new Float32Array(size);
  for (let i = 0, from = offset; i < size; i++) {
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

type Args = readonly unknown[];

const isSize = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0;
const isSizes = (value: unknown): value is number[] => Array.isArray(value) && value.every(isSize);

/** What the pickle's globals stand for. */
const globals: Readonly<Record<string, (...args: Args) => unknown>> = {
  "collections.OrderedDict": (pairs) => new Map(pairs as [unknown, unknown][] | undefined),
  "torch._utils._rebuild_tensor_v2": (storage, offset, shape, strides) => {
    const valid =
      storage instanceof Storage && isSize(offset) && isSizes(shape) && isSizes(strides);
    if (!valid || shape.length !== strides.length) {
      throw new DataError("a tensor's description is not one.");
    }
    return new View(storage, offset, shape, strides);
  },
  "torch._utils._rebuild_parameter": (view) => view,
};

function unpickle(bytes: Uint8Array): unknown {
  const parser = new pickle.Parser({
    unpicklingTypeOfDictionary: "Map",
    nameResolver: {
      resolve(module: string, name: string) {
        const format =
          module === "torch" && Object.hasOwn(formats, name) ? formats[name] : undefined;
        // Storage classes are only looked at, never made.
        if (format !== undefined) return Object.assign(() => undefined, { format });
        const path = `${module}.${name}`;
        if (Object.hasOwn(globals, path)) return globals[path]!;
        throw new DataError(
          `it asks for ${path}, which no tensor needs; it was not run. Save the weights alone ` +
            "(torch.save(model.state_dict(), ...)), and mind where this file comes from.",
        );
      },
    },
    persistentResolver: {
      resolve(id: unknown) {
        const [kind, type, key] = id as [unknown, { format?: NumberFormat } | undefined, unknown];
        if (kind !== "storage" || type?.format === undefined || typeof key !== "string") {
          throw new DataError("it refers to something that is no storage of numbers.");
        }
        return new Storage(type.format, key);
      },
    },
  });
  return parser.parse(bytes);
}
