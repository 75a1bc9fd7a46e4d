import { test } from "uvu";
import * as assert from "uvu/assert";
import { OutOfMemoryError, ShapeError, UsageError } from "../../src/errors.ts";
import { elementwise } from "../../src/graph/elementwise.ts";
import { Graph, type Operation } from "../../src/graph/graph.ts";
import { foldGroups } from "../../src/graph/grid.ts";
import { compile } from "../../src/graph/program.ts";
import { type Launch, Value } from "../../src/graph/value.ts";
import { relu } from "../../src/ops/activations.ts";
import { add } from "../../src/ops/add.ts";
import type { BufferView } from "../../src/gpu/device.ts";
import { errorOf } from "../data/folder.ts";
import { closeGpus, testGpu } from "../device.ts";

/** y = a + b of one shape, with the sum kernel the tape itself uses. */
const plus: Operation<null> = {
  name: "plus",
  shape: ([a]) => a!,
  forward: ({ inputs: [a, b], y }) => [sum(a!, b!, y)],
  backward: ({ dy, dinputs }) => dinputs.flatMap((d) => (d === null ? [] : [sum(dy, zero, d)])),
};
const zero = new Value("zero", [5], "f32", "bound");
const sum = (a: Value, b: Value, y: Value): Launch =>
  elementwise("software", { shader: "elementwise/sum", parts: ["walk/pair"] }, y.size, { a, b, y });

test("gradients of a value with several users are added", async () => {
  const gpu = await testGpu();
  const graph = new Graph(gpu);
  const x = graph.input("x", [5]);
  const dx = graph.input("dx", [5]);
  const c = graph.input("c", [5]);
  const doubled = graph.apply(plus, [x, x], null);
  const y = graph.apply(plus, [doubled, relu(x)], null);
  const { launches } = graph.backward(y, [x], { targets: new Map([[x, dx]]), cotangent: c });
  const buffers = await gpu.allocate({ x: 20, dx: 20, c: 20, zero: 20 });
  const view = (buffer: GPUBuffer) => ({ buffer, offset: 0, size: 20 });
  const program = await compile(gpu, [...graph.forward(), ...launches], {
    label: "test",
    bindings: new Map([
      [x, view(buffers.x)],
      [dx, view(buffers.dx)],
      [c, view(buffers.c)],
      [zero, view(buffers.zero)],
    ]),
    keep: [y],
  });
  gpu.write(buffers.x, Float32Array.of(1, -2, 3, -4, 5));
  gpu.write(buffers.c, Float32Array.of(1, 1, 2, 2, 3));
  program.run();
  // y = 2x + relu(x), so dy/dx is 3 where x > 0 and 2 elsewhere.
  assert.equal(
    [...(await gpu.readFloats(view(program.view(y).buffer)))].slice(0, 5),
    [3, -4, 9, -8, 15],
  );
  assert.equal([...(await gpu.readFloats(view(buffers.dx)))].slice(0, 5), [3, 2, 6, 4, 9]);
});

test("an operation finds its graph by its inputs; of none or of two it is an error", () => {
  const [one, two] = [new Graph("software"), new Graph("software")];
  const [a, b] = [one.input("a", [5]), two.input("b", [5])];
  const loose = new Value("images", [5], "f32", "bound");
  const fails = (work: () => Value): string => {
    try {
      work();
    } catch (error) {
      assert.instance(error, ShapeError);
      return (error as Error).message;
    }
    return "did not fail";
  };
  assert.match(
    fails(() => relu(loose)),
    /relu: "images" belong to no graph: .*graph\.adopt/,
  );
  assert.match(
    fails(() => add(a, b)),
    /add: "a" and "b" belong to two graphs/,
  );
  assert.match(
    fails(() => add(relu(loose), a)),
    /belong to no graph/,
  );
  assert.match(
    fails(() => one.apply(plus, [b, b], null)),
    /plus: "b" belongs to another graph/,
  );

  // A feed's images go into every graph that adopts them: into the one that is being built where nothing else tells.
  one.adopt(loose);
  const first = relu(loose);
  two.adopt(loose);
  assert.match(
    fails(() => relu(loose)),
    /relu: "images" was adopted by several graphs.*graph\.build/,
  );
  const second = two.build(() => relu(loose));
  add(a, loose);
  assert.equal([one.forward().length, two.forward().length], [2, 1]);
  assert.match(
    fails(() => add(first, second)),
    /two graphs/,
  );
  // What a graph has made stays its own.
  one.adopt(a);
  assert.match(
    fails(() => (two.adopt(a), a)),
    /graph\.adopt: "a" was made by another graph/,
  );
  relu(a);
  assert.equal([one.forward().length, two.forward().length], [3, 1]);
});

test("a replay allocates nothing and reads nothing back", async () => {
  const gpu = await testGpu();
  const graph = new Graph(gpu);
  const x = graph.input("x", [1000]);
  const y = relu(x);
  const { data } = await gpu.allocate({ data: 4000 });
  const program = await compile(gpu, graph.forward(), {
    label: "test",
    bindings: new Map([[x, { buffer: data, offset: 0, size: 4000 }]]),
    keep: [y],
  });
  const before = { allocated: gpu.allocatedBytes, mapped: gpu.mappedBytes };
  let created = 0;
  const create = gpu.device.createBuffer.bind(gpu.device);
  gpu.device.createBuffer = (descriptor) => (created++, create(descriptor));
  program.run(20);
  await gpu.idle();
  gpu.device.createBuffer = create;
  assert.is(created, 0);
  assert.equal({ allocated: gpu.allocatedBytes, mapped: gpu.mappedBytes }, before);
});

test("backward needs a scalar loss that depends on what is asked for", () => {
  const graph = new Graph("software");
  const x = graph.input("x", [5]);
  const other = graph.input("other", [1]);
  assert.throws(
    () => graph.backward(relu(x), [x]),
    (e: Error) => e instanceof ShapeError && /one element/.test(e.message),
  );
  assert.throws(
    () => graph.backward(relu(other), [x]),
    (e: Error) => /depends on none of: x/.test(e.message),
  );
});

test("compile refuses unknown, missing and conflicting bindings by name", async () => {
  const gpu = await testGpu();
  const a = new Value("a", [5], "f32", "planned");
  const y = new Value("y", [5], "f32", "planned");
  const attempt = async (bind: Launch["bind"], bindings = new Map()): Promise<string> => {
    try {
      await compile(gpu, [{ ...sum(a, a, y), bind }], { label: "test", bindings });
    } catch (error) {
      assert.instance(error, UsageError);
      return (error as Error).message;
    }
    return "compiled";
  };
  assert.match(await attempt({ a, b: a, z: y }), /no binding "z"; it has: a, b, y/);
  assert.match(await attempt({ a, b: a }), /nothing is bound to "y"/);
  assert.match(await attempt({ a, b: a, y: a }), /one read-only and one writable/);
  const bound = new Value("weights", [5], "f32", "bound");
  assert.match(await attempt({ a, b: bound, y }), /"weights" of "b" has no buffer/);
});

test("a value larger than a binding is refused with the batch that would do", async () => {
  const gpu = await testGpu({ maxBinding: 1024 });
  const graph = new Graph(gpu);
  relu(relu(graph.input("x", [1024])));
  try {
    await compile(gpu, graph.forward(), { label: "test", bindings: new Map() });
    assert.unreachable();
  } catch (error) {
    assert.instance(error, OutOfMemoryError);
    assert.match((error as Error).message, /"relu" \[1024\].*at least 4 times smaller/);
  }
});

test("launches whose sizes cannot be are refused when they are compiled, with their numbers", async () => {
  const gpu = await testGpu();
  const a = new Value("a", [6], "f32", "bound");
  const y = new Value("y", [6], "f32", "planned");
  const { data } = await gpu.allocate({ data: 24 });
  const whole = { buffer: data, offset: 0, size: 24 };
  const attempt = async (changed: object, view: object = whole): Promise<string> => {
    const launch = { ...sum(a, a, y), ...changed } as Launch;
    const bindings = new Map([[a, view as BufferView]]);
    try {
      (await compile(gpu, [launch], { label: "test", bindings })).destroy();
    } catch (error) {
      assert.instance(error, UsageError);
      return (error as Error).message;
    }
    return "compiled";
  };
  assert.is(await attempt({}), "compiled");
  assert.match(await attempt({}, { ...whole, size: 4 }), /"a" \[6\] takes 24 bytes.* of 4/);
  assert.match(await attempt({}, { ...whole, offset: 256 }), /256 to 280 of a buffer of 32/);
  for (const threads of [0, -1, NaN, "4"]) {
    assert.match(await attempt({ threads }), /sum: `threads` must be a number above 0/);
  }
  for (const groups of [[1, NaN, 1], [0, 1, 1], [65_536, 1, 1], [1, 1], 3]) {
    assert.match(await attempt({ groups }), /sum: `groups` must be three integers from 1 to 65535/);
  }
  assert.match(
    await attempt({ uniforms: { elements: [6] } }),
    /uniform "elements" must be a Uint32Array, got \[6\]/,
  );
  gpu.free(data);
  assert.match(await attempt({}), /"a" \[6\] lies in a buffer that was freed/);
  for (const bytes of [NaN, -1]) {
    const error = await errorOf(gpu.allocate({ x: bytes }));
    assert.ok(error instanceof UsageError && /"x".* at least 0/.test(error.message), error.message);
  }
});

test("a program that was destroyed, or a buffer that was freed, is not used", async () => {
  const gpu = await testGpu();
  const graph = new Graph(gpu);
  const x = graph.input("x", [4]);
  relu(x);
  const { data } = await gpu.allocate({ data: 16 });
  const view = { buffer: data, offset: 0, size: 16 };
  const program = await compile(gpu, graph.forward(), {
    label: "test",
    bindings: new Map([[x, view]]),
  });
  program.destroy();
  const refuses = (work: () => unknown, says: RegExp): void =>
    assert.throws(work, (error: Error) => error instanceof UsageError && says.test(error.message));
  refuses(() => program.run(), /program "test" was destroyed/);
  gpu.free(data);
  refuses(() => gpu.write(data, new Float32Array(4)), /buffer "data" was freed/);
  assert.match((await errorOf(gpu.read(view))).message, /buffer "data" was freed/);
});

test("large grids fold to two dimensions", () => {
  assert.equal(foldGroups(1), [1, 1, 1]);
  assert.equal(foldGroups(65_535), [65_535, 1, 1]);
  const [x, y] = foldGroups(65_536);
  assert.ok(x <= 65_535 && x * y >= 65_536);
});

test.after(closeGpus);
test.run();
