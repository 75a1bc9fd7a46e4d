/** All readers of files, each with small files it reads: what is fuzzed. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { gzipSync, zipSync, zlibSync } from "fflate";
import { describedConfig } from "../../models/described.ts";
import { modelSpec } from "../../models/index.ts";
import { forgetConfig } from "../../src/cli/forget-options.ts";
import { preprocessingGiven } from "../../src/cli/setup-options.ts";
import { loadCifar } from "../../src/data/cifar.ts";
import { decodeImage } from "../../src/data/decode.ts";
import { loadImageFolder } from "../../src/data/image-folder.ts";
import { loadMnist } from "../../src/data/mnist.ts";
import { loadNpz } from "../../src/data/npz.ts";
import { loadParquet } from "../../src/data/parquet.ts";
import type { Split } from "../../src/data/source.ts";
import { loadTinyImageNet } from "../../src/data/tiny-imagenet.ts";
import { loadWebdataset } from "../../src/data/webdataset.ts";
import { parseCheckpoint, writeCheckpoint } from "../../src/io/checkpoint.ts";
import { hubConfig, parseHubConfig } from "../../src/io/hub.ts";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import { readTensors } from "../../src/io/tensor-file.ts";
import { parsePreprocessing } from "../../src/nn/preprocessing.ts";
import { readJson } from "../../src/platform/files.ts";
import { encodeHistories } from "../../src/predictors-lab/library.ts";
import { openLibrary } from "../../src/predictors-lab/sequences.ts";
import { RunFolder } from "../../src/report/run-folder.ts";
import { readForgetRecord } from "../../src/runs/forget-record.ts";
import { readNetwork } from "../../src/runs/given-network.ts";
import { count } from "../../src/shape.ts";
import { image, jpeg, noisyJpeg, png } from "../data/images.ts";
import { archive, bytesOf, npy } from "../data/npy-files.ts";
import { file as parquetFile, numbers } from "../data/parquet-file.ts";
import { chunk, head, pngKinds, signature } from "../data/png-kinds.ts";
import { entry, gnu, link, pax, tar } from "../data/tars.ts";
import { webps } from "../data/webp-kinds.ts";
import { checkpoint, goodFiles } from "../io/good-files.ts";
import { Storages } from "../io/torch-fixture.ts";

/** Files of one form. */
export interface Form {
  readonly seeds: readonly Uint8Array[];
  /** What the changed bytes are packed in, so that checksums around them are right. */
  readonly packed?: (bytes: Uint8Array) => Uint8Array;
}

/** A reader of files. */
export interface Reader {
  readonly name: string;
  /** What errors call the file, or a part of it. */
  readonly file: string;
  forms(): Promise<readonly Form[]>;
  /** Reads a file. `dir` is an empty folder of its own. */
  read(bytes: Uint8Array, dir: string): Promise<void>;
}

const utf8 = (...texts: readonly string[]): Uint8Array[] => texts.map((text) => Buffer.from(text));

function put(dir: string, files: Readonly<Record<string, Uint8Array | string>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(`${dir}/${name}`), { recursive: true });
    writeFileSync(`${dir}/${name}`, content);
  }
}

/** @throws Error where a data set does not hold what it says. */
function checkSplit({ train, test }: Split): void {
  for (const { name, count, stored, height, width, channels, pixels, labels, classes } of [
    train,
    test,
  ]) {
    const size = stored ?? { height, width };
    const right =
      pixels.length === count * size.height * size.width * channels &&
      labels.length === count &&
      labels.every((label) => label < classes.length);
    if (!right) throw new Error(`data set ${name} does not hold what it says`);
  }
}

async function checkTensors(bytes: Uint8Array, file: string): Promise<void> {
  const contents = await readTensors(bytes, file, { allowNonfinite: true });
  for (const { shape, data } of contents.tensors.values()) {
    if (data.length !== count(shape)) throw new Error("a tensor does not fill its shape");
  }
  const { info } = parseCheckpoint(contents, file);
  if (info !== undefined) modelSpec(info.network as never, [...info.input], info.classes.length);
}

function imageReader(name: string, forms: () => Promise<readonly Form[]>): Reader {
  return {
    name,
    file: `x.${name}`,
    forms,
    async read(bytes) {
      const { width, height, data } = await decodeImage(bytes, `x.${name}`);
      if (data.length !== 4 * width * height) throw new Error("an image does not fill its size");
    },
  };
}

function tensorReader(name: string, forms: () => Promise<readonly Form[]>): Reader {
  return { name, file: `x.${name}`, forms, read: (bytes) => checkTensors(bytes, `x.${name}`) };
}

const good = async (...names: readonly string[]): Promise<Form[]> => {
  const files = await goodFiles();
  return [{ seeds: names.map((name) => files[name]!) }];
};

/** A data set of which one file is given. */
function dataReader(
  name: string,
  file: string,
  others: () => Promise<Readonly<Record<string, Uint8Array | string>>>,
  load: (dir: string) => Promise<Split>,
  forms: () => Promise<readonly Form[]>,
): Reader {
  let beside: ReturnType<typeof others> | undefined;
  return {
    name,
    file,
    forms,
    async read(bytes, dir) {
      put(dir, { ...(await (beside ??= others())), [file]: bytes });
      checkSplit(await load(dir));
    },
  };
}

/** A file of JSON or text that a function reads by its path. */
function textReader(
  name: string,
  file: string,
  read: (path: string, dir: string) => Promise<unknown>,
  ...seeds: readonly string[]
): Reader {
  return {
    name,
    file,
    forms: async () => [{ seeds: utf8(...seeds) }],
    async read(bytes, dir) {
      put(dir, { [file]: bytes });
      await read(`${dir}/${file}`, dir);
    },
  };
}

const dot = (red: number): Promise<Uint8Array> => png(image(4, 4, [red, 0, 0]));

const idx = (...sizes: readonly number[]): Uint8Array =>
  Uint8Array.from([
    ...[0, 0, 8, sizes.length, ...sizes.flatMap((size) => [0, 0, 0, size])],
    ...Array.from({ length: count(sizes) }, (_, i) => i % 10),
  ]);
const imagesName = "train-images-idx3-ubyte";
const digits = {
  [imagesName]: idx(3, 2, 2),
  "train-labels-idx1-ubyte": idx(3),
  "t10k-images-idx3-ubyte": idx(2, 2, 2),
  "t10k-labels-idx1-ubyte": idx(2),
};

/** A shard of WebDataset. */
async function shard(): Promise<Uint8Array> {
  const long = `${"folder/".repeat(20)}x`;
  return tar(
    ...[entry("0.png", await dot(10)), entry("0.cls", "0")],
    ...[entry("1.png", await dot(20)), entry("1.json", '{"label": 1, "more": [1, {"a": null}]}')],
    ...[gnu(`${long}.png`), entry(`${long}.png`, await dot(30)), gnu(`${long}.cls`)],
    ...[entry(`${long}.cls`, "1"), pax("two.gif"), entry("2.gif", "GIF89a\x01\0\x01\0")],
    ...[
      link("3.png", "0.png"),
      link("3.cls", "./0.cls", "2"),
      gnu("1.png", "K"),
      link("4.png", ""),
    ],
  );
}

/** An archive with the sum of every header right. */
function summed(bytes: Uint8Array): Uint8Array {
  const fixed = Buffer.from(bytes);
  for (let at = 0; at + 512 <= fixed.length; at += 512) {
    if (fixed.toString("latin1", at + 257, at + 262) !== "ustar") continue;
    fixed.fill(" ", at + 148, at + 156);
    const sum = fixed.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
    fixed.write(sum.toString(8).padStart(6, "0"), at + 148);
  }
  return fixed;
}

/** Chunks of a PNG file: names, contents, and checksums that are right. */
function pngOf(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [signature];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 8; at + 8 <= bytes.length;) {
    const length = Math.min(view.getUint32(at), bytes.length - at - 8);
    const name = Buffer.from(bytes.subarray(at + 4, at + 8)).toString("latin1");
    parts.push(chunk(name, bytes.subarray(at + 8, at + 8 + length)));
    at += 12 + length;
  }
  return Buffer.concat(parts);
}

const info = {
  task: "classification",
  network: { name: "small-cnn", filters: [4, 8] },
  input: [8, 8, 3] as const,
  classes: ["cat", "dog"],
  preprocessing: { mean: Float32Array.of(0.5, 0.25, 0), deviation: [0.5, 0.25, 2], crop: 0.875 },
};
const weight = new Map([["a.weight", { shape: [2], data: Float32Array.of(1, -2) }]]);

const histories = (["train", "fine-tune"] as const).map((phase) => ({
  ...{ phase, learningRate: 0.01, name: "a.weight", kind: "fc" as const },
  rows: Float32Array.of(1, 2, 4, 0, -1, -3),
}));

/** A pickle in an archive with right checksums. */
function pickled(): { pickle: Uint8Array; packed: (pickle: Uint8Array) => Uint8Array } {
  const storages = new Storages();
  const value = checkpoint(storages);
  const pickle = Uint8Array.from([0x80, 2, ...value, 0x2e]);
  const stored = Object.fromEntries(storages.bytes.map(({ key, raw }) => [`a/data/${key}`, raw]));
  return {
    pickle,
    packed: (bytes) => zipSync({ ...stored, "a/data.pkl": bytes }, { level: 0 }),
  };
}

/** All readers, by what is read. */
export const readers: readonly Reader[] = [
  imageReader("jpeg", async () => [
    {
      seeds: [
        await jpeg(image(8, 8, [1, 200, 3], [90, 80, 70])),
        await jpeg(image(16, 9, [9, 9, 9]), true),
        await noisyJpeg(24),
      ],
    },
  ]),
  imageReader("png", async () => {
    const seeds = [...Object.values(pngKinds).map(([bytes]) => bytes), await dot(7)];
    const rows = Uint8Array.from({ length: 8 * 25 }, (_, i) => (i % 25 === 0 ? i % 5 : i));
    return [
      { seeds },
      { seeds, packed: pngOf },
      {
        seeds: [rows],
        packed: (bytes) =>
          Buffer.concat([signature, head(8, 2), chunk("IDAT", zlibSync(bytes)), chunk("IEND", [])]),
      },
    ];
  }),
  imageReader("webp", async () => [{ seeds: Object.values(webps) }]),
  imageReader("image", async () => [
    {
      seeds: [
        ...utf8("version https://git-lfs.github.com/spec/v1\noid", "<!DOCTYPE html>", ""),
        ...[
          "GIF89a\x01\0\x01\0",
          "BM\x36\0\0\0\0\0\0\0\x36\0",
          "II*\0\x08\0\0\0",
          "\0\0\0\x20ftypavif",
        ].map((text) => Buffer.from(text, "latin1")),
        await jpeg(image(8, 8, [1, 2, 3])),
        await dot(1),
        webps.lossy,
      ],
    },
  ]),
  tensorReader("safetensors", async () => [
    ...(await good("safetensors")),
    {
      seeds: [
        Buffer.from(JSON.stringify({ w: { dtype: "F32", shape: [2], data_offsets: [0, 8] } })),
      ],
      packed: (header) => {
        const length = Buffer.alloc(8);
        length.writeBigUInt64LE(BigInt(header.length));
        return Buffer.concat([length, header, Buffer.alloc(8)]);
      },
    },
  ]),
  tensorReader("checkpoint", async () => {
    const whole = await writeCheckpoint(weight, "small-cnn(…)", info);
    const said = /"rewind":"(.*?[^\\])"/.exec(Buffer.from(whole).toString("utf8"))![1]!;
    return [
      { seeds: [whole] },
      {
        seeds: [Buffer.from(JSON.parse(`"${said}"`) as string)],
        packed: (text) =>
          writeSafetensors(
            new Map([
              ...weight,
              ["preprocessing.mean", { shape: [3], data: info.preprocessing.mean }],
            ]),
            { model: "small-cnn", rewind: Buffer.from(text).toString("utf8") },
          ),
      },
    ];
  }),
  tensorReader("torch", async () => {
    const { pickle, packed } = pickled();
    return [...(await good("archive", "packed")), { seeds: [pickle], packed }];
  }),
  tensorReader("torch-legacy", () => good("legacy")),
  tensorReader("hdf5", () => good("named", "saved", "half")),
  tensorReader("keras", async () => {
    const { saved } = await goodFiles();
    return [
      ...(await good("keras")),
      { seeds: [saved!], packed: (bytes) => zipSync({ "model.weights.h5": bytes }) },
    ];
  }),
  dataReader(
    "npz",
    "a.npz",
    async () => ({}),
    (dir) => loadNpz(`${dir}/a.npz`),
    async () => {
      const x = npy(
        "|u1",
        [2, 2, 2, 3],
        Uint8Array.from({ length: 24 }, (_, i) => 10 * i),
      );
      const y = npy("|u1", [2], [0, 1]);
      const floats = npy("<f4", [2, 3], bytesOf(Float32Array.of(0, 0.5, 1, 0.25, 0.75, 1)));
      const words = npy("<U3", [2], bytesOf(Uint32Array.of(99, 97, 116, 100, 111, 103)));
      const whole = { x_train: x, y_train: y, x_test: x, y_test: y };
      return [
        { seeds: [archive(whole), archive({ ...whole, classes: words }, 6)] },
        {
          seeds: [x, floats],
          packed: (array) => archive({ ...whole, x_train: array, x_test: array }),
        },
        { seeds: [y], packed: (array) => archive({ ...whole, y_train: array }) },
        { seeds: [words], packed: (array) => archive({ ...whole, classes: array }) },
      ];
    },
  ),
  dataReader(
    "parquet",
    "train.parquet",
    async () => ({ "test.parquet": await parquetSeed(true) }),
    loadParquet,
    async () => [{ seeds: [await parquetSeed(true), await parquetSeed(false)] }],
  ),
  dataReader(
    "webdataset",
    "train.tar",
    async () => ({ "test.tar": await shard(), "classnames.txt": "cat\ndog\n" }),
    loadWebdataset,
    async () => {
      const seeds = [await shard()];
      return [
        { seeds },
        { seeds, packed: summed },
        { seeds, packed: (bytes) => gzipSync(summed(bytes)) },
      ];
    },
  ),
  dataReader(
    "gzip",
    `${imagesName}.gz`,
    async () => {
      const { [imagesName]: _, ...others } = digits;
      return others;
    },
    loadMnist,
    async () => [{ seeds: [gzipSync(digits[imagesName])] }],
  ),
  dataReader(
    "idx",
    imagesName,
    async () => digits,
    loadMnist,
    async () => [{ seeds: [digits[imagesName]] }],
  ),
  dataReader(
    "cifar",
    "test_batch.bin",
    async () =>
      Object.fromEntries([1, 2, 3, 4, 5].map((i) => [`data_batch_${i}.bin`, new Uint8Array(3073)])),
    (dir) => loadCifar("cifar10", dir),
    async () => [{ seeds: [new Uint8Array(3073).fill(3), new Uint8Array(2 * 3073).fill(9)] }],
  ),
  dataReader(
    "cifar-names",
    "batches.meta.txt",
    async () =>
      Object.fromEntries(
        [
          "data_batch_1",
          "data_batch_2",
          "data_batch_3",
          "data_batch_4",
          "data_batch_5",
          "test_batch",
        ].map((name) => [`${name}.bin`, new Uint8Array(3073)]),
      ),
    (dir) => loadCifar("cifar10", dir),
    async () => [{ seeds: utf8("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n") }],
  ),
  ...(["csv", "jsonl"] as const).map((suffix) =>
    dataReader(
      suffix,
      `train/metadata.${suffix}`,
      async () => ({
        "train/1.png": await dot(1),
        "train/2.png": await dot(2),
        "test/cat/3.png": await dot(3),
      }),
      loadImageFolder,
      async () => [
        {
          seeds:
            suffix === "csv"
              ? utf8(
                  "file_name,label\n1.png,cat\n2.png,dog\n",
                  'a,file_name,label\n"x,""y",1.png,cat\n',
                )
              : utf8(
                  '{"file_name": "1.png", "label": "cat"}\n{"file_name": "2.png", "label": 7}\n',
                ),
        },
      ],
    ),
  ),
  dataReader(
    "tiny-imagenet",
    "val/val_annotations.txt",
    async () => ({
      "wnids.txt": "n1\nn2\n",
      "train/n1/images/a.JPEG": await jpeg(image(64, 64, [1, 2, 3])),
      "train/n2/images/b.JPEG": await jpeg(image(64, 64, [4, 5, 6])),
      "val/images/c.JPEG": await jpeg(image(64, 64, [7, 8, 9])),
    }),
    (dir) => loadTinyImageNet(dir, { seed: 1 }),
    async () => [{ seeds: utf8("c.JPEG\tn1\t0\t0\t9\t9\n") }],
  ),
  textReader(
    "hub",
    "config.json",
    async (path) => parseHubConfig(await readJson(path), path),
    JSON.stringify(
      hubConfig({
        architecture: "resnet18",
        classes: ["cat", "dog"],
        input: [32, 32, 3],
        mean: [0.5, 0.5, 0.5],
        deviation: [0.5, 0.5, 0.5],
        crop: 0.875,
        classifier: "fc",
        first: "conv1",
      }),
    ),
  ),
  textReader(
    "preprocessing",
    "preprocess.json",
    async (path) => parsePreprocessing(await readJson(path), path),
    '{"mean": [0.5, 0.4, 0.3], "deviation": [0.2, 0.2, 0.2], "crop": 0.875}',
    '{"image_mean": [0.5], "image_std": [0.5], "size": {"shortest_edge": 256}, "crop_size": {"height": 224}}',
  ),
  textReader(
    "network",
    "network.json",
    async (path) => {
      modelSpec(describedConfig(await readJson(path), path), [8, 8, 3], 2);
    },
    JSON.stringify({
      title: "small",
      layers: [
        { type: "conv2d", name: "a", filters: 4, kernel: 3 },
        { type: "residual", layers: [{ type: "batch-norm", name: "b" }, { type: "relu" }] },
        { type: "global-average-pool" },
        { type: "linear", name: "c", units: "classes" },
      ],
    }),
  ),
  textReader(
    "names",
    "names.txt",
    (path) => preprocessingGiven({ classNames: path }),
    "cat\ndog\n",
  ),
  textReader(
    "names-json",
    "names.json",
    (path) => preprocessingGiven({ classNames: path }),
    '["cat", "dog"]',
  ),
  textReader(
    "lists",
    "list.txt",
    async (path) => {
      await forgetConfig({ forgetFiles: [path] });
      await forgetConfig({ forgetIndices: [path] });
    },
    "0, 1 2\n17\n",
    "train/a/1.png\ntrain/b/2.png\n",
  ),
  textReader(
    "run",
    "config.json",
    async (_, dir) => (await RunFolder.open(dir)).config(),
    '{"seed": 1, "data": {"name": "mnist", "dir": "/x"}, "pathsFromHere": {"/x": "../x"}}',
  ),
  textReader(
    "metrics",
    "metrics.jsonl",
    async (_, dir) => {
      put(dir, { "config.json": "{}" });
      await (await RunFolder.open(dir)).metrics();
    },
    '{"epoch": 1, "loss": 0.5}\n{"epoch": 2, "loss": null}\n',
  ),
  textReader(
    "forget",
    "forget.json",
    (_, dir) => readForgetRecord(dir),
    JSON.stringify({
      digest: "0".repeat(64),
      select: { images: [{ names: ["a", "b"] }, { numbers: [1, 2] }], copies: true },
      images: [],
    }),
  ),
  ...(["manifest", "library"] as const).map((name): Reader => {
    const { tensors, metadata } = encodeHistories(histories, 3);
    const manifest = JSON.stringify({
      ...{ format: "rewind library 1", seed: 1, length: 3, perTensor: 2 },
      ...{ architectures: ["mlp"], sources: ["mnist"] },
      trainings: [
        { file: "0.safetensors", source: "mnist", train: { model: { name: "mlp" }, epochs: 9 } },
      ],
    });
    const file = name === "manifest" ? "manifest.json" : "0.safetensors";
    const whole = writeSafetensors(tensors, metadata);
    return {
      name,
      file,
      forms: async () =>
        name === "manifest"
          ? [{ seeds: utf8(manifest) }]
          : [
              { seeds: [whole] },
              {
                seeds: utf8(metadata["histories"]!),
                packed: (text) =>
                  writeSafetensors(tensors, {
                    ...metadata,
                    histories: Buffer.from(text).toString("utf8"),
                  }),
              },
            ],
      async read(bytes, dir) {
        put(dir, { "manifest.json": manifest, "0.safetensors": whole, [file]: bytes });
        await openLibrary(dir);
      },
    };
  }),
  {
    name: "given-network",
    file: "model.safetensors",
    forms: async () => [{ seeds: [await writeCheckpoint(weight, "small-cnn(…)", info)] }],
    async read(bytes, dir) {
      put(dir, { "model.safetensors": bytes });
      await readNetwork(dir);
    },
  },
];

async function parquetSeed(plain: boolean): Promise<Uint8Array> {
  const label = { label: numbers(0, 1, 0) };
  const metadata = {
    info: {
      features: { image: { _type: "Image" }, label: { _type: "ClassLabel", names: ["a", "b"] } },
    },
  };
  return parquetFile([await dot(1), await dot(2), await dot(3)], label, { plain, metadata });
}

/** Empties a folder. */
export function emptied(dir: string): string {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  return dir;
}
