// Long work that ends early, wherever that is, leaves no memory behind on the device.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { OutOfMemoryError, ShapeError } from "../../src/errors.ts";
import { runLira } from "../../src/experiments/lira.ts";
import { runNowcast } from "../../src/experiments/nowcast.ts";
import { protocolOf } from "../../src/experiments/protocol.ts";
import { runSeeds, tune } from "../../src/experiments/run.ts";
import type { Environment } from "../../src/experiments/trained-network.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { defaultLimits, dryGpu } from "../../src/gpu/dry.ts";
import { Owned } from "../../src/gpu/owned.ts";
import { measureFinal } from "../../src/metrics/measure.ts";
import { Model } from "../../src/nn/model.ts";
import { wnnFamily } from "../../src/predictors-lab/families/wnn.ts";
import { fitDefaults, fitPredictor, scoreNetwork } from "../../src/predictors-lab/fit.ts";
import { recordLibraryTraining } from "../../src/predictors-lab/library.ts";
import type { Sequence } from "../../src/predictors-lab/sequences.ts";
import { WindowSource } from "../../src/predictors-lab/windows.ts";
import { Random } from "../../src/random.ts";
import type { TrainConfig } from "../../src/runs/config.ts";
import { prepareJob } from "../../src/runs/job.ts";
import { methodSettings } from "../../src/unlearn/methods/index.ts";

class Stop extends Error {}

const train: TrainConfig = {
  data: { name: "synthetic", trainCount: 20, testCount: 10 },
  scenario: { name: "standard", share: 0.5 },
  model: { name: "small-cnn", filters: [2, 2], hidden: 0 },
  epochs: 2,
  batch: 8,
  learningRate: 1e-2,
  schedule: "constant",
  optimizer: { name: "adam" },
  seed: 1,
};
const protocol = protocolOf("standard", { name: "synthetic" }, { size: "tiny", only: ["salun"] });
const unlearn = {
  method: "neg-grad",
  settings: methodSettings("neg-grad", {}),
  rounds: 1,
  seed: 1,
};

const family = wnnFamily();
const size = 8;
const length = 20;
const rows = Float32Array.from({ length: size * length }, (_, i) => Math.sin(i));
const sequence: Sequence = {
  ...{ training: 1, architecture: "mlp", source: "synthetic", kind: "fc" },
  ...{ phase: "late", rows, length, epoch: 0 },
};
const training = new WindowSource([sequence], family.shape, "of the test");
const windows = training.draw(8, new Random(1));

const works: Record<string, (on: Environment) => Promise<unknown>> = {
  "an experiment": (on) => runSeeds(protocol, [1], {}, on),
  tuning: (on) => tune(protocol, [101], on),
  nowcasting: (on) => runNowcast(() => train, [{ name: "adam" }], [1], on),
  "an attack": (on) =>
    runLira(on.gpu, { train, unlearn, models: 4, targets: 2 }, on.out, { ...on, log: () => {} }),
  "recording of a training": ({ gpu, watch }) => {
    const fineTunings = [{ learningRate: 1e-3, optimizer: { name: "adam" }, batch: 4 }] as const;
    const settings = { seed: 1, length: 2, perTensor: 2, architectures: ["small-cnn"] };
    return recordLibraryTraining(gpu, { source: "synthetic", train, fineTunings }, settings, watch);
  },
  "fitting of a predictor": ({ gpu, watch }) => {
    const settings = { ...fitDefaults, epochs: 2, windows: 8, batch: 4 };
    return fitPredictor(gpu, family, { training, validation: windows }, settings, watch);
  },
  "scoring of a predictor": async ({ gpu }) => {
    const tensors = await Owned.within(async (owned) => {
      const model = owned.add(await Model.create(gpu, family.spec, 1));
      return model.save();
    });
    return scoreNetwork(gpu, family, tensors, [windows, windows]);
  },
  "measuring of logits": ({ gpu }) =>
    Owned.within(async (owned) => measureFinal(owned.add(await prepareJob(gpu, train)))),
};

/** Does work, and stops it when so many passes over data have reported. */
async function ended(
  work: (on: Environment) => Promise<unknown>,
  gpu: Gpu,
  stop = Infinity,
): Promise<{ error: unknown; reports: number }> {
  const out = mkdtempSync(join(tmpdir(), "rewind-ownership-"));
  let reports = 0;
  const progress = (): void => {
    reports++;
    if (reports >= stop) throw new Stop();
  };
  const error = await work({ gpu, out, watch: { progress }, log: () => {} }).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  rmSync(out, { recursive: true });
  return { error, reports };
}

for (const [name, work] of Object.entries(works)) {
  test(`${name}: whether it is done, stopped or out of memory, nothing stays behind`, async () => {
    const gpu = await dryGpu(defaultLimits);
    const { error, reports } = await ended(work, gpu);
    if (error !== undefined) throw error as Error;
    assert.ok(gpu.peakBytes > 0);
    assert.is(gpu.allocatedBytes, 0);
    const stops = new Set([Math.ceil(reports / 2), reports]);
    for (const stop of reports === 0 ? [] : stops) {
      assert.instance((await ended(work, gpu, stop)).error, Stop);
      assert.is(gpu.allocatedBytes, 0, `stopped at report ${stop} of ${reports}`);
    }
    // With a little less, smaller batches may do.
    for (const share of [0.4, 0.95]) {
      const memory = Math.floor(share * gpu.peakBytes);
      const small = await dryGpu({ ...defaultLimits, memory });
      const refused = (await ended(work, small)).error;
      if (refused !== undefined) assert.instance(refused, OutOfMemoryError);
      assert.is(small.allocatedBytes, 0, `${share} of the memory needed`);
    }
  });
}

test("measuring of logits: what refuses its images leaves nothing behind", async () => {
  const gpu = await dryGpu(defaultLimits);
  await Owned.within(async (owned) => {
    const job = owned.add(await prepareJob(gpu, train));
    const before = gpu.allocatedBytes;
    const items = new Uint32Array(job.test.count + 1);
    const sets = new Map([...job.sets, ["test", { ...job.sets.get("test")!, items }]]);
    const error = await measureFinal({ ...job, sets }).catch((cause: unknown) => cause);
    assert.instance(error, ShapeError);
    assert.is(gpu.allocatedBytes, before);
  });
});

test.run();
