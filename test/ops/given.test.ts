// Whatever plain JavaScript gives an operation or a layer: a value comes out, or a ShapeError that names the operation.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { Value } from "../../src/graph/value.ts";
import { Declarations, Layers } from "../../src/nn/layers.ts";
import * as ops from "../../src/ops/index.ts";

const graph = new Graph("software");
const f = (...shape: number[]): Value => graph.input("f", shape);
const u = (...shape: number[]): Value => graph.input("u", shape, "u32");
const x = f(2, 4, 4, 8);
const ends = { node: u(6), starts: u(4), order: u(6) };

/** Arguments that every operation takes. */
const good: Readonly<Record<string, readonly unknown[]>> = {
  abs: [x],
  exp: [x],
  silu: [x],
  tanh: [x],
  relu: [x],
  gelu: [x, { approximate: "tanh" }],
  leakyRelu: [x, 0.2],
  scale: [x, 2],
  add: [x, x],
  mul: [x, x],
  attention: [f(2, 4, 8), f(2, 4, 8), f(2, 4, 8), { heads: 2, scale: 1 }, "label"],
  batchNorm: [x, f(8), f(8), f(8), f(8), { mode: "train", epsilon: 1, momentum: 0.1 }, "label"],
  groupNorm: [x, f(8), f(8), { groups: 2, epsilon: 1 }, "label"],
  broadcastTo: [f(4, 1, 8), [2, 4, 4, 8]],
  meanSquaredError: [x, x, f(2), "label"],
  sinusoidalEmbedding: [f(6), { size: 4, lowest: 1, highest: 2 }],
  upsample: [x],
  layerNorm: [x, f(8), f(8), { epsilon: 1 }, "label"],
  concat: [[x, x], 1],
  conv2d: [x, f(3, 3, 8, 4), f(4), { stride: 1, padding: 1 }, "label"],
  depthwiseConv2d: [x, f(3, 3, 8), f(8), { stride: 1, padding: 1 }, "label"],
  linear: [x, f(8, 4), f(4), "label"],
  softmaxCrossEntropy: [f(2, 3), u(2), f(2), { smoothing: 0.1 }, "label"],
  distillation: [f(2, 3), f(2, 3), f(2), 2, "label"],
  dropout: [x, u(8), { rate: 0.5, salt: 1, rows: true }, "label"],
  gather: [f(3, 4), ends],
  segmentSum: [f(6, 4), ends],
  flatten: [x],
  reshape: [x, [2, 128]],
  l1Loss: [x, x, { scale: 1 }],
  l1Norm: [x, 1],
  matmul: [f(2, 3, 4), f(2, 4, 5), { transA: false, transB: false }],
  pad: [x, { top: 1, left: 1 }],
  permute: [x, [0, 2, 1, 3]],
  avgPool: [x, { size: 2, stride: 2, padding: 0 }],
  maxPool: [x, { size: 2, stride: 2, padding: 0 }],
  globalAveragePool: [x],
  sum: [x],
  weightedSum: [x, x],
};

const junk = [undefined, null, 5, NaN, -1, "x", {}, [], [null], { odd: 1 }, () => 1, Symbol("s")];

/** The arguments with each thing in the place of one, and of one of its fields. */
function* spoilt(given: readonly unknown[]): Generator<unknown[]> {
  for (const [i, argument] of given.entries()) {
    for (const odd of junk) yield given.with(i, odd);
    if (argument instanceof Value) {
      const dtype = argument.dtype === "f32" ? "u32" : "f32";
      yield given.with(i, graph.input("odd", argument.shape, dtype));
    } else if (typeof argument === "object" && argument !== null) {
      for (const key of [...Object.keys(argument), "odd"]) {
        for (const odd of junk) {
          const changed: object = Array.isArray(argument)
            ? Object.assign([...(argument as unknown[])], { [key]: odd })
            : { ...argument, [key]: odd };
          yield given.with(i, changed);
        }
      }
    }
  }
}

function calls(name: string, call: (...given: unknown[]) => unknown, given: readonly unknown[]) {
  assert.ok(call(...given) instanceof Value, name);
  for (const args of spoilt(given)) {
    try {
      assert.ok(call(...args) instanceof Value, name);
    } catch (error) {
      const { message } = error as Error;
      assert.ok(error instanceof ShapeError, `${name}: ${(error as Error).stack}`);
      assert.match(
        message,
        new RegExp(`${name}|label|a value needs|a layer.s first|^mul|^sum|^drop`),
      );
      assert.not.match(message, /\n/);
    }
  }
}

test("operations refuse what they cannot take, by name", () => {
  const all = Object.entries(ops).filter(
    ([name]) => name !== "sortEdges" && name !== "elementwiseOperation",
  );
  assert.equal(all.map(([name]) => name).sort(), Object.keys(good).sort());
  for (const [name, operation] of all) {
    calls(name, operation as (...given: unknown[]) => unknown, good[name]!);
  }
  for (const args of spoilt([[0, 1], 3])) {
    try {
      ops.sortEdges(...(args as [number[], number]));
    } catch (error) {
      assert.ok(error instanceof ShapeError, (error as Error).stack);
    }
  }
});

test("types of inputs are those the operation takes", () => {
  const refuses = (work: () => unknown, says: RegExp): void =>
    assert.throws(work, (error: Error) => error instanceof ShapeError && says.test(error.message));
  refuses(() => ops.relu(u(4)), /^relu: `x` must be f32, and "u" is u32\.$/);
  refuses(() => ops.add(f(4), u(4)), /^add: `b` must be f32/);
  refuses(() => ops.l1Loss(x, 5 as never), /^l1Loss: `target` must be a value of a graph, got 5/);
  refuses(() => graph.input("x", [1], "f64" as never), /"x": the type must be f32 or u32/);
});

test("layers refuse what they cannot take, by name", () => {
  const layer = (name: string, given: readonly unknown[]): void => {
    const call = (...args: unknown[]): unknown => {
      const layers = new Layers(graph, new Declarations(), "train", u(8));
      return (layers as unknown as Record<string, (...of: unknown[]) => unknown>)[name]!(...args);
    };
    calls(name, call, given);
  };
  layer("conv2d", ["label", x, { filters: 2, kernel: 3, bias: false }]);
  layer("depthwiseConv2d", ["label", x, { kernel: 3 }]);
  layer("linear", ["label", x, 3]);
  layer("batchNorm", ["label", x, { epsilon: 1, affine: false }]);
  layer("groupNorm", ["label", x, { groups: 2, epsilon: 1, affine: true }]);
  layer("layerNorm", ["label", x, { epsilon: 1 }]);
  layer("dropout", ["label", x, 0.5]);
  layer("dropPath", ["label", x, 0.5]);
});

test.run();
