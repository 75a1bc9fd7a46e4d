/**
 * Safetensors: 8 bytes of header length, a JSON header, raw little-endian data.
 *
 * Rewind writes tensors sorted by name, so equal tensors give equal files.
 */
import { requireGiven } from "../checked.ts";
import { DataError, ShapeError } from "../errors.ts";
import { parseJson } from "../platform/json.ts";
import { count } from "../shape.ts";
import { foreignText } from "./foreign-text.ts";
import { decodeNumbers, encodeHalves, formatBytes, isNumberFormat } from "./number-formats.ts";

/** A tensor of a file. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
  /** How {@link writeSafetensors} stores it: float32 where absent. */
  readonly format?: "F32" | "F16";
}

/** What a file holds. */
export interface TensorFile {
  readonly tensors: Map<string, Tensor>;
  /** The header's `__metadata__`. */
  readonly metadata: Record<string, string>;
}

/** Longest header accepted, as in the reference reader. */
const longestHeader = 100_000_000;

/** Encodes tensors. @throws ShapeError if a shape and its data do not agree; UsageError for what is no Map. */
export function writeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  requireGiven(
    (tensors as unknown) instanceof Map,
    "writeSafetensors",
    "a Map of tensors",
    tensors,
  );
  const names = [...tensors.keys()].sort();
  // Without a prototype, `__proto__` is a name like others.
  const header = Object.create(null) as Record<string, unknown>;
  if (Object.keys(metadata).length > 0) {
    header["__metadata__"] = Object.fromEntries(
      Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  }
  let at = 0;
  for (const name of names) {
    const { shape, data, format = "F32" } = tensors.get(name)!;
    if (data.length !== count(shape)) {
      throw new ShapeError(
        `tensor "${name}": shape [${shape.join(", ")}] does not hold ${data.length} values.`,
      );
    }
    const bytes = formatBytes[format] * data.length;
    header[name] = { dtype: format, shape, data_offsets: [at, at + bytes] };
    at += bytes;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(text.length / 8) * 8;
  const file = new Uint8Array(8 + padded + at);
  new DataView(file.buffer).setBigUint64(0, BigInt(padded), true);
  file.fill(0x20, 8, 8 + padded);
  file.set(text, 8);
  let offset = 8 + padded;
  for (const name of names) {
    const { data, format } = tensors.get(name)!;
    const { buffer, byteOffset, byteLength } = format === "F16" ? encodeHalves(data) : data;
    file.set(new Uint8Array(buffer, byteOffset, byteLength), offset);
    offset += byteLength;
  }
  return file;
}

/**
 * Decodes a file; all numbers become float32.
 *
 * @param name what errors call it.
 * @throws DataError for a cut or damaged file, tensors that overlap or leave gaps, or a type
 *   without a number format here; UsageError for what are no bytes.
 */
export function readSafetensors(bytes: Uint8Array, name = "file"): TensorFile {
  requireGiven(bytes instanceof Uint8Array, "readSafetensors", "the bytes of a file", bytes);
  const fail = (what: string): never => {
    throw new DataError(`"${name}" is not a readable safetensors file: ${what}.`);
  };
  const text = bytes.length < 8 ? undefined : foreignText(bytes);
  if (text !== undefined) throw new DataError(`"${name}" is ${text}.`);
  if (bytes.length < 8) fail(`${bytes.length} bytes, the header length alone takes 8`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  if (length > longestHeader) fail(`its header claims ${length} bytes, more than ${longestHeader}`);
  if (8 + length > bytes.length)
    fail(`cut short within the header (${bytes.length} of ${8 + length} bytes)`);
  let header: unknown;
  try {
    header = parseJson(
      new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, 8 + length)),
    );
  } catch (cause) {
    fail(`its header is not JSON (${(cause as Error).message})`);
  }
  if (typeof header !== "object" || header === null || Array.isArray(header))
    fail("its header is not an object");
  const { __metadata__: metadata = {}, ...entries } = header as Record<string, unknown>;
  if (!isTexts(metadata)) fail("its __metadata__ is no dictionary of texts");
  const spans = Object.entries(entries).map(([key, entry]) => {
    const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
    const natural = (value: unknown): value is number =>
      Number.isSafeInteger(value) && (value as number) >= 0;
    if (!Array.isArray(shape) || !shape.every(natural))
      return fail(`tensor "${key}" has no valid shape`);
    if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(natural)) {
      return fail(`tensor "${key}" has no valid data_offsets`);
    }
    if (!isNumberFormat(dtype)) {
      const known = Object.keys(formatBytes).join(", ");
      const type = typeof dtype === "string" ? dtype : "none";
      return fail(`tensor "${key}" has type ${type}; supported are ${known}`);
    }
    const [from, to] = offsets as [number, number];
    const bytes = formatBytes[dtype] * count(shape);
    if (to - from !== bytes) {
      return fail(
        `tensor "${key}" [${shape.join(", ")}] needs ${bytes} bytes, its offsets give ${to - from}`,
      );
    }
    return { key, dtype, shape: shape as number[], from, to };
  });
  let end = 0;
  for (const { key, from, to } of [...spans].sort((a, b) => a.from - b.from || a.to - b.to)) {
    if (from !== end)
      fail(
        `tensor "${key}" starts at ${from}, where ${end} was due: tensors overlap or leave a gap`,
      );
    end = to;
  }
  const data = bytes.subarray(8 + length);
  if (end !== data.length)
    fail(`the tensors take ${end} bytes, the file has ${data.length}: it is cut short or too long`);
  const tensors = new Map(
    spans.map(({ key, dtype, shape, from, to }) => [
      key,
      { shape, data: decodeNumbers(dtype, data.subarray(from, to)) },
    ]),
  );
  return { tensors, metadata: metadata as Record<string, string> };
}

function isTexts(value: unknown): value is Record<string, string> {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((item) => typeof item === "string")
  );
}
