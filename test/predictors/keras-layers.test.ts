// Keras' layers by role: numbers count the construction, or the layers of the graph.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readKeras } from "../../src/io/keras-h5.ts";
import { fromKerasLayers } from "../../src/predictors/two-stream.ts";
import { wnnSpec } from "../../src/predictors/wnn.ts";
import { namedWeights, savedWeights } from "../io/keras-fixture.ts";

/** Shapes of WNN's layers in the order of their construction: value stream, difference stream, output. */
const shapes: readonly (readonly [number, number])[] = [
  ...[5, 4].flatMap((inputs) => {
    const gates = Array.from({ length: 3 }, () => [8, 64] as const);
    return [[inputs, 64] as const, [64, 8] as const, ...gates, [64, 32] as const];
  }),
  [64, 1],
];

/**
 * Where the layers stand in Keras' graph, by the order of their construction: both streams side by side, and of
 * the three that a stream multiplies the last made first.
 */
const graph = [0, 6, 1, 7, 4, 10, 3, 9, 2, 8, 5, 11, 12];

const layers = shapes.map(([inputs, outputs], i) => ({
  layer: `dense_${i + 27}`,
  kernel: {
    shape: [inputs, outputs],
    data: Float32Array.from({ length: inputs * outputs }, (_, j) => i + j / 1024),
  },
  bias: { shape: [outputs], data: new Float32Array(outputs).fill(-i) },
}));

test("the numbers of Keras 2 and those of Keras 3's .weights.h5 give the same roles", async () => {
  const named = await readKeras(await namedWeights(layers));
  const byGraph = graph.map((place, i) => ({
    ...layers[place]!,
    layer: i === 0 ? "dense" : `dense_${i}`,
  }));
  const saved = await readKeras(await savedWeights(byGraph));
  const want = fromKerasLayers(wnnSpec, named.layers, named.numbering);
  // Linear, amplitude and rate have equal shapes: only their values tell them apart.
  assert.equal([want.value.linear.bias[0], want.value.rate.bias[0]], [-2, -4]);
  assert.equal(fromKerasLayers(wnnSpec, saved.layers, saved.numbering), want);
});

test.run();
