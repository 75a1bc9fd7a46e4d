// Nowcasting: what is recorded and forecast when, and that a resumed run ends with the same bits.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type TrainConfig, trainSchema } from "../../src/config.ts";
import { type Job, prepareJob } from "../../src/job.ts";
import { RunFolder } from "../../src/report/run-folder.ts";
import { trainInFolder } from "../../src/runs.ts";
import { nowcastEvents } from "../../src/train/nowcast.ts";
import { trainJob } from "../../src/train/run.ts";
import { closeGpus, testGpu } from "../device.ts";

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

test("a nowcast training that was interrupted ends with the same bits", async () => {
  class Stop extends Error {}
  const nino = { method: "nino", predictor: "linear:-2:5", period: 10 } as const;
  for (const nowcast of [wnn, nino]) {
    const settings = { ...config, nowcast };
    const run = async (name: string, stopAt?: number): Promise<Buffer> => {
      const { folder } = await RunFolder.start(`${root}/${name}`, settings);
      const onEpoch = (line: object): void => {
        if ((line as { epoch: number }).epoch === stopAt) throw new Stop();
      };
      await onJob({ nowcast }, (job) =>
        trainInFolder(folder, job, "out.safetensors", { saveEveryMs: 0, onEpoch }),
      );
      return readFileSync(`${root}/${name}/out.safetensors`);
    };
    const whole = await run(`${nowcast.method}-whole`);
    // Stopped within the third and the fifth epoch: the states of the second and fourth are kept.
    for (const stopAt of [3, 5]) {
      const name = `${nowcast.method}-${stopAt}`;
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
