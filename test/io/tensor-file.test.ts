import { gzipSync, strToU8, zipSync } from "fflate";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DataError, UsageError } from "../../src/errors.ts";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import { readTensors } from "../../src/io/tensor-file.ts";
import { exists, readBytes } from "../../src/platform/files.ts";
import { fromKerasLayers } from "../../src/predictors/two-stream.ts";
import { wnnSpec } from "../../src/predictors/wnn.ts";
import { sharedFile, skip } from "../shared.ts";
import { denseLayers, namedWeights } from "./keras-fixture.ts";
import { floatBytes, Storages, torchFile } from "./torch-fixture.ts";

const w = { shape: [2], bytes: floatBytes([1, 2]) };

async function fails(bytes: Uint8Array, name = "net.pt"): Promise<string> {
  try {
    await readTensors(bytes, name);
  } catch (error) {
    assert.instance(error, DataError);
    const { message } = error as Error;
    assert.ok(message.startsWith(`"${name}`), message);
    // One sentence: nothing breaks the line, nothing of a library's trace.
    assert.not.match(message, /[\n\r]|TypeError|RangeError|undefined/);
    return message;
  }
  return "did not fail";
}

test("a file's content tells its kind, whatever it is called", async () => {
  const tensors = new Map([["w", { shape: [2], data: Float32Array.of(1, 2) }]]);
  const legacy = new Storages(true);
  for (const [kind, bytes, name] of [
    ["safetensors", writeSafetensors(tensors), "w"],
    ["torch", torchFile({ w }), "w"],
    ["torch", legacy.legacyFile(legacy.stateDict({ w })), "w"],
    ["keras", await namedWeights(denseLayers(["dense_1"])), "dense_1/kernel"],
  ] as const) {
    for (const file of ["x.pt", "x.h5", "x.SAFETENSORS", "x"]) {
      const contents = await readTensors(bytes, file);
      assert.is(contents.kind, kind);
      assert.ok(contents.tensors.has(name));
    }
  }
});

test("a safetensors file is one whatever the length of its header, with which it begins", async () => {
  const tensors = new Map([["w", { shape: [2], data: Float32Array.of(1, 2) }]]);
  /** A file whose header has some length. */
  const headed = (length: number): Uint8Array => {
    const empty = writeSafetensors(tensors, { note: "" });
    const own = new DataView(empty.buffer).getBigUint64(0, true);
    const bytes = writeSafetensors(tensors, { note: "x".repeat(length - Number(own)) });
    assert.is(Number(new DataView(bytes.buffer).getBigUint64(0, true)), length);
    return bytes;
  };
  // As a pickle of protocols 1 to 5 begins, a zip, and others.
  for (const length of [384, 640, 896, 1152, 1408, 896 + 65_536, 0x4b50, 0xd8f8, 0x5080]) {
    const { kind, tensors: read } = await readTensors(headed(length), "x");
    assert.is(kind, "safetensors", String(length));
    assert.equal([...read.get("w")!.data], [1, 2]);
  }
});

test("prefixes are taken off safetensors files of others, and stay in those Rewind wrote", async () => {
  const tensors = new Map([["model.w", { shape: [1], data: Float32Array.of(1) }]]);
  for (const metadata of [{}, { format: "pt" }]) {
    const foreign = await readTensors(writeSafetensors(tensors, metadata), "x");
    assert.equal([...foreign.tensors.keys()], ["w"]);
    assert.equal(foreign.notes, ["prefix `model.` taken off the only name"]);
  }
  const own = await readTensors(writeSafetensors(tensors, { model: "mlp" }), "x");
  assert.equal([...own.tensors.keys()], ["model.w"]);
  assert.equal(own.notes, []);
});

test("a key is for PyTorch's checkpoints alone", async () => {
  const file = writeSafetensors(new Map());
  try {
    await readTensors(file, "x", { key: "ema" });
    assert.unreachable();
  } catch (error) {
    assert.instance(error, UsageError);
    assert.is(
      (error as Error).message,
      '"x" is no PyTorch checkpoint, so `key=ema` finds nothing.',
    );
  }
});

test("what people have instead of a checkpoint is said as what it is, and what to do", async () => {
  const text = (value: string): Uint8Array => strToU8(value);
  const tar = new Uint8Array(1024);
  tar.set(text("ustar"), 257);
  const oldTorch = tar.slice();
  oldTorch.set(text("sys_info"));
  const zip = (files: Record<string, Uint8Array>): Uint8Array => zipSync(files, { level: 0 });
  const a = text("a");
  const lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 44780605\n";
  for (const [bytes, message] of [
    [new Uint8Array(), /is empty .* copy it again/],
    [text(lfs), /a Git LFS pointer, not the file itself \(of 44780605 bytes\); run `git lfs pull`/],
    [text("\n<!DOCTYPE html><title> Sign in </title>"), /a web page \("Sign in"\), not the file/],
    [text("<html><body>no title"), /a web page, not the file itself; download it again/],
    [text('{"error": "Not found"}'), /JSON, no checkpoint; give a \.safetensors file/],
    [text('{"weight_map": {"w": "model-00001.safetensors"}}'), /in several files; join them/],
    [text("hello\nthere"), /text, no checkpoint \(it begins "hello"\)/],
    [gzipSync(a), /a gzip file; unpack it/],
    [tar, /a tar archive; unpack it/],
    [oldTorch, /PyTorch before 0\.1\.10 .* save it again by a newer one/],
    [zip({}), /a zip archive without a data\.pkl \(it is empty\)/],
    [zip({ a, b: a, c: a, d: a }), /without a data\.pkl \(it holds a, b, c, …\); unpack it/],
    [zip({ "w.npy": a }), /a NumPy archive \(\.npz\)/],
    [zip({ "m/data.pkl": a, "m/constants.pkl": a, "m/code/x.py": a }), /a TorchScript program/],
    [zip({ "x/saved_model.pb": a }), /a TensorFlow SavedModel/],
    [Uint8Array.of(0x80, 4, 0x95, 1, 0, 0, 0, 0, 0, 0, 0, 0x4e, 0x2e), /none of torch\.save/],
    [Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a), /a PNG image/],
    [new Uint8Array(100), /its first bytes are 00 00 00 00 00 00 00 00/],
  ] as const) {
    assert.match(await fails(bytes), message);
  }
});

test("names of a file stand in messages without what steers a terminal, and not at any length", async () => {
  const cut = { shape: [9], bytes: floatBytes([1]) };
  const bad = torchFile({ "w\u001b[31m\n\u202e": cut });
  assert.match(await fails(bad), /tensor "w\ufffd\[31m\ufffd\ufffd" reaches element 8/);
  const long = torchFile({ ["w".repeat(5000)]: cut });
  assert.ok((await fails(long)).length < 1100);
});

test("every row of the shared cases gives its right result", async () => {
  const folder = sharedFile("cases");
  if (!(await exists(folder))) return skip("cases");
  const bytes = (file: string): Promise<Uint8Array> => readBytes(`${folder}/${file}`);
  for (const [file, ...notes] of [
    ["pt/small_net_key.pth", /"net"/, /`module\.` taken off/],
    ["pt/small_model_ema.pth", /"model_ema"/],
    ["pt/small_orig_mod.pt", /`_orig_mod\.` taken off/],
    ["pt/small_model_prefix.ckpt", /"state_dict"/, /`model\.` taken off/],
    ["pt/small_counter.pth.tar", /"state_dict"/],
    ["pt/small_size.pth", /"state_dict"/],
    ["pt/small_legacy.pth"],
    ["st/upper.SAFETENSORS"],
    ["st/wrong_suffix.pth"],
  ] as const) {
    const contents = await readTensors(await bytes(file), file);
    assert.equal([...contents.tensors.keys()], ["conv1.weight"], file);
    assert.equal([...contents.tensors.get("conv1.weight")!.data], [1, 2], file);
    assert.is(contents.notes.length, notes.length, file);
    for (const [i, note] of notes.entries()) assert.match(contents.notes[i]!, note);
  }
  for (const suffix of ["safetensors", "pth"]) {
    const pointer = `st/lfs_pointer.${suffix}`;
    assert.match(await fails(await bytes(pointer), pointer), /a Git LFS pointer, not the file/);
    const page = `st/html.${suffix}`;
    assert.match(await fails(await bytes(page), page), /a web page \("Not found"\), not the file/);
  }

  const keras = async (file: string): ReturnType<typeof readTensors> =>
    readTensors(await bytes(`h5/${file}`), file);
  const weights = async (file: string): Promise<unknown> => {
    const contents = await keras(file);
    assert.ok(contents.kind === "keras");
    assert.is(contents.layers.length, 13);
    return fromKerasLayers(wnnSpec, contents.layers, contents.numbering);
  };
  const same = await weights("same.h5");
  for (const file of [
    "full_model.h5",
    "keras3_full_model.h5",
    "keras3_names.h5",
    "keras3.weights.h5",
  ]) {
    assert.equal(await weights(file), same, file);
  }
  const [exact, rounded] = [await keras("same.h5"), await keras("float16.h5")];
  for (const [name, { shape, data }] of exact.tensors) {
    const half = rounded.tensors.get(name)!;
    assert.equal(half.shape, shape);
    data.forEach((value, i) =>
      assert.ok(Math.abs(half.data[i]! - value) <= Math.abs(value) / 2048 + 2 ** -25),
    );
  }
  const cut = await bytes("h5/cut_latest.h5");
  assert.match(await fails(cut, "cut.h5"), /is cut short: 39033 of 58550 bytes; copy it again/);
  for (let length = 1; length < 48; length++) {
    assert.match(await fails(cut.slice(0, length), "cut.h5"), /is cut short: .*; copy it again/);
  }
});

test.run();
