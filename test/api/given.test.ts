// What plain JavaScript may pass to the library: whatever is wrong is refused at once, by name, in one line.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fromArrays, loadDataset } from "../../src/entries/data.ts";
import { loadForeign, readSafetensors, writeSafetensors } from "../../src/entries/io.ts";
import { reportPage } from "../../src/entries/report.ts";
import {
  acquireDevice,
  classShares,
  copiesOf,
  corrupt,
  cosine,
  DataError,
  type Dataset,
  defineMetric,
  DivergedError,
  evaluate,
  joinImages,
  kernelInceptionDistance,
  klom,
  klomFloor,
  linearPredictor,
  load,
  loadPredictor,
  marginDivergence,
  metrics,
  mislabel,
  Model,
  modelSpec,
  movesOf,
  predict,
  predictHistories,
  predictorOf,
  preprocessingOf,
  save,
  selected,
  splitForget,
  stepwise,
  subset,
  takeBalanced,
  train,
  uLira,
  unlearn,
  UsageError,
  whereReached,
} from "../../src/index.ts";
import { errorOf } from "../data/folder.ts";
import { closeGpus, testGpu } from "../device.ts";

test.after(closeGpus);

const photos = fromArrays({
  images: Uint8Array.from({ length: 12 * 16 }, (_, i) => (i * 37) % 256),
  shape: [12, 4, 4, 1],
  labels: Array.from({ length: 12 }, (_, i) => i % 3),
  classes: ["cat", "dog", "owl"],
  names: Array.from({ length: 12 }, (_, i) => `${i}.png`),
});

const floats: Dataset = { ...photos, pixels: new Float32Array(12 * 16).fill(0.5) };

/** A small model that was trained for one step. */
async function small() {
  return train("mlp", photos, { gpu: await testGpu(), epochs: 1, batch: 12 });
}

const refuses = async (
  cases: readonly (readonly [() => unknown, new (message: string) => Error, RegExp])[],
): Promise<void> => {
  for (const [action, Kind, says] of cases) {
    const error = await errorOf((async () => action())());
    const text = `${says}: ${error.name} ${error.message}`;
    assert.ok(error instanceof Kind && says.test(error.message), text);
    assert.not.match(error.message, /\n/);
  }
};

test("images whose pixels, labels, names or classes do not hold together are refused everywhere", async () => {
  using model = await small();
  const gpu = await testGpu();
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ ...photos, count: 99 }, /99 images of 4×4×1 are 1584 values, and `pixels` has 192/],
    [{ ...photos, pixels: photos.pixels.subarray(1) }, /192 values, and `pixels` has 191/],
    [{ ...photos, pixels: new Float64Array(192) }, /a Uint8Array or a Float32Array, got a Float64/],
    [{ ...floats, pixels: new Float32Array(192).fill(NaN) }, /value 0 of the images is NaN/],
    [{ ...photos, labels: Uint16Array.of(2, 2) }, /12 images need as many labels, got 2/],
    [{ ...photos, labels: new Float32Array(12) }, /`labels` must be a Uint16Array/],
    [
      { ...photos, labels: new Uint16Array(12).fill(3) },
      /image 0 has label 3; there are 3 classes/,
    ],
    [{ ...photos, names: ["a"] }, /12 images need as many names, got 1/],
    [{ ...photos, classes: ["cat", "dog", "cat"] }, /two classes are called "cat"/],
    [{ ...photos, classes: "abc" }, /class names must be an array/],
  ];
  await refuses(
    wrong.flatMap(([set, says]) =>
      [
        () => train("mlp", set as never, { gpu, epochs: 1 }),
        () => train("mlp", { train: set, labels: photos.labels } as never, { gpu, epochs: 1 }),
        () => unlearn(model, { forget: set } as never),
        () => unlearn(model, { train: photos, forget: [0], test: set } as never),
        () => predict(model, set as never),
        () => evaluate(model, set as never),
      ]
        // The labels that are given beside the images count, not theirs.
        .filter((_, i) => i !== 1 || !("labels" in set) || set.labels === photos.labels)
        .map((action) => [action, DataError, says] as const),
    ),
  );
  const short = Uint16Array.of(2, 2);
  await refuses([
    [
      () => train("mlp", { train: photos, labels: short }, { gpu, epochs: 1 }),
      DataError,
      /12 images need as many labels, got 2/,
    ],
    [
      () => unlearn(model, { train: photos, labels: [0.5] as never, forget: [0] }),
      DataError,
      /`labels` must be a Uint16Array/,
    ],
  ]);
});

test("settings that there are not, and values of another kind, are refused by name", async () => {
  const model = await small();
  const gpu = await testGpu();
  const of = { train: photos, forget: [0] };
  const loose = (value: unknown): never => value as never;
  await refuses([
    [() => train("mlp", photos, loose(null)), UsageError, /^train: expected object, got null/],
    [() => train("mlp", loose(null), { epochs: 1 }), UsageError, /^train: images: .* got null/],
    [() => train("mlp", loose({ tset: 1, train: photos }), { epochs: 1 }), UsageError, /"tset"/],
    [
      () => train("mlp", photos, loose({ epochs: 1, gpu: {} })),
      UsageError,
      /`gpu`: expected a dev/,
    ],
    [
      () => train("mlp", photos, loose({ epochs: 1, onEpoch: 1 })),
      UsageError,
      /`onEpoch`: .*function/,
    ],
    [
      () => train("mlp", photos, { epochs: 2, schedule: "step", milestones: [5, 3] }),
      UsageError,
      /`milestones`: milestones must rise/,
    ],
    [
      () => train("mlp", photos, loose({ epochs: 0 })),
      UsageError,
      /^train: `epochs`: [^;]*, got 0\.$/,
    ],
    [
      () => train("mlp", photos, { epochs: 2, warmupEpochs: 3 }),
      UsageError,
      /^train: `warmupEpochs`: the warm-up must be shorter than the training, got 3\.$/,
    ],
    [
      () => train("mlp", photos, { epochs: 2, factor: 0.5 }),
      UsageError,
      /^train: `factor`: a factor belongs to schedule "step", got 0\.5\.$/,
    ],
    [
      () => train("mlp", photos, loose({ epochs: 1, optimizer: { name: "adamw" } })),
      UsageError,
      /`optimizer\.name`: write \{ name: "adam", decoupled: true \}, got "adamw"\.$/,
    ],
    [
      () => train("mlp", photos, loose({ epochs: 1, optimizer: { name: "lion" } })),
      UsageError,
      /`optimizer\.name`: expected one of "adam"\|"sgd", got "lion"\.$/,
    ],
    [
      () => train("mlp", photos, loose({ epochs: 1, optimizer: { beta1: 0.9 } })),
      UsageError,
      /`optimizer\.name`: expected one of "adam"\|"sgd", got undefined\.$/,
    ],
    [
      () => train("mlp", photos, loose({ epochs: 1, optimizer: { name: "adam", beta1: "x" } })),
      UsageError,
      /`optimizer\.beta1`: expected number, got "x"\.$/,
    ],
    [() => train("mlp", photos, loose({ epochs: 1, watch: 1 })), UsageError, /`watch`: /],
    [() => train("mlp", photos, loose({ epochs: 1, initial: {} })), UsageError, /a Map of tensors/],
    [() => train("mlp", photos, loose({ epochs: 1, network: 3 })), UsageError, /`network`: /],
    ...[
      [{ mean: [0], std: [1] }, /there is no setting "std"/],
      [{ mean: [0], crop: 5 }, /`crop`/],
      [{ mean: [0], deviation: ["1"] }, /`deviation\[0\]`: expected number, got "1"/],
      [{ mean: [NaN] }, /`mean\[0\]`: expected number, got NaN/],
      [{ mean: Float32Array.of(NaN) }, /Float32Array of finite numbers/],
      [{ mean: Float32Array.of(0, 0) }, /the mean has 2 values, not 16/],
      ["imagnet", /expected one of/],
    ].map(
      ([preprocessing, says]) =>
        [
          () => train("mlp", photos, { gpu, epochs: 1, preprocessing: loose(preprocessing) }),
          UsageError,
          says as RegExp,
        ] as const,
    ),
    [() => preprocessingOf(loose({ mean: [0], std: [1] }), 1), UsageError, /"std"/],
    [() => loadForeign("x.pt", loose({ preprocessing: { mean: [NaN] } })), UsageError, /mean/],
    [() => loadForeign("x.pt", loose({ classes: "abc" })), UsageError, /`classes`: expected array/],
    [() => loadForeign("x.pt", { classes: ["a", "a"] }), UsageError, /two classes .* "a"/],
    [
      () => loadForeign("x.pt", loose({ clases: [] })),
      UsageError,
      /no setting "clases"; there are: /,
    ],
    [
      () => unlearn(model, of, loose({ methd: 1 })),
      UsageError,
      /no setting "methd"; there are: method,/,
    ],
    [() => unlearn(model, of, loose("rewind")), UsageError, /expected object, got "rewind"/],
    [
      () => unlearn(model, loose({ ...of, tset: photos })),
      UsageError,
      /no field "tset"; there are: /,
    ],
    [() => unlearn(model, of, loose({ method: 5 })), UsageError, /`method`: .*got 5/],
    [
      () => unlearn(model, of, loose({ measure: [null] })),
      UsageError,
      /`measure\[0\]`: .*got null/,
    ],
    [() => unlearn(model, of, loose({ until: { testFloor: 3 } })), UsageError, /testFloor.*test/],
    [
      () => unlearn(model, of, loose({ until: { unseen: true } })),
      UsageError,
      /until\.unseen.*test/,
    ],
    [() => unlearn(loose(null), of), UsageError, /^unlearn: expected a classifier.* got null/],
    [() => unlearn(model, { ...of, retain: [1] } as never), UsageError, /images\.retain/],
    [() => predict(model, photos, loose({ signal: 1 })), UsageError, /`signal`: .*AbortSignal/],
    [() => evaluate(model, photos, loose(null)), UsageError, /^evaluate: watch: expected object/],
    [() => load(loose(5)), UsageError, /^load: expected a path.* got 5/],
    [() => load(new Uint8Array(), loose(null)), UsageError, /^load: expected object, got null/],
    [() => save(loose({}), "x"), UsageError, /^save: expected a classifier/],
    [() => loadDataset(loose({ name: "synthetic", seed: 1, sise: 3 })), UsageError, /"sise"/],
    [() => loadDataset({ name: "synthetic", seed: 1, size: NaN }), UsageError, /`size`/],
    [() => loadDataset({ name: "synthetic", seed: 1, crop: 2 }), UsageError, /`crop`/],
    [() => acquireDevice(loose(null)), UsageError, /^acquireDevice: expected object/],
    [
      () => acquireDevice({ maxBinding: NaN }),
      UsageError,
      /`maxBinding`: expected number, got NaN/,
    ],
    [() => acquireDevice({ maxBinding: 0 }), UsageError, /`maxBinding`/],
    [() => acquireDevice(loose({ adaptor: "gpu" })), UsageError, /no setting "adaptor"/],
    [() => fromArrays(loose({ ...photos })), UsageError, /no setting/],
    [
      () =>
        fromArrays({
          images: new Uint8Array(2),
          shape: [2, 1],
          labels: [0, 1],
          classes: ["a", "a"],
        }),
      UsageError,
      /two classes are called "a"/,
    ],
  ]);
  model.destroy();
  await refuses([
    [() => predict(model, photos), UsageError, /^predict: this classifier was destroyed/],
    [() => evaluate(model, photos), UsageError, /destroyed/],
    [() => unlearn(model, of), UsageError, /destroyed/],
    [() => save(model), UsageError, /destroyed/],
  ]);
});

test("selections of what to forget are checked whole", async () => {
  using model = await small();
  await refuses(
    (
      [
        [
          [{ names: ["0.png"] }, { class: ["dog"] }],
          /`\[1\]`: expected one of the fields names, numbers, cl/,
        ],
        [[{ names: ["0.png"], classes: ["dog"] }], /`\[0\]`: there is no setting "classes"/],
        [[{ share: 5 }], /`\[0\]\.share`/],
        [[{ names: [] }, { numbers: [1] }], /`\[0\]\.names`/],
        [[0, { names: ["0.png"] }], /`\[0\]`: /],
        ["abc", /`images\.forget` must be places.* got "abc"/],
        [new Set([1]), /got a Set/],
      ] as const
    ).map(([forget, says]) => [
      () => unlearn(model, { train: photos, forget } as never),
      UsageError,
      says,
    ]),
  );
});

test("further sets to measure on are data sets, and take the name of none that a run has", async () => {
  using model = await small();
  const gpu = await testGpu();
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    ...["forget", "retain", "test", "forgetTrue"].map(
      (name) => [{ [name]: photos }, RegExp(`a set "${name}" by itself .*another name`)] as const,
    ),
    [null, /expected an object of data sets by name, got null/],
    [5, /expected an object of data sets by name, got 5/],
    [[photos], /got an array/],
    [new Map([["mine", photos]]), /got a Map/],
    [{ mine: undefined }, /\.mine: expected a data set, .* got undefined/],
    [{ mine: [photos] }, /\.mine: expected a data set, .* got an array/],
  ];
  await refuses(
    wrong.flatMap(([sets, says]) => {
      const of = { train: photos, labels: photos.labels, forget: [0], sets } as never;
      return [
        [() => unlearn(model, of), UsageError, says],
        [() => train("mlp", of, { gpu, epochs: 1 }), UsageError, says],
      ] as const;
    }),
  );
  await refuses([
    [
      () => unlearn(model, { train: photos, forget: [0], retain: null } as never),
      UsageError,
      /images\.retain/,
    ],
  ]);
});

test("functions on their own refuse arguments of another kind", async () => {
  const gpu = await testGpu();
  const no = (value: unknown): never => value as never;
  const rows = [Float64Array.of(1, 2), Float64Array.of(2, 1), Float64Array.of(0, 1)];
  const weights = new Map([["w", { data: Float32Array.of(1) }]]);
  const slots = [{ name: "w", shape: [1], kind: "fc", shard: 0, offset: 0, size: 1 }] as const;
  const recorded = new Map([["w", Float32Array.of(0, 1)]]);
  await refuses(
    (
      [
        [() => loadDataset(no(null)), /^loadDataset: expected object, got null/],
        [
          () => loadDataset({ name: "synthetic", seed: 1, watch: no(5) }),
          /^loadDataset: watch: expected object, got 5/,
        ],
        [() => loadPredictor(no(null)), /^loadPredictor: expected a predictor as text.* got null/],
        [() => loadPredictor(no(5)), /^loadPredictor: .* got 5/],
        [() => loadPredictor("linear", no("middle")), /loadPredictor: base: expected "oldest" or/],
        [() => predictorOf(no(null), { short: "x" }), /^predictorOf: expected files .* got null/],
        [() => predictorOf({}, no(null)), /^predictorOf: options: .* got null/],
        [() => linearPredictor(no("x")), /^linearPredictor: window: .* got "x"/],
        [() => linearPredictor(1), /^linearPredictor: window: .* at least 2, got 1/],
        [() => linearPredictor(15, NaN), /^linearPredictor: horizon: .* got NaN/],
        [
          () => predictHistories(no(null), no(0), no(0), no(0)),
          /gpu: expected a device.* got null/,
        ],
        [() => predictHistories(gpu, no(null), no(0), no(0)), /predictor: .* got null/],
        [() => predictHistories(gpu, linearPredictor(), no(null), no(0)), /set: .* got null/],
        [
          () => predictHistories(gpu, linearPredictor(), linearPredictor().sets[0]!, no([5])),
          /histories: expected an array .* got \[5\]/,
        ],
        [() => klom(no(null)), /^KLoM: expected \{ unlearned, retrained \}, got null/],
        [() => klom(no({})), /^KLoM: unlearned: expected an array .* got undefined/],
        [() => klom({ unlearned: rows, retrained: no([5]) }), /^KLoM: retrained: .* got \[5\]/],
        [() => klom({ unlearned: rows, retrained: rows }, no(null)), /^KLoM: .* got null/],
        [() => klomFloor(no(null)), /^KLoM: retrained: .* got null/],
        [() => marginDivergence(no(null), [1]), /^KLoM: .* got null/],
        [() => uLira(no(5)), /^U-LiRA: expected .* got 5/],
        [() => classShares(no(null), 2), /^classShares: logits: .* got null/],
        [() => kernelInceptionDistance(no(null), [1], 1), /^KID: .* got null/],
        [() => whereReached(no(null), 1, "rising"), /^whereReached: points: .* got null/],
        [() => cosine(1, no(undefined)), /^cosine: expected \{ end \}, got undefined/],
        [() => stepwise(1, no(null), 0.1), /^stepwise: milestones: .* got null/],
        [() => selected(photos, no(null), 1), /^selected: selections: expected array, got null/],
        [
          () => selected(photos, no([{}]), 1),
          /^selected: selections: `\[0\]`: expected one of the/,
        ],
        [() => selected(no(null), [{ numbers: [1] }], 1), /^selected: expected a data set/],
        [() => copiesOf(no(null), new Uint32Array()), /^copiesOf: expected a data set/],
        [() => copiesOf(photos, no(null)), /^copiesOf: part: .* got null/],
        [() => joinImages(photos, no(null)), /^joinImages: others: expected a data set.* got null/],
        [() => subset(no(null), [0]), /^subset: expected a data set/],
        [() => subset(photos, no(null)), /^subset: indices: .* got null/],
        [() => takeBalanced(no(null), 1, 1), /^takeBalanced: expected a data set/],
        [() => mislabel(no(null), 0.1, 1), /^mislabel: expected a data set.* got null/],
        [() => splitForget(3, no(null)), /^splitForget: .* got null/],
        [() => corrupt(no(null), photos, { name: "overfit" }, 1), /^corrupt: train: expected a/],
        [() => corrupt(photos, photos, no(null), 1), /^corrupt: expected a scenario.* got null/],
        [() => readSafetensors(no(null)), /^readSafetensors: expected the bytes .* got null/],
        [() => writeSafetensors(no({})), /^writeSafetensors: expected a Map.* got an object/],
        [() => reportPage(no(null)), /^reportPage: there is no record/],
        [() => movesOf(no("1"), [], recorded, weights, weights), /^movesOf: round: .* got "1"/],
        [() => movesOf(1, no(undefined), recorded, weights, weights), /^movesOf: slots: /],
        [() => movesOf(1, slots, no({}), weights, weights), /^movesOf: histories: .* a Map/],
        [() => movesOf(1, slots, recorded, weights, new Map()), /there are no weights of "w"/],
        [() => Model.create(no(null), no(null), 1), /^Model\.create: gpu: .* got null/],
        [() => Model.create(gpu, no(null), 1), /^Model\.create: spec: .* got null/],
        [() => modelSpec({ name: "mlp" }, no(undefined), 2), /^modelSpec: input: .* got undefined/],
        [() => modelSpec({ name: "mlp" }, [4, 4, 0], 2), /^modelSpec: input: .* got \[4, 4, 0\]/],
        [() => modelSpec({ name: "mlp" }, [4, 4, 1], no(undefined)), /^modelSpec: classes must be/],
        [() => modelSpec(no(null), [4, 4, 1], 2), /^modelSpec: expected a network.* got null/],
      ] as const
    ).map(([action, says]) => [action, UsageError, says] as const),
  );
});

test("what loaders give around data sets is refused with what to take of it", async () => {
  using model = await small();
  const folder = { dataset: photos, notes: [] } as never;
  const split = { train: photos, test: photos, notes: [] } as never;
  const [inFolder, inSplit] = [/take its `\.dataset`\.$/, /take its `\.train` or `\.test`\.$/];
  await refuses(
    (
      [
        [() => train("mlp", folder, { epochs: 1 }), inFolder],
        [() => train("mlp", split, { epochs: 1 }), inSplit],
        [() => unlearn(model, folder), inFolder],
        [() => unlearn(model, { forget: folder }), inFolder],
        [() => unlearn(model, { train: folder, forget: [0] }), inFolder],
        [() => evaluate(model, folder), inFolder],
        [() => evaluate(model, split), inSplit],
        [() => predict(model, folder), inFolder],
        [() => subset(folder, [0]), inFolder],
        [() => takeBalanced(folder, 1, 1), inFolder],
        [() => joinImages(photos, folder), inFolder],
        [() => copiesOf(folder, new Uint32Array()), inFolder],
        [() => mislabel(folder, 0.1, 1), inFolder],
        [() => corrupt(folder, photos, { name: "overfit" }, 1), inFolder],
      ] as const
    ).map(([action, says]) => [action, UsageError, says] as const),
  );
});

test("labels given beside images in another order of classes are put in the network's", async () => {
  using model = await small();
  const order = ["owl", "cat", "dog"];
  const turned = {
    ...photos,
    classes: order,
    labels: photos.labels.map((label) => order.indexOf(photos.classes[label]!)),
  };
  const options = {
    until: { rounds: 1 },
    method: { method: "neg-grad", settings: { learningRate: 1e-3 } },
  };
  const scores = async (set: Dataset, labels?: Dataset["labels"]) => {
    using copy = await load(await save(model), { gpu: await testGpu() });
    return (await unlearn(copy, { train: set, forget: [0, 1], labels, sets: {} }, options)).history;
  };
  const [plain, given] = [await scores(photos), await scores(turned, turned.labels)];
  assert.equal(
    given.map((round) => round.scores),
    plain.map((round) => round.scores),
  );
});

test("a metric of one's own is refused where it cannot be measured, and where it gives no number", async () => {
  using model = await small();
  const of = { train: photos, forget: [0] };
  const own = (name: string, on: string, value: number) =>
    metrics.add(
      defineMetric({
        name,
        definition: "",
        unit: "1",
        better: "higher",
        needs: "totals",
        on,
        title: "",
        label: "",
        of: () => (active ? value : 0),
      }),
    ).name;
  let active = true;
  own("givenNowhere", "tset", 0);
  await refuses([
    [
      () => unlearn(model, of, { measure: ["givenNowhere"] }),
      UsageError,
      /"givenNowhere" is measured on the images "tset"; there are: forget, retain/,
    ],
    [
      () => unlearn(model, of, { measure: ["UA"] }),
      UsageError,
      /"UA" is measured once, at the end/,
    ],
  ]);
  own("givenNaN", "forget", NaN);
  await refuses([
    [() => unlearn(model, of), UsageError, /metric "givenNaN": `of` must give a finite .* NaN\.$/],
  ]);
  active = false;
});

test("a model that unlearns is busy; logits that are NaN are no answer", async () => {
  const model = await small();
  const of = { train: photos, forget: [0] };
  const once = {
    until: { rounds: 1 },
    method: { method: "neg-grad", settings: { learningRate: 1e-3 } },
  };
  const first = unlearn(model, of, once);
  await refuses([[() => unlearn(model, of, once), UsageError, /busy, unlearn is still changing/]]);
  await first;
  await unlearn(model, of, once);
  const tensors = await model.model.save();
  for (const { data } of tensors.values()) data.fill(NaN);
  model.model.load(tensors);
  await refuses([
    [() => predict(model, photos), DivergedError, /^predict: the logits of image "0\.png" are NaN/],
  ]);
  assert.ok(Number.isNaN((await evaluate(model, photos)).loss));
  model.destroy();
});

test.run();
