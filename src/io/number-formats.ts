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
  const size = formatBytes[format];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read: Record<NumberFormat, (at: number) => number> = {
    F64: (at) => view.getFloat64(at, true),
    F32: (at) => view.getFloat32(at, true),
    F16: (at) => half(view.getUint16(at, true)),
    BF16: (at) => bfloat(view.getUint16(at, true)),
    I64: (at) => Number(view.getBigInt64(at, true)),
    I32: (at) => view.getInt32(at, true),
    I16: (at) => view.getInt16(at, true),
    I8: (at) => view.getInt8(at),
    U64: (at) => Number(view.getBigUint64(at, true)),
    U32: (at) => view.getUint32(at, true),
    U16: (at) => view.getUint16(at, true),
    U8: (at) => view.getUint8(at),
    BOOL: (at) => view.getUint8(at),
  };
  // A copy is aligned, and as fast as it gets.
  if (format === "F32") return new Float32Array(new Uint8Array(bytes).buffer);
  const at = read[format];
  return Float32Array.from({ length: bytes.byteLength / size }, (_, i) => at(i * size));
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

/** bfloat16: the upper half of a float32. */
function bfloat(bits: number): number {
  word.setUint32(0, bits << 16);
  return word.getFloat32(0);
}
