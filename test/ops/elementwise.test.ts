import { test } from "uvu";
import * as assert from "uvu/assert";
import type { KernelId } from "../../src/gpu/kernel.ts";
import { closeGpus, testGpu } from "../device.ts";

const quads = { PER: 2 };
const lanes = ["lane/f32", "lane/vec4f"];

/** Functions of one value by their constants; linear ones have no gradient of their own. */
const functions: Readonly<Record<string, readonly Readonly<Record<string, number | boolean>>[]>> = {
  abs: [{}],
  exp: [{}],
  tanh: [{}],
  silu: [{}],
  relu: [{ SLOPE: 0 }, { SLOPE: 0.3 }],
  gelu: [{ TANH: false }, { TANH: true }],
};
const linear = { scale: { FACTOR: 0.5 }, copy: {} };

/** A shape whose last axis is a multiple of 4, with operands repeated along it and not. */
function strided(last: number, operands: readonly string[]): Record<string, number> {
  const strides = { N: 2 * 3 * 5 * 8, D1: 3, D2: 5, D3: 8, PER: 2 };
  const own = operands.flatMap((letter) =>
    [120, 0, 8, last].map((stride, axis) => [`${letter}${axis}`, stride] as const),
  );
  return { ...strides, ...Object.fromEntries(own) };
}

test("element-wise functions compile with every walk and lane", async () => {
  const gpu = await testGpu();
  const ids: KernelId[] = [];
  for (const entry of ["forward", "backward"]) {
    const walk = { parts: [`walk/${entry}`], entry };
    for (const [name, settings] of Object.entries(functions)) {
      for (const constants of settings) {
        const shader = `elementwise/${name}`;
        ids.push({ shader, ...walk, constants: { ...constants, ...quads } });
      }
    }
  }
  for (const [name, constants] of Object.entries(linear)) {
    const kernel = { shader: `elementwise/${name}`, constants: { ...constants, ...quads } };
    ids.push({ ...kernel, parts: ["walk/forward"], entry: "forward" });
  }
  for (const shader of ["elementwise/sum", "elementwise/product"]) {
    ids.push({ shader, parts: ["walk/pair"], constants: quads });
  }
  for (const lane of lanes) {
    for (const last of [0, 1]) {
      for (const shader of ["elementwise/sum", "elementwise/product"]) {
        ids.push({ shader, parts: [lane, "walk/broadcast"], constants: strided(last, ["A", "B"]) });
      }
      const constants = { FACTOR: 1, ...strided(last, ["A"]) };
      ids.push({ shader: "elementwise/scale", parts: [lane, "walk/spread"], constants });
    }
  }
  const kernels = await Promise.all(ids.map((id) => gpu.kernels.get(id)));
  for (const { workgroupSize, bindings } of kernels) {
    assert.equal(workgroupSize, [64, 1, 1]);
    assert.is(bindings.filter(({ access }) => access === "write").length, 1);
  }
});

test("the gradient reads nothing but where it is taken and dy", async () => {
  const gpu = await testGpu();
  const { bindings } = await gpu.kernels.get({
    shader: "elementwise/exp",
    parts: ["walk/backward"],
    entry: "backward",
    constants: quads,
  });
  assert.equal(
    bindings.map(({ name }) => name),
    ["at", "dy", "dx", "elements"],
  );
});

test("vec4 lanes refuse a last axis that is no multiple of 4", async () => {
  const gpu = await testGpu();
  const constants = { ...strided(1, ["A", "B"]), D3: 6 };
  const id = { shader: "elementwise/sum", parts: ["lane/vec4f", "walk/broadcast"], constants };
  try {
    await gpu.kernels.get(id);
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /kernel elementwise\/sum does not compile/);
  }
  gpu.check();
});

test.after(closeGpus);
test.run();
