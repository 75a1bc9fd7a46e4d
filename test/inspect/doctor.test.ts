import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Diagnosis, diagnose } from "../../src/inspect/doctor.ts";
import { acquireDevice, type Gpu } from "../../src/gpu/device.ts";
import { closeGpus, testGpu, tunings } from "../device.ts";

/** A device whose n-th result read back (0-based) is changed by `damage`. */
async function damaged(n: number, damage: (result: Float32Array) => void): Promise<Gpu> {
  const gpu = await acquireDevice();
  const read = gpu.readFloats.bind(gpu);
  let reads = 0;
  gpu.readFloats = async (view) => {
    const result = await read(view);
    if (reads++ === n) damage(result);
    return result;
  };
  return gpu;
}

for (const tuning of tunings) {
  test(`${tuning} kernels pass the self-check`, async () => {
    const { checks, healthy, advice } = await diagnose(await testGpu({ tuning }));
    assert.ok(healthy);
    assert.ok(checks.length >= 4);
    for (const { name, passed, error, allowed } of checks) {
      assert.ok(passed && error <= allowed && allowed < 1e-4, `${name}: ${error} of ${allowed}`);
    }
    assert.not(advice.some((line) => line.includes("wrong numbers")));
  });
}

test("kernels that round their factors to halves pass the self-check", async () => {
  const options = { precision: "mixed", matrices: "emulated" } as const;
  const { checks, healthy } = await diagnose(await testGpu(options));
  assert.ok(healthy, JSON.stringify(checks));
});

test("the diagnosis survives JSON with every stated field", async () => {
  const gpu = await testGpu();
  const report = JSON.parse(JSON.stringify(await diagnose(gpu))) as Diagnosis;
  assert.equal(Object.keys(report), ["adapter", "limits", "checks", "healthy", "tiles", "advice"]);
  assert.equal(Object.keys(report.adapter), [
    "runtime",
    "runtimeVersion",
    "vendor",
    "architecture",
    "device",
    "description",
    "software",
    "tuning",
    "precision",
    "features",
  ]);
  assert.match(report.adapter.runtimeVersion, new RegExp(`^${report.adapter.runtime} \\d+\\.`));
  assert.ok(Object.keys(report.limits).length >= 7);
  for (const [name, value] of Object.entries(report.limits)) {
    assert.ok(Number.isInteger(value) && value > 0, name);
  }
  for (const check of report.checks) {
    assert.equal(Object.keys(check), ["name", "passed", "error", "allowed", "milliseconds"]);
  }
});

test("one wrong number fails its kernel alone, and the advice names it", async () => {
  const gpu = await damaged(1, (result) => (result[17]! += 1e-3));
  const { checks, healthy, advice } = await diagnose(gpu);
  assert.not(healthy);
  assert.equal(
    checks.map(({ passed }) => passed),
    checks.map((_, i) => i !== 1),
  );
  assert.ok(Math.abs(checks[1]!.error - 1e-3) < 1e-5);
  assert.ok(advice[0]!.startsWith(`kernels give wrong numbers here: ${checks[1]!.name}. `));
  assert.match(advice[0]!, /not to be trusted/);
  gpu.close();
});

test("NaN fails every check", async () => {
  for (const n of [0, 3]) {
    const gpu = await damaged(n, (result) => (result[0] = NaN));
    const { checks, healthy } = await diagnose(gpu);
    assert.not(healthy);
    assert.not(checks[n]!.passed);
    gpu.close();
  }
});

test("the advice fits the adapter: software, small bindings, timestamps", async () => {
  const gpu = await testGpu({ maxBinding: 2 ** 20 });
  const { advice } = await diagnose(gpu);
  const says = (text: string): boolean => advice.some((line) => line.includes(text));
  assert.ok(says("one binding holds 1.0 MiB"));
  assert.is(says("the adapter is software"), gpu.adapter.software);
  assert.is(says("no timestamp queries"), !gpu.device.features.has("timestamp-query"));
});

test.after(closeGpus);
test.run();
