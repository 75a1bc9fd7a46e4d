// Tiles that were measured: what they change, and what they do not.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { jobTrainer, trainJob } from "../../src/api/training.ts";
import type { Gpu, Tuning } from "../../src/gpu/device.ts";
import { limitsOf } from "../../src/gpu/dry.ts";
import { tableOf, type TunedChoice } from "../../src/gpu/tuned.ts";
import { coreTiles, productKey, tileOf } from "../../src/graph/product-tiles.ts";
import {
  choiceOf,
  isFaster,
  measureProduct,
  productName,
  type ProductTimes,
  stepProducts,
} from "../../src/inspect/tune.ts";
import type { TrainConfig } from "../../src/runs/config.ts";
import { prepareJob } from "../../src/runs/job.ts";
import { closeGpus, ownGpu, testGpu, tunings } from "../device.ts";

const train: TrainConfig = {
  data: { name: "synthetic", trainCount: 40, testCount: 20, size: 8 },
  scenario: { name: "label-noise", share: 0.2 },
  model: { name: "small-cnn", filters: [4, 6] },
  ...{ epochs: 2, batch: 16, learningRate: 2e-3, schedule: "constant" },
  ...{ optimizer: { name: "adam" }, seed: 3 },
};
const images = { size: 8, channels: 1, classes: 10, train: 40, test: 20 };

const productsOf = (gpu: Gpu) => stepProducts({ train, images }, limitsOf(gpu));

/** Every product of a step in a tile that it does not have by its shape. */
async function otherTiles(gpu: Gpu, tuning: Tuning): Promise<TunedChoice[]> {
  const products = await productsOf(gpu);
  assert.ok(products.length >= 6);
  return Promise.all(
    products.map((product, i) => {
      const own = tileOf(product.launch);
      const tiles = coreTiles[tuning].filter((tile) => tile !== own);
      const usual = { tile: own!, ms: 2 };
      const best = { tile: tiles[i % tiles.length]!, ms: 1 };
      return choiceOf({ product, usual, best, runnerUp: usual });
    }),
  );
}

/** Weights after a training, as words, and tiles of the products of its step. */
async function trained(gpu: Gpu): Promise<{ weights: Uint32Array; tiles: Map<string, unknown> }> {
  const job = await prepareJob(gpu, train);
  try {
    const { program } = await jobTrainer(job);
    const products = program.dispatches.filter(({ launch }) => tileOf(launch) !== undefined);
    const tiles = new Map(products.map(({ launch }) => [productKey(launch), tileOf(launch)]));
    program.destroy();
    await trainJob(job);
    const weights: number[] = [];
    for (const { data } of (await job.model.save()).values()) {
      weights.push(...new Uint32Array(data.buffer, data.byteOffset, data.length));
    }
    return { weights: Uint32Array.from(weights), tiles };
  } finally {
    job.destroy();
  }
}

test("a training in other tiles ends with the same bits", async () => {
  for (const tuning of tunings) {
    const gpu = await testGpu({ tuning });
    const choices = await otherTiles(gpu, tuning);
    const tuned = await ownGpu({ tuning, tuned: await tableOf(gpu.adapter, choices) });
    const [first, second] = [await trained(gpu), await trained(tuned)];
    for (const { kernel, tile, usual } of choices) {
      assert.equal(first.tiles.get(kernel), usual.tile, kernel);
      assert.equal(second.tiles.get(kernel), tile, kernel);
    }
    assert.ok(new Set(first.weights).size > 100);
    assert.equal(second.weights, first.weights);
  }
});

test("a choice that does not fit is left aside: of another shader, or a tile that is none", async () => {
  const gpu = await testGpu();
  const [choice, ...others] = await otherTiles(gpu, gpu.tuning);
  for (const wrong of [
    { shader: "0".repeat(32) },
    { tile: { ...choice!.tile, WG: 7 } },
    { tile: {} },
    { tile: { BM: 16 } },
    { kernel: `${choice!.kernel}1` },
  ]) {
    const table = await tableOf(gpu.adapter, [{ ...choice!, ...wrong }, ...others]);
    const tuned = await ownGpu({ tuned: table });
    const { tiles } = await trained(tuned);
    assert.equal(tiles.get(choice!.kernel), choice!.usual.tile, JSON.stringify(wrong));
    assert.equal(tiles.get(others[0]!.kernel), others[0]!.tile);
  }
});

test("a product is measured in every tile; another than the usual one is taken only where it is faster", async () => {
  const gpu = await testGpu();
  const products = await productsOf(gpu);
  const flop = products.map((product) => product.calls * product.flop);
  assert.equal(
    flop,
    flop.toSorted((a, b) => b - a),
  );
  const product = products.at(-1)!;
  const bytes = gpu.allocatedBytes;
  const times = await measureProduct(gpu, product, { rounds: 1, turnMs: 0.1 });
  assert.is(gpu.allocatedBytes, bytes);
  const { usual, best, runnerUp } = times;
  assert.equal(usual.tile, tileOf(product.launch));
  assert.is.not(runnerUp.tile, best.tile);
  for (const { tile, ms } of [usual, best, runnerUp]) {
    assert.ok(coreTiles[gpu.tuning].includes(tile as never));
    assert.ok(ms >= 0 && Number.isFinite(ms));
  }
  assert.is(isFaster(times), best.tile !== usual.tile);
  const forced: ProductTimes = { ...times, best: runnerUp, runnerUp: usual };
  const choice = await choiceOf(forced);
  assert.is(choice.product, productName(product));
  assert.match(choice.product, /^[\w/-]+ \d+ × \d+ × \d+/);
  assert.match(choice.shader, /^[\da-f]{32}$/);
});

test.after(closeGpus);
test.run();
