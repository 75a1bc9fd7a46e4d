import { test } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../src/errors.ts";
import { readKeras } from "../../src/io/keras-h5.ts";
import { exists, readBytes } from "../../src/platform/files.ts";
import { sharedFile, skip } from "../shared.ts";

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

test("a file that was cut short is refused with both sizes", async () => {
  if (!(await exists(published))) return skip("the published checkpoints");
  const bytes = await readBytes(published);
  assert.match(await fails(bytes.slice(0, 100_000)), /cut short: 100000 of 314272 bytes/);
});

test.run();
