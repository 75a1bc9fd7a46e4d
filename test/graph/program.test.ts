import { test } from "uvu";
import * as assert from "uvu/assert";
import { UsageError } from "../../src/errors.ts";
import { registerShader } from "../../src/gpu/link.ts";
import { Bound } from "../../src/graph/bound.ts";
import { compile } from "../../src/graph/program.ts";
import { type Launch, type Value } from "../../src/graph/value.ts";
import { errorOf } from "../data/folder.ts";
import { closeGpus, testGpu } from "../device.ts";

registerShader(
  "own/affine",
  `//! import walk/thread
struct Line { slope: u32, offset: u32 }
@group(0) @binding(0) var<storage, read_write> y: array<u32>;
@group(0) @binding(1) var<uniform> line: Line;

@compute @workgroup_size(64)
fn main(thread: Thread) {
  let i = number_of(thread);
  if (i < arrayLength(&y)) {
    y[i] = y[i] * line.slope + line.offset;
  }
}
`,
);

/** y ← slope · y + offset. */
function affine(y: Value, slope: number, offset: number): Launch {
  return {
    shader: "own/affine",
    constants: {},
    bind: { y },
    uniforms: { line: Uint32Array.of(slope, offset) },
    threads: y.size,
  };
}

test("launches of one kernel have uniforms of their own", async () => {
  const gpu = await testGpu();
  using bound = new Bound();
  const y = await bound.upload(gpu, "y", Uint32Array.of(1, 2, 3, 4));
  const { bindings } = bound;
  using program = await compile(gpu, [affine(y, 2, 1), affine(y, 10, 5)], {
    label: "two lines",
    bindings,
  });
  program.run();
  const [bytes] = await gpu.read(bound.at(y));
  assert.equal([...new Uint32Array(bytes!)], [35, 55, 75, 95]);
});

test("uniforms that are too short, and workgroups in hexadecimal digits", async () => {
  const gpu = await testGpu();
  using bound = new Bound();
  const y = await bound.upload(gpu, "y", Uint32Array.of(1, 2, 3, 4));
  const { bindings } = bound;
  const short = { ...affine(y, 2, 1), uniforms: { line: Uint32Array.of(2) } };
  const error = await errorOf(compile(gpu, [short], { label: "short", bindings }));
  assert.ok(error instanceof UsageError);
  assert.match(error.message, /uniform "line" takes 8 bytes, got 4/);
  registerShader(
    "own/hexadecimal",
    `@group(0) @binding(0) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(0x2) fn main(@builtin(global_invocation_id) at: vec3u) { y[at.x] += 10u; }
`,
  );
  const launch = { shader: "own/hexadecimal", constants: {}, bind: { y }, threads: 4 };
  using program = await compile(gpu, [launch], { label: "hexadecimal", bindings });
  program.run();
  const [bytes] = await gpu.read(bound.at(y));
  assert.equal([...new Uint32Array(bytes!)], [11, 12, 13, 14]);
});

test("a program among launches is replayed at its place, as often as it stands there", async () => {
  const gpu = await testGpu();
  using bound = new Bound();
  const y = await bound.upload(gpu, "y", Uint32Array.of(1, 2, 3, 4));
  const { bindings } = bound;
  using double = await compile(gpu, [affine(y, 2, 0)], { label: "double", bindings });
  using program = await compile(gpu, [double, affine(y, 1, 1), double, double], {
    label: "nested",
    bindings,
  });
  assert.is(program.dispatches.length, 4);
  program.run();
  const [bytes] = await gpu.read(bound.at(y));
  assert.equal([...new Uint32Array(bytes!)], [12, 20, 28, 36]);
});

test("a range of a program's dispatches can be encoded by itself", async () => {
  const gpu = await testGpu();
  using bound = new Bound();
  const y = await bound.upload(gpu, "y", Uint32Array.of(1, 2, 3, 4));
  const { bindings } = bound;
  const lines = [affine(y, 2, 0), affine(y, 3, 0), affine(y, 5, 0)];
  using program = await compile(gpu, lines, { label: "three lines", bindings });
  gpu.submit((encoder) => {
    const pass = encoder.beginComputePass();
    program.encode(pass, 1, 2);
    pass.end();
  });
  const [bytes] = await gpu.read(bound.at(y));
  assert.equal([...new Uint32Array(bytes!)], [3, 6, 9, 12]);
});

test("a uniform that the kernel does not have is refused by name", async () => {
  const gpu = await testGpu();
  using bound = new Bound();
  const y = await bound.zeros(gpu, "y", [4], "u32");
  const launch = { ...affine(y, 1, 1), uniforms: { curve: Uint32Array.of(1, 2) } };
  const before = gpu.allocatedBytes;
  try {
    await compile(gpu, [launch], { label: "wrong", bindings: bound.bindings });
    assert.unreachable();
  } catch (error) {
    assert.instance(error, UsageError);
    assert.match((error as Error).message, /own\/affine has no binding "curve"; it has: y, line/);
  }
  assert.is(gpu.allocatedBytes, before);
});

test.after(closeGpus);
test.run();
