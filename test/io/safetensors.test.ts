import { Buffer } from "node:buffer";
import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "fast-check";
import { DataError } from "../../src/errors.ts";
import { readSafetensors, type Tensor, writeSafetensors } from "../../src/io/safetensors.ts";

const tensor = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }).chain((shape) => {
  const length = shape.reduce((a, b) => a * b, 1);
  const values = fc.array(fc.float({ noNaN: true }), { minLength: length, maxLength: length });
  return values.map((data): Tensor => ({ shape, data: Float32Array.from(data) }));
});
const names = fc.string({ minLength: 1 }).filter((name) => name !== "__metadata__");
const files = fc
  .dictionary(names, tensor, { noNullPrototype: true })
  .map((file) => new Map(Object.entries(file)));

test("what is written is read back, whatever the names, shapes and values", () => {
  fc.assert(
    fc.property(
      files,
      fc.dictionary(names, fc.string(), { noNullPrototype: true }),
      (tensors, metadata) => {
        const read = readSafetensors(writeSafetensors(tensors, metadata));
        assert.equal([...read.tensors.keys()].sort(), [...tensors.keys()].sort());
        for (const [name, { shape, data }] of tensors) {
          assert.equal(read.tensors.get(name)!.shape, shape);
          assert.equal(
            new Uint8Array(read.tensors.get(name)!.data.buffer),
            new Uint8Array(data.buffer),
          );
        }
        assert.equal({ ...read.metadata }, { ...metadata });
      },
    ),
    { seed: 1, numRuns: 200 },
  );
});

test("equal tensors give equal bytes, in whatever order they are given; data starts at a multiple of 8", () => {
  const a = { shape: [2], data: Float32Array.of(1, 2) };
  const b = { shape: [1, 1], data: Float32Array.of(3) };
  const one = writeSafetensors(
    new Map([
      ["a", a],
      ["b", b],
    ]),
    { x: "1", y: "2" },
  );
  const two = writeSafetensors(
    new Map([
      ["b", b],
      ["a", a],
    ]),
    { y: "2", x: "1" },
  );
  assert.equal(one, two);
  assert.is(Number(new DataView(one.buffer).getBigUint64(0, true)) % 8, 0);
});

test("a file within a larger buffer, at any offset, is read alike", () => {
  const file = writeSafetensors(new Map([["w", { shape: [2], data: Float32Array.of(1, -2) }]]));
  for (const offset of [1, 2, 3, 8]) {
    const larger = Buffer.alloc(file.length + 16);
    larger.set(file, offset);
    const { tensors } = readSafetensors(larger.subarray(offset, offset + file.length));
    assert.equal([...tensors.get("w")!.data], [1, -2]);
  }
});

test("a file cut anywhere is refused, never read as something else", () => {
  const file = writeSafetensors(
    new Map([["weights", { shape: [3], data: Float32Array.of(1, 2, 3) }]]),
  );
  for (let length = 0; length < file.length; length++) {
    assert.throws(
      () => readSafetensors(file.slice(0, length)),
      (e: Error) => e instanceof DataError && /not a readable safetensors file/.test(e.message),
    );
  }
});

function encode(header: unknown, bytes: number): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const file = new Uint8Array(8 + text.length + bytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

test("damaged headers are refused with what is wrong", () => {
  const refuse = (header: unknown, bytes: number, message: RegExp): void => {
    assert.throws(() => readSafetensors(encode(header, bytes), "x"), message);
  };
  const entry = (from: number, to: number, shape = [1], dtype = "F32") => ({
    dtype,
    shape,
    data_offsets: [from, to],
  });
  refuse([], 0, /"x" is not a readable safetensors file: its header is not an object/);
  refuse({ a: entry(0, 4), b: entry(0, 4) }, 4, /"b" starts at 0, where 4 was due/);
  refuse({ a: entry(4, 8) }, 8, /"a" starts at 4, where 0 was due/);
  refuse({ a: entry(0, 4, [2]) }, 4, /"a" \[2\] needs 8 bytes, its offsets give 4/);
  refuse({ a: entry(0, 4) }, 8, /take 4 bytes, the file has 8/);
  refuse({ a: entry(0, 1, [1], "F8_E5M2") }, 1, /type F8_E5M2; supported are F64, F32, F16/);
  refuse({ a: entry(0, 4, [1], "F16") }, 4, /needs 2 bytes, its offsets give 4/);
  refuse({ a: entry(0, 4, [-1]) }, 4, /no valid shape/);
  refuse({ a: { dtype: "F32", shape: [1] } }, 4, /no valid data_offsets/);
  refuse({ __metadata__: null }, 0, /__metadata__ is no dictionary of texts/);
  refuse({ __metadata__: { epoch: 3 } }, 0, /__metadata__ is no dictionary of texts/);
  refuse({ a: entry(0, 4, [2 ** 40, 2 ** 40]) }, 4, /its offsets give 4/);
  const huge = new Uint8Array(16);
  new DataView(huge.buffer).setBigUint64(0, 10n ** 12n, true);
  assert.throws(() => readSafetensors(huge), /claims 1000000000000 bytes/);
});

test("a tensor and a text may be called as what every object has", () => {
  const tensors = new Map([["__proto__", { shape: [1], data: Float32Array.of(4) }]]);
  const read = readSafetensors(writeSafetensors(tensors, { constructor: "x" }));
  assert.equal([...read.tensors.get("__proto__")!.data], [4]);
  assert.is(read.metadata["constructor"], "x");
});

test("what is no file of tensors is said as what it is", () => {
  const refuse = (text: string, message: RegExp): void =>
    assert.throws(() => readSafetensors(new TextEncoder().encode(text), "x"), message);
  refuse("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 5\n", /a Git LFS pointer/);
  refuse("<!DOCTYPE html><title>Not found</title>", /"x" is a web page \("Not found"\)/);
});

test("half precision and integers become float32", () => {
  const header = {
    half: { dtype: "F16", shape: [2], data_offsets: [0, 4] },
    long: { dtype: "I64", shape: [1], data_offsets: [4, 12] },
  };
  const file = encode(header, 12);
  const data = new DataView(file.buffer, file.length - 12);
  data.setUint16(0, 0x3c00, true);
  data.setUint16(2, 0xb800, true);
  data.setBigInt64(4, -5n, true);
  const { tensors } = readSafetensors(file);
  assert.equal([...tensors.get("half")!.data], [1, -0.5]);
  assert.equal([...tensors.get("long")!.data], [-5]);
});

test("every type of number becomes the nearest float32", () => {
  const types: readonly (readonly [string, ArrayBufferView, readonly number[]])[] = [
    ["F64", Float64Array.of(0.1, -1e300), [Math.fround(0.1), -Infinity]],
    ["BF16", Uint16Array.of(0x3fc0, 0xff80), [1.5, -Infinity]],
    ["I64", BigInt64Array.of(-(2n ** 53n), 3n), [-(2 ** 53), 3]],
    ["U64", BigUint64Array.of(2n ** 64n - 1n, 0n), [2 ** 64, 0]],
    ["I32", Int32Array.of(-(2 ** 31), 16_777_217), [-(2 ** 31), 16_777_216]],
    ["U32", Uint32Array.of(2 ** 32 - 1, 1), [2 ** 32, 1]],
    ["I16", Int16Array.of(-32_768, 5), [-32_768, 5]],
    ["U16", Uint16Array.of(65_535, 5), [65_535, 5]],
    ["I8", Int8Array.of(-128, 5), [-128, 5]],
    ["U8", Uint8Array.of(255, 5), [255, 5]],
    ["BOOL", Uint8Array.of(1, 0), [1, 0]],
  ];
  for (const [dtype, { buffer, byteLength }, want] of types) {
    const file = encode({ w: { dtype, shape: [2], data_offsets: [0, byteLength] } }, byteLength);
    file.set(new Uint8Array(buffer), file.length - byteLength);
    assert.equal([...readSafetensors(file).tensors.get("w")!.data], want, dtype);
  }
});

test("a tensor whose data does not fill its shape is not written", () => {
  assert.throws(
    () => writeSafetensors(new Map([["a", { shape: [3], data: new Float32Array(2) }]])),
    /tensor "a": shape \[3\] does not hold 2 values/,
  );
});

test.run();
