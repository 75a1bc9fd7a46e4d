/** NumPy's arrays and numbers in pickles. */
import { DataError } from "../errors.ts";
import { decodeNumbers, formatBytes, type NumberFormat } from "./number-formats.ts";
import { isSizes, sizesOf } from "./torch-view.ts";
import type { Tensor } from "./safetensors.ts";
import { Global, Stateful } from "./unpickle.ts";

/** NumPy's codes of types. */
const formats: Readonly<Record<string, NumberFormat>> = {
  f8: "F64",
  f4: "F32",
  f2: "F16",
  i8: "I64",
  i4: "I32",
  i2: "I16",
  i1: "I8",
  u8: "U64",
  u4: "U32",
  u2: "U16",
  u1: "U8",
  b1: "BOOL",
};

/** A type of numbers, little-endian unless its state says otherwise. */
class NumpyType extends Stateful {
  readonly code: string;
  #order: unknown;

  constructor(code: string) {
    super();
    this.code = code;
    Object.freeze(this);
  }

  setState(state: unknown): void {
    this.#order ??= Array.isArray(state) ? state[1] : "?";
  }

  /** The format of its numbers; undefined for text, objects, records, complex and big-endian numbers. */
  get format(): NumberFormat | undefined {
    const format = Object.hasOwn(formats, this.code) ? formats[this.code] : undefined;
    const plain = this.#order === undefined || this.#order === "<" || this.#order === "|";
    return plain ? format : undefined;
  }
}

/** An array; what it holds is looked at when its tensor is asked for. */
export class NumpyArray extends Stateful {
  #state: readonly unknown[] | undefined;

  constructor() {
    super();
    Object.freeze(this);
  }

  setState(state: unknown): void {
    if (!Array.isArray(state)) throw new DataError("a NumPy array's state is none.");
    this.#state ??= state as unknown[];
  }

  /** Bytes of its numbers. */
  get bytes(): number {
    const bytes = this.#state?.[4];
    return bytes instanceof Uint8Array ? bytes.length : 0;
  }

  /** @throws DataError unless it holds as many numbers as its shape says. */
  tensor(name: string): Tensor {
    const [, shape, type, fortran, bytes] = this.#state ?? [];
    const format = type instanceof NumpyType ? type.format : undefined;
    if (format === undefined || !(bytes instanceof Uint8Array) || !isSizes(shape)) {
      throw new DataError(
        `"${name}" is a NumPy array of ${type instanceof NumpyType ? type.code : "unknown type"}, ` +
          "which is none of plain little-endian numbers.",
      );
    }
    const { sizes, count } = sizesOf(shape);
    if (bytes.length !== count * formatBytes[format]) {
      throw new DataError(
        `"${name}" is a NumPy array [${sizes.join(", ")}] with ${bytes.length} bytes of ${format}.`,
      );
    }
    const data = decodeNumbers(format, bytes);
    return { shape: sizes, data: fortran === true ? rowMajor(sizes, data) : data };
  }
}

/** Numbers whose first axis runs fastest, in row-major order. */
function rowMajor(shape: readonly number[], data: Float32Array): Float32Array {
  const at = shape.map(() => 0);
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((a, b) => a * b, 1));
  return data.map(() => {
    const value = data[at.reduce((sum, index, axis) => sum + index * strides[axis]!, 0)]!;
    for (let axis = shape.length - 1; axis >= 0 && ++at[axis]! === shape[axis]; axis--)
      at[axis] = 0;
    return value;
  });
}

/** A number of a type, from its bytes. */
function scalar([type, bytes]: readonly unknown[]): unknown {
  const format = type instanceof NumpyType ? type.format : undefined;
  if (format === undefined || !(bytes instanceof Uint8Array)) return null;
  return bytes.length === formatBytes[format] ? decodeNumbers(format, bytes)[0] : null;
}

/** An array from its bytes, as pickles of protocol 5 write it. */
function fromBuffer([bytes, type, shape, order]: readonly unknown[]): NumpyArray {
  const array = new NumpyArray();
  array.setState([1, shape, type, order === "F", bytes]);
  return array;
}

const modules = ["numpy.core.multiarray", "numpy._core.multiarray"];

/** NumPy's functions and classes that arrays and numbers need. */
export const numpyGlobals: readonly Global[] = [
  new Global("numpy.ndarray"),
  new Global("numpy.dtype", ([code]) => new NumpyType(typeof code === "string" ? code : "?")),
  ...modules.map((module) => new Global(`${module}._reconstruct`, () => new NumpyArray())),
  ...modules.map((module) => new Global(`${module}.scalar`, scalar)),
  new Global("numpy.core.numeric._frombuffer", fromBuffer),
  new Global("numpy._core.numeric._frombuffer", fromBuffer),
  ...["float16", "float32", "float64", "bool_", "bool"].map((type) => new Global(`numpy.${type}`)),
  ...[8, 16, 32, 64].flatMap((bits) => [
    new Global(`numpy.int${bits}`),
    new Global(`numpy.uint${bits}`),
  ]),
];
