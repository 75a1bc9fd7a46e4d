// Nowcasting: what is recorded and forecast when, and that a resumed run ends with the same bits.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type TrainConfig, trainSchema } from "../../src/runs/config.ts";
import { type Job, prepareJob } from "../../src/runs/job.ts";
import { RunFolder } from "../../src/report/run-folder.ts";
import { trainInFolder } from "../../src/runs/train-run.ts";
import { nowcastEvents } from "../../src/forecast/index.ts";
import { trainJob } from "../../src/api/training.ts";
import { closeGpus, testGpu } from "../device.ts";
import { torchFile, type TorchTensor } from "../io/torch-fixture.ts";

const root = mkdtempSync(`${tmpdir()}/rewind-nowcast-`);

const config: TrainConfig = {
  data: { name: "synthetic", trainCount: 60, testCount: 20 },
  scenario: { name: "label-noise", share: 0.2 },
  model: { name: "small-cnn", filters: [2, 4] },
  epochs: 5,
  batch: 16,
  learningRate: 2e-3,
  schedule: "constant",
  optimizer: { name: "adam" },
  seed: 3,
};

async function onJob<T>(changes: object, work: (job: Job) => Promise<T>): Promise<T> {
  const job = await prepareJob(await testGpu(), trainSchema.parse({ ...config, ...changes }));
  try {
    return await work(job);
  } finally {
    job.destroy();
  }
}

const wnn = { method: "wnn", predictor: "linear:-2:3" } as const;

test("WNN records each epoch and forecasts after every window", () => {
  const events = nowcastEvents(wnn, { window: 3 }, { steps: 28, perEpoch: 4 });
  assert.equal(
    events.map(({ step, forecast }) => [step, forecast !== undefined]),
    [
      [4, false],
      [8, false],
      [12, true],
      [16, false],
      [20, false],
      [24, true],
      [28, false],
    ],
  );
});

test("Introspection records on the way to each jump", () => {
  const introspection = { method: "introspection", predictor: "x" } as const;
  const events = nowcastEvents(introspection, { window: 4 }, { steps: 1000, perEpoch: 10 });
  // Forecasts are shown below zero.
  assert.equal(
    events.map(({ step, forecast }) => (forecast === undefined ? step : -step)),
    [20, 35, 45, -50, 60, 105, 135, -150, 160, 280, 360, -400],
  );
});

test("NiNo forecasts every period, less and less far ahead", () => {
  const nino = { method: "nino", predictor: "x", period: 10 } as const;
  const events = nowcastEvents(nino, { window: 5 }, { steps: 35, perEpoch: 7 });
  assert.equal(
    events.map(({ step }) => step),
    [2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30],
  );
  const aims = events.flatMap(({ step, forecast }) => (forecast ? [[step, forecast.aim]] : []));
  assert.equal(aims, [
    [10, 40],
    [20, 13],
    [30, 1],
  ]);
  assert.throws(
    () => nowcastEvents({ ...nino, period: 12 }, { window: 5 }, { steps: 35, perEpoch: 7 }),
    /multiple of 5 and at most the training's 35 steps, got 12/,
  );
});

test("a forecast replaces the weights by what the predictor makes of the window", async () => {
  const plain: Map<string, Float32Array>[] = [];
  await onJob({ epochs: 3 }, (job) =>
    trainJob(job, {
      async onEpoch() {
        plain.push(await job.model.parameters.read());
      },
    }),
  );
  const got = await onJob({ epochs: 3, nowcast: wnn }, async (job) => {
    await trainJob(job);
    return job.model.parameters.read();
  });
  for (const [name, newest] of plain[2]!) {
    newest.forEach((v, i) => {
      // Two epochs along the line through the first and the third.
      const want = v + (2 * (v - plain[0]!.get(name)![i]!)) / 2;
      const error = Math.abs(got.get(name)![i]! - want);
      assert.ok(error <= 1e-6 * Math.max(1, Math.abs(want)), `${name}[${i}] off by ${error}`);
    });
  }
});

test("NiNo's checkpoint is aimed by its schedule: far ahead at first, one snapshot at last", async () => {
  // A checkpoint that adds k hundredths of its tensor's deviation, k snapshots ahead, whatever it sees.
  const hidden = 4;
  const parts: Record<string, TorchTensor> = {};
  const zero: (i: number) => number = () => 0;
  const put = (name: string, shape: readonly number[], value = zero): void => {
    const size = shape.reduce((a, b) => a * b, 1);
    const data = Float32Array.from({ length: size }, (_, i) => value(i));
    parts[name] = { shape, bytes: new Uint8Array(data.buffer) };
  };
  put("layer_embed.weight", [15, hidden]);
  put("edge_proj.fc.0.weight", [hidden, 5]);
  put("edge_proj.fc.0.bias", [hidden]);
  for (const i of [0, 2, 4]) {
    put(`edge_mlp.fc.${i}.weight`, [hidden, hidden]);
    put(`edge_mlp.fc.${i}.bias`, [hidden]);
  }
  put("edge_mlp.fc.6.weight", [40, hidden]);
  put("edge_mlp.fc.6.bias", [40], (i) => (i + 1) / 100);
  const predictor = `${root}/nino.pt`;
  writeFileSync(predictor, torchFile(parts));
  // Steps that move nothing: 20 of them, forecasts after 10 (40 ahead) and 20 (1 ahead).
  const nowcast = { method: "nino", predictor, period: 10 };
  await onJob({ nowcast, learningRate: 1e-30 }, async (job) => {
    const before = await job.model.parameters.read();
    await trainJob(job);
    const after = await job.model.parameters.read();
    for (const [name, data] of before) {
      const states = 5 * data.length;
      const mean = data.reduce((sum, v) => sum + v, 0) / data.length;
      const squares = 5 * data.reduce((sum, v) => sum + (v - mean) ** 2, 0);
      const deviation = Math.sqrt(squares / (states - 1));
      data.forEach((v, i) => {
        const error = Math.abs(after.get(name)![i]! - (v + 0.41 * deviation));
        // Each forecast divides by the deviation plus 1e-6 and multiplies by the deviation; and roundings.
        const size = Math.abs(v) + deviation;
        const allowed = 2 * size * (1e-6 / (deviation + 1e-6) + 1e-6) + 1e-12;
        assert.ok(error <= allowed, `${name}[${i}] off by ${error}, allowed ${allowed}`);
      });
    }
  });
});

test("a nowcast training that was interrupted ends with the same bits", async () => {
  class Stop extends Error {}
  const nino = { method: "nino", predictor: "linear:-2:5", period: 10 } as const;
  // Batch norm is not forecast weight by weight, and has no history.
  const normed = {
    name: "described",
    title: "normed",
    layers: [
      { type: "conv2d", name: "conv", filters: 2, kernel: 3 },
      { type: "batch-norm", name: "norm" },
      { type: "flatten" },
      { type: "linear", name: "head", units: "classes" },
    ],
  };
  for (const changes of [{ nowcast: wnn }, { nowcast: nino }, { nowcast: wnn, model: normed }]) {
    const settings = trainSchema.parse({ ...config, ...changes });
    const of = `${changes.nowcast.method}${"model" in changes ? "-normed" : ""}`;
    const run = async (name: string, stopAt?: number): Promise<Buffer> => {
      const { folder } = await RunFolder.start(`${root}/${name}`, settings);
      const onEpoch = (line: object): void => {
        if ((line as { epoch: number }).epoch === stopAt) throw new Stop();
      };
      await onJob(changes, (job) =>
        trainInFolder(folder, job, "out.safetensors", { saveEveryMs: 0, onEpoch }),
      );
      return readFileSync(`${root}/${name}/out.safetensors`);
    };
    const whole = await run(`${of}-whole`);
    // Stopped within the third and the fifth epoch: the states of the second and fourth are kept.
    for (const stopAt of [3, 5]) {
      const name = `${of}-${stopAt}`;
      let stopped = false;
      await run(name, stopAt).catch((error: Error) => (stopped = error instanceof Stop));
      assert.ok(stopped);
      assert.equal(await run(name), whole, name);
    }
  }
});

test("a predictor that looks back or does not fit the schedule is refused", async () => {
  const failure = (nowcast: object): Promise<string> =>
    onJob({ nowcast }, (job) =>
      trainJob(job).then(
        () => "",
        (error: Error) => error.message,
      ),
    );
  assert.match(await failure({ method: "wnn", predictor: "linear" }), /looks back/);
  assert.match(
    await failure({ method: "introspection", predictor: "linear:-2:3" }),
    /window of 3; Introspection's schedule records 4/,
  );
  assert.match(
    await failure({ method: "introspection", predictor: "linear:-2:4" }),
    /snapshots of 20 steps are not apart/,
  );
});

test.after(closeGpus);
test.after(() => rmSync(root, { recursive: true }));
test.run();
