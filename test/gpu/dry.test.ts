import { test } from "uvu";
import * as assert from "uvu/assert";
import { defaultLimits, dryGpu } from "../../src/gpu/dry.ts";
import { OutOfMemoryError } from "../../src/errors.ts";

const MiB = 2 ** 20;

test("what is refused takes no memory: something smaller fits afterwards", async () => {
  const gpu = await dryGpu({ ...defaultLimits, memory: 100 * MiB });
  const { first } = await gpu.allocate({ first: 80 * MiB }, { purpose: "weights" });
  let error: unknown;
  await gpu.allocate({ some: 5 * MiB, large: 60 * MiB }).catch((cause) => (error = cause));
  assert.instance(error, OutOfMemoryError);
  assert.match((error as Error).message, /"large" of 60\.0 MiB .* may take 100\.0 MiB/);
  assert.is((error as OutOfMemoryError).memory, 85 * MiB);
  await gpu.allocate({ small: 20 * MiB }, { purpose: "images" });
  assert.equal(
    [...gpu.bytesByPurpose()],
    [
      ["weights", 80 * MiB],
      ["images", 20 * MiB],
    ],
  );
  assert.is(gpu.allocatedBytes, 100 * MiB);
  gpu.free(first);
  assert.equal([...gpu.bytesByPurpose()], [["images", 20 * MiB]]);
});

test("reading beyond the limit does not refuse a later buffer", async () => {
  const gpu = await dryGpu({ ...defaultLimits, memory: 10 * MiB });
  const { data } = await gpu.allocate({ data: 8 * MiB });
  await gpu.readFloats(data);
  await gpu.allocate({ more: 2 * MiB });
});

test("what only saves time is given up before an allocation is refused, once", async () => {
  const gpu = await dryGpu({ ...defaultLimits, memory: 10 * MiB });
  const { held } = await gpu.allocate({ held: 8 * MiB });
  let times = 0;
  gpu.spare.add({
    destroy() {
      times++;
      gpu.free(held);
    },
  });
  await gpu.allocate({ fits: 2 * MiB });
  assert.is(times, 0);
  await gpu.allocate({ needed: 6 * MiB });
  assert.is(times, 1);
  assert.is(gpu.allocatedBytes, 8 * MiB);
  let error: unknown;
  await gpu.allocate({ more: 3 * MiB }).catch((cause) => (error = cause));
  assert.instance(error, OutOfMemoryError);
  assert.is(times, 1);
});

test.run();
