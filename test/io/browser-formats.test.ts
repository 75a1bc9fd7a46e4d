import { test } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../src/errors.ts";
import { readTensors } from "../../src/io/browser-formats.ts";
import { writeSafetensors } from "../../src/io/safetensors.ts";

test("a bundle for browsers reads safetensors, and says who reads the others", async () => {
  const tensors = new Map([["w", { shape: [2], data: Float32Array.of(1, 2) }]]);
  const { kind, tensors: got } = await readTensors(writeSafetensors(tensors), "a.safetensors");
  assert.is(kind, "safetensors");
  assert.equal([...got.get("w")!.data], [1, 2]);
  const zip = Uint8Array.from({ length: 64 }, (_, i) => [0x50, 0x4b, 3, 4][i] ?? 0);
  try {
    await readTensors(zip, "a.pt");
    assert.unreachable();
  } catch (error) {
    assert.instance(error, DataError);
    assert.match((error as Error).message, /"a\.pt" is no safetensors file.*rewind-webgpu\/io/);
  }
});

test.run();
