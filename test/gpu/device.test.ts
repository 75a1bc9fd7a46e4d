import v8 from "node:v8";
import vm from "node:vm";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { TrainConfig } from "../../src/runs/config.ts";
import { acquireDevice, type AdapterReport, Gpu } from "../../src/gpu/device.ts";
import {
  DeviceLostError,
  DivergedError,
  GpuError,
  OutOfMemoryError,
  UsageError,
} from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { compile, type Program } from "../../src/graph/program.ts";
import { type Launch, Value } from "../../src/graph/value.ts";
import { prepareJob } from "../../src/runs/job.ts";
import { relu, sum } from "../../src/ops/index.ts";
import { openGpu } from "../../src/platform/gpu.ts";
import { trainJob } from "../../src/api/training.ts";
import { closeGpus, testGpu } from "../device.ts";

/** The error a piece of work ends with. */
async function errorOf(work: () => unknown): Promise<Error> {
  try {
    await work();
  } catch (error) {
    return error as Error;
  }
  throw new Error("did not fail");
}

/** Puts an adapter choice of our own in place of WebGPU's while `work` runs. */
async function withAdapters<T>(
  requestAdapter: (options: GPURequestAdapterOptions) => Promise<unknown>,
  work: () => Promise<T>,
): Promise<T> {
  const entry = await openGpu();
  Object.defineProperty(entry, "requestAdapter", { value: requestAdapter, configurable: true });
  try {
    return await work();
  } finally {
    delete (entry as { requestAdapter?: unknown }).requestAdapter;
  }
}

/** A device that answers only what opening and waiting ask; `lost` decides when it is gone. */
function fakeDevice(lost: Promise<unknown> = new Promise(() => undefined)): GPUDevice {
  return {
    limits: { maxStorageBufferBindingSize: 2 ** 27, maxBufferSize: 2 ** 28 },
    features: new Set(),
    lost,
    addEventListener: () => undefined,
    queue: { onSubmittedWorkDone: () => new Promise(() => undefined) },
  } as unknown as GPUDevice;
}

function fakeAdapter(description: string, software: boolean): GPUAdapter {
  return {
    info: { vendor: "v", architecture: "a", device: "d", description, isFallbackAdapter: software },
    features: new Set(["b", "a"]),
    limits: {},
    requestDevice: () => Promise.resolve(fakeDevice()),
  } as unknown as GPUAdapter;
}

const report: AdapterReport = {
  runtime: "browser",
  runtimeVersion: "test",
  vendor: "",
  architecture: "",
  device: "",
  description: "fake",
  software: false,
  tuning: "gpu",
  precision: "exact",
  features: [],
};

// ---- Adapters. ----

test("default limits are WebGPU's, whatever the adapter has; the peak of memory stays", async () => {
  const gpu = await acquireDevice({ defaultLimits: true });
  const { limits } = gpu.device;
  assert.is(limits.maxStorageBufferBindingSize, 128 * 2 ** 20);
  assert.is(limits.maxBufferSize, 256 * 2 ** 20);
  const start = gpu.peakBytes;
  const { one } = await gpu.allocate({ one: 4096 });
  gpu.free(one);
  await gpu.allocate({ two: 256 });
  assert.is(gpu.peakBytes - start, 4096);
  // More is read at once than one buffer holds.
  const { large } = await gpu.allocate({ large: 100 * 2 ** 20 });
  const last = 100 * 2 ** 20 - 4;
  gpu.write(large, Uint32Array.of(7));
  gpu.device.queue.writeBuffer(large, last, Uint32Array.of(9));
  const whole = { buffer: large, offset: 0, size: 100 * 2 ** 20 };
  const parts = await gpu.read(whole, { ...whole, size: 6 }, whole, whole);
  assert.equal(
    parts.map((part) => part.byteLength),
    [whole.size, 6, whole.size, whole.size],
  );
  for (const part of parts) assert.is(new Uint8Array(part)[0], 7);
  for (const i of [0, 2, 3]) assert.is(new Uint8Array(parts[i]!)[last], 9);
  gpu.close();
});

test("without any adapter the error names the driver, `npm run setup` and `rewind doctor`", async () => {
  const error = await withAdapters(
    () => Promise.resolve(null),
    () => errorOf(() => acquireDevice()),
  );
  assert.instance(error, GpuError);
  assert.match(error.message, /^no WebGPU adapter: .*npm run setup.*rewind doctor/);
});

test("an adapter choice that does not exist is refused with the three that do", async () => {
  const error = await errorOf(() => acquireDevice({ adapter: "cuda" as "gpu" }));
  assert.is(error.message, 'unknown adapter "cuda": choose auto, gpu or software.');
});

test("choice gpu refuses a software adapter by its name", async () => {
  const adapter = fakeAdapter("llvmpipe (LLVM 15)", false);
  const error = await withAdapters(
    () => Promise.resolve(adapter),
    () => errorOf(() => acquireDevice({ adapter: "gpu" })),
  );
  assert.match(error.message, /^no GPU: the only adapter is software \(llvmpipe \(LLVM 15\)\)/);
});

test("choice software takes the fallback adapter beside a GPU, and says how to get one", async () => {
  const [hardware, software] = [fakeAdapter("Fast 9000", false), fakeAdapter("Slow 1", true)];
  const asked: GPURequestAdapterOptions[] = [];
  const choose = (fallback: GPUAdapter | null) => (options: GPURequestAdapterOptions) => {
    asked.push(options);
    return Promise.resolve(options.forceFallbackAdapter === true ? fallback : hardware);
  };
  const gpu = await withAdapters(choose(software), () => acquireDevice({ adapter: "software" }));
  assert.is(gpu.adapter.description, "Slow 1");
  assert.equal([gpu.adapter.software, gpu.tuning], [true, "software"]);
  assert.is(asked.at(-1)!.forceFallbackAdapter, true);
  const error = await withAdapters(choose(null), () =>
    errorOf(() => acquireDevice({ adapter: "software" })),
  );
  assert.match(error.message, /^no software adapter: .*lavapipe.*drop `adapter=software`/);
});

test("auto takes the GPU, with GPU kernels and its sorted features in the report", async () => {
  const gpu = await withAdapters(
    () => Promise.resolve(fakeAdapter("Fast 9000", false)),
    () => acquireDevice(),
  );
  assert.equal([gpu.adapter.software, gpu.tuning], [false, "gpu"]);
  assert.equal(gpu.adapter.features, ["a", "b"]);
  const forced = await withAdapters(
    () => Promise.resolve(fakeAdapter("Fast 9000", false)),
    () => acquireDevice({ tuning: "software", maxBinding: 4096 }),
  );
  assert.equal([forced.tuning, forced.maxBinding], ["software", 4096]);
});

test("an adapter that refuses a device is named with its reason", async () => {
  const adapter = Object.assign(fakeAdapter("Busy 1", false), {
    requestDevice: () => Promise.reject(new Error("in use")),
  });
  const error = await withAdapters(
    () => Promise.resolve(adapter),
    () => errorOf(() => acquireDevice()),
  );
  assert.match(error.message, /^adapter "Busy 1" refused a device: in use\. Close other programs/);
});

// ---- Errors the device reports. ----

test("after the device is lost every operation throws DeviceLostError, and a new device works", async () => {
  const gpu = await acquireDevice();
  const { kept } = await gpu.allocate({ kept: 16 });
  gpu.device.destroy();
  for (const work of [
    () => gpu.idle(),
    () => gpu.check(),
    () => gpu.allocate({ x: 16 }),
    () => gpu.submit(() => undefined),
    () => gpu.readFloats(kept),
  ]) {
    const error = await errorOf(work);
    assert.instance(error, DeviceLostError);
    assert.match(error.message, /^the device was lost \(destroyed\): .*resumes from the last/);
  }
  const next = await acquireDevice();
  const { again } = await next.allocate({ again: 16 });
  assert.equal([...(await next.readFloats(again))], [0, 0, 0, 0]);
  next.close();
});

test("a loss ends a wait that would never end, with the driver's reason", async () => {
  let lose: (info: unknown) => void = () => undefined;
  const lost = new Promise((resolve) => (lose = resolve));
  const gpu = new Gpu(fakeDevice(lost), report);
  const waiting = errorOf(() => gpu.idle());
  lose({ reason: "unknown", message: "watchdog" });
  const error = await waiting;
  assert.instance(error, DeviceLostError);
  assert.match(error.message, /^the device was lost \(unknown\): watchdog\. /);
});

test("what was waited for is held no longer: not by a device that is never lost", async () => {
  const gpu = new Gpu(fakeDevice(), report);
  const waited = await (async () => {
    const result = { bytes: new Float64Array(4) };
    await gpu.race(Promise.resolve(result));
    await errorOf(() => gpu.race(Promise.reject(new RangeError("refused"))));
    return new WeakRef(result);
  })();
  // A reference is kept until the task that looked at it is over.
  await new Promise((resolve) => setTimeout(resolve));
  v8.setFlagsFromString("--expose-gc");
  (vm.runInNewContext("gc") as () => void)();
  assert.is(waited.deref(), undefined);
});

test("an error before the loss is told first, and then the loss ever after", async () => {
  let lose: (info: unknown) => void = () => undefined;
  const lost = new Promise((resolve) => (lose = resolve));
  const listeners: ((event: unknown) => void)[] = [];
  const device = fakeDevice(lost);
  device.addEventListener = (_: string, listener: unknown) => listeners.push(listener as never);
  const gpu = new Gpu(device, report);
  for (const listener of listeners) listener({ error: { message: "a wrong size" } });
  lose({ reason: "unknown", message: "" });
  await lost;
  assert.match((await errorOf(() => gpu.check())).message, /^the GPU reported: a wrong size/);
  for (let i = 0; i < 2; i++) {
    assert.instance(await errorOf(() => gpu.check()), DeviceLostError);
    assert.instance(await errorOf(() => gpu.race(Promise.resolve())), DeviceLostError);
  }
});

test("a closed device says so, and keeps no kernel", async () => {
  const gpu = await acquireDevice();
  const kernel = { shader: "elementwise/copy", parts: ["walk/forward"], entry: "forward" };
  await gpu.kernels.get({ ...kernel, constants: { N: 4, PER: 1 } });
  assert.is(gpu.kernels.size, 1);
  gpu.close();
  assert.is(gpu.kernels.size, 0);
  assert.throws(() => gpu.check(), /this device was closed: acquire a new one/);
});

test("a validation error surfaces at the next wait, once, with what to do", async () => {
  const gpu = await testGpu();
  const { a, b } = await gpu.allocate({ a: 16, b: 16 });
  gpu.submit((encoder) => encoder.copyBufferToBuffer(a, 0, b, 0, 64));
  const error = await errorOf(async () => {
    await gpu.idle();
    gpu.check();
  });
  assert.instance(error, GpuError);
  assert.match(error.message, /^the GPU reported: [^]*16[^]*please report it with .*doctor --json/);
  await gpu.idle();
  gpu.check();
  gpu.free(a, b);
});

test("a shader file that does not compile is named with its constants", async () => {
  const gpu = await testGpu();
  const error = await errorOf(() =>
    gpu.kernels.get({
      shader: "elementwise/relu",
      parts: ["walk/forward"],
      entry: "forward",
      constants: { PER: 1 },
    }),
  );
  assert.match(error.message, /^kernel elementwise\/relu:forward does not compile[^]*SLOPE/);
  assert.match(error.message, /constants: const PER = 1;/);
  gpu.check();
});

// ---- Memory. ----

test("a buffer beyond the adapter's limit is named with its size, and nothing is kept", async () => {
  const gpu = await testGpu({ defaultLimits: true });
  const before = gpu.allocatedBytes;
  const error = await errorOf(() => gpu.allocate({ small: 64, huge: 2 ** 41 }));
  assert.instance(error, OutOfMemoryError);
  assert.match(error.message, /^out of GPU memory: buffer "huge" of 2097152\.0 MiB/);
  assert.match(error.message, /largest buffer is 256\.0 MiB\. Use a smaller batch or model\.$/);
  assert.is(gpu.allocatedBytes, before);
});

test("allocated bytes count up and down, in whole 16 bytes", async () => {
  const gpu = await testGpu();
  const before = gpu.allocatedBytes;
  const { a, b } = await gpu.allocate({ a: 1, b: 20 });
  assert.is(gpu.allocatedBytes - before, 16 + 32);
  gpu.free(a, b);
  assert.is(gpu.allocatedBytes, before);
  gpu.free(a);
  assert.is(gpu.allocatedBytes, before, "freed twice, counted once");
});

test("a value larger than one binding is refused with a batch that fits", async () => {
  const gpu = await testGpu({ maxBinding: 65_536 });
  const build = async (batch: number): Promise<Program> => {
    const graph = new Graph(gpu);
    const x = graph.input("x", [batch, 1024]);
    const y = relu(x);
    const { data } = await gpu.allocate({ data: x.bytes });
    const bindings = new Map([[x, { buffer: data, offset: 0, size: x.bytes }]]);
    return compile(gpu, graph.forward(), { label: "wide", bindings, keep: [y] });
  };
  const error = await errorOf(() => build(48));
  assert.instance(error, OutOfMemoryError);
  assert.match(error.message, /^"relu" \[48, 1024\] takes 0\.188 MiB; .* holds 0\.063 MiB\./);
  const times = Number(/at least (\d+) times smaller/.exec(error.message)![1]);
  assert.is(times, 3);
  const program = await build(48 / times);
  program.run();
  await gpu.idle();
  program.destroy();
});

test("a bound value larger than one binding is refused before anything is bound", async () => {
  const gpu = await testGpu({ maxBinding: 65_536 });
  const graph = new Graph(gpu);
  const x = graph.input("all images", [20, 1024]);
  const y = sum(x);
  const { data } = await gpu.allocate({ data: x.bytes });
  const bindings = new Map([[x, { buffer: data, offset: 0, size: x.bytes }]]);
  const error = await errorOf(() =>
    compile(gpu, graph.forward(), { label: "wide", bindings, keep: [y] }),
  );
  assert.instance(error, OutOfMemoryError);
  assert.match(error.message, /^"all images" \[20, 1024\] takes .* at least 2 times smaller\.$/);
  gpu.free(data);
});

// ---- Bindings. ----

test("a binding that is unknown, missing, without a buffer or of two uses is named", async () => {
  const gpu = await testGpu();
  const x = new Value("input", [16], "f32", "bound");
  const y = new Value("output", [16], "f32", "bound");
  const { one, two } = await gpu.allocate({ one: 64, two: 64 });
  const view = (buffer: GPUBuffer): { buffer: GPUBuffer; offset: number; size: number } => ({
    buffer,
    offset: 0,
    size: 64,
  });
  const fails = async (
    bind: Launch["bind"],
    buffers: readonly (readonly [Value, GPUBuffer])[],
  ): Promise<string> => {
    const constants = { PER: 1, SLOPE: 0 };
    const kernel = { shader: "elementwise/relu", parts: ["walk/forward"], entry: "forward" };
    const uniforms = { elements: Uint32Array.of(16) };
    const launch = { ...kernel, constants, bind, uniforms, threads: 4 };
    const bindings = new Map(buffers.map(([value, buffer]) => [value, view(buffer)]));
    const error = await errorOf(() => compile(gpu, [launch], { label: "one", bindings }));
    assert.instance(error, UsageError);
    return error.message;
  };
  const kernel = "kernel elementwise/relu:forward";
  const both = [
    [x, one],
    [y, two],
  ] as const;
  assert.is(
    await fails({ x, y, z: y }, both),
    `${kernel} has no binding "z"; it has: x, y, elements.`,
  );
  assert.is(
    await fails({ x }, both),
    `${kernel}: nothing is bound to "y"; bind a value, or null where this specialisation does not use it.`,
  );
  assert.is(
    await fails({ x, y }, [[x, one]]),
    `${kernel}: value "output" of "y" has no buffer; add it to \`bindings\`.`,
  );
  assert.match(
    await fails({ x, y }, [
      [x, one],
      [y, one],
    ]),
    /"y" and "x" share a buffer, one read-only and one writable/,
  );
  gpu.free(one, two);
});

test("a program names itself and a value it does not have", async () => {
  const gpu = await testGpu();
  const graph = new Graph(gpu);
  const x = graph.input("x", [4]);
  relu(x);
  const { data } = await gpu.allocate({ data: 16 });
  const bindings = new Map([[x, { buffer: data, offset: 0, size: 16 }]]);
  const program = await compile(gpu, graph.forward(), { label: "tiny", bindings });
  const other = new Value("other", [4], "f32", "planned");
  assert.throws(() => program.view(other), /program "tiny" has no value "other"/);
  program.destroy();
  gpu.free(data);
});

// ---- Numbers. ----

test("a training whose loss is no number ends with an error that says so", async () => {
  const config: TrainConfig = {
    data: { name: "synthetic", trainCount: 40, testCount: 10 },
    scenario: { name: "label-noise", share: 0.2 },
    model: { name: "small-cnn", filters: [2, 4] },
    epochs: 1,
    batch: 8,
    learningRate: 1e30,
    schedule: "constant",
    optimizer: { name: "adam" },
    seed: 1,
  };
  const job = await prepareJob(await testGpu(), config);
  const error = await errorOf(() => trainJob(job));
  assert.instance(error, DivergedError);
  // The first step's loss is that of the untouched weights: at least one step is good.
  const [, bad] = /NaN or infinite in (\d+) of 5 steps, up to step 5\./.exec(error.message) ?? [];
  assert.ok(Number(bad) >= 1 && Number(bad) <= 4, error.message);
  assert.match(error.message, /last checkpoint with a smaller learning rate/);
  job.destroy();
});

test.after(closeGpus);
test("writing no bytes writes nothing", async () => {
  const gpu = await testGpu();
  const { buffer } = await gpu.allocate({ buffer: 4 });
  gpu.write(buffer, Uint32Array.of(7));
  gpu.write(buffer, new Uint32Array(0));
  const [bytes] = await gpu.read({ buffer, offset: 0, size: 4 });
  assert.equal([...new Uint32Array(bytes!)], [7]);
  gpu.free(buffer);
});

test.run();
