import { test } from "uvu";
import * as assert from "uvu/assert";
import { Gpu } from "../../src/gpu/device.ts";
import { GpuError } from "../../src/errors.ts";
import type { Span } from "../../src/gpu/dispatch-timer.ts";
import { chromeTrace, Profiler, summarise } from "../../src/gpu/profile.ts";
import { Graph } from "../../src/graph/graph.ts";
import { compile, type Program } from "../../src/graph/program.ts";
import type { Value } from "../../src/graph/value.ts";
import { linear, relu } from "../../src/ops/index.ts";
import { openGpu } from "../../src/platform/gpu.ts";
import { closeGpus, testGpu } from "../device.ts";

const [rows, features, units] = [8, 16, 4];

/** relu(x w) with x [8, 16] and w [16, 4]. */
async function build(gpu: Gpu, label: string): Promise<{ program: Program; y: Value }> {
  const graph = new Graph(gpu);
  const x = graph.input("x", [rows, features]);
  const w = graph.input("w", [features, units]);
  const y = relu(linear(x, w, null));
  const buffers = await gpu.allocate({ x: x.bytes, w: w.bytes });
  gpu.write(
    buffers.x,
    Float32Array.from({ length: x.size }, (_, i) => (i % 7) - 3),
  );
  gpu.write(
    buffers.w,
    Float32Array.from({ length: w.size }, (_, i) => (i % 5) - 2),
  );
  const bindings = new Map([
    [x, { buffer: buffers.x, offset: 0, size: x.bytes }],
    [w, { buffer: buffers.w, offset: 0, size: w.bytes }],
  ]);
  return { program: await compile(gpu, graph.forward(), { label, bindings, keep: [y] }), y };
}

async function hasTimestamps(): Promise<boolean> {
  if ((await testGpu()).device.features.has("timestamp-query")) return true;
  console.log("skipped: this adapter has no timestamp queries");
  return false;
}

/** As of one replay. */
const first = { replay: 0 };
// Two programs; kernel k of program a runs twice.
const spans: readonly Span[] = [
  { program: "b", kernel: "k", ...first, start: 9_000, end: 10_000, flop: 0, bytes: 500 },
  { program: "a", kernel: "k", ...first, start: 1_000, end: 2_000, flop: 3_000, bytes: 8_000 },
  { program: "a", kernel: "long", ...first, start: 3_000, end: 8_000, flop: 10_000, bytes: 20_000 },
  { program: "a", kernel: "k", ...first, start: 8_000, end: 10_000, flop: 3_000, bytes: 8_000 },
];

test("the table adds up calls, times and shares by program and kernel, longest first", () => {
  const rows = summarise(spans);
  assert.equal(
    rows.map(({ program, kernel, calls }) => [program, kernel, calls]),
    [
      ["a", "long", 1],
      ["a", "k", 2],
      ["b", "k", 1],
    ],
  );
  const [long, k, other] = rows;
  assert.ok(Math.abs(long!.milliseconds - 0.005) < 1e-12);
  assert.ok(Math.abs(long!.share - 62.5) < 1e-9 && Math.abs(k!.share - 37.5) < 1e-9);
  assert.ok(Math.abs(other!.share - 100) < 1e-9);
  // 10,000 operations in 5,000 ns are 2 GFLOP/s; 20,000 bytes are 4 GB/s.
  assert.ok(Math.abs(long!.gflops - 2) < 1e-9 && Math.abs(long!.gigabytes - 4) < 1e-9);
  assert.ok(Math.abs(k!.gflops - 2) < 1e-9);
  assert.is(other!.gflops, 0);
});

test("the first replay, in which drivers compile, counts only where there is no other", () => {
  const slow = spans.map((span) => ({ ...span, end: span.end + 10 * (span.end - span.start) }));
  const later = spans
    .filter(({ program }) => program === "a")
    .map((span) => ({ ...span, replay: 1 }));
  const alone = summarise(spans);
  const rows = summarise([...slow, ...later]);
  const ofA = (row: (typeof rows)[number]): boolean => row.program === "a";
  assert.equal(rows.filter(ofA), alone.filter(ofA));
  assert.ok(Math.abs(rows.find((row) => !ofA(row))!.milliseconds - 0.011) < 1e-12);
});

test("a kernel too short for the clock has no rate instead of an infinite one", () => {
  const [row] = summarise([
    { program: "a", kernel: "k", ...first, start: 5, end: 5, flop: 9, bytes: 9 },
  ]);
  assert.equal([row!.milliseconds, row!.share, row!.gflops, row!.gigabytes], [0, 0, 0, 0]);
});

test("the Chrome trace has one complete event a dispatch, in microseconds from the first", () => {
  const { traceEvents } = chromeTrace(spans);
  assert.is(traceEvents.length, spans.length);
  assert.equal(traceEvents[2], {
    name: "long",
    cat: "a",
    ph: "X",
    ts: 2,
    dur: 5,
    pid: 1,
    tid: 2,
    args: { flop: 10_000, bytes: 20_000 },
  });
  const events = traceEvents as { ts: number; tid: number }[];
  assert.is(Math.min(...events.map(({ ts }) => ts)), 0);
  assert.equal(
    events.map(({ tid }) => tid),
    [1, 2, 2, 2],
  );
  assert.equal(JSON.parse(JSON.stringify({ traceEvents })), { traceEvents });
  assert.equal(chromeTrace([]), { traceEvents: [] });
  // More than a function takes arguments.
  assert.is(chromeTrace(Array<Span>(200_000).fill(spans[0]!)).traceEvents.length, 200_000);
});

test("a timed replay gives the program's own numbers, FLOP and bytes", async () => {
  if (!(await hasTimestamps())) return;
  const gpu = await testGpu();
  const { program, y } = await build(gpu, "timed");
  program.run();
  const want = await gpu.readFloats(program.view(y));
  gpu.profiler = new Profiler(gpu);
  program.run();
  assert.equal(await gpu.readFloats(program.view(y)), want);
  const taken = await gpu.profiler.collect();
  assert.is(taken.length, program.dispatches.length);
  assert.equal(
    taken.map(({ kernel }) => kernel),
    program.dispatches.map(({ label }) => label),
  );
  assert.ok(taken.every((span) => span.program === "timed" && span.end >= span.start));
  const sum = (of: (span: Span) => number): number => taken.reduce((s, span) => s + of(span), 0);
  assert.is(
    sum(({ flop }) => flop),
    program.flop,
  );
  // A product of two operations a term, and one operation an element for relu.
  assert.is(program.flop, 2 * rows * features * units + rows * units);
  // It is done before the product is stored.
  const floats = rows * features + features * units + rows * units;
  assert.is(
    sum(({ bytes }) => bytes),
    4 * floats,
  );
  assert.equal(await gpu.profiler.collect(), [], "what was collected is not collected again");
  gpu.profiler = undefined;
  program.destroy();
});

test("the first 8 replays of each program are timed, the rest run at full speed; the table has them without the first", async () => {
  if (!(await hasTimestamps())) return;
  const gpu = await testGpu();
  const [one, two] = [await build(gpu, "one"), await build(gpu, "two")];
  gpu.profiler = new Profiler(gpu);
  one.program.run(20);
  two.program.run(3);
  const rows = summarise(await gpu.profiler.collect());
  for (const { program, calls } of rows) assert.is(calls, program === "one" ? 7 : 2);
  assert.is(rows.length, 2 * one.program.dispatches.length);
  assert.not(gpu.profiler.wants("one"));
  assert.ok(gpu.profiler.wants("two"));
  gpu.profiler = undefined;
  await gpu.idle();
});

test("a profiler that is disposed of frees what it did not collect", async () => {
  if (!(await hasTimestamps())) return;
  const gpu = await testGpu();
  const { program } = await build(gpu, "left");
  const made: GPUBuffer[] = [];
  const freed: GPUBuffer[] = [];
  const { device } = gpu;
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      freed.push(buffer);
      destroy();
    };
    made.push(buffer);
    return buffer;
  };
  try {
    using profiler = new Profiler(gpu);
    gpu.profiler = profiler;
    program.run(3);
  } finally {
    gpu.profiler = undefined;
    device.createBuffer = createBuffer;
  }
  assert.is(made.length, 3);
  assert.ok(made.every((buffer) => freed.includes(buffer)));
  await gpu.idle();
  program.destroy();
});

test("without timestamps the profiler names the adapter and the way out", async () => {
  const adapter = await (await openGpu()).requestAdapter();
  const device = await adapter!.requestDevice();
  const { adapter: known } = await testGpu();
  const gpu = new Gpu(device, { ...known, description: "Plain 1" });
  assert.throws(
    () => new Profiler(gpu),
    (error: Error) =>
      error instanceof GpuError &&
      error.message ===
        '`profile`: adapter "Plain 1" has no timestamp queries. Use `npm run bench` for wall times.',
  );
  gpu.close();
});

test.after(closeGpus);
test.run();
