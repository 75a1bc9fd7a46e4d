// How long a program waits for a software adapter before it asks.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Pacing } from "../../src/gpu/pacing.ts";

/** A clock that is moved by hand, and the sleeps that were asked of it. */
function movedClock() {
  const slept: number[] = [];
  const clock = {
    time: 0,
    slept,
    now: () => clock.time,
    sleep: (milliseconds: number) => {
      slept.push(milliseconds);
      clock.time += milliseconds;
      return Promise.resolve();
    },
  };
  return clock;
}

/** A step of work that the adapter needs `takes` for, and what was slept of it. */
async function step(pacing: Pacing, clock: ReturnType<typeof movedClock>, takes: number) {
  const start = clock.time;
  clock.slept.length = 0;
  pacing.submitted(1, "step", false);
  await pacing.sleep();
  clock.time = Math.max(clock.time, start + takes);
  pacing.finished();
  return clock.slept[0] ?? 0;
}

test("a step is slept through for nine tenths of what the one before took", async () => {
  const clock = movedClock();
  const pacing = new Pacing(true, clock);
  assert.is(await step(pacing, clock, 40), 0);
  assert.is(await step(pacing, clock, 50), 36);
  assert.is(await step(pacing, clock, 50), 45);
});

test("a process that was stopped for an hour does not sleep for one", async () => {
  const clock = movedClock();
  const pacing = new Pacing(true, clock);
  await step(pacing, clock, 40);
  await step(pacing, clock, 3_600_000);
  const times = [];
  for (let i = 0; i < 4; i++) times.push(await step(pacing, clock, 40));
  assert.ok(times[0]! <= 72 && times.at(-1)! <= 36, times.join(", "));
});

test("a first step that took an hour costs minutes, and the waits become short again", async () => {
  const clock = movedClock();
  const pacing = new Pacing(true, clock);
  await step(pacing, clock, 3_600_000);
  const start = clock.time;
  let last = Infinity;
  for (let i = 0; i < 20; i++) last = await step(pacing, clock, 40);
  assert.ok(clock.time - start < 3 * 60_000, `${clock.time - start} ms`);
  assert.ok(last <= 36, `${last}`);
});

test("where waiting costs nothing there is no sleep", async () => {
  const clock = movedClock();
  const pacing = new Pacing(false, clock);
  await step(pacing, clock, 40);
  assert.is(await step(pacing, clock, 40), 0);
});

test.run();
