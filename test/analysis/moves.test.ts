// How far and which way a round moved the weights, by hand.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { histogramBins, movesOf, partOfMoves } from "../../src/analysis/moves.ts";
import type { Slot } from "../../src/weights/arena.ts";

const slot = (name: string, size: number): Slot => ({
  ...{ name, shape: [size], kind: "fc", shard: 0, offset: 0, size },
});
const weights = (...data: number[]) => ({ data: Float32Array.from(data) });

test("lengths, cosine, histograms and single weights are those of the definition", () => {
  const slots = [slot("moved", 4), slot("still", 2), slot("unrecorded", 1)];
  const { layers, coordinates, round, window } = movesOf(
    7,
    slots,
    new Map([
      // Three snapshots of four weights, of which the last does not drift.
      ["moved", Float32Array.of(0, 0, 0, 9, 1, 2, 1, 9, 2, 4, 4, 9)],
      ["still", Float32Array.of(1, 2, 1, 2, 1, 2)],
    ]),
    new Map([
      ["moved", weights(0, 0, 0, 9)],
      ["still", weights(1, 2)],
    ]),
    new Map([
      ["moved", weights(-1, -2, 2, 9)],
      ["still", weights(1, 5)],
    ]),
  );
  assert.equal([round, window], [7, 3]);
  const [moved, still] = layers;
  assert.is(layers.length, 2);
  // Drift (2, 4, 4, 0), move (-1, -2, 2, 0).
  assert.equal([moved!.drift, moved!.move, moved!.cosine], [6, 3, (-2 - 8 + 8) / 18]);
  // In units of 6 / √4 = 3: drifts 0.67, 1.33, 1.33, 0; moves -0.33, -0.67, 0.67, 0; bins of 0.25 around 0.
  const filled = (bins: readonly number[]): number[][] =>
    bins.flatMap((count, i) => (count === 0 ? [] : [[i - (histogramBins - 1) / 2, count]]));
  assert.equal(filled(moved!.histogram.drift), [
    [0, 1],
    [3, 1],
    [5, 2],
  ]);
  assert.equal(filled(moved!.histogram.move), [
    [-3, 1],
    [-1, 1],
    [0, 1],
    [3, 1],
  ]);
  assert.equal([still!.drift, still!.move, still!.cosine], [0, 3, null]);
  assert.equal(still!.histogram, { drift: [], move: [] });
  // Of the three that drift, the second is the median, and the third is larger than 99 % of them.
  assert.equal(
    coordinates.map(({ layer, index, quantile }) => [layer, index, quantile]),
    [
      ["moved", 1, 0.5],
      ["moved", 2, 0.99],
    ],
  );
  assert.equal(coordinates[0]!.history, [0, 2, 4]);
  assert.equal([coordinates[0]!.before, coordinates[0]!.after], [0, -2]);
});

test("what is far out is in the outermost bins", () => {
  const { layers } = movesOf(
    1,
    [slot("a", 2)],
    new Map([["a", Float32Array.of(0, 0, 1, -1)]]),
    new Map([["a", weights(0, 0)]]),
    new Map([["a", weights(100, -100)]]),
  );
  const { move } = layers[0]!.histogram;
  assert.equal([move[0], move.at(-1), move.length], [1, 1, histogramBins]);
});

test("the part of a round that was taken is what its weights are of themselves", () => {
  const at = (...data: number[]) => new Map([["w", weights(...data)]]);
  const before = at(1, 2, 3, 4);
  const [whole, taken] = [at(0, 4, 3, -4), at(0.75, 2.5, 3, 2)];
  const histories = new Map([["w", Float32Array.of(1, 2, 3, 4, 2, 2, 5, 3)]]);
  const slots = [slot("w", 4)];
  const expected = movesOf(2.25, slots, histories, before, taken);
  assert.equal(
    partOfMoves(movesOf(3, slots, histories, before, whole), 2.25, whole, taken),
    expected,
  );
});

test.run();
