// A short soak: what its long run relies on is right, and a fixed number of iterations leaves nothing behind.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { methods } from "../../src/unlearn/methods/index.ts";
import { closeGpus, ownGpu } from "../device.ts";
import { type Job, methodSettings, soakJobs } from "./jobs.ts";
import { faultsOf, kindsThatGrow, soak, slopeLimit } from "./soak.ts";
import { census, grown, type Kinds } from "./census.ts";
import { trend } from "./trend.ts";

const nothing = { counted: 0, bytes: 0, buffers: 0 };
const flat = { slope: 0, standardError: 0.01, blocks: 30 };

test("a soak has every method", () => {
  assert.equal(Object.keys(methodSettings).toSorted(), methods.names.toSorted());
});

test("trainings and unlearnings, whole and cut off, give back what they took", async () => {
  const gpu = await ownGpu();
  const all = await soakJobs(gpu);
  const chosen = ["train small-cnn", "unlearn by linear-rewind"];
  const jobs = Object.fromEntries(chosen.map((name) => [name, all[name]!]));
  const report = await soak(gpu, jobs, { seed: 2, collectEvery: 1, more: (done) => done < 8 });
  assert.equal(report.leaks, []);
  assert.equal(report.gpu.start, nothing);
  assert.equal(report.gpu.end, nothing);
  assert.ok(report.gpu.peakBytes > 0);
  assert.is(report.heap.samples, 9);
  const ends = Object.values(report.jobs)
    .map((of) => Object.entries(of))
    .flat();
  assert.is(
    ends.reduce((sum, [, count]) => sum + count, 0),
    10,
    "two first runs and eight drawn ones",
  );
  // Where an abort or a broken callback comes too late for its job depends on how fast the device is.
  assert.ok(ends.some(([end]) => end === "out of memory") && ends.some(([end]) => end === "whole"));
});

test("a buffer that stays behind is found, whether the device's memory counts it or not", async () => {
  const gpu = await ownGpu();
  const keep: (() => void)[] = [];
  const jobs: Record<string, Job> = {
    counted: {
      run: async () => {
        const { x } = await gpu.allocate({ x: 64 });
        keep.push(() => gpu.free(x));
      },
    },
    uncounted: {
      run: async () => {
        const x = gpu.device.createBuffer({ size: 32, usage: GPUBufferUsage.COPY_DST });
        keep.push(() => x.destroy());
      },
    },
  };
  for (const [name, job] of Object.entries(jobs)) {
    const {
      leaks,
      faults,
      gpu: held,
    } = await soak(
      gpu,
      { [name]: job },
      {
        seed: 1,
        collectEvery: 1,
        more: (done) => done < 3,
      },
    );
    assert.is(held.end.buffers, leaks.length);
    assert.ok(leaks.length > 1 && /left something on the device/.test(faults.join()), name);
    for (const free of keep.splice(0)) free();
  }
});

test("an error that a job must not end with ends the soak", async () => {
  const gpu = await ownGpu();
  const jobs = { wrong: { run: () => Promise.reject(new TypeError("no such thing")) } };
  const error = await soak(gpu, jobs, { seed: 1, collectEvery: 1, more: () => false }).catch(
    (cause: unknown) => cause as Error,
  );
  assert.match((error as Error).message, /wrong \(whole, seed 1, iteration 0\) ended badly/);
});

test("a heap that grows is a fault, one that only wavers is none", () => {
  const x = Array.from({ length: 400 }, (_, i) => i);
  const wavering = x.map((i) => 1000 + 30 * Math.sin(i / 5));
  assert.equal(faultsOf(nothing, nothing, [], trend(x, wavering)), []);
  const growing = wavering.map((v, i) => v + 5 * slopeLimit * i);
  const fitted = trend(x, growing);
  assert.ok(Math.abs(fitted.slope - 5 * slopeLimit) < 4 * fitted.standardError);
  assert.match(faultsOf(nothing, nothing, [], fitted)[0]!, /the heap grows by/);
  assert.equal(faultsOf(nothing, nothing, [], { ...flat, slope: slopeLimit }), []);
});

test("objects that stay behind are found by their kind", async () => {
  class Forgotten {
    readonly place: number;
    constructor(place: number) {
      this.place = place;
    }
  }
  const kinds: Kinds = new Map();
  const before = await census(kinds);
  const kept = Array.from({ length: 30 }, (_, i) => new Forgotten(i));
  const after = await census(kinds);
  const found = grown(kinds, [before, after]).find(({ kind }) => kind === "object Forgotten")!;
  assert.is(found.objects, kept.length);
  assert.ok(found.bytes >= 16 * kept.length);
  // What one count alone has seen is held for a moment, and not left behind.
  for (const moment of [
    [before, after, before, before],
    [before, before, after, before],
  ]) {
    assert.not(grown(kinds, moment).some(({ kind }) => kind === found.kind));
  }
  assert.equal(kindsThatGrow([found], 299), ["299 iterations left 30 objects: object Forgotten"]);
  assert.equal(kindsThatGrow([found], 300), []);
});

test("counts that are kept are no growth themselves", async () => {
  const kinds: Kinds = new Map();
  const counts = [await census(kinds)];
  for (let i = 0; i < 3; i++) counts.push(await census(kinds));
  // A kind for each was an object, a string and its parts a count: thousands.
  assert.ok(grown(kinds, counts).every(({ objects }) => objects < 100));
  assert.is(counts.length, 4);
});

test("a line's slope and its standard error are those of the textbook", () => {
  // y = 2x + residuals 1, -1, -1, 1, of sum and first moment 0: the error is sqrt(4 / 2 / 5).
  const { slope, standardError } = trend([0, 1, 2, 3], [1, 1, 3, 7]);
  assert.ok(Math.abs(slope - 2) < 1e-12);
  assert.ok(Math.abs(standardError - Math.sqrt(0.4)) < 1e-12);
  assert.throws(() => trend([0, 1], [1, 2]), /three points/);
});

test.after(closeGpus);
test.run();
