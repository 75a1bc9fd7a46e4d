/**
 * What PyTorch's checkpoints may name: tensors, and values that are data alone. Everything else is refused by
 * its name, and nothing is run.
 */
import { DataError } from "../errors.ts";
import type { NumberFormat } from "./number-formats.ts";
import { NumpyArray, numpyGlobals } from "./numpy-pickle.ts";
import { isSizes, Storage, View } from "./torch-view.ts";
import { Global, Inert, type Outside } from "./unpickle.ts";

const storageFormats: Readonly<Record<string, NumberFormat>> = {
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
  // Bytes of types that have no class of their own; the tensor names its type.
  UntypedStorage: "U8",
};

/** Types of numbers that tensors of untyped storages have. */
const dtypeFormats: Readonly<Record<string, NumberFormat>> = {
  "torch.uint16": "U16",
  "torch.uint32": "U32",
  "torch.uint64": "U64",
};

const classes = new Map<string, NumberFormat>(
  Object.entries(storageFormats).flatMap(([name, format]) =>
    ["torch", "torch.storage", "torch.cuda"].map((module) => [`${module}.${name}`, format]),
  ),
);

const tensorClasses = [
  "torch.Tensor",
  "torch.nn.parameter.Parameter",
  "torch.nn.parameter.Buffer",
] as const;

/** A tensor that something wraps. */
function wrapped([tensor]: readonly unknown[]): unknown {
  if (tensor instanceof View || tensor instanceof NumpyArray) return tensor;
  throw new DataError("a parameter wraps no tensor.");
}

/** A view, whose shape and strides are copies. */
function view(
  storage: unknown,
  offset: unknown,
  shape: unknown,
  strides: unknown,
  spend: (items: number) => void,
): View {
  const made = new View(storage, offset, shape, strides);
  spend(2 * made.shape.length);
  return made;
}

/** PyTorch's functions that make tensors of storages. */
const rebuilders: readonly Global[] = [
  ...["_rebuild_tensor", "_rebuild_tensor_v2"].map(
    (name) =>
      new Global(`torch._utils.${name}`, ([storage, offset, shape, strides], spend) =>
        view(storage, offset, shape, strides, spend),
      ),
  ),
  new Global("torch._utils._rebuild_tensor_v3", (args, spend) => {
    const [storage, offset, shape, strides, , , dtype] = args;
    const name = dtype instanceof Global ? dtype.name : "";
    const format = Object.hasOwn(dtypeFormats, name) ? dtypeFormats[name] : undefined;
    if (format === undefined || !(storage instanceof Storage)) {
      throw new DataError(`it holds a tensor of ${name || "no type"}, which is not supported.`);
    }
    return view(new Storage(format, storage.key), offset, shape, strides, spend);
  }),
  new Global("torch._utils._rebuild_parameter", wrapped),
  new Global("torch._utils._rebuild_parameter_with_state", wrapped),
];

/** A tensor of a class of its own, of which only the tensor counts. */
const rebuildFromType = new Global(
  "torch._tensor._rebuild_from_type_v2",
  ([rebuild, type, args], spend) => {
    if (rebuild instanceof Global && rebuilders.includes(rebuild) && Array.isArray(args)) {
      if (type instanceof Global && tensorClasses.some((name) => name === type.name)) {
        return rebuild.call!(args as unknown[], spend);
      }
    }
    throw new DataError("a tensor of a class of its own is rebuilt by what makes no tensor.");
  },
);

/** Pairs, or a dictionary, as a new dictionary. */
function dictionary(from: unknown, spend: (items: number) => void): Map<unknown, unknown> {
  if (from === undefined || from === null) return new Map();
  if (from instanceof Map) {
    spend(from.size);
    return new Map(from);
  }
  if (Array.isArray(from)) {
    spend(from.length);
    const pairs = from.filter((pair): pair is [unknown, unknown] => Array.isArray(pair));
    if (pairs.length === from.length) return new Map(pairs);
  }
  throw new DataError("a dictionary is made of what holds no pairs.");
}

function setOf([items = []]: readonly unknown[], spend: (items: number) => void): unknown {
  if (!Array.isArray(items)) throw new DataError("a set is made of no list.");
  spend(items.length);
  return new Set(items as unknown[]);
}

/** Bytes, as pickles of protocol 2 write them: text of Latin-1. */
function bytesOf([text, encoding]: readonly unknown[], spend: (items: number) => void): Uint8Array {
  if (text instanceof Uint8Array) return text;
  if (text === undefined) return new Uint8Array();
  const latin = encoding === "latin1" || encoding === "latin-1";
  if (typeof text !== "string" || !latin) throw new DataError("bytes are made of no text.");
  spend(text.length);
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function size([sizes]: readonly unknown[], spend: (items: number) => void): readonly number[] {
  if (!isSizes(sizes)) throw new DataError("a torch.Size holds no sizes.");
  spend(sizes.length);
  return Object.freeze([...sizes]);
}

const inert = (name: string): Global => new Global(name, (args) => new Inert(name, args));
const named = (name: string): Global => new Global(name);

/** Python's own types, under their names in versions 3 and 2. */
function builtins(module: string): Global[] {
  return [
    new Global(`${module}.set`, setOf),
    new Global(`${module}.frozenset`, setOf),
    new Global(`${module}.bytearray`, bytesOf),
    ...["complex", "range", "slice"].map((type) => inert(`${module}.${type}`)),
    ...["int", "float", "bool", "str", "bytes", "list", "tuple", "dict"].map((type) =>
      named(`${module}.${type}`),
    ),
  ];
}

const dtypes = (
  "float16 float32 float64 half float double bfloat16 int8 int16 int32 int64 short int long uint8 uint16 " +
  "uint32 uint64 bool complex32 complex64 complex128 cfloat cdouble qint8 quint8 qint32 " +
  "float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz " +
  "contiguous_format preserve_format channels_last channels_last_3d strided sparse_coo"
).split(" ");

const paths = "Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath".split(" ");

const globals = new Map(
  [
    ...rebuilders,
    rebuildFromType,
    ...tensorClasses.map((name) => new Global(name, wrapped)),
    ...[...classes.keys()].map(named),
    ...dtypes.map((name) => named(`torch.${name}`)),
    new Global("torch.Size", size),
    inert("torch.device"),
    inert("torch.serialization._get_layout"),
    inert("torch.torch_version.TorchVersion"),
    new Global("collections.OrderedDict", ([pairs], spend) => dictionary(pairs, spend)),
    new Global("collections.Counter", ([counts], spend) => dictionary(counts, spend)),
    new Global("collections.defaultdict", ([factory, pairs], spend) => {
      if (factory === undefined || factory === null || factory instanceof Global) {
        return dictionary(pairs, spend);
      }
      throw new DataError("a defaultdict is made of no class.");
    }),
    ...builtins("builtins"),
    ...builtins("__builtin__"),
    new Global("_codecs.encode", bytesOf),
    inert("argparse.Namespace"),
    inert("types.SimpleNamespace"),
    ...paths.flatMap((name) => [inert(`pathlib.${name}`), inert(`pathlib._local.${name}`)]),
    ...numpyGlobals,
  ].map((known) => [known.name, known]),
);

/** The outside of PyTorch's pickles: {@link globals}, and storages by their keys. */
export const torchOutside: Outside = {
  find(name) {
    const known = globals.get(name);
    if (known !== undefined) return known;
    if (/Complex|_rebuild_(qtensor|sparse|meta|nested)|Q\w*Storage$/.test(name)) {
      throw new DataError(
        `it asks for ${name}: complex, quantised and sparse tensors are not supported. Save plain ones ` +
          "(tensor.dequantize(), tensor.to_dense()).",
      );
    }
    throw new DataError(
      `it asks for ${name}, which no tensor needs; it was not run. Save the weights alone ` +
        "(torch.save(model.state_dict(), ...)), and mind where this file comes from.",
    );
  },
  persistent(id) {
    const [kind, type, key, , , part] = Array.isArray(id) ? (id as unknown[]) : [];
    const format = type instanceof Global ? classes.get(type.name) : undefined;
    if (kind !== "storage" || format === undefined || typeof key !== "string") {
      throw new DataError("it refers to something that is no storage of numbers.");
    }
    // Before PyTorch 1.6 a storage could be a part of another: its own key, offset and count.
    if (part === undefined || part === null) return new Storage(format, key);
    const [, from, count] = Array.isArray(part) ? (part as unknown[]) : [];
    if (!isSizes([from, count])) throw new DataError("a part of a storage has no place in it.");
    return new Storage(format, key, { from: from as number, count: count as number });
  },
};
