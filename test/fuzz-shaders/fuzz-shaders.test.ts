// A few random graphs against float64, and what finds a wrong one. `npm run fuzz:shaders` checks as many as wanted.
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { applyOperation } from "../../src/graph/graph.ts";
import * as ops from "../../src/ops/index.ts";
import { closeGpus, testGpu, tunings } from "../device.ts";
import { RecordingGraph } from "../float64.ts";
import { checkGraph, type Maker, Mismatch } from "./check-graph.ts";
import { fuzzShaders } from "./campaign.ts";
import { build, drawnGraphs, kinds } from "./graphs.ts";

const gpus = () => Promise.all(tunings.map((tuning) => testGpu({ tuning })));

test("random graphs agree with float64", async () => {
  const { failures, cases, undecided, operations } = await fuzzShaders({
    cases: 5,
    seed: 77,
    gpus,
  });
  assert.equal(failures, []);
  assert.is(cases, 5);
  assert.equal(undecided, {});
  assert.is(Object.keys(operations).length, 12);
});

test("every drawn graph is legal and small, whatever the numbers, and every operation is drawn", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(drawnGraphs(6), (drawn) => {
      const { graph, output } = build(drawn, "gpu");
      assert.ok(graph.recorded.every(({ output: y }) => y.size <= 40_000));
      assert.ok(output.size > 0);
      for (const { name } of graph.recorded) seen.add(name);
    }),
    { seed: 1, numRuns: 1000 },
  );
  const none = ["elementwiseOperation", "sortEdges", "weightedSum"];
  const all = Object.keys(ops).filter((name) => !none.includes(name));
  assert.equal([...seen].sort(), all.sort());
  assert.equal([...kinds].sort(), all);
});

/** A graph of one element-wise operation that is called what it is not. */
function disguised(name: string, operation: Parameters<typeof ops.elementwiseOperation>[0]): Maker {
  return (tuning) => {
    const graph = new RecordingGraph(tuning);
    const value = graph.input("x", [7]);
    const data = Float64Array.from({ length: 7 }, (_, i) => Math.fround(0.3 * i - 1.1));
    const output = applyOperation({ ...ops.elementwiseOperation(operation), name }, [value], null);
    return { graph, inputs: [{ value, data, gradient: true }], output };
  };
}

test("a wrong output, a wrong gradient and an element that nobody writes are found", async () => {
  const tanh = { name: "tanh", shader: "elementwise/tanh", gradient: "at output" } as const;
  const on = [await testGpu()];
  const checked = await checkGraph(disguised("tanh", tanh), 1, on);
  assert.ok(checked.worst > 0 && checked.worst <= 1);
  const errorOf = async (make: Maker): Promise<string> => {
    const error = await checkGraph(make, 1, on).catch((cause: unknown) => cause);
    assert.instance(error, Mismatch);
    return (error as Error).message;
  };
  assert.match(await errorOf(disguised("abs", tanh)), /output\[\d\] is/);
  const linear = { ...tanh, gradient: "linear" } as const;
  assert.match(await errorOf(disguised("tanh", linear)), /the gradient of input 0 is/);
  // The gradient's launches are there, and write somewhere else.
  const nowhere: Maker = (tuning) => {
    const made = disguised("tanh", tanh)(tuning);
    const backward = made.graph.backward.bind(made.graph);
    made.graph.backward = (loss, wrt, options) => {
      const { cotangent } = options!;
      return backward(loss, wrt, { cotangent: cotangent! });
    };
    return made;
  };
  assert.match(await errorOf(nowhere), /has a number that is not finite|has no value/);
});

test.after(closeGpus);
test.run();
