import { test } from "uvu";
import * as assert from "uvu/assert";
import { Bound } from "../../src/graph/bound.ts";
import { fuse } from "../../src/graph/fusion.ts";
import { Graph } from "../../src/graph/graph.ts";
import { compile } from "../../src/graph/program.ts";
import { type Launch, Value } from "../../src/graph/value.ts";
import { add, batchNorm, leakyRelu, mul, relu, sum } from "../../src/ops/index.ts";
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
