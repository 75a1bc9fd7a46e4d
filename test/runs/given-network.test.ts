// Networks from files: what they are, what the file says of them, and what is asked for where it does not.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { modelSpec } from "../../models/index.ts";
import { publishedNetwork } from "../../models/published.ts";
import { DataError, UsageError } from "../../src/errors.ts";
import { type CheckpointInfo, writeCheckpoint } from "../../src/io/checkpoint.ts";
import { hubConfig } from "../../src/io/hub.ts";
import { exportPretrained } from "../../src/io/pretrained.ts";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import { declare, type Tensors } from "../../src/nn/model.ts";
import { Random } from "../../src/random.ts";
import { readNetwork, readRunNetwork } from "../../src/runs/given-network.ts";
import { count } from "../../src/shape.ts";
import { errorOf, folderOf, removeFolders } from "../data/folder.ts";
import { torchFile } from "../io/torch-fixture.ts";

test.after(removeFolders);

const atto = modelSpec({ name: "convnext-atto" }, [32, 32, 3], 5);
const slots = (spec: typeof atto) => {
  const { parameters, statistics } = declare(spec);
  return [...parameters.values(), ...statistics.values()];
};

function drawn(spec: typeof atto): Tensors {
  const random = new Random(5);
  return new Map(
    slots(spec).map(({ name, shape }) => [
      name,
      { shape, data: Float32Array.from({ length: count(shape) }, () => random.normal()) },
    ]),
  );
}

const weights = drawn(atto);
const published = exportPretrained(publishedNetwork("convnext-atto"), slots(atto), weights, "timm");
const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

test("weights of another network than is said are told by the network they fit", async () => {
  const dir = folderOf({ "net.safetensors": writeSafetensors(published) });
  const given = await readNetwork(`${dir}/net.safetensors`, { model: { name: "convnext-atto" } });
  assert.is(given.weights(atto).size, weights.size);
  const wrong = modelSpec({ name: "convnext-t" }, [32, 32, 3], 5);
  const other = await readNetwork(`${dir}/net.safetensors`, { model: { name: "convnext-t" } });
  assert.throws(
    () => other.weights(wrong),
    /does not fit "convnext-t"[^]* Its tensors are those of "convnext-atto": give that `model`\.$/,
  );
});

test("a .pt with published names: its classes are counted, the rest is what is said of it", async () => {
  const tensors = Object.fromEntries(
    [...published].map(([name, { shape, data }]) => [name, { shape, bytes: bytesOf(data) }]),
  );
  const dir = folderOf({ "net.pt": torchFile(tensors, { inside: "state_dict" }) });
  const said = { model: { name: "convnext-atto" }, preprocessing: "imagenet" as const };
  const given = await readNetwork(`${dir}/net.pt`, said);
  assert.equal([given.outputs, given.classes, given.input], [5, undefined, undefined]);
  assert.equal(given.preprocessing(3)!.deviation, [0.229, 0.224, 0.225]);
  const back = given.weights(atto);
  for (const [name, { data }] of weights) assert.equal(back.get(name)!.data, data, name);

  const elsewhere = await errorOf(readNetwork(`${dir}/net.pt`, { ...said, key: "model_ema" }));
  assert.ok(elsewhere instanceof UsageError && /model_ema/.test(elsewhere.message));

  const unnamed = await errorOf(readNetwork(`${dir}/net.pt`));
  assert.ok(unnamed instanceof UsageError);
  assert.match(
    unnamed.message,
    /net\.pt" does not say which network it is: give its `model`, one of small-cnn/,
  );
  const wrong = await errorOf(readNetwork(`${dir}/net.pt`, { ...said, classes: ["a", "b"] }));
  assert.match(wrong.message, /net\.pt" has 5 outputs, and 2 `classes` are named/);
  const other = await errorOf(
    readNetwork(`${dir}/net.pt`, { model: { name: "resnet18-imagenet" } }),
  );
  assert.ok(other instanceof DataError);
  assert.match(other.message, /no classifier of "resnet18-imagenet": no tensor fc\.weight/);
});

test("the network's tensors are found among those of a training, and what was left out is said", async () => {
  const tensors = Object.fromEntries(
    [...published].map(([name, { shape, data }]) => [
      `model.backbone.${name}`,
      { shape, bytes: bytesOf(data) },
    ]),
  );
  const loss = { "loss.weight": { shape: [1], bytes: new Uint8Array(4) } };
  const file = torchFile({ ...tensors, ...loss }, { inside: "state_dict" });
  const dir = folderOf({ "net.ckpt": file });
  const given = await readNetwork(`${dir}/net.ckpt`, { model: { name: "convnext-atto" } });
  const back = given.weights(atto);
  for (const [name, { data }] of weights) assert.equal(back.get(name)!.data, data, name);
  assert.equal(given.notes, [
    'tensors taken from "state_dict"',
    "prefix `model.backbone.` taken off 128 of 129 names, and the others left out: loss.weight",
  ]);
});

test("a folder as on the Hub says all of it", async () => {
  const config = hubConfig({
    architecture: "convnext_atto",
    classes: ["a", "b", "c", "d", "e"],
    input: [32, 32, 3],
    mean: [0.1, 0.2, 0.3],
    deviation: [0.5, 0.5, 0.25],
    crop: 0.75,
    classifier: "head.fc",
    first: "stem.0",
  });
  const files = {
    "config.json": JSON.stringify(config),
    "model.safetensors": writeSafetensors(published, { format: "pt" }),
  };
  const given = await readNetwork(folderOf(files));
  assert.equal(given.network, { name: "convnext-atto" });
  assert.equal([given.outputs, given.classes!.length, given.input], [5, 5, [32, 32, 3]]);
  const { mean, deviation, crop } = given.preprocessing(3)!;
  assert.equal(
    [[...mean], deviation, crop],
    [[...Float32Array.of(0.1, 0.2, 0.3)], [0.5, 0.5, 0.25], 0.75],
  );
  assert.equal(given.weights(atto).get("head.weight")!.data, weights.get("head.weight")!.data);

  const unknown = { ...config, architecture: "vit_base_patch16_224" };
  const error = await errorOf(
    readNetwork(folderOf({ ...files, "config.json": JSON.stringify(unknown) })),
  );
  assert.match(error.message, /"vit_base_patch16_224", which is not among .*convnext_atto/);
  const broken = await errorOf(readNetwork(folderOf({ ...files, "config.json": "{" })));
  assert.ok(broken instanceof DataError && /config\.json" is not valid JSON/.test(broken.message));
  const empty = await errorOf(readNetwork(folderOf({ "x.txt": "x" })));
  assert.match(empty.message, /a folder without a network/);
});

test("a checkpoint of this project says all of it; what is said beside it counts more", async () => {
  const spec = modelSpec({ name: "small-cnn", filters: [2, 3], hidden: 0 }, [8, 8, 1], 2);
  const info: CheckpointInfo = {
    task: "classification",
    network: { name: "small-cnn", filters: [2, 3], hidden: 0 },
    input: [8, 8, 1],
    classes: ["yes", "no"],
    preprocessing: { mean: Float32Array.from({ length: 64 }, (_, i) => i / 64) },
  };
  const own = drawn(spec);
  const dir = folderOf({ "checkpoint.safetensors": await writeCheckpoint(own, spec.name, info) });
  const given = await readNetwork(dir);
  assert.equal(
    [given.network, given.classes, given.input],
    [info.network, info.classes, [8, 8, 1]],
  );
  assert.equal(given.preprocessing(1), info.preprocessing);
  assert.equal(given.weights(spec).get("conv1.weight"), own.get("conv1.weight"));
  const other = await readNetwork(dir, { preprocessing: "half", classes: ["ja", "nein"] });
  assert.equal([...other.preprocessing(1)!.mean], [0.5]);
  assert.equal(other.classes, ["ja", "nein"]);
  const wrong = await errorOf(readNetwork(dir, { model: { name: "mlp" } }));
  assert.match(wrong.message, /holds the network "small-cnn", not "mlp"/);
  const larger = modelSpec(info.network, [16, 16, 1], 2);
  for (const called of ["size", "input"]) {
    assert.throws(
      () => given.weights(larger, called),
      new RegExp(`for images of 8×8×1, and these are 16×16×1: leave \`${called}\` out`),
    );
  }
});

test("a checkpoint of an earlier version names its network alone", async () => {
  const spec = modelSpec({ name: "mlp" }, [8, 8, 1], 3);
  const dir = folderOf({ "old.safetensors": writeSafetensors(drawn(spec), { model: spec.name }) });
  const given = await readNetwork(`${dir}/old.safetensors`);
  assert.equal([given.network.name, given.outputs, given.classes], ["mlp", 3, undefined]);
  assert.is(given.preprocessing(1), undefined);
  const absent = await errorOf(readNetwork(`${dir}/none.pt`));
  assert.match(absent.message, /none\.pt": there is no such file or folder/);
});

test("what is said of a whole checkpoint and is otherwise there: its network is refused, the rest counts and is noted", async () => {
  const small = modelSpec({ name: "small-cnn", filters: [2, 3] }, [8, 8, 1], 3);
  const info = {
    task: "classification",
    network: { name: "small-cnn", filters: [2, 3] },
    input: [8, 8, 1],
    classes: ["cat", "dog", "owl"],
    preprocessing: { mean: Float32Array.of(0.5), deviation: [0.2] },
  } as const satisfies CheckpointInfo;
  const bytes = await writeCheckpoint(drawn(small), small.name, info);
  const file = `${folderOf({ "own.safetensors": bytes })}/own.safetensors`;
  const said = async (what: Parameters<typeof readNetwork>[1]): Promise<readonly string[]> =>
    (await readNetwork(file, what)).notes;
  const { network: model, classes } = info;
  assert.equal(await said({ model: { ...model, hidden: 0 }, classes: [...classes] }), []);
  assert.equal(await said({ model: { ...model, hidden: 64 }, settings: {} }), []);
  const prepared = { mean: [0.5], deviation: [0.2], crop: 1 };
  assert.equal(await said({ preprocessing: prepared }), []);
  for (const settings of [{ hidden: 64 }, { filters: [3, 2] }]) {
    const other = { model: { ...model, ...settings } };
    const error = await errorOf(readNetwork(file, other));
    assert.instance(error, UsageError);
    // Nobody could say something else of a run's own.
    const ofRun = await errorOf(readRunNetwork(file, other));
    assert.instance(ofRun, DataError);
    assert.match(ofRun.message, /holds the network small-cnn\(.* of its run says small-cnn\(/);
    assert.match(
      error.message,
      /own\.safetensors" holds the network small-cnn\(.* is another one \(`model`: /,
    );
  }
  const [order, prep] = await said({ classes: ["owl", "cat", "dog"], preprocessing: "half" });
  assert.match(order!, /^`classes` counts: .* has them in another order \(cat, dog, owl\)$/);
  assert.match(prep!, /^`preprocessing` counts: .* prepares its images otherwise/);
  assert.match((await said({ classes: ["a", "b", "c"] }))[0]!, /has other ones \(cat, dog, owl\)/);
});

test.run();
