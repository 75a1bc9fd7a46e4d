import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Gpu } from "../../src/gpu/device.ts";
import { Bound } from "../../src/graph/bound.ts";
import { fuse } from "../../src/graph/fusion.ts";
import { Graph } from "../../src/graph/graph.ts";
import { compile } from "../../src/graph/program.ts";
import { type Launch, Value } from "../../src/graph/value.ts";
import {
  add,
  batchNorm,
  conv2d,
  depthwiseConv2d,
  dropout,
  flatten,
  gelu,
  layerNorm,
  leakyRelu,
  linear,
  maxPool,
  mul,
  relu,
  silu,
  sum,
  tanh,
} from "../../src/ops/index.ts";
import { Random } from "../../src/random.ts";
import { closeGpus, testGpu, tunings } from "../device.ts";

const isRelu = ({ shader }: Launch): boolean => shader === "elementwise/relu";
const isSum = ({ shader }: Launch): boolean => shader === "elementwise/sum";
const forward = ({ entry }: Launch): boolean => entry === "forward";

/** A block of a residual network, its values, and the launches of both directions. */
function block(tuning: (typeof tunings)[number]) {
  const graph = new Graph(tuning);
  const x = graph.input("x", [6, 3, 5]);
  const [gamma, beta] = [graph.input("gamma", [5]), graph.input("beta", [5])];
  const statistics = [0, 1].map((i) => graph.input(`statistics ${i}`, [5]));
  const [mean, variance] = statistics as [Value, Value];
  const first = relu(batchNorm(x, gamma, beta, mean, variance, { mode: "train" }));
  const second = batchNorm(first, gamma, beta, mean, variance, { mode: "frozen" });
  const met = leakyRelu(add(second, x), 0.25);
  const loss = sum(mul(met, met));
  const { launches, of } = graph.backward(loss, [x, gamma, beta]);
  const results = [x, gamma, beta].map((value) => of.get(value)!);
  return {
    inputs: [x, gamma, beta, mean, variance],
    results: [first, met, loss, ...results],
    launches: [...graph.forward(), ...launches],
  };
}

test("batch norm and sums with the ReLU after them give the bits of the kernels one by one", async () => {
  for (const tuning of tunings) {
    const gpu = await testGpu({ tuning });
    const { inputs, results, launches } = block(tuning);
    assert.is(launches.filter(isRelu).length, 4);
    // A NaN and an infinity go through both ways alike.
    const random = new Random(11);
    const data = inputs.map((value) =>
      Float32Array.from({ length: value.size }, () => Math.abs(random.normal()) - 0.5),
    );
    data[4]!.fill(0.75);
    for (const spoilt of [false, true]) {
      if (spoilt) data[0]!.set([NaN, Infinity], 7);
      const bits: Uint32Array[][] = [];
      const counts: number[] = [];
      const added: number[] = [];
      for (const whole of [false, true]) {
        using bound = new Bound();
        const { bindings } = bound;
        for (const [i, value] of inputs.entries()) {
          bindings.set(value, bound.at(await bound.upload(gpu, value.label, data[i]!)));
        }
        // What must survive is made by its own kernel: what ReLUs read, and what their gradients write.
        const read = launches
          .filter(isRelu)
          .flatMap((launch) =>
            (forward(launch) ? ["x"] : ["dx", "dy"]).map((name) => launch.bind[name]!),
          );
        using program = await compile(gpu, launches, {
          label: whole ? "one by one" : "fused",
          bindings,
          keep: [...results, ...(whole ? read : [])],
        });
        program.run();
        const parts = await gpu.read(...results.map((value) => program.view(value)));
        bits.push(parts.map((part) => new Uint32Array(part)));
        counts.push(program.dispatches.filter(({ launch }) => isRelu(launch)).length);
        added.push(program.dispatches.filter(({ launch }) => isSum(launch)).length);
      }
      // The gradient of the ReLU after the sum goes two ways.
      assert.equal(counts, [1, 4]);
      // Both gradients of the square go to the ReLU after the sum; those of what is used twice stay sums.
      assert.equal(added, [4, 5]);
      assert.equal(bits[0], bits[1]);
      assert.ok(
        bits[0]!.every((part) => part.some((word) => word !== 0)),
        "no gradient is 0",
      );
      const met = new Float32Array(bits[0]![1]!.buffer);
      assert.is(
        met.some((value) => Number.isNaN(value)),
        spoilt,
      );
      assert.ok(spoilt || met.some((value) => value < 0), "the slope is seen");
    }
  }
});

/** A convolutional network of two poolings, of which only the first has windows of 2 × 2 that tile the image. */
function pooling(tuning: (typeof tunings)[number]) {
  const graph = new Graph(tuning);
  const x = graph.input("x", [3, 10, 12, 2]);
  const weights = [
    graph.input("w1", [3, 3, 2, 8]),
    graph.input("b1", [8]),
    graph.input("w2", [3, 3, 8, 5]),
    graph.input("w3", [30, 7]),
    graph.input("b3", [7]),
  ];
  const [w1, b1, w2, w3, b3] = weights as [Value, Value, Value, Value, Value];
  const first = maxPool(relu(conv2d(x, w1, b1, { padding: 1 })), { size: 2 });
  const second = maxPool(relu(conv2d(first, w2, null, { padding: 1 })), { size: 2, stride: 2 });
  const last = relu(linear(flatten(second), w3, b3));
  const loss = sum(mul(last, last));
  const { launches, of } = graph.backward(loss, [x, ...weights]);
  const gradients = [x, ...weights].map((value) => of.get(value)!);
  return {
    inputs: [x, ...weights],
    results: [first, second, last, loss, ...gradients],
    launches: [...graph.forward(), ...launches],
  };
}

test("a product with ReLU and pooling after it gives the bits of the kernels one by one", async () => {
  for (const tuning of tunings) {
    const gpu = await testGpu({ tuning });
    const { inputs, results, launches } = pooling(tuning);
    const random = new Random(5);
    const data = inputs.map((value) =>
      // Whole numbers: many windows have several largest pixels.
      Float32Array.from({ length: value.size }, () => random.int(5) - 2),
    );
    for (const spoilt of [false, true]) {
      if (spoilt) data[0]![77] = NaN;
      const bits: Uint32Array[][] = [];
      const shaders: string[][] = [];
      for (const whole of [false, true]) {
        using bound = new Bound();
        const { bindings } = bound;
        for (const [i, value] of inputs.entries()) {
          bindings.set(value, bound.at(await bound.upload(gpu, value.label, data[i]!)));
        }
        const read = launches
          .filter(isRelu)
          .flatMap((launch) =>
            (forward(launch) ? ["x", "y"] : ["dx", "dy"]).map((name) => launch.bind[name]!),
          );
        using program = await compile(gpu, launches, {
          label: whole ? "one by one" : "fused",
          bindings,
          keep: [...results, ...(whole ? read : [])],
        });
        program.run();
        const parts = await gpu.read(...results.map((value) => program.view(value)));
        bits.push(
          parts.map((part) => {
            // A gradient that is 0 may be -0 by one way: what is multiplied with the slope 0 keeps its sign.
            const numbers = new Float32Array(part).map((one) => one + 0);
            return new Uint32Array(numbers.buffer);
          }),
        );
        shaders.push(program.dispatches.map(({ launch }) => launch.shader));
      }
      const [fused, single] = shaders as [string[], string[]];
      const count = (list: string[], shader: string): number =>
        list.filter((one) => one === shader).length;
      assert.is(count(single, "elementwise/relu"), 6);
      // That of the last layer has its gradient for itself.
      assert.is(count(fused, "elementwise/relu"), 1);
      assert.is(count(fused, "conv2d/forward-pooled"), 1);
      // Five channels are not stored four by four.
      assert.is(count(fused, "conv2d/forward"), 1);
      assert.is(count(fused, "pool/max"), 3);
      assert.equal(bits[0], bits[1]);
      assert.ok(
        bits[0]!.every((part) => part.some((word) => word !== 0)),
        "no gradient is 0",
      );
    }
  }
});

type Eight = [Value, Value, Value, Value, Value, Value, Value, Value];

/** Products and a depthwise convolution with functions between them, whose gradients others of them make. */
function functions(tuning: (typeof tunings)[number]) {
  const graph = new Graph(tuning);
  const x = graph.input("x", [3, 7, 5, 4]);
  const weights = [
    graph.input("w1", [4, 8]),
    graph.input("b1", [8]),
    graph.input("w2", [8, 12]),
    graph.input("b2", [12]),
    graph.input("w3", [12, 20]),
    graph.input("w4", [20, 8]),
    graph.input("w5", [8, 6]),
    graph.input("window", [3, 2, 8]),
  ];
  const [w1, b1, w2, b2, w3, w4, w5, window] = weights as Eight;
  const first = gelu(linear(x, w1, b1));
  const windowed = gelu(depthwiseConv2d(first, window, null, { padding: 1 }));
  const second = gelu(linear(windowed, w2, b2), { approximate: "tanh" });
  const third = silu(linear(second, w3, null));
  const fourth = relu(linear(third, w4, null));
  // Six columns are not stored four by four.
  const last = tanh(linear(tanh(fourth), w5, null));
  const loss = sum(mul(last, last));
  const { launches, of } = graph.backward(loss, [x, ...weights]);
  const gradients = [x, ...weights].map((value) => of.get(value)!);
  return {
    inputs: [x, ...weights],
    evaluated: graph.forward(),
    results: [last, loss, ...gradients],
    launches: [...graph.forward(), ...launches],
  };
}

/** Residual branches with layer scale and stochastic depth, and gradients that meet. */
function branches(tuning: (typeof tunings)[number], rate: number) {
  const graph = new Graph(tuning);
  const x = graph.input("x", [5, 3, 2, 8]);
  const step = graph.input("step", [8], "u32");
  const weights = [
    ...[graph.input("w1", [8, 12]), graph.input("b1", [12])],
    ...[graph.input("w2", [12, 8]), graph.input("b2", [8]), graph.input("gamma", [8])],
    ...[graph.input("w3", [8, 8]), graph.input("w4", [8, 6])],
    graph.input("window", [3, 2, 8]),
  ];
  const [w1, b1, w2, b2, gamma, w3, w4, window] = weights as Eight;
  const dropped = (value: Value, salt: number): Value =>
    rate === 0 ? value : dropout(value, step, { rate, salt, rows: true });
  const start = relu(x);
  const branch = linear(silu(linear(start, w1, b1)), w2, b2);
  const first = add(start, dropped(mul(branch, gamma), 1));
  const second = add(
    dropped(linear(depthwiseConv2d(first, window, null, { padding: [1, 1, 1, 0] }), w3, null), 2),
    first,
  );
  // Six columns are not stored four by four.
  const last = linear(second, w4, null);
  const loss = sum(mul(last, last));
  const { launches, of } = graph.backward(loss, [x, ...weights]);
  const gradients = [x, ...weights].map((value) => of.get(value)!);
  return {
    inputs: [x, step, ...weights],
    evaluated: graph.forward(),
    results: [first, second, last, loss, ...gradients],
    launches: [...graph.forward(), ...launches],
  };
}

/** Bits of the results of launches as they are fused and, with every planned value kept, one by one. */
async function bothWays(
  gpu: Gpu,
  {
    inputs,
    results,
    launches,
  }: Pick<ReturnType<typeof functions>, "inputs" | "results" | "launches">,
  data: readonly Float32Array[],
): Promise<{ bits: Uint32Array[][]; ran: Launch[][] }> {
  const bits: Uint32Array[][] = [];
  const ran: Launch[][] = [];
  const all = launches.flatMap(({ bind }) => Object.values(bind));
  const planned = all.filter((value): value is Value => value?.storage === "planned");
  for (const whole of [false, true]) {
    using bound = new Bound();
    const { bindings } = bound;
    for (const [i, value] of inputs.entries()) {
      bindings.set(value, bound.at(await bound.upload(gpu, value.label, data[i]!)));
    }
    using program = await compile(gpu, launches, {
      label: whole ? "one by one" : "fused",
      bindings,
      keep: whole ? planned : results,
    });
    program.run();
    const parts = await gpu.read(...results.map((value) => program.view(value)));
    bits.push(parts.map((part) => new Uint32Array(part)));
    ran.push(program.dispatches.map(({ launch }) => launch));
  }
  return { bits, ran };
}

/** Numbers from the normal distribution for each value; a step record where it is one. */
function normals(values: readonly Value[]): Float32Array[] {
  const random = new Random(5);
  return values.map((value) =>
    value.dtype === "u32"
      ? new Float32Array(Uint32Array.of(0, 0, 77, 0, 0, 0, 0, 0).buffer)
      : Float32Array.from({ length: value.size }, () => random.normal()),
  );
}

test("a product with a function after it, or its gradient, gives the bits of the kernels one by one", async () => {
  const left = (launches: readonly Launch[] | undefined): string[] =>
    launches!
      .filter(({ shader }) => /^elementwise\/(gelu|silu|tanh|relu)$/.test(shader))
      .map(({ shader, entry }) => `${shader.slice(12)} ${entry}`);
  for (const tuning of tunings) {
    const gpu = await testGpu({ tuning });
    const whole = functions(tuning);
    const data = normals(whole.inputs);
    for (const spoilt of [false, true]) {
      if (spoilt) data[0]![77] = NaN;
      const { bits, ran } = await bothWays(gpu, whole, data);
      assert.is(left(ran[1]).length, 14);
      // A product does one function, here the ReLU before the first tanh and the gradient after its own; six columns are
      // not stored four by four, and the last gradient arrives from a sum.
      assert.equal(left(ran[0]), [
        "tanh forward",
        "tanh forward",
        "tanh backward",
        "relu backward",
      ]);
      assert.equal(bits[0], bits[1]);
      assert.ok(
        bits[0]!.every((part) => part.some((word) => word !== 0)),
        "no gradient is 0",
      );
    }
    // Where nobody needs what a function is of, it is not stored.
    const parts = fuse(whole.evaluated, whole.results).flatMap((launch) => launch.parts ?? []);
    assert.is(parts.filter((part) => part === "after/function").length, 4);
    assert.is(parts.includes("after/function-kept"), false);
  }
});

test("a product at the end of a residual branch gives the bits of the kernels one by one", async () => {
  const count = (launches: readonly Launch[] | undefined, name: string): number =>
    launches!.filter(({ shader, parts = [] }) => shader === name || parts.includes(name)).length;
  for (const tuning of tunings) {
    const gpu = await testGpu({ tuning });
    for (const rate of [0, 0.4]) {
      const whole = branches(tuning, rate);
      const { bits, ran } = await bothWays(gpu, whole, normals(whole.inputs));
      const [fused, single] = ran;
      assert.is(count(single, "after/sum"), 0);
      // The sums of both branches, and where two gradients meet; those at the start meet in the ReLU's gradient.
      assert.is(count(fused, "after/sum"), 3);
      assert.is(count(fused, "after/scaled-kept"), 1);
      assert.is(count(fused, "after/dropped"), rate === 0 ? 0 : 2);
      // What is left of dropout are the gradients.
      assert.is(count(single, "elementwise/dropout"), rate === 0 ? 0 : 4);
      assert.is(count(fused, "elementwise/dropout"), rate === 0 ? 0 : 2);
      assert.is(count(fused, "reduce/of-product"), 2);
      assert.equal(bits[0], bits[1]);
      assert.ok(
        bits[0]!.every((part) => part.some((word) => word !== 0)),
        "no gradient is 0",
      );
      const parts = fuse(whole.evaluated, whole.results).flatMap((launch) => launch.parts ?? []);
      assert.equal(
        [parts.includes("after/scaled"), parts.includes("after/scaled-kept")],
        [true, false],
      );
    }
  }
});

test("two sums in one launch give the bits of one after the other", async () => {
  for (const tuning of tunings) {
    const gpu = await testGpu({ tuning });
    const graph = new Graph(tuning);
    const x = graph.input("x", [700, 24]);
    const weights = [[24], [24], [24, 8], [8]].map((shape, i) => graph.input(`w${i}`, shape));
    const [gamma, beta, w, b] = weights as [Value, Value, Value, Value];
    const y = linear(layerNorm(x, gamma, beta), w, b);
    const loss = sum(mul(y, y));
    const inputs = [x, ...weights];
    const { launches, of } = graph.backward(loss, inputs);
    const whole = {
      inputs,
      results: inputs.map((value) => of.get(value)!),
      launches: [...graph.forward(), ...launches],
    };
    const { bits, ran } = await bothWays(gpu, whole, normals(whole.inputs));
    const pairs = ran.map((steps) =>
      steps.filter(({ parts = [] }) => parts.includes("reduce/beside")).map(({ shader }) => shader),
    );
    // Slices of a weight and a bias gradient, and bands of both of the norm's.
    const both = ["reduce/axis-sum", "reduce/column-bands"];
    assert.equal(pairs, [tuning === "gpu" ? both : [], []]);
    assert.equal(bits[0], bits[1]);
    for (const part of bits[0]!) assert.ok(new Set(part).size > part.length / 2, "they differ");
  }
});

test("what others read, a caller keeps or has memory of stays", () => {
  const graph = new Graph("gpu");
  const [a, b] = [graph.input("a", [8]), graph.input("b", [8])];
  const met = add(a, b);
  const once = relu(met);
  const list = graph.forward();
  assert.is(fuse(list).length, 1);
  assert.equal(fuse(list, [met]), list);
  // Its sum is read a second time.
  const twice = [...list, ...list.map((launch) => ({ ...launch, bind: { ...launch.bind } }))];
  assert.is(fuse(twice).length, 4);
  const bound = new Value("bound", [8], "f32", "bound");
  const outside = list.map((launch) => ({
    ...launch,
    bind: Object.fromEntries(
      Object.entries(launch.bind).map(([name, value]) => [name, value === once ? bound : value]),
    ),
  }));
  assert.equal(fuse(outside), outside);
});

test.after(closeGpus);
test.run();
