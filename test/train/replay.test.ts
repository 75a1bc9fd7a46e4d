// Replays in chunks that are waited for, and in parts that are submitted.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Gpu } from "../../src/gpu/device.ts";
import { replay } from "../../src/train/replay.ts";

/** A device that takes so long for a step, and what was submitted between two waits. */
function slow(msAStep: number): {
  readonly gpu: Gpu;
  readonly chunks: number[][];
  readonly program: { run(times: number, after?: (encoder: GPUCommandEncoder) => void): void };
  readonly afters: number[];
} {
  const chunks: number[][] = [];
  const afters: number[] = [];
  let parts: number[] = [];
  let done = 0;
  const idle = async (): Promise<void> => {
    const steps = parts.reduce((sum, part) => sum + part, 0);
    chunks.push(parts);
    parts = [];
    await new Promise((resolve) => setTimeout(resolve, msAStep * steps));
  };
  const program = {
    run: (times: number, after?: (encoder: GPUCommandEncoder) => void): void => {
      parts.push(times);
      done += times;
      if (after !== undefined) afters.push(done);
    },
  };
  return { gpu: { idle } as unknown as Gpu, chunks, program, afters };
}

const steps = (parts: readonly number[]): number => parts.reduce((sum, part) => sum + part, 0);

test("steps that take long are submitted one by one, and what comes behind the last is encoded once", async () => {
  const { gpu, chunks, program, afters } = slow(10);
  const seen: number[] = [];
  const after = (): void => undefined;
  await replay(gpu, program, 21, { progress: (done) => seen.push(done) }, after);
  assert.is(steps(chunks.flat()), 21);
  assert.equal(afters, [21]);
  // The first chunk is submitted before anything is known of the time, in parts of one.
  assert.ok(chunks.flat().every((part) => part === 1));
  assert.is(seen.at(-1), 21);
  assert.equal(
    seen,
    chunks.map((_, i) => steps(chunks.slice(0, i + 1).flat())),
  );
});

test("steps that take little are submitted several at a time", async () => {
  const { gpu, chunks, program } = slow(1);
  await replay(gpu, program, 100);
  assert.is(steps(chunks.flat()), 100);
  const parts = chunks.slice(1).flatMap((chunk) => chunk.slice(0, -1));
  assert.ok(
    parts.some((part) => part > 1),
    `${parts}`,
  );
  assert.ok(
    parts.every((part) => part <= 4),
    `${parts}`,
  );
  // Chunks grow, parts do not grow with them.
  assert.ok(Math.max(...chunks.map(steps)) > 20);
});

test("a replay that is ended begins no further chunk", async () => {
  const { gpu, chunks, program } = slow(1);
  const ended = new AbortController();
  const progress = (done: number): void => {
    if (done >= 6) ended.abort(new Error("enough"));
  };
  let cause: unknown;
  await replay(gpu, program, 100, { signal: ended.signal, progress }).catch(
    (error: unknown) => (cause = error),
  );
  assert.is((cause as Error).message, "enough");
  // Chunks of 2 and 4.
  assert.equal(chunks.map(steps), [2, 4]);
});

test.run();
