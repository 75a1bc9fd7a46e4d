/** Writes what `torch.save` writes: pickles (protocol 2) and raw storages, in a zip archive or as before 1.6. */
import { strToU8, zipSync } from "fflate";

/** A tensor for {@link torchFile}: a view of a storage, as PyTorch describes it. */
export interface TorchTensor {
  readonly shape: readonly number[];
  /** In elements; row-major by default. */
  readonly strides?: readonly number[];
  readonly offset?: number;
  /** PyTorch's class of the storage, for example FloatStorage. */
  readonly type?: string;
  readonly bytes: Uint8Array;
}

/** A pickled value. */
export type Pickled = readonly number[];

export const text = (value: string): Pickled => {
  const bytes = strToU8(value);
  return [0x58, bytes.length & 255, bytes.length >> 8, 0, 0, ...bytes];
};
export const integer = (value: number): Pickled => [
  0x4a,
  value & 255,
  (value >> 8) & 255,
  (value >> 16) & 255,
  (value >> 24) & 255,
];
export const raw = (bytes: ArrayLike<number>): Pickled => [
  0x42,
  bytes.length & 255,
  bytes.length >> 8,
  0,
  0,
  ...Array.from(bytes),
];
export const none: Pickled = [0x4e];
export const yes: Pickled = [0x88];
export const no: Pickled = [0x89];
export const global = (module: string, name: string): Pickled => [
  0x63,
  ...strToU8(`${module}\n${name}\n`),
];
export const tuple = (...items: readonly Pickled[]): Pickled => [0x28, ...items.flat(), 0x74];
export const list = (...items: readonly Pickled[]): Pickled => [0x5d, 0x28, ...items.flat(), 0x65];
export const dictionary = (items: Readonly<Record<string, Pickled>>): Pickled => [
  0x7d,
  0x28,
  ...Object.entries(items).flatMap(([key, value]) => [...text(key), ...value]),
  0x75,
];
/** Calls a function, or makes an object of a class. */
export const call = (what: Pickled, ...args: readonly Pickled[]): Pickled => [
  ...what,
  ...tuple(...args),
  0x52,
];
/** Gives an object its state. */
export const build = (object: Pickled, state: Pickled): Pickled => [...object, ...state, 0x62];

/** The storages that pickled tensors refer to. */
export class Storages {
  readonly bytes: { readonly key: string; readonly type: string; readonly raw: Uint8Array }[] = [];
  readonly #legacy: boolean;

  constructor(legacy = false) {
    this.#legacy = legacy;
  }

  /** A pickled tensor, with a storage of its own. */
  tensor(value: TorchTensor): Pickled {
    const { shape, offset = 0, type = "FloatStorage" } = value;
    const row = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
    return call(
      global("torch._utils", "_rebuild_tensor_v2"),
      this.storage(type, value.bytes),
      integer(offset),
      tuple(...shape.map(integer)),
      tuple(...(value.strides ?? row).map(integer)),
      no,
      call(global("collections", "OrderedDict")),
    );
  }

  /** A pickled storage. */
  storage(type: string, bytes: Uint8Array): Pickled {
    const key = String(this.bytes.length);
    this.bytes.push({ key, type, raw: bytes });
    const id = [text("storage"), global("torch", type), text(key), text("cpu"), integer(0)];
    return [...tuple(...id, ...(this.#legacy ? [none] : [])), 0x51];
  }

  /** An OrderedDict of tensors. */
  stateDict(tensors: Readonly<Record<string, TorchTensor>>): Pickled {
    const items = Object.entries(tensors).flatMap(([name, value]) => [
      ...text(name),
      ...this.tensor(value),
    ]);
    return [...call(global("collections", "OrderedDict")), 0x28, ...items, 0x75];
  }

  /** The archive of a pickled value. */
  archive(value: Pickled, root = "archive", level: 0 | 9 = 0): Uint8Array<ArrayBuffer> {
    const files: Record<string, Uint8Array> = {};
    for (const { key, raw: bytes } of this.bytes) files[`${root}/data/${key}`] = bytes;
    files[`${root}/data.pkl`] = Uint8Array.from([0x80, 2, ...value, 0x2e]);
    files[`${root}/byteorder`] = strToU8("little");
    files[`${root}/version`] = strToU8("3\n");
    return zipSync(files, { level }) as Uint8Array<ArrayBuffer>;
  }

  /** A file of before PyTorch 1.6. */
  legacyFile(value: Pickled): Uint8Array<ArrayBuffer> {
    const sizes: Readonly<Record<string, number>> = { DoubleStorage: 8, LongStorage: 8 };
    const pickles = [
      [0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19],
      [0x4d, 0xe9, 0x03],
      dictionary({ protocol_version: [0x4d, 0xe9, 0x03], little_endian: yes }),
      value,
      list(...this.bytes.map(({ key }) => text(key))),
    ];
    const storages = this.bytes.flatMap(({ type, raw: bytes }) => [
      ...new Uint8Array(BigInt64Array.of(BigInt(bytes.length / (sizes[type] ?? 4))).buffer),
      ...bytes,
    ]);
    return Uint8Array.from([
      ...pickles.flatMap((pickle) => [0x80, 2, ...pickle, 0x2e]),
      ...storages,
    ]);
  }
}

/** An archive of a state dict; `inside` puts it under a key, `extra` is a pickled value beside it. */
export function torchFile(
  tensors: Readonly<Record<string, TorchTensor>>,
  options: { inside?: string; extra?: Pickled; root?: string } = {},
): Uint8Array<ArrayBuffer> {
  const { inside, extra, root } = options;
  const storages = new Storages();
  const value = storages.stateDict(tensors);
  if (inside === undefined) return storages.archive(value, root);
  const beside = extra === undefined ? {} : { extra };
  return storages.archive(dictionary({ [inside]: value, ...beside }), root);
}

/** A call of any global, as a hostile file has it. */
export function pickledCall(module: string, name: string, argument: string): Pickled {
  return call(global(module, name), text(argument));
}

/** Float32 values as bytes. */
export function floatBytes(values: ArrayLike<number>): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}
