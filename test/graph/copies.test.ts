import { test } from "uvu";
import * as assert from "uvu/assert";
import { Bound } from "../../src/graph/bound.ts";
import { withoutCopies } from "../../src/graph/copies.ts";
import { Graph } from "../../src/graph/graph.ts";
import { planMemory } from "../../src/graph/memory-plan.ts";
import { compile } from "../../src/graph/program.ts";
import { type Launch, Value } from "../../src/graph/value.ts";
import { add, flatten, linear, relu, reshape, sum } from "../../src/ops/index.ts";
import { Random } from "../../src/random.ts";
import { closeGpus, testGpu, tunings } from "../device.ts";

const planned = (label: string): Value => new Value(label, [8], "f32", "planned");
const copyOf = (x: Value, y: Value): Launch => ({
  shader: "elementwise/copy",
  parts: ["walk/forward"],
  entry: "forward",
  constants: { PER: 1 },
  uniforms: { elements: Uint32Array.of(8) },
  bind: { x, y },
  threads: 2,
});
const fill = (y: Value, value: number): Launch => ({
  shader: "elementwise/fill",
  constants: { N: 8, VALUE: value },
  bind: { y },
  threads: 8,
});
const isCopy = ({ shader }: Launch): boolean => shader === "elementwise/copy";

/** A product by 1, which gives the same bits and is not left out. */
const asProduct = (launch: Launch): Launch =>
  isCopy(launch)
    ? {
        ...launch,
        shader: "elementwise/scale",
        constants: { ...launch.constants, FACTOR: 1 },
        parts: ["lane/vec4f", ...launch.parts!],
      }
    : launch;

test("a residual block without its copies gives the bits that it gives with them", async () => {
  for (const tuning of tunings) {
    const gpu = await testGpu({ tuning });
    const graph = new Graph(tuning);
    const [x, w, b] = [
      graph.input("x", [3, 2, 5]),
      graph.input("w", [10, 10]),
      graph.input("b", [10]),
    ];
    const rows = flatten(relu(x));
    // One value has two users, one is added to itself, one is reshaped twice.
    const met = add(rows, linear(rows, w, b));
    const twice = add(met, met);
    const loss = sum(relu(reshape(reshape(twice, [6, 5]), [30])));
    const { launches, of } = graph.backward(loss, [x, w, b]);
    const all = [...graph.forward(), ...launches];
    assert.ok(all.filter(isCopy).length >= 7, `${all.filter(isCopy).length} copies`);

    const results = [x, w, b].map((value) => of.get(value)!);
    const keep = [loss, twice, ...results];
    const random = new Random(3);
    using bound = new Bound();
    const { bindings } = bound;
    for (const value of [x, w, b]) {
      const data = Float32Array.from({ length: value.size }, () => random.normal());
      const given = await bound.upload(gpu, value.label, data);
      bindings.set(value, bound.at(given));
    }
    const bits: Uint32Array[][] = [];
    const bytes: number[] = [];
    for (const list of [all, all.map(asProduct)]) {
      using program = await compile(gpu, list, { label: "block", bindings, keep });
      program.run();
      const read = await gpu.read(...keep.map((value) => program.view(value)));
      bits.push(read.map((part) => new Uint32Array(part)));
      bytes.push(program.plan.bytes);
      const copies = program.dispatches.filter(({ launch }) => isCopy(launch));
      assert.is(copies.length, 0);
      assert.is(
        program.dispatches.length,
        list === all ? all.length - all.filter(isCopy).length : all.length,
      );
    }
    assert.equal(bits[0], bits[1]);
    assert.ok(bits[0]!.every((part) => part.some((word) => word !== 0)));
    assert.ok(bytes[0]! < bytes[1]!, `${bytes.join(" for ")} bytes`);
  }
});

test("what a caller gives memory to is copied, and so is what others write as well", () => {
  const bound = new Value("bound", [8], "f32", "bound");
  const [a, b] = [planned("a"), planned("b")];
  for (const list of [
    [copyOf(bound, a), copyOf(a, bound)],
    [fill(a, 1), fill(b, 2), copyOf(a, b)],
  ]) {
    const { steps, same } = withoutCopies(list);
    assert.equal(steps, list);
    assert.is(same.size, 0);
  }
});

test("copies of copies are all the first value, whose memory they have", () => {
  const [a, b, c, d] = [planned("a"), planned("b"), planned("c"), planned("d")];
  const list = [
    fill(a, 1),
    copyOf(a, b),
    copyOf(b, c),
    copyOf(c, d),
    asProduct(copyOf(d, planned("e"))),
  ];
  const { steps, same } = withoutCopies(list);
  assert.is(steps.length, 2);
  assert.equal(
    [...same],
    [
      [b, a],
      [c, a],
      [d, a],
    ],
  );
  assert.is(steps[1]!.bind["x"], a);
  assert.is(planMemory(steps).buffers.length, 2);
});

test("a kernel that writes what was copied before is an error", async () => {
  const [a, b, c] = [planned("a"), planned("b"), planned("c")];
  const list = [fill(a, 1), copyOf(a, b), fill(a, 2), asProduct(copyOf(b, c))];
  const gpu = await testGpu();
  let said = "";
  try {
    (await compile(gpu, list, { label: "changed", bindings: new Map(), keep: [c] })).destroy();
  } catch (error) {
    said = (error as Error).message;
  }
  assert.match(said, /writes "a" after it was copied/);
});

test.after(closeGpus);
test.run();
