import { test } from "uvu";
import * as assert from "uvu/assert";
import { strToU8, zipSync } from "fflate";
import { DataError } from "../../src/errors.ts";
import { type KerasDense, readKeras } from "../../src/io/keras-h5.ts";
import { readTensors } from "../../src/io/tensor-file.ts";
import { exists, readBytes } from "../../src/platform/files.ts";
import { sharedFile, skip } from "../shared.ts";
import {
  denseLayers,
  halfWeights,
  hdf5File,
  namedWeights,
  savedWeights,
  texts,
} from "./keras-fixture.ts";

const published = sharedFile("reference/published-predictors/invwnn/InvWNN_Conv.h5");

async function fails(bytes: Uint8Array): Promise<string> {
  try {
    await readKeras(bytes, "x.h5");
  } catch (error) {
    assert.instance(error, DataError);
    return (error as Error).message;
  }
  return "did not fail";
}

test("a file that is not HDF5 is refused by name", async () => {
  assert.match(await fails(new Uint8Array()), /"x.h5" is not an HDF5 file/);
  assert.match(
    await fails(new TextEncoder().encode("not an HDF5 file at all")),
    /"x.h5" is not an HDF5 file/,
  );
});

/** Layers as plain numbers. */
const plain = (layers: readonly KerasDense[]): unknown =>
  layers.map(({ layer, kernel, bias }) => [layer, kernel.shape, [...kernel.data], [...bias.data]]);

const unordered = denseLayers(["dense_2", "dense_10", "dense_1"]);
const ordered = [unordered[2]!, unordered[0]!, unordered[1]!];

test("weights of Keras 2 and 3 and full models hold the same layers, in the order of their numbers", async () => {
  for (const options of [
    {},
    { suffix: "" },
    { root: "model_weights" },
    { root: "model_weights", suffix: "" },
  ]) {
    const { layers, tensors, numbering } = await readKeras(await namedWeights(unordered, options));
    assert.equal(plain(layers), plain(ordered));
    assert.equal([...tensors.get("dense_10/kernel")!.data], [...unordered[1]!.kernel.data]);
    assert.is(numbering, "construction");
  }
});

test(".weights.h5 of Keras 3, and the archive of a .keras file: the model's layers, not the optimiser", async () => {
  const names = ["dense_1", "dense", "dense_2"];
  const bytes = await savedWeights(denseLayers(names));
  const archive = zipSync({ "config.json": strToU8("{}"), "model.weights.h5": bytes });
  for (const file of [bytes, archive]) {
    const contents = await readTensors(file, "net.keras");
    assert.ok(contents.kind === "keras");
    assert.is(contents.numbering, "graph");
    assert.equal(contents.layers.map(({ layer }) => layer).sort(), [...names].sort());
    assert.equal([...contents.layers[0]!.kernel.data], [10, 11, 12, 13, 14, 15]);
    assert.is(contents.tensors.size, 6);
  }
  const flipped = archive.map((byte, i) => (i === archive.length >> 1 ? byte ^ 8 : byte));
  await readTensors(flipped, "net.keras").then(
    () => assert.unreachable("a changed bit is not seen"),
    ({ message }: Error) => assert.match(message, /"net\.keras" is .*damaged/),
  );
});

test("half precision becomes float32", async () => {
  const { layers } = await readKeras(halfWeights());
  assert.equal(plain(layers), [["dense_1", [1, 2], [1.5, -2], [2 ** -24, Infinity]]]);
});

test("a layer of another kind keeps its weights as tensors", async () => {
  const bytes = await hdf5File((file) => {
    texts(file, "layer_names", ["norm"]);
    const group = file.create_group("norm");
    texts(group as typeof file, "weight_names", ["norm/gamma:0"]);
    const inner = (group as typeof file).create_group("norm") as typeof file;
    inner.create_dataset({ name: "gamma:0", data: Float64Array.of(0.5, 2) });
  });
  const { layers, tensors } = await readKeras(bytes);
  assert.is(layers.length, 0);
  assert.equal([...tensors.get("norm/gamma")!.data], [0.5, 2]);
});

test("HDF5 files that hold no weights of Keras, or cannot, are refused in one line", async () => {
  assert.match(
    await fails(await hdf5File((file) => file.create_group("x"))),
    /holds no weights of Keras: .* model\.save_weights/,
  );
  const missing = await hdf5File((file) => texts(file, "layer_names", ["dense_7"]));
  assert.match(await fails(missing), /layer "dense_7" is missing/);
  const variable = await hdf5File((file) => file.create_attribute("layer_names", ["a", "bc"]));
  assert.match(await fails(variable), /variable length/);
  const circle = await hdf5File((file) => {
    const all = file.create_group("layers") as typeof file;
    all.create_hard_link("/layers", "again");
    all.create_soft_link("/layers", "more");
  });
  assert.match(await fails(circle), /more groups than it can hold/);
  const huge = await hdf5File((file) => {
    const vars = file.create_group("vars") as typeof file;
    const [shape, chunks] = [
      [4096, 4096],
      [64, 64],
    ];
    vars.create_dataset({
      name: "0",
      data: new Float32Array(2 ** 24),
      shape,
      chunks,
      compression: 9,
    });
  });
  assert.match(await fails(huge), /claims 67108864 bytes, more than the file/);
});

test("cut and damaged files say so in one line", async () => {
  const bytes = await namedWeights(ordered);
  for (const length of [1, 7, 8, 20, 47, 48, 100, bytes.length - 1]) {
    const message = await fails(bytes.slice(0, length));
    assert.match(message, /^"x\.h5" is cut short: .*; copy it again\.$/);
  }
  const damaged = bytes.slice().fill(0xff, 96, 800);
  assert.is(await fails(damaged), '"x.h5" is a damaged HDF5 file; copy it again.');
});

test("the published checkpoint's 15 dense layers come in the order of construction", async () => {
  if (!(await exists(published))) return skip("the published checkpoints");
  const { layers } = await readKeras(await readBytes(published));
  assert.equal(
    layers.map(({ layer }) => layer),
    Array.from({ length: 15 }, (_, i) => `dense_${i + 1}`),
  );
  assert.equal(layers[0]!.kernel.shape, [15, 128]);
  assert.equal(layers[7]!.kernel.shape, [14, 128]);
  assert.equal(layers[14]!.kernel.shape, [128, 1]);
  const count = layers.reduce(
    (sum, { kernel, bias }) => sum + kernel.data.length + bias.data.length,
    0,
  );
  assert.is(count, 62_609);
});

test("a size that the library would believe gets it no memory", async () => {
  const { Module, ready } = await import("h5wasm");
  await ready;
  const bytes = halfWeights();
  // The size of an object's header, 1.75 GiB.
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(128, 0x70000000, true);
  await readKeras(bytes, "net.h5").then(
    () => assert.unreachable("it is read"),
    ({ message }: Error) =>
      assert.match(message, /"net\.h5" is a damaged HDF5 file; copy it again/),
  );
  const { length } = (Module as unknown as { HEAPU8: Uint8Array }).HEAPU8;
  assert.ok(length < 2 ** 29, `the library holds ${length} bytes`);
  assert.is((await readKeras(halfWeights())).layers.length, 1);
});

test("a file that was cut short is refused with both sizes", async () => {
  if (!(await exists(published))) return skip("the published checkpoints");
  const bytes = await readBytes(published);
  assert.match(await fails(bytes.slice(0, 100_000)), /cut short: 100000 of 314272 bytes/);
});

test.run();
