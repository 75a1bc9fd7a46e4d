// Files that are cut or have wrong bits: a result, or an error that names the file, within bounded time.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../src/errors.ts";
import { readTensors } from "../../src/io/tensor-file.ts";
import { Random } from "../../src/random.ts";
import { goodFiles } from "./good-files.ts";

/** Most milliseconds a damaged file may take; a good one takes a few. */
const longest = 5000;

/** A copy that is cut, has one byte of another value, or several flipped bits. */
function damage(good: Uint8Array, random: Random, how: number): Uint8Array {
  const at = (): number => Math.floor(random.float() * good.length);
  if (how === 0) return good.slice(0, at());
  const bytes = good.slice();
  if (how === 1) bytes[at()] = Math.floor(random.float() * 256);
  else for (let flips = 0; flips < 6; flips++) bytes[at()]! ^= 1 << Math.floor(random.float() * 8);
  return bytes;
}

for (const [kind, runs] of [
  ["safetensors", 400],
  ["archive", 400],
  ["packed", 400],
  ["legacy", 400],
  ["named", 100],
  ["saved", 100],
  ["half", 60],
  ["keras", 60],
] as const) {
  test(`${kind}: ${runs} damaged files give a result or an error that names them`, async () => {
    const good = (await goodFiles())[kind]!;
    assert.ok((await readTensors(good, "x.bin", { allowNonfinite: true })).tensors.size > 0);
    const random = new Random(17);
    for (let run = 0; run < runs; run++) {
      const bytes = damage(good, random, run % 3);
      const started = performance.now();
      try {
        const { tensors } = await readTensors(bytes, "x.bin", { allowNonfinite: true });
        for (const { shape, data } of tensors.values()) {
          assert.is(
            data.length,
            shape.reduce((product, n) => product * n, 1),
          );
        }
      } catch (error) {
        const { message } = error as Error;
        assert.instance(error, DataError, `run ${run}: ${message}`);
        assert.ok(message.startsWith('"x.bin'), `run ${run}: ${message}`);
        assert.not.match(message, /\p{Cc}|cannot be read \(/u, `run ${run}`);
      }
      assert.ok(performance.now() - started < longest, `run ${run} takes too long`);
    }
  });
}

test.run();
