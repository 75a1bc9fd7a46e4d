import { test } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../src/errors.ts";
import { readTorch } from "../../src/io/torch-pt.ts";
import { exists, readBytes } from "../../src/platform/files.ts";
import { sharedFile, skip } from "../shared.ts";
import { floatBytes, pickledCall, torchFile } from "./torch-fixture.ts";

const refuses = (bytes: Uint8Array, message: RegExp): void =>
  assert.throws(
    () => readTorch(bytes, "net.pt"),
    (error: Error) =>
      error instanceof DataError &&
      error.message.includes('"net.pt"') &&
      message.test(error.message),
  );

test("tensors come out row-major, whatever their strides and offset", () => {
  const values = floatBytes([0, 1, 2, 3, 4, 5, 6]);
  const { tensors } = readTorch(
    torchFile({
      plain: { shape: [2, 3], bytes: values },
      transposed: { shape: [3, 2], strides: [1, 3], offset: 1, bytes: values },
      repeated: { shape: [2, 2], strides: [0, 1], bytes: values },
      scalar: { shape: [], offset: 6, bytes: values },
      empty: { shape: [0, 4], bytes: new Uint8Array(0) },
    }),
  );
  const read = Object.fromEntries([...tensors].map(([name, { data }]) => [name, [...data]]));
  assert.equal(read, {
    plain: [0, 1, 2, 3, 4, 5],
    transposed: [1, 4, 2, 5, 3, 6],
    repeated: [0, 1, 0, 1],
    scalar: [6],
    empty: [],
  });
  assert.equal(tensors.get("transposed")!.shape, [3, 2]);
});

test("every number format becomes float32", () => {
  const bytes = (array: { buffer: ArrayBufferLike }): Uint8Array => new Uint8Array(array.buffer);
  const { tensors } = readTorch(
    torchFile({
      double: { shape: [2], type: "DoubleStorage", bytes: bytes(Float64Array.of(0.1, -2)) },
      // 1.5, -2, 2^-14 / 1024 (the smallest subnormal), infinity.
      half: {
        shape: [4],
        type: "HalfStorage",
        bytes: bytes(Uint16Array.of(0x3e00, 0xc000, 0x0001, 0x7c00)),
      },
      bfloat: { shape: [2], type: "BFloat16Storage", bytes: bytes(Uint16Array.of(0x3fc0, 0xc000)) },
      long: { shape: [1], type: "LongStorage", bytes: bytes(BigInt64Array.of(-7n)) },
      flags: { shape: [2], type: "BoolStorage", bytes: Uint8Array.of(1, 0) },
    }),
  );
  const read = Object.fromEntries([...tensors].map(([name, { data }]) => [name, [...data]]));
  assert.equal(read, {
    double: [Math.fround(0.1), -2],
    half: [1.5, -2, 2 ** -24, Infinity],
    bfloat: [1.5, -2],
    long: [-7],
    flags: [1, 0],
  });
});

test("a state dict is found inside the dictionary of a training", () => {
  const w = { shape: [1], bytes: floatBytes([3]) };
  for (const inside of ["state_dict", "model", "model_state_dict"]) {
    assert.equal([...readTorch(torchFile({ w }, { inside })).tensors.keys()], ["w"]);
  }
});

test("a pickle that would run something is refused by name", () => {
  const w = { shape: [1], bytes: floatBytes([3]) };
  const hostile = (module: string, name: string): Uint8Array =>
    torchFile({ w }, { inside: "state_dict", extra: pickledCall(module, name, "echo") });
  refuses(hostile("os", "system"), /asks for os\.system, .* it was not run/);
  refuses(hostile("builtins", "eval"), /builtins\.eval/);
  refuses(hostile("torch", "load"), /torch\.load/);
  // Names every JavaScript object inherits are no globals either.
  refuses(hostile("constructor", "constructor"), /constructor\.constructor/);
  refuses(hostile("torch", "constructor"), /torch\.constructor/);
});

test("damaged files say what is wrong", () => {
  const file = torchFile({ w: { shape: [4], bytes: floatBytes([1, 2, 3, 4]) } });
  refuses(file.slice(0, file.length - 30), /damaged or cut short/);
  refuses(Uint8Array.of(0x80, 2, 0x2e), /before PyTorch 1\.6/);
  refuses(
    torchFile({ w: { shape: [5], bytes: floatBytes([1, 2]) } }),
    /element 4 of a storage of 2/,
  );
  refuses(torchFile({ w: { shape: [1], bytes: Uint8Array.of(1, 2, 3) } }), /whole number/);
  refuses(torchFile({}), /no tensors/);
});

test("the published NiNo files hold the tensors their descriptions name", async () => {
  const folder = sharedFile("reference/published-predictors/nino");
  if (!(await exists(folder))) return skip("reference/published-predictors");
  for (const [name, count, numbers] of [
    ["nino_mlp", 11, 57_384],
    ["nino_mlp_h32", 11, 5160],
    ["nino_no_posw", 49, 549_992],
  ] as const) {
    const { tensors } = readTorch(await readBytes(`${folder}/${name}.pt`), name);
    assert.is(tensors.size, count);
    assert.is(
      [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0),
      numbers,
    );
  }
});

test.run();
