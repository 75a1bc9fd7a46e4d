/** Checks that whatever owns GPU memory frees what it allocated, and leaves nothing behind where memory runs out. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { OutOfMemoryError } from "../src/errors.ts";
import type { Gpu } from "../src/gpu/device.ts";

/** What has memory to free. */
export interface Owner {
  destroy(): void;
  [Symbol.dispose](): void;
}

/**
 * Declares the tests of each maker.
 *
 * @param prepared what a maker starts from, on a device of its own that holds `memory` bytes, if given.
 * @param makers what is made, by name; each owns all that it allocates.
 */
export function checkOwnership<P extends { readonly gpu: Gpu }>(
  prepared: (memory?: number) => Promise<P>,
  makers: Readonly<Record<string, (on: P) => Promise<Owner>>>,
): void {
  for (const [name, make] of Object.entries(makers)) {
    test(`${name}: frees all that it allocated, however it is disposed of`, async () => {
      const on = await prepared();
      const { gpu } = on;
      const before = gpu.allocatedBytes;
      (await make(on)).destroy();
      assert.is(gpu.allocatedBytes, before);
      const made = await make(on);
      assert.ok(gpu.allocatedBytes > before);
      made[Symbol.dispose]();
      assert.is(gpu.allocatedBytes, before);
      made.destroy();
      made[Symbol.dispose]();
      assert.is(gpu.allocatedBytes, before, "freed twice, counted once");
    });

    test(`${name}: where memory runs out on the way, nothing stays behind`, async () => {
      const whole = await prepared();
      const before = whole.gpu.allocatedBytes;
      (await make(whole)).destroy();
      const needed = whole.gpu.peakBytes - before;
      for (const share of [0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99]) {
        const on = await prepared(before + Math.floor(share * needed));
        const error = await make(on).then(
          (made) => made.destroy(),
          (cause: unknown) => cause,
        );
        if (error !== undefined) assert.instance(error, OutOfMemoryError);
        assert.is(on.gpu.allocatedBytes, before, `${share} of the memory needed`);
      }
    });
  }
}
