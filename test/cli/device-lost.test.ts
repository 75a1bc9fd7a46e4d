// A device that is lost in the middle of a phase: the command fails, or goes on with another device to the same bits.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { closeAll } from "../../src/cli/device-options.ts";
import { runCommand } from "../../src/cli/program.ts";
import { openGpu } from "../../src/platform/gpu.ts";

const folder = mkdtempSync(`${tmpdir()}/rewind-lost-`);
const demo = [
  ...["demo", "--dataset", "synthetic", "--train", "60", "--test", "30", "--filters", "2,4"],
  ...["--epochs", "3", "--batch", "20", "--save-every", "0", "--rounds", "2"],
  ...["--method", "linear-rewind", "--until-share", "0", "--quiet"],
];

/** Where a device is lost: the so-manieth time that it is asked for something. */
interface Loss {
  /** "write", "read", or how the label of a compute pass begins. */
  readonly what: string;
  readonly time: number;
}

function replace(on: object, name: string, value: unknown): void {
  Object.defineProperty(on, name, { value, configurable: true });
}

/** Lets a device be lost just before it does what the loss says. */
function doom(device: GPUDevice, { what, time }: Loss): void {
  let times = 0;
  const asked = (now: string): void => {
    if (now.startsWith(what) && ++times === time) device.destroy();
  };
  const write = device.queue.writeBuffer.bind(device.queue);
  replace(device.queue, "writeBuffer", (...given: Parameters<typeof write>) => {
    asked("write");
    write(...given);
  });
  const createBuffer = device.createBuffer.bind(device);
  replace(device, "createBuffer", (descriptor: GPUBufferDescriptor) => {
    if (descriptor.label === "staging") asked("read");
    return createBuffer(descriptor);
  });
  const createEncoder = device.createCommandEncoder.bind(device);
  replace(device, "createCommandEncoder", () => {
    const encoder = createEncoder();
    const begin = encoder.beginComputePass.bind(encoder);
    replace(encoder, "beginComputePass", (descriptor?: GPUComputePassDescriptor) => {
      asked(descriptor?.label ?? "");
      return begin(descriptor);
    });
    return encoder;
  });
}

/** Runs the command; its first devices are lost one after the other. Gives its exit code, and how many it opened. */
async function run(
  out: string,
  losses: readonly Loss[],
  ...more: string[]
): Promise<{ code: number; devices: number }> {
  const entry = await openGpu();
  const requestAdapter = entry.requestAdapter.bind(entry);
  let devices = 0;
  replace(entry, "requestAdapter", async (options?: GPURequestAdapterOptions) => {
    const adapter = (await requestAdapter(options))!;
    const requestDevice = adapter.requestDevice.bind(adapter);
    replace(adapter, "requestDevice", async (descriptor?: GPUDeviceDescriptor) => {
      const device = await requestDevice(descriptor);
      const loss = losses[devices++];
      if (loss !== undefined) doom(device, loss);
      return device;
    });
    return adapter;
  });
  try {
    return { code: await runCommand([...demo, ...more, "--out", out]), devices };
  } finally {
    closeAll();
    delete (entry as { requestAdapter?: unknown }).requestAdapter;
  }
}

/** What a run came to: its weights, and everything it says but for times. */
function outcome(out: string): object {
  const timeless = (text: string): unknown =>
    JSON.parse(text, (key, value: unknown) =>
      /seconds$/i.test(key) || key === "gpuBytes" ? undefined : value,
    );
  const read = (name: string): Buffer => readFileSync(`${out}/${name}`);
  const lines = read("metrics.jsonl").toString().trim().split("\n");
  return {
    weights: read("checkpoint.safetensors").toString("base64"),
    trained: read("trained.safetensors").toString("base64"),
    report: timeless(read("report.json").toString()),
    metrics: lines.map((line) => timeless(line)),
  };
}

const whole = `${folder}/whole`;
const resume = ["--on-device-lost", "resume"];

test("a run without a loss opens one device", async () => {
  assert.equal(await run(whole, [], ...resume), { code: 0, devices: 1 });
});

test("lost while it uploads, trains and measures: the same bits", async () => {
  const out = `${folder}/training`;
  const losses = [
    { what: "write", time: 20 },
    { what: "train", time: 4 },
    { what: "evaluate", time: 2 },
  ];
  assert.equal(await run(out, losses, ...resume), { code: 0, devices: 4 });
  assert.equal(outcome(out), outcome(whole));
});

test("lost while it records, rewinds and is attacked: the same bits", async () => {
  const out = `${folder}/unlearning`;
  const losses = [
    { what: "train", time: 12 },
    { what: "rewind", time: 2 },
    { what: "collect", time: 2 },
  ];
  assert.equal(await run(out, losses, ...resume), { code: 0, devices: 4 });
  assert.equal(outcome(out), outcome(whole));
});

test("lost while it reads back, without the option: it fails, and the same command goes on", async () => {
  const out = `${folder}/failing`;
  assert.equal(await run(out, [{ what: "read", time: 20 }]), { code: 1, devices: 1 });
  assert.equal(await run(out, []), { code: 0, devices: 1 });
  assert.equal(outcome(out), outcome(whole));
});

test("a device that is lost again and again ends the run after three others", async () => {
  const losses = Array.from({ length: 9 }, () => ({ what: "write", time: 5 }));
  assert.equal(await run(`${folder}/hopeless`, losses, ...resume), { code: 1, devices: 4 });
});

test.after(() => rmSync(folder, { recursive: true }));
test.run();
