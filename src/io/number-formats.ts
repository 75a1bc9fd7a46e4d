/** Numbers of checkpoint files as float32. */

/** Types by the names safetensors gives them, with their bytes a value. */
export const formatBytes = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;

export type NumberFormat = keyof typeof formatBytes;

/** Whether a name is that of a {@link NumberFormat}. */
export function isNumberFormat(name: unknown): name is NumberFormat {
  return typeof name === "string" && Object.hasOwn(formatBytes, name);
}

/** Little-endian numbers as float32; 64-bit ones are rounded. `bytes` need not be aligned. */
export function decodeNumbers(format: NumberFormat, bytes: Uint8Array): Float32Array<ArrayBuffer> {
  // A copy is aligned.
  const { buffer } = new Uint8Array(bytes);
  switch (format) {
    case "F32":
      return new Float32Array(buffer);
    case "F64":
      return new Float32Array(new Float64Array(buffer));
    case "F16":
      return convert(new Uint16Array(buffer), halves());
    case "BF16":
      return brains(new Uint16Array(buffer));
    case "I64":
      return rounded(new BigInt64Array(buffer));
    case "U64":
      return rounded(new BigUint64Array(buffer));
    case "I32":
      return new Float32Array(new Int32Array(buffer));
    case "U32":
      return new Float32Array(new Uint32Array(buffer));
    case "I16":
      return new Float32Array(new Int16Array(buffer));
    case "U16":
      return new Float32Array(new Uint16Array(buffer));
    case "I8":
      return new Float32Array(new Int8Array(buffer));
    default:
      return new Float32Array(new Uint8Array(buffer));
  }
}

// Loops, as `from` with a function takes ten times as long.

function convert(bits: Uint16Array, values: Float32Array): Float32Array<ArrayBuffer> {
  const out = new Float32Array(bits.length);
  for (let i = 0; i < out.length; i++) out[i] = values[bits[i]!]!;
  return out;
}

/** bfloat16: the upper half of a float32. */
function brains(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const out = new Uint32Array(bits.length);
  for (let i = 0; i < out.length; i++) out[i] = bits[i]! << 16;
  return new Float32Array(out.buffer);
}

function rounded(values: BigInt64Array | BigUint64Array): Float32Array<ArrayBuffer> {
  const out = new Float32Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = Number(values[i]);
  return out;
}

/** Every half-precision number by its bits. */
let table: Float32Array | undefined;

function halves(): Float32Array {
  return (table ??= Float32Array.from({ length: 65_536 }, (_, bits) => half(bits)));
}

/** IEEE half precision. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15));
}

const word = new DataView(new ArrayBuffer(4));

/** Float32 as IEEE half precision, rounded to the nearest, ties to even; too large ones become infinite. */
export function encodeHalves(data: Float32Array): Uint16Array<ArrayBuffer> {
  return Uint16Array.from(data, (value) => {
    word.setFloat32(0, value);
    const bits = word.getUint32(0);
    const sign = (bits >>> 16) & 0x8000;
    const size = Math.abs(value);
    if (Number.isNaN(value)) return 0x7e00;
    // Halfway from the largest half to the next power of two.
    if (size >= 65520) return sign | 0x7c00;
    // Below 2^-14 halves are multiples of 2^-24; above, the last of 10 bits of the fraction is the unit.
    const exponent = Math.max(-14, ((bits >>> 23) & 255) - 127);
    const units = size * 2 ** (10 - exponent);
    const whole = Math.floor(units);
    const up = units - whole > 0.5 || (units - whole === 0.5 && whole % 2 === 1);
    return sign | (((exponent + 14) << 10) + whole + (up ? 1 : 0));
  });
}
