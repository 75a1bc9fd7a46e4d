/**
 * NaN goes through every operation: what depends on an element that is NaN is NaN, and nothing else changes.
 *
 * What depends on an element is found by changing it: outputs whose bits differ when it is 3 or -3 instead.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Value } from "../../src/graph/value.ts";
import * as operations from "../../src/ops/index.ts";
import { Random } from "../../src/random.ts";
import type { Shape } from "../../src/shape.ts";
import { recordOp } from "../check-op.ts";
import { closeGpus, testGpu, tunings } from "../device.ts";

/** Names of the operations that a case builds. */
const built = new Set<string>();
/** The operations, which note that they are asked for. */
const ops = new Proxy(operations, {
  get(all, name: keyof typeof operations) {
    built.add(name);
    return all[name];
  },
});

type Build = (inputs: readonly Value[]) => Value;

interface NanCase {
  readonly shapes: readonly Shape[];
  readonly build: Build;
  /** Whole numbers, by input: labels, and the ends of edges. */
  readonly whole?: Readonly<Record<number, readonly number[]>>;
  /** Inputs that must be above 0. */
  readonly positive?: readonly number[];
  /** Inputs whose NaN may also reach outputs where they meet the zeros of padding: 0 · NaN is NaN. */
  readonly meetsPadding?: readonly number[];
}

const image: Shape = [2, 5, 6, 3];
const quads: Shape = [2, 4, 4, 8];
const one =
  (f: (x: Value) => Value): Build =>
  ([x]) =>
    f(x!);
const pair =
  (f: (a: Value, b: Value) => Value): Build =>
  ([a, b]) =>
    f(a!, b!);
/** Three edges between two nodes. */
const edges = { 1: [1, 0, 1], 2: [0, 1, 3], 3: [1, 0, 2] };
const ends = ([, node, starts, order]: readonly Value[]): operations.EdgeEnds => ({
  node: node!,
  starts: starts!,
  order: order!,
});

const cases: Readonly<Record<string, NanCase>> = {
  abs: { shapes: [[7]], build: one(ops.abs) },
  exp: { shapes: [[7]], build: one(ops.exp) },
  "gelu, exact": { shapes: [[7]], build: one(ops.gelu) },
  "gelu, tanh": {
    shapes: [[7]],
    build: one((x) => ops.gelu(x, { approximate: "tanh" })),
  },
  leakyRelu: { shapes: [[7]], build: one((x) => ops.leakyRelu(x, 0.3)) },
  relu: { shapes: [[7]], build: one(ops.relu) },
  scale: { shapes: [[7]], build: one((x) => ops.scale(x, 0.5)) },
  silu: { shapes: [[7]], build: one(ops.silu) },
  tanh: { shapes: [[7]], build: one(ops.tanh) },
  add: { shapes: [[3, 5], [5]], build: pair(ops.add) },
  mul: { shapes: [[3, 5], [5]], build: pair(ops.mul) },
  concat: {
    shapes: [
      [2, 3],
      [2, 5],
    ],
    build: (inputs) => ops.concat(inputs, 1),
  },
  permute: { shapes: [[2, 3, 4]], build: one((x) => ops.permute(x, [1, 0, 2])) },
  "max pool, tiles": {
    shapes: [image],
    build: one((x) => ops.maxPool(x, { size: 2 })),
  },
  "max pool, overlapping": {
    shapes: [quads],
    build: one((x) => ops.maxPool(x, { size: 3, stride: 1, padding: 1 })),
  },
  "average pool": { shapes: [image], build: one((x) => ops.avgPool(x, { size: 2 })) },
  "global average pool": { shapes: [image], build: one(ops.globalAveragePool) },
  linear: {
    shapes: [[3, 10], [10, 7], [7]],
    build: ([x, w, b]) => ops.linear(x!, w!, b!),
  },
  matmul: {
    shapes: [
      [2, 3, 5],
      [2, 5, 4],
    ],
    build: pair((a, b) => ops.matmul(a, b)),
  },
  conv2d: {
    shapes: [image, [3, 3, 3, 5], [5]],
    meetsPadding: [1],
    build: ([x, w, b]) => ops.conv2d(x!, w!, b!, { padding: 1 }),
  },
  "conv2d, quads": {
    shapes: [quads, [3, 3, 8, 8], [8]],
    meetsPadding: [1],
    build: ([x, w, b]) => ops.conv2d(x!, w!, b!, { stride: 2, padding: 1 }),
  },
  "depthwise conv2d": {
    shapes: [image, [3, 3, 3], [3]],
    meetsPadding: [1],
    build: ([x, w, b]) => ops.depthwiseConv2d(x!, w!, b!, { padding: 1 }),
  },
  "layer norm": {
    shapes: [[3, 8], [8], [8]],
    build: ([x, gamma, beta]) => ops.layerNorm(x!, gamma!, beta!),
  },
  ...Object.fromEntries(
    (["train", "frozen"] as const).map((mode) => [
      `batch norm, ${mode}`,
      {
        shapes: [[6, 5], [5], [5], [5], [5]],
        positive: [4],
        build: ([x, gamma, beta, mean, variance]: readonly Value[]) =>
          ops.batchNorm(x!, gamma!, beta!, mean!, variance!, {
            mode,
            momentum: 0.1,
            epsilon: 1e-5,
          }),
      },
    ]),
  ),
  "batch norm, plain": {
    shapes: [[6, 5], [5], [5]],
    positive: [2],
    build: ([x, mean, variance]) =>
      ops.batchNorm(x!, null, null, mean!, variance!, { mode: "frozen" }),
  },
  "group norm": {
    shapes: [[2, 2, 2, 8], [8], [8]],
    build: ([x, gamma, beta]) => ops.groupNorm(x!, gamma!, beta!, { groups: 2 }),
  },
  upsample: { shapes: [image], build: one(ops.upsample) },
  broadcastTo: { shapes: [[2, 1, 4]], build: one((x) => ops.broadcastTo(x, [2, 3, 4])) },
  "sinusoidal embedding": {
    shapes: [[5]],
    build: one((x) => ops.sinusoidalEmbedding(x, { size: 6, highest: 5.3 })),
  },
  attention: {
    shapes: [
      [2, 3, 8],
      [2, 5, 8],
      [2, 5, 8],
    ],
    build: ([q, k, v]) => ops.attention(q!, k!, v!, { heads: 2 }),
  },
  "softmax cross-entropy": {
    shapes: [[3, 5], [3], [3]],
    whole: { 1: [0, 4, 2] },
    positive: [2],
    build: ([z, labels, weights]) => ops.softmaxCrossEntropy(z!, labels!, weights!),
  },
  distillation: {
    shapes: [[3, 5], [3, 5], [3]],
    positive: [2],
    build: ([student, teacher, weights]) => ops.distillation(student!, teacher!, weights!, 2),
  },
  "mean squared error": {
    shapes: [[3, 5], [3, 5], [3]],
    positive: [2],
    build: ([x, t, weights]) => ops.meanSquaredError(x!, t!, weights!),
  },
  "l1 loss": { shapes: [[9], [9]], build: pair((a, b) => ops.l1Loss(a, b)) },
  sum: { shapes: [[9, 3]], build: one((x) => ops.sum(x)) },
  weightedSum: { shapes: [[9], [9]], build: pair(ops.weightedSum) },
  "l1 norm": { shapes: [[9]], build: one((x) => ops.l1Norm(x, 0.5)) },
  pad: { shapes: [image], build: one((x) => ops.pad(x, 1)) },
  flatten: { shapes: [image], build: one(ops.flatten) },
  reshape: { shapes: [[2, 6]], build: one((x) => ops.reshape(x, [3, 4])) },
  dropout: {
    shapes: [[4, 6], [8]],
    // A step's record: four rows, and a seed.
    whole: { 1: [4, 0, 7, 0, 0, 0, 0, 0] },
    build: ([x, step]) => ops.dropout(x!, step!, { rate: 0.4, salt: 1 }),
  },
  gather: {
    shapes: [[2, 4], [3], [3], [3]],
    whole: edges,
    build: (inputs) => ops.gather(inputs[0]!, ends(inputs)),
  },
  segmentSum: {
    shapes: [[3, 4], [3], [3], [3]],
    whole: edges,
    build: (inputs) => ops.segmentSum(inputs[0]!, ends(inputs)),
  },
};

const bits = (values: Float32Array): Uint32Array =>
  new Uint32Array(values.buffer, values.byteOffset, values.length);

for (const [name, nanCase] of Object.entries(cases)) {
  test(`NaN goes through ${name}`, async () => {
    for (const tuning of tunings) {
      const { shapes, build, whole = {}, positive = [], meetsPadding = [] } = nanCase;
      const inputs = shapes.map((shape, i) => ({
        shape,
        dtype: i in whole ? ("u32" as const) : ("f32" as const),
        gradient: i === 0,
      }));
      const { y, run, destroy } = await recordOp(
        await testGpu({ tuning }),
        { inputs, build },
        name,
      );
      const random = new Random(7);
      const values = [...shapes, y.shape].map((shape, i) => {
        const size = shape.reduce((a, b) => a * b, 1);
        const low = positive.includes(i) ? 0.5 : -1;
        return whole[i] ?? Array.from({ length: size }, () => low + random.float() * (1 - low));
      });
      const [plain, plainGradient] = await run(values);
      assert.ok(plain!.every(Number.isFinite), `${name} (${tuning}): finite without NaN`);
      for (const [i, data] of values.entries()) {
        if (i in whole) continue;
        const backward = i === shapes.length;
        const before = backward ? plainGradient! : plain!;
        for (const at of new Set([0, Math.floor(data.length / 2), data.length - 1])) {
          const label = `${name} (${tuning}): ${backward ? "cotangent" : `input ${i}`}, element ${at}`;
          const withValue = async (value: number): Promise<Float32Array> => {
            const changed = values.map((one, k) =>
              k === i ? Array.from(one, (v, j) => (j === at ? value : v)) : one,
            );
            return (await run(changed))[backward ? 1 : 0]!;
          };
          const others = [await withValue(3), await withValue(positive.includes(i) ? 0.25 : -3)];
          const got = await withValue(Number.NaN);
          for (let k = 0; k < got.length; k++) {
            const depends = others.some((other) => bits(other)[k] !== bits(before)[k]);
            if (depends) assert.ok(Number.isNaN(got[k]), `${label}: output ${k} is ${got[k]}`);
            else if (!backward && !(meetsPadding.includes(i) && Number.isNaN(got[k])))
              assert.is(bits(got)[k], bits(before)[k], `${label}: output ${k}`);
          }
        }
      }
      destroy();
    }
  });
}

test("every operation has a case", () => {
  // What makes operations, and what orders whole numbers.
  const none = ["elementwiseOperation", "sortEdges"];
  const all = Object.keys(operations).filter((name) => !none.includes(name));
  assert.equal([...built].sort(), all.sort());
});

test.after(closeGpus);

test.run();
