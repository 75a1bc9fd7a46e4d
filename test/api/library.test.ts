// The library as a user writes with it: train, unlearn, evaluate, predict, save, load.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  type Classifier,
  classMaps,
  corrupt,
  DataError,
  type Dataset,
  defineMethod,
  defineNetwork,
  evaluate,
  flatten,
  imageName,
  load,
  maxPool,
  metrics,
  methods,
  movesOf,
  noSettings,
  predict,
  relu,
  save,
  subset,
  train,
  unlearn,
  UsageError,
} from "../../src/index.ts";
import { reportPage } from "../../src/entries/report.ts";
import { loadForeign } from "../../src/entries/io.ts";
import { loadDataset } from "../../src/entries/data.ts";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import { errorOf, folderOf, removeFolders } from "../data/folder.ts";
import type { DeviceOptions } from "../../src/gpu/device.ts";
import { closeGpus, testGpu } from "../device.ts";

test.after(async () => {
  removeFolders();
  await closeGpus();
});

const tinyNet = defineNetwork({
  name: "library-net",
  settings: noSettings,
  build(layers, x, classes) {
    let h = relu(layers.conv2d("conv", x, { filters: 6, kernel: 3, padding: 1 }));
    h = maxPool(h, { size: 4 });
    return layers.linear("head", flatten(h), classes);
  },
});

const digits = loadDataset({ name: "synthetic", trainCount: 200, testCount: 100, seed: 1 });

async function noisy() {
  const { train: images, test: tests } = await digits;
  return { ...corrupt(images, tests, { name: "label-noise", share: 0.2 }, 1), test: tests };
}

/** One training for all tests. */
let made: Promise<Classifier> | undefined;
const trained = (): Promise<Classifier> =>
  (made ??= (async () =>
    train(tinyNet, await noisy(), {
      gpu: await testGpu(),
      epochs: 12,
      batch: 20,
      learningRate: 5e-3,
    }))());

/** A classifier that may be changed. */
async function copy(options: DeviceOptions = {}): Promise<Classifier> {
  return load(await save(await trained()), { gpu: await testGpu(options) });
}

test("wrong labels are learnt and unlearnt; what is measured is what was asked for", async () => {
  const data = await noisy();
  const model = await copy();
  const seen: number[] = [];
  const { history, reason } = await unlearn(model, data, {
    method: methods.negGrad({ learningRate: 0.003, batch: 20 }),
    measure: [metrics.forgetAccuracy, "testAccuracy"],
    until: { rounds: 3, forgetShare: 0.9 },
    onRound: ({ round }) => seen.push(round),
  });
  const [first, last] = [history[0]!.scores, history.at(-1)!.scores];
  assert.ok(
    first["forgetAccuracy"]! > 15,
    `${first["forgetAccuracy"]} % of the wrong labels known`,
  );
  assert.ok("retainAccuracy" in first && !("retainAccuracy" in last) && "testAccuracy" in last);
  assert.ok(last["forgetAccuracy"]! < first["forgetAccuracy"]!);
  assert.ok(["forget share", "rounds"].includes(reason));
  assert.equal(
    seen,
    history.slice(1).map(({ round }) => round),
  );
  model.destroy();
});

test("a run lands on the level of forgetting that was asked for", async () => {
  const data = await noisy();
  const method = methods.negGrad({ learningRate: 0.03, batch: 20 });
  const [whole, landed] = [await copy(), await copy()];
  const until = { rounds: 8, forgetShare: 0.7 };
  const { history, reason } = await unlearn(whole, data, { method, until });
  assert.is(reason, "forget share");
  const rounds: number[] = [];
  const lands: boolean[] = [];
  const there = await unlearn(landed, data, {
    ...{ method, until: { ...until, land: true } },
    onRound({ round }, after) {
      rounds.push(round);
      lands.push(after.lands);
    },
  });
  const [first, end] = [there.history[0]!, there.history.at(-1)!];
  const known = ({ scores }: typeof end): number => scores["forgetAccuracy"]!;
  const [level, past] = [0.7 * known(first), known(history.at(-1)!)];
  assert.ok(known(end) <= level && known(end) >= past, `${known(end)} for ${level}, ${past}`);
  assert.is(Math.ceil(end.round), history.at(-1)!.round);
  assert.ok(!Number.isInteger(end.round));
  assert.equal(
    rounds,
    history.slice(1).map(({ round }) => round),
  );
  assert.equal(
    lands,
    rounds.map((round) => round === rounds.at(-1)),
  );
  // What was measured is what the classifier is.
  const again = await unlearn(landed, data, { method: "fine-tune", until: { rounds: 1 } });
  assert.equal(again.history[0]!.scores, end.scores);
  landed.destroy();

  // An error on the way to the level leaves the last whole round.
  const stopped = await copy();
  let measuring = false;
  let cause: unknown;
  await unlearn(stopped, data, {
    ...{ method, until: { ...until, land: true } },
    onRound: ({ round }) => (measuring = round === history.at(-1)!.round),
    watch: {
      phase: () => undefined,
      progress: () => {
        if (measuring) throw new Error("stopped there");
      },
    },
  }).catch((error: unknown) => (cause = error));
  assert.is((cause as Error).message, "stopped there");
  assert.equal(await save(stopped), await save(whole));
  whole.destroy();
  stopped.destroy();
});

test("a saved classifier answers the same, and says the same of images, bit for bit", async () => {
  const { test: tests } = await noisy();
  const model = await trained();
  const file = `${folderOf()}/model.safetensors`;
  await save(model, file);
  const back = await load(file, { gpu: await testGpu() });
  assert.equal(back.info, model.info);
  const [a, b] = [await predict(model, tests), await predict(back, tests)];
  a.confidence.forEach((sure, i) => {
    const row = a.logits.subarray(i * 10, (i + 1) * 10);
    const sum = row.reduce((total, value) => total + Math.exp(value), 0);
    assert.ok(Math.abs(sure - Math.exp(row[a.classes[i]!]!) / sum) < 1e-6, `image ${i}`);
  });
  assert.equal(a, b);
  const { accuracy, loss, count } = await evaluate(model, tests);
  const right = [...a.classes].filter((label, i) => label === tests.labels[i]).length;
  assert.is(accuracy, (100 * right) / count);
  assert.is(a.names[0], tests.classes[a.classes[0]!]);
  const losses = Array.from({ length: count }, (_, i) => {
    const row = [...a.logits.subarray(10 * i, 10 * i + 10)];
    return Math.log(row.reduce((sum, v) => sum + Math.exp(v), 0)) - row[tests.labels[i]!]!;
  });
  const mean = losses.reduce((sum, v) => sum + v, 0) / count;
  assert.ok(Math.abs(loss - mean) < 1e-4 * Math.max(1, mean), `${loss} for ${mean}`);
  back.destroy();
});

test("images are named by what names them, or are all there is left", async () => {
  const { train: images, labels } = await noisy();
  const model = await copy();
  const options = { method: methods.negGrad({ learningRate: 1e-3 }), until: { rounds: 1 } };
  const zeros = [...images.labels.keys()].filter((i) => images.labels[i] === 0);
  const named = await unlearn(
    model,
    { train: images, labels, forget: [{ classes: ["0"] }] },
    options,
  );
  assert.equal(Object.keys(named.history[0]!.scores).sort(), [
    "forgetAccuracy",
    "forgetLoss",
    "forgetTrueAccuracy",
    "retainAccuracy",
  ]);
  const again = await copy();
  const placed = await unlearn(again, { train: images, labels, forget: zeros }, options);
  assert.equal(placed.history.at(-1)!.scores, named.history.at(-1)!.scores);
  const alone = await copy();
  const left = await unlearn(alone, { forget: subset(images, zeros) }, options);
  assert.equal(Object.keys(left.history[0]!.scores), ["forgetAccuracy", "forgetLoss"]);
  for (const one of [model, again, alone]) one.destroy();
});

test("a run that is ended within a round leaves the weights of the last whole one", async () => {
  const { train: images, labels, forget } = await noisy();
  const given = { train: images, labels, forget };
  for (const method of [
    methods.rewind({ learningRate: 2e-4, batch: 20 }),
    methods.linearRewind({ learningRate: 2e-4, batch: 20 }),
  ]) {
    const whole = await copy();
    await unlearn(whole, given, { method, until: { rounds: 1 } });
    const ended = await copy();
    const stop = new AbortController();
    let rounds = 0;
    const error = await errorOf(
      unlearn(ended, given, {
        ...{ method, until: { rounds: 3 } },
        onRound: () => ++rounds,
        watch: {
          signal: stop.signal,
          progress: (done, total) => {
            if (rounds === 1 && done > total / 3) stop.abort();
          },
        },
      }),
    );
    assert.is(error.name, "AbortError");
    assert.is(rounds, 1);
    assert.equal(await save(ended), await save(whole));
    for (const one of [whole, ended]) one.destroy();
  }
});

test("a retraining that is ended or fails before its first round leaves the weights as they were", async () => {
  const model = await copy();
  const data = await noisy();
  const before = await save(model);
  const controller = new AbortController();
  const stopped = unlearn(model, data, {
    ...{ method: methods.retrain({ epochs: 2, learningRate: 0.01 }), until: { rounds: 2 } },
    watch: { signal: controller.signal, progress: () => controller.abort(new Error("stopped")) },
  });
  assert.match((await errorOf(stopped)).message, /stopped/);
  assert.equal(await save(model), before);
  const missing = unlearn(model, data, { method: methods.retrain({ from: "no-such-file.pt" }) });
  assert.match((await errorOf(missing)).message, /no-such-file/);
  assert.equal(await save(model), before);
  model.destroy();
});

test("a retraining starts from a checkpoint of ours, and leaves no trace of it for the next", async () => {
  const data = await noisy();
  const path = join(folderOf({}), "start.safetensors");
  await writeFile(path, await save(await copy()));
  const method = methods.retrain({ from: path, epochs: 1, learningRate: 1e-6 });
  const [used, fresh] = [await copy(), await copy()];
  const started = await unlearn(used, data, { method, until: { rounds: 1 } });
  const [first, last] = started.history.map(({ scores }) => scores["testAccuracy"]!);
  assert.ok(
    Math.abs(first! - last!) <= 2,
    `${first} and ${last} %: it starts from what is in the file`,
  );
  for (const model of [used, fresh]) {
    await unlearn(model, data, { method: methods.retrain({ epochs: 1 }), until: { rounds: 1 } });
  }
  assert.equal(await save(used), await save(fresh));
  for (const model of [used, fresh]) model.destroy();
});

test("what a stop rule reads is measured, and passes before the first round count", async () => {
  const model = await copy();
  const data = await noisy();
  const { history, reason } = await unlearn(model, data, {
    method: methods.negGrad({ learningRate: 1, batch: 20 }),
    ...{ measure: ["forgetAccuracy"], until: { rounds: 50, testFloor: 60 } },
  });
  assert.is(reason, "test floor");
  assert.ok(history.at(-1)!.scores["testAccuracy"]! < 60);
  let prepared = 0;
  const fisher = await unlearn(model, data, {
    ...{ method: methods.fisher({ pictures: 20 }), until: { rounds: 1 } },
    onStart: () => (prepared = 0),
    watch: { addSeconds: (seconds) => (prepared += seconds) },
  });
  assert.ok(prepared > 0 && fisher.history[1]!.seconds >= prepared, `${prepared} s`);
  model.destroy();
});

test("a run ends where D_f is known no better than images that were never seen", async () => {
  const data = await noisy();
  const wrong = new Set(Array.from(data.forget));
  const right = Array.from({ length: 60 }, (_, place) => place).filter((one) => !wrong.has(one));
  const model = await copy();
  const { history, reason } = await unlearn(
    model,
    { train: data.train, labels: data.labels, test: data.test, forget: right },
    {
      method: methods.negGrad({ learningRate: 0.01, batch: 20 }),
      ...{ measure: ["forgetAccuracy"], until: { rounds: 20, unseen: true, land: true } },
    },
  );
  assert.is(reason, "as unseen");
  const [first, last] = [history[0]!.scores, history.at(-1)!.scores];
  const [unseen, known] = [first["testAccuracy"]!, first["forgetAccuracy"]!];
  assert.ok(known > unseen, `${known} % of D_f known, ${unseen} % of the test images`);
  // To the image.
  const there = last["forgetAccuracy"]!;
  assert.ok(there <= unseen && there > unseen - 200 / right.length, `${there} for ${unseen}`);
  model.destroy();
});

test("where there is no D_r, or no image of an added set, the rest is measured", async () => {
  const model = await copy();
  const { train: images, test: tests, ...data } = await noisy();
  const until = { rounds: 1 };
  const some = { method: "neg-grad", until, final: true };
  const alone = await unlearn(model, { forget: subset(images, [0, 1, 2, 3]) }, some);
  const { UA, RA } = alone.final!.accuracies;
  assert.type(UA!.value, "number");
  assert.is(RA!.value, null);
  const sets = { triggered: subset(images, []) };
  const { history } = await unlearn(
    model,
    { ...data, train: images, test: tests, sets },
    { method: "neg-grad", until },
  );
  assert.is(history.at(-1)!.scores["attackSuccess"], undefined);
  assert.type(history.at(-1)!.scores["testAccuracy"], "number");
  model.destroy();
});

test("a run keeps what its report is made of, and the page names the images with their answers", async () => {
  const { train: images, labels, test: tests, forget } = await noisy();
  const model = await copy();
  const before = await predict(model, subset(images, forget));
  const given = { train: images, labels, forget, test: tests };
  const settings = { ...{ until: { rounds: 1 }, record: true }, method: "fine-tune" };
  const { record, history } = await unlearn(model, given, settings);
  const after = await predict(model, subset(images, forget));
  assert.equal(
    (["before", "after"] as const).map((when) =>
      record!.answers[when].map(({ class: number }) => images.classes[number]!),
    ),
    [before, after].map(({ names }) => [...names]),
  );
  const page = await reportPage(record);
  const text = page.replaceAll(/<[^>]+>/g, "");
  assert.ok(text.includes(`The first 20 of ${forget.length} images`), "D_f is counted");
  assert.ok(text.includes(history[1]!.scores["testAccuracy"]!.toFixed(2)), "scores are told");
  assert.ok(text.includes("a program did it"));
  assert.is(page.match(/<img src="data:image\/png/g)?.length, 20);
  const again = await unlearn(model, given, { ...settings, method: "task-vector" });
  assert.match(await reportPage(record, again.record), "task-vector (run 2)");
  const none = await unlearn(model, given, { until: { rounds: 1 }, method: "fine-tune" });
  assert.is(none.record, undefined);
  assert.match((await errorOf(reportPage(none.record))).message, "keeps one with `record: true`");
  model.destroy();
});

test("a page names the images that were named on their own first, however many a class has", async () => {
  const { train: images, test: tests } = await digits;
  const model = await copy();
  const { record } = await unlearn(
    model,
    { train: images, test: tests, forget: [{ classes: ["0", "1"] }, { numbers: [199] }] },
    { until: { rounds: 1 }, record: true, method: "fine-tune" },
  );
  assert.ok(record!.forget.length > 40 && record!.forget.at(-1) === 199);
  const text = (await reportPage(record)).replaceAll(/<[^>]+>/g, "");
  assert.ok(text.includes(imageName(images, 199)), imageName(images, 199));
  model.destroy();
});

test("a run goes on from a state after two rounds and ends with the bits of one that was not left", async () => {
  const { train: images, labels, test: tests, forget } = await noisy();
  const given = { train: images, labels, forget };
  // The moments of Adam go from round to round; the first round of each is recorded.
  const method = methods.rewind({ learningRate: 2e-4, batch: 20 });
  const straight = await copy();
  let state: Uint8Array | undefined;
  const moves: (number | null)[] = [];
  const whole = await unlearn(straight, given, {
    ...{ method, until: { rounds: 4 } },
    async onRound({ round }, after) {
      if (round === 2) state = await after.state();
      if (round !== 1) return;
      const now = await straight.model.save();
      const recorded = await after.recording!.read();
      const one = movesOf(round, straight.model.slots, recorded, now, now);
      moves.push(...one.layers.map(({ drift }) => drift));
    },
  });
  assert.ok(moves.length > 0 && moves.every((drift) => drift! > 0), "all layers drift on D_f");
  const left = await copy();
  const options = { method, until: { rounds: 4 }, resume: state };
  const rest = await unlearn(left, given, options);
  assert.equal(
    rest.history.map(({ round }) => round),
    [0, 1, 2, 3, 4],
  );
  assert.equal(await save(left), await save(straight));
  assert.equal(
    rest.history.map(({ scores }) => scores),
    whole.history.map(({ scores }) => scores),
  );

  const again = await copy();
  const wrong = async (what: object, images: object = {}): Promise<string> =>
    (await errorOf(unlearn(again, { ...given, ...images }, { ...options, ...what }))).message;
  assert.match(await wrong({ seed: 2 }), "state of another run: its seed differ");
  assert.match(await wrong({ method: "neg-grad" }), "its method differ");
  assert.match(
    await wrong({ method: methods.rewind({ learningRate: 1e-4, batch: 20 }) }),
    "its settings of the method differ",
  );
  assert.match(await wrong({}, { forget: [1, 2] }), "images to forget differ");
  const fast = await copy({ precision: "fast" });
  assert.match(
    (await errorOf(unlearn(fast, given, options))).message,
    "its precision of the device differ",
  );
  fast.destroy();
  assert.match(await wrong({ resume: state!.slice(0, 200) }), "not a readable safetensors file");
  assert.match(await wrong({ resume: await save(again) }), "no state of an unlearning");
  assert.equal(
    (await predict(again, tests)).classes,
    (await predict(await trained(), tests)).classes,
  );
  await unlearn(again, given, {
    until: { rounds: 1 },
    method: methods.negGrad({ learningRate: 0.1 }),
  });
  assert.match(await wrong({}), "its weights to start from differ");
  for (const one of [straight, left, again]) one.destroy();
});

test("a training goes on from a state after an epoch and ends with the bits of one that was not left", async () => {
  const { train: images, labels } = await noisy();
  const given = { train: subset(images, [...Array(40).keys()]), labels: labels.slice(0, 40) };
  const options = { gpu: await testGpu(), epochs: 3, batch: 10, augment: { shift: 0.1 } };
  const states: Uint8Array[] = [];
  const straight = await train(tinyNet, given, {
    ...options,
    onEpoch: async (_, __, after) => states.push(await after.state()),
  });
  const wanted = await save(straight);
  for (const [done, resume] of states.entries()) {
    const seen: number[] = [];
    const onEpoch = (epoch: number): number => seen.push(epoch);
    const left = await train(tinyNet, given, { ...options, onEpoch, resume });
    assert.equal(await save(left), wanted);
    assert.equal(seen, [1, 2, 3].slice(done + 1));
    left.destroy();
  }
  const wrong = async (what: object, of: object = given): Promise<string> =>
    (await errorOf(train(tinyNet, of as typeof given, { ...options, resume: states[0], ...what })))
      .message;
  assert.match(await wrong({ epochs: 4 }), "state of another training: its settings differ");
  assert.match(await wrong({ preprocessing: "none" }), "weights it started from, differ");
  assert.match(
    await wrong({}, { ...given, labels: labels.slice(40, 80) }),
    "images or labels differ",
  );
  assert.match(await wrong({ gpu: await testGpu({ precision: "fast" }) }), "device differ");
  assert.match(await wrong({ resume: states[0]!.slice(0, 99) }), "not a readable safetensors file");
  assert.match(await wrong({ resume: wanted }), "no state of a training");
  straight.destroy();
});

test("maps of images are of the network's answers, or of the classes that are asked for", async () => {
  const { test: tests } = await noisy();
  const model = await trained();
  const few = subset(tests, [3, 1, 4]);
  const seen = await classMaps(model, few);
  assert.equal(seen.classes, (await predict(model, few)).classes);
  assert.is(seen.maps.length, 3 * seen.height * seen.width);
  assert.is(seen.weights, "gradient");
  const asked = await classMaps(model, few, { classes: seen.classes });
  assert.equal(asked, seen);
  const others = await classMaps(model, few, { classes: [0, 0, 0] });
  assert.not.equal(others.maps, seen.maps);
  const wrong = async (options: object, of = few): Promise<string> =>
    (await errorOf(classMaps(model, of, options))).message;
  assert.match(await wrong({ classes: [0, 0] }), "`classes` must be 3 numbers of classes below 10");
  assert.match(await wrong({ classes: [0, 10, 0] }), "number 1 is 10");
  assert.match(await wrong({}, subset(tests, [])), "there are no images");
});

test("a method of one's own is used as it is", async () => {
  const rounds: number[] = [];
  const idle = defineMethod({
    name: "library-idle",
    summary: "does nothing",
    reads: "D_f",
    settings: methods.find("neg-grad").settings,
    create: async () => ({
      method: "library-idle",
      round: async () => ({ round: rounds.push(1), steps: 0, epochs: [] }),
      save: async () => ({ round: 0, steps: 0, optimizerStep: 0, tensors: new Map() }),
      load: () => undefined,
      destroy: () => undefined,
      [Symbol.dispose]: () => undefined,
    }),
  });
  const data = await noisy();
  const { history } = await unlearn(await trained(), data, { method: idle, until: { rounds: 2 } });
  assert.is(rounds.length, 2);
  assert.equal(history[2]!.scores, history[0]!.scores);
});

test("weights that others wrote, with what they do not say", async () => {
  const model = await trained();
  const { test: tests } = await noisy();
  const weights = await model.model.save();
  // Our names and layouts, as an earlier version of this project wrote them.
  const dir = folderOf({
    "old.safetensors": writeSafetensors(weights, { model: model.model.spec.name }),
  });
  const said = { network: tinyNet, input: [28, 28, 1], gpu: await testGpu() } as const;
  const missing = await errorOf(loadForeign(`${dir}/old.safetensors`, said));
  assert.ok(missing instanceof UsageError && /give `preprocessing`/.test(missing.message));
  const back = await loadForeign(`${dir}/old.safetensors`, { ...said, preprocessing: "none" });
  assert.equal(back.info.classes, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
  assert.not.equal(
    await predict(back, tests),
    await predict(model, tests),
    "it was trained with a mean",
  );
  back.destroy();
});

/** What plain JavaScript may pass. */
const loose = (value: object): never => value as never;

/** What is not called, as nothing begins. */
const never = (): void => assert.unreachable();

test("whatever is wrong is an error at once that names it", async () => {
  const data = await noisy();
  const model = await trained();
  const gpu = await testGpu();
  const half = data.train.pixels.subarray(0, data.train.pixels.length / 2);
  const grown: Dataset = { ...data.train, height: 14, pixels: half };
  for (const [action, Kind, says] of [
    [() => train("nonet", data, { gpu, epochs: 1 }), UsageError, /no network "nonet"/],
    [() => train(tinyNet, data, loose({ gpu })), UsageError, /epochs/],
    [() => train(tinyNet, data, loose({ gpu, epochs: 0 })), UsageError, /epochs/],
    [() => train(tinyNet, data, loose({ gpu, epochs: 1, lr: 3 })), UsageError, /lr/],
    [
      () => train(tinyNet, data, { gpu, epochs: 1, optimizer: { name: "lion" } }),
      UsageError,
      /lion|optimizer/,
    ],
    [
      () => train("small-cnn", data, { gpu, epochs: 1, network: { depth: 3 } }),
      UsageError,
      /depth/,
    ],
    [() => train(tinyNet, subset(data.train, []), { gpu, epochs: 1 }), UsageError, /has no images/],
    [() => unlearn(model, data, { method: "nope" }), UsageError, /no unlearning method "nope"/],
    [
      () => unlearn(model, data, { method: methods.rewind(loose({ rate: 3 })) }),
      UsageError,
      /rate/,
    ],
    [
      () => unlearn(model, data, { method: methods.rewind({ aim: 3 }), onStart: never }),
      ...([UsageError, /`settings\.aim=3`: predictor ".*" leaves no choice/] as const),
    ],
    [
      () => unlearn(model, data, { method: methods.rewind({ kinds: ["norm"] }), onStart: never }),
      ...([UsageError, /`settings\.kinds=norm`: .* has no such parameters/] as const),
    ],
    [() => unlearn(model, data, { until: { rounds: 0 } }), UsageError, /rounds/],
    [() => unlearn(model, data, { until: { land: true } }), UsageError, /needs a level to end on/],
    [
      () => unlearn(model, data, { method: "retrain", until: { land: true, forgetShare: 0.5 } }),
      ...([UsageError, /"retrain" begins anew/] as const),
    ],
    [() => unlearn(model, data, { until: loose({ round: 1 }) }), UsageError, /round/],
    [() => unlearn(model, data, { measure: ["speed"] }), UsageError, /no metric "speed"/],
    [() => unlearn(model, data, { seed: 0.5 }), UsageError, /seed/],
    [() => unlearn(model, { train: data.train, forget: [] }), UsageError, /no images to forget/],
    [() => unlearn(model, { train: data.train, forget: [200] }), DataError, /index 200/],
    [
      () => unlearn(model, { forget: data.train }, { method: "fine-tune" }),
      UsageError,
      /needs the data to keep/,
    ],
    [() => unlearn(model, { forget: grown }), DataError, /14×28×1, and the network sees 28×28×1/],
    [() => evaluate(model, subset(data.test, [])), UsageError, /no images/],
    [
      () => predict(model, { ...data.test, classes: [...data.test.classes.slice(1), "a"] }),
      DataError,
      /classes that the network does not: a/,
    ],
    [() => load(new Uint8Array(3)), DataError, /not a readable safetensors file/],
    [() => load(writeSafetensors(new Map())), DataError, /does not say what network/],
  ] as const) {
    const error = await errorOf(action());
    assert.ok(
      error instanceof Kind && says.test(error.message),
      `${says}: ${error.name} ${error.message}`,
    );
  }
});

test.run();
