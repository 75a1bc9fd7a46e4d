/** Writes what `torch.save` writes: a zip archive of a pickle (protocol 2) and raw storages. */
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

const text = (value: string): number[] => {
  const bytes = strToU8(value);
  return [0x58, bytes.length, bytes.length >> 8, 0, 0, ...bytes];
};
const integer = (value: number): number[] => [
  0x4a,
  value & 255,
  (value >> 8) & 255,
  (value >> 16) & 255,
  value >> 24,
];
const global = (module: string, name: string): number[] => [
  0x63,
  ...strToU8(`${module}\n${name}\n`),
];
const tuple = (items: readonly (readonly number[])[]): number[] => [0x28, ...items.flat(), 0x74];
const call = (what: readonly number[], ...args: readonly (readonly number[])[]): number[] => [
  ...what,
  ...tuple(args),
  0x52,
];

function tensor(value: TorchTensor, key: string): number[] {
  const { shape, offset = 0, type = "FloatStorage" } = value;
  const row = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const storage = [
    ...tuple([text("storage"), global("torch", type), text(key), text("cpu"), integer(0)]),
    0x51,
  ];
  return call(
    global("torch._utils", "_rebuild_tensor_v2"),
    storage,
    integer(offset),
    tuple(shape.map(integer)),
    tuple((value.strides ?? row).map(integer)),
    [0x89],
    call(global("collections", "OrderedDict")),
  );
}

/** An archive of a state dict; `inside` puts it under a key, `extra` is a pickled value beside it. */
export function torchFile(
  tensors: Readonly<Record<string, TorchTensor>>,
  options: { inside?: string; extra?: readonly number[]; root?: string } = {},
): Uint8Array<ArrayBuffer> {
  const { inside, extra, root = "archive" } = options;
  const files: Record<string, Uint8Array> = {};
  const items = Object.entries(tensors).flatMap(([name, value], i) => {
    files[`${root}/data/${i}`] = value.bytes;
    return [...text(name), ...tensor(value, String(i))];
  });
  // An OrderedDict filled by SETITEMS.
  let value = [...call(global("collections", "OrderedDict")), 0x28, ...items, 0x75];
  if (inside !== undefined) {
    const beside = extra === undefined ? [] : [...text("extra"), ...extra];
    value = [0x7d, 0x28, ...text(inside), ...value, ...beside, 0x75];
  }
  files[`${root}/data.pkl`] = Uint8Array.from([0x80, 2, ...value, 0x2e]);
  files[`${root}/byteorder`] = strToU8("little");
  files[`${root}/version`] = strToU8("3\n");
  return zipSync(files, { level: 0 }) as Uint8Array<ArrayBuffer>;
}

/** A call of any global, as a hostile file has it. */
export function pickledCall(module: string, name: string, argument: string): number[] {
  return call(global(module, name), text(argument));
}

/** Float32 values as bytes. */
export function floatBytes(values: ArrayLike<number>): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}
