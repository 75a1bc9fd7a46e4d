import { test } from "uvu";
import * as assert from "uvu/assert";
import type { TrainConfig } from "../../src/runs/config.ts";
import type { Job } from "../../src/runs/job.ts";
import { Model, type ModelSpec } from "../../src/nn/model.ts";
import { flatten } from "../../src/ops/index.ts";
import { loadPredictor } from "../../src/predictors/index.ts";
import { Random } from "../../src/random.ts";
import { GpuDataset } from "../../src/feed/gpu-dataset.ts";
import { boundaryLabels } from "../../src/unlearn/methods/boundary.ts";
import { classification } from "../../src/tasks/classification.ts";
import { sumOverImages } from "../../src/unlearn/gradients.ts";
import { methods, methodSettings, startMethod } from "../../src/unlearn/methods/index.ts";
import { restrict } from "../../src/unlearn/method.ts";
import { RewindSession, rewindSettings } from "../../src/unlearn/methods/rewind.ts";
import { selectLargest } from "../../src/weights/mask.ts";
import { close } from "../check-op.ts";
import { closeGpus, testGpu } from "../device.ts";
import { trainedJob } from "./trained-job.ts";

const config: TrainConfig = {
  data: { name: "synthetic", trainCount: 120, testCount: 20 },
  scenario: { name: "label-noise", share: 0.2 },
  model: { name: "small-cnn", filters: [4, 8], hidden: 0 },
  epochs: 6,
  batch: 16,
  learningRate: 3e-3,
  schedule: "constant",
  optimizer: { name: "adam" },
  seed: 3,
};

/** The job with its model back at the trained weights. */
const freshJob = trainedJob(config);

async function weights({ model }: Job): Promise<Map<string, number[]>> {
  const read = await model.parameters.read();
  return new Map([...read].map(([name, data]) => [name, [...data]]));
}

/** Small settings of each method, so that a round takes a moment; all in batches of one size, to share kernels. */
const small: Readonly<Record<string, Record<string, unknown>>> = {
  rewind: { batch: 16 },
  "linear-rewind": { batch: 16 },
  "random-rewind": { batch: 16 },
  "task-vector": { batch: 16, epochs: 2 },
  negmerge: { batch: 16, epochs: 2 },
  "neg-grad": { batch: 16 },
  "random-label": { batch: 16 },
  boundary: { batch: 16 },
  "boundary-expand": { batch: 16 },
  delete: { batch: 16 },
  jit: { batch: 16, copies: 2 },
  temperature: {},
  salun: { batch: 16 },
  "fine-tune": { batch: 16 },
  scrub: { batch: 16, forgetBatch: 16 },
  "neg-grad-plus": { batch: 8 },
  fisher: { pictures: 10, alpha: 1e-6 },
  ssd: { pictures: 10, alpha: 1 },
  retrain: { epochs: 3, batch: 16 },
};

/** Weights after `rounds` rounds; with `resumeAt`, saved, thrown away and loaded again after so many. */
async function run(
  name: string,
  rounds: number,
  options: { settings?: Record<string, unknown>; resumeAt?: number; seed?: number } = {},
): Promise<Map<string, number[]>> {
  const job = await freshJob();
  const settings = { ...small[name], ...options.settings };
  let session = await startMethod(name, job.request(options.seed ?? 7), settings);
  for (let round = 1; round <= rounds; round++) {
    await session.round({});
    if (round !== options.resumeAt) continue;
    const [state, tensors] = [await session.save(), await job.model.save()];
    session.destroy();
    session = await startMethod(name, (await freshJob()).request(options.seed ?? 7), settings);
    job.model.load(tensors);
    session.load(state);
  }
  session.destroy();
  return weights(job);
}

test("every method changes the weights, repeats to the bit, and resumes to the bit", async () => {
  assert.equal([...methods.names].sort(), Object.keys(small).sort());
  const start = await weights(await freshJob());
  for (const name of methods.names) {
    const once = await run(name, 2);
    assert.not.equal(once, start, `${name} changes weights`);
    assert.ok(
      [...once.values()].every((tensor) => tensor.every(Number.isFinite)),
      `${name}: all finite`,
    );
    assert.equal(await run(name, 2, { resumeAt: 1 }), once, `${name} resumes`);
  }
});

test("layers by rank: other weights than without, which resume to the bit", async () => {
  const settings = { layers: "ranked" };
  for (const name of ["rewind", "linear-rewind", "task-vector"]) {
    const once = await run(name, 2, { settings });
    assert.not.equal(once, await run(name, 2), name);
    assert.equal(await run(name, 2, { settings, resumeAt: 1 }), once, `${name} resumes`);
  }
});

test("every method takes a network that is described", async () => {
  for (const units of ["classes", 10]) {
    const layers = [{ type: "flatten" }, { type: "linear", name: "out", units }];
    const job = await trainedJob({
      ...config,
      model: { name: "described", title: "flat", layers },
      epochs: 1,
    })();
    // Whether the classes are written as a number matters to the one that adds a class.
    for (const name of units === 10 ? ["boundary-expand"] : methods.names) {
      const start = await weights(job);
      const session = await startMethod(name, job.request(7), small[name]);
      await session.round({});
      session.destroy();
      assert.not.equal(await weights(job), start, name);
    }
  }
});

test("a method sees only the data it declares", async () => {
  const job = await freshJob();
  const request = job.request(1);
  const onlyForget = { ...request, retain: undefined };
  const refusal = async (name: string, of = onlyForget): Promise<string> => {
    try {
      (await startMethod(name, of, small[name])).destroy();
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  };
  for (const name of methods.names) {
    const needs = methods.find(name).reads !== "D_f";
    const message = await refusal(name);
    if (needs) assert.match(message, `${name} needs the data to keep (D_r), and there is none`);
    else assert.is(message, "", name);
  }
  const empty = { ...request, forget: { ...request.forget, items: new Uint32Array() } };
  assert.match(await refusal("rewind", { ...empty, retain: undefined }), /rewind: D_f is empty/);
  // A session that tries to read D_r through the data of D_f is stopped at the first such image.
  const greedy = { ...onlyForget, forget: { data: request.forget.data, items: job.retain } };
  const session = await startMethod("random-label", greedy, small["random-label"]);
  try {
    await session.round({});
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /image \d+ is not part of D_f/);
  }
  session.destroy();
  // Methods that declare D_r alone are not handed D_f.
  const seen = restrict(request, { name: "fine-tune", reads: "D_r" });
  assert.is(seen.forget.items.length, 0);
  assert.is(seen.forget.data.permit!.has(request.forget.items[0]!), false);
  assert.throws(() => request.forget.data.setLabels(new Uint32Array(120).fill(10)), /has label 10/);
});

test("settings are checked by name", () => {
  assert.is(methodSettings("salun", {})["ratio"], 0.5);
  for (const [name, given, message] of [
    ["salun", { ratio: 2 }, /salun: ratio: /],
    [
      "neg-grad",
      { lambda: 1 },
      /neg-grad: there is no setting "lambda"; there are: learningRate, /,
    ],
    ["nope", {}, /no unlearning method "nope"; there are: rewind, /],
  ] as const) {
    assert.throws(
      () => methodSettings(name, given),
      (error: Error) => message.test(error.message),
    );
  }
});

test("task-vector: λ = 0 gives θ and λ = -1 gives θ_FT, to the bit", async () => {
  const start = await weights(await freshJob());
  assert.equal(await run("task-vector", 1, { settings: { lambda: 0 } }), start);
  const tuned = await run("task-vector", 1, { settings: { lambda: -1 } });
  assert.not.equal(tuned, start);
  // λ = 2 lies twice as far on the other side of the start.
  const past = await run("task-vector", 1, { settings: { lambda: 2 } });
  for (const [name, tensor] of past) {
    tensor.forEach((value, i) => {
      const [from, to] = [start.get(name)![i]!, tuned.get(name)![i]!];
      const want = from - 2 * (to - from);
      assert.ok(Math.abs(value - want) <= 3e-7 * (Math.abs(from) + Math.abs(to - from)), name);
    });
  }
});

test("task-vector: λ by kind moves each kind of parameter by its own", async () => {
  const start = await weights(await freshJob());
  const { slots } = (await freshJob()).model.parameters.layout;
  const mixed = await run("task-vector", 1, { settings: { lambda: { conv: -1, fc: 0 } } });
  const tuned = await run("task-vector", 1, { settings: { lambda: -1 } });
  const whole = await run("task-vector", 1, { settings: { lambda: 1 } });
  const want = { conv: tuned, fc: start, bias: whole } as Record<string, typeof tuned>;
  for (const { name, kind } of slots) assert.equal(mixed.get(name), want[kind]!.get(name), name);
});

test("neg-grad's first step is the exact negative of a training step", async () => {
  const settings = { batch: 1000, learningRate: 0.25, optimizer: { name: "sgd" } };
  const start = await weights(await freshJob());
  const up = await run("neg-grad", 1, { settings });
  // Fine-tuning on D_f with the same settings is descent: give D_f in D_r's place.
  const job = await freshJob();
  const { forget, ...request } = job.request(7);
  const descent = await startMethod("fine-tune", { ...request, forget, retain: forget }, settings);
  await descent.round({});
  const down = await weights(job);
  descent.destroy();
  let moved = 0;
  for (const [name, tensor] of start) {
    tensor.forEach((value, i) => {
      const [a, b] = [up.get(name)![i]! - value, down.get(name)![i]! - value];
      if (a !== 0) moved++;
      // The gradients are the same bits; adding and subtracting them round to the weight's precision.
      assert.ok(
        Math.abs(a + b) <= 1.2e-7 * (Math.abs(value) + Math.abs(a)),
        `${name}[${i}] ${a} ${b}`,
      );
    });
  }
  assert.ok(moved > 100);
});

test("salun: outside the mask weights stay bit-identical; ratio 1 is random-label, ratio 0 nothing", async () => {
  const job = await freshJob();
  const start = await weights(job);
  const { forget } = job.request(7);
  const sums = await sumOverImages(job, forget, "gradients", 16);
  const total = job.model.slots.reduce((sum, slot) => sum + slot.size, 0);
  const mask = await selectLargest(job.model.gpu, sums, job.model.slots, Math.round(0.3 * total));
  const marks = new Map(
    [...(await mask.read())].map(([name, data]) => [name, new Uint32Array(data.buffer)]),
  );
  sums.destroy();
  mask.destroy();
  // Weight decay and momentum would leak into weights outside the mask if nothing put them back.
  const optimizer = { name: "sgd", momentum: 0.9, weightDecay: 0.1 };
  const end = await run("salun", 2, { settings: { ratio: 0.3, optimizer } });
  const changed = { inside: 0, outside: 0 };
  for (const [name, tensor] of start) {
    tensor.forEach((value, i) => {
      if (value !== end.get(name)![i]!) changed[marks.get(name)![i] === 1 ? "inside" : "outside"]++;
    });
  }
  assert.is(changed.outside, 0);
  assert.ok(changed.inside > 0.25 * total, `${changed.inside} of ${total}`);
  const once = { optimizer: { name: "sgd", momentum: 0.9 } };
  assert.equal(await run("salun", 2, { settings: { ...once, ratio: 0 } }), start);
  const full = await run("salun", 2, { settings: { ...once, ratio: 1 } });
  assert.equal(full, await run("random-label", 2, { settings: { ...once, labels: "wrong" } }));
});

test("boundary: labels differ from the trained ones, and are those of the images across the boundary", async () => {
  const job = await freshJob();
  const { forget } = job.request(7);
  const read = async (data: GpuDataset): Promise<Uint32Array> => {
    const [bytes] = await data.gpu.read({ buffer: data.labels, offset: 0, size: 4 * data.count });
    return new Uint32Array(bytes!);
  };
  const before = await read(forget.data);
  const options = { epsilon: 0.3, batch: 16 };
  const strict = await boundaryLabels(job.model, forget, { ...options, excludeLabel: true });
  const plain = await boundaryLabels(job.model, forget, { ...options, excludeLabel: false });
  const [others, any] = [await read(strict), await read(plain)];
  let crossed = 0;
  for (const item of forget.items) {
    assert.is.not(others[item], before[item]);
    if (any[item] === before[item]) continue;
    crossed++;
    assert.is(any[item], others[item]);
  }
  assert.ok(crossed > forget.items.length / 2, `${crossed} of ${forget.items.length} crossed`);
  strict.destroy();
  plain.destroy();
});

test("Fisher's diagonal and the saliency sums match float64 loops on a linear network", async () => {
  const gpu = await testGpu();
  const [side, classes, count] = [3, 4, 13];
  const spec: ModelSpec = {
    name: "linear",
    inputs: [[side, side, 1]],
    output: [classes],
    build: (layers, [x]) => layers.linear("head", flatten(x!), classes),
  };
  const random = new Random(5);
  const size = side * side;
  const pixels = Uint8Array.from({ length: count * size }, () => random.int(256));
  const labels = Uint16Array.from({ length: count }, () => random.int(classes));
  const data = await GpuDataset.upload(
    gpu,
    {
      name: "tiny",
      classes: ["a", "b", "c", "d"],
      height: side,
      width: side,
      channels: 1,
      count,
      pixels,
      labels,
    },
    new Float32Array(size),
  );
  const model = await Model.create(gpu, spec, 1);
  const w = (await model.parameters.read()).get("head.weight")!;
  const b = (await model.parameters.read()).get("head.bias")!;
  const items = Uint32Array.of(0, 2, 3, 5, 7, 11, 12);
  const want = {
    gradients: new Float64Array(size * classes),
    squares: new Float64Array(size * classes),
  };
  for (const n of items) {
    const x = Array.from(pixels.subarray(n * size, (n + 1) * size), (v) => v / 255);
    const z = Array.from({ length: classes }, (_, c) =>
      x.reduce((sum, v, i) => sum + v * w[i * classes + c]!, b[c]!),
    );
    const total = z.reduce((sum, v) => sum + Math.exp(v), 0);
    z.forEach((v, c) => {
      const d = Math.exp(v) / total - (labels[n] === c ? 1 : 0);
      x.forEach((xi, i) => {
        want.gradients[i * classes + c]! += d * xi;
        want.squares[i * classes + c]! += (d * xi) ** 2;
      });
    });
  }
  for (const of of ["gradients", "squares"] as const) {
    const sums = await sumOverImages({ model, task: classification }, { data, items }, of, 3);
    const got = (await sums.read()).get("head.weight")!;
    // Seven terms below 1, each with a handful of roundings.
    got.forEach((value, i) =>
      assert.ok(
        Math.abs(value - want[of][i]!) < 5e-6,
        `${of}[${i}]: ${value}, want ${want[of][i]}`,
      ),
    );
    sums.destroy();
  }
  data.destroy();
  model.destroy();
});

test("scrub: a student that equals its teacher has no reason to move", async () => {
  const start = await weights(await freshJob());
  // Without cross-entropy nothing pulls the student from the teacher: KL and its gradient are 0.
  const settings = { gamma: 0, optimizer: { name: "adam" } };
  assert.equal(await run("scrub", 1, { settings }), start);
});

test("scrub: steps split into passes are the same steps", async () => {
  // Plain descent: Adam would blow the rounding of a vanishing gradient up to a step.
  const settings = { optimizer: { name: "sgd" }, learningRate: 0.1, recompute: true };
  const whole = await run("scrub", 2, { settings });
  const split = await run("scrub", 2, { settings: { ...settings, microBatch: 4 } });
  assert.not.equal(whole, await weights(await freshJob()));
  for (const [name, want] of whole) {
    // A few steps, each summing the rows of a batch in another order.
    close(name, split.get(name)!, want, { absolute: 1e-5, relative: 1e-4 });
  }
});

test("random-rewind: steps as long as the rewind's, parameter by parameter, in another direction", async () => {
  const job = await freshJob();
  const start = await weights(job);
  const settings = rewindSettings.parse({ batch: 16, learningRate: 1e-3 });
  const step = async (random: boolean): Promise<Map<string, number[]>> => {
    const fresh = await freshJob();
    const session = await RewindSession.create(
      fresh.request(7),
      await loadPredictor(undefined, undefined),
      settings,
      { method: "control", random },
    );
    await session.round({});
    session.destroy();
    const end = await weights(fresh);
    return new Map(
      [...end].map(([name, data]) => [name, data.map((v, i) => v - start.get(name)![i]!)]),
    );
  };
  const [learnt, turned] = [await step(false), await step(true)];
  const dot = (a: number[], b: number[]): number => a.reduce((sum, v, i) => sum + v * b[i]!, 0);
  for (const [name, a] of learnt) {
    const b = turned.get(name)!;
    const [na, nb] = [Math.sqrt(dot(a, a)), Math.sqrt(dot(b, b))];
    // Weights of size 0.1 are rounded to 7e-9, steps are some 1e-2 long.
    assert.ok(Math.abs(na - nb) < 1e-4 * na + 1e-6, `${name}: ${na} and ${nb}`);
    if (a.length > 500) {
      assert.ok(Math.abs(dot(a, b)) < 0.2 * na * nb, `${name}: cosine ${dot(a, b) / na / nb}`);
    }
  }
});

test("a temperature scales the last layer from the original weights, and nothing else", async () => {
  const job = await freshJob();
  const before = await weights(job);
  const session = await startMethod("temperature", job.request(1), { growth: 2 });
  for (const share of [0.5, 0.25]) {
    await session.round({});
    const after = await weights(job);
    for (const [name, values] of before) {
      const factor = name.startsWith("head.") ? share : 1;
      assert.equal(
        after.get(name),
        values.map((value) => value * factor),
        name,
      );
    }
  }
  session.destroy();
});

test.after(closeGpus);
test.run();
