// Seals: a checkpoint that is not as it was written is told, whatever of it changed.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../src/errors.ts";
import { requireFinite } from "../../src/io/finite.ts";
import { readSafetensors, writeSafetensors } from "../../src/io/safetensors.ts";
import { readSealed, writeSealed } from "../../src/io/seal.ts";
import { readTensors } from "../../src/io/tensor-file.ts";

const tensors = new Map([
  ["a", { shape: [2, 3], data: Float32Array.of(1, -2, 3, 0.5, Number.NaN, -0) }],
  ["sha256", { shape: [2], data: Float32Array.of(7, 8), format: "F16" as const }],
]);
// Braces, quotes and signs of more than one byte, before and after the seal's place.
const metadata = { model: 'm "sha256":"{}"', note: "ü→", "rewind.zz": "}" };

async function refusal(bytes: Uint8Array): Promise<string> {
  try {
    await readSealed(bytes, "x.safetensors");
    return "";
  } catch (error) {
    assert.instance(error, DataError);
    return (error as Error).message;
  }
}

test("a sealed file gives back what was written, also to readers that know no seals", async () => {
  const bytes = await writeSealed(tensors, metadata);
  const read = await readSealed(bytes, "x");
  assert.ok(read.sealed);
  assert.equal(read.metadata, metadata);
  assert.equal([...read.tensors.get("a")!.data].join(), [...tensors.get("a")!.data].join());
  assert.equal([...readSafetensors(bytes).tensors.keys()], [...read.tensors.keys()]);
  assert.equal(await writeSealed(tensors, metadata), bytes);
  const plain = await readSealed(writeSafetensors(tensors, metadata), "x");
  assert.not(plain.sealed);
});

test("every flipped bit of a sealed file is told by the file's name", async () => {
  const bytes = await writeSealed(tensors, metadata);
  for (let at = 0; at < bytes.length; at++) {
    for (const bit of [0, 4, 7]) {
      const damaged = bytes.slice();
      damaged[at]! ^= 1 << bit;
      const message = await refusal(damaged);
      // A bit of the seal's own name takes the seal away: whoever needs one sees that it is missing.
      if (message === "") assert.not((await readSealed(damaged, "x")).sealed, `byte ${at}`);
      else assert.match(message, /"x\.safetensors"/, `byte ${at}`);
    }
  }
  for (const length of [0, 7, 100, bytes.length - 1]) {
    assert.match(await refusal(bytes.slice(0, length)), /"x\.safetensors"/);
  }
});

test("tensors that are not finite are refused by name, and taken where that is said", async () => {
  const bytes = writeSafetensors(tensors);
  try {
    await readTensors(bytes, "w.safetensors");
    assert.unreachable();
  } catch (error) {
    assert.instance(error, DataError);
    assert.match(
      (error as Error).message,
      /"w\.safetensors": tensor "a" holds NaN \(number 4 of 6\).*`allowNonfinite`/,
    );
  }
  const { tensors: taken } = await readTensors(bytes, "w", { allowNonfinite: true });
  assert.ok(Number.isNaN(taken.get("a")!.data[4]));
  const two = new Map([
    ["b", { shape: [1], data: Float32Array.of(-Infinity) }],
    ["c", { shape: [1], data: Float32Array.of(Infinity) }],
  ]);
  assert.throws(() => requireFinite(two, "f"), /"b" holds -Infinity .*; 2 of 2 tensors/);
  requireFinite(new Map([["d", { shape: [0], data: new Float32Array() }]]), "f");
});

test.run();
