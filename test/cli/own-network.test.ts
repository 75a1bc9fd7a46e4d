// Images that must go from a network that was trained elsewhere, by command alone.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { publishedNetwork } from "../../models/published.ts";
import { describedConfig } from "../../models/described.ts";
import { exportPretrained } from "../../src/io/pretrained.ts";
import type { Scores } from "../../src/metrics/metric.ts";
import { trainSchema } from "../../src/runs/config.ts";
import type { ForgetRecord } from "../../src/runs/forget-record.ts";
import type { UnlearnReport } from "../../src/report/report.ts";
import { prepareJob } from "../../src/runs/job.ts";
import { trainJob } from "../../src/api/training.ts";
import { declare } from "../../src/nn/model.ts";
import { folderOf, removeFolders } from "../data/folder.ts";
import { png } from "../data/images.ts";
import { closeGpus, testGpu } from "../device.ts";
import { torchFile } from "../io/torch-fixture.ts";
import { Random } from "../../src/random.ts";
import { CommandLines } from "./command.ts";

const side = 12;
const classes = ["cat", "dog", "fox"] as const;

/** Noise about a colour of the class. */
function photo(label: number, seed: number): ImageData {
  const random = new Random(seed);
  const data = new Uint8ClampedArray(side * side * 4);
  for (let p = 0; p < side * side; p++) {
    for (let c = 0; c < 3; c++) data[4 * p + c] = 90 + (c === label ? 45 : 0) + random.int(60);
    data[4 * p + 3] = 255;
  }
  return { data, width: side, height: side, colorSpace: "srgb" } as ImageData;
}

async function photos(): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for (const [label, name] of classes.entries()) {
    for (let i = 0; i < 14; i++) {
      const part = i < 10 ? "train" : "test";
      files[`photos/${part}/${name}/${i}.png`] = await png(photo(label, 100 * label + i));
    }
  }
  // A copy under another name.
  files["photos/train/dog/again.png"] = files["photos/train/dog/3.png"]!;
  return files;
}

/** In PyTorch's words: its flatten has the channels first. */
const description = {
  title: "photo-net",
  layers: [
    { type: "conv2d", name: "features.0", filters: 6, kernel: 3, padding: 1, bias: false },
    { type: "batch-norm", name: "features.1" },
    { type: "relu" },
    { type: "max-pool", size: 3 },
    { type: "flatten", order: "channels-first" },
    { type: "linear", name: "classifier", units: "classes" },
  ],
};

const preprocessing = { mean: [0.5, 0.45, 0.4], deviation: [0.25, 0.2, 0.3] };

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Trains the network and saves it as PyTorch would; gives the folder and the scores it had. */
async function elsewhere(): Promise<{ dir: string; scores: Scores }> {
  const dir = folderOf({
    ...(await photos()),
    "net.json": JSON.stringify(description),
    "prepared.json": JSON.stringify(preprocessing),
    "classes.txt": `${classes.join("\n")}\n`,
    "gone.txt": "dog/1.png\r\ntrain/dog/2.png\n\ntrain/dog/3.png\n",
  });
  const config = trainSchema.parse({
    data: { name: "image-folder", dir: `${dir}/photos` },
    scenario: { name: "standard" },
    forget: { images: [{ names: ["train/dog/1.png", "train/dog/2.png", "train/dog/3.png"] }] },
    model: describedConfig(description, "net.json"),
    preprocessing,
    epochs: 12,
    batch: 10,
    learningRate: 5e-3,
    schedule: "cosine",
    optimizer: { name: "adam" },
    seed: 1,
  });
  const job = await prepareJob(await testGpu(), config);
  await trainJob(job);
  const { parameters, statistics } = declare(job.model.spec);
  const slots = [...parameters.values(), ...statistics.values()];
  const tensors = exportPretrained(
    publishedNetwork("described"),
    slots,
    await job.model.save(),
    "same",
  );
  assert.equal([...tensors.keys()].sort(), [
    "classifier.bias",
    "classifier.weight",
    "features.0.weight",
    "features.1.bias",
    "features.1.running_mean",
    "features.1.running_var",
    "features.1.weight",
  ]);
  const file = torchFile(
    Object.fromEntries(
      [...tensors].map(([name, { shape, data }]) => [name, { shape, bytes: bytesOf(data) }]),
    ),
    { inside: "state_dict" },
  );
  const scores = await job.evaluate();
  job.destroy();
  writeFileSync(`${dir}/net.pt`, file);
  return { dir, scores };
}

const commands = new CommandLines();
const made = elsewhere();

test.after(async () => {
  await commands.close();
  removeFolders();
  await closeGpus();
});

const read = (file: string): unknown => JSON.parse(readFileSync(file, "utf8"));
const reported = (folder: string): UnlearnReport => read(`${folder}/report.json`) as UnlearnReport;
const forgotten = (folder: string): ForgetRecord => read(`${folder}/forget.json`) as ForgetRecord;

/** What says all of a network that was trained elsewhere. */
const network = (dir: string): string[] => [
  ...["--from", `${dir}/net.pt`, "--model", `${dir}/net.json`],
  ...["--preprocess", `${dir}/prepared.json`, "--class-names", `${dir}/classes.txt`],
];

const software = ["--adapter", "software"];
const ascent = ["--method", "neg-grad", "--rate", "0.003", "--rounds", "2", ...software];

test("named images and a class go from a .pt with its own normalisation; the report names them", async () => {
  const { dir, scores } = await made;
  const data = ["--dataset", "image-folder", "--data", `${dir}/photos`];
  const names = ["--forget-files", `${dir}/gone.txt`];
  const { code, err } = await commands.run(
    ...["unlearn", ...network(dir), ...data, ...names, "--out", `${dir}/three`],
    ...ascent,
  );
  assert.is(code, 0, err);
  assert.match(
    err,
    /note: 1 training image is a copy of .*again\.png is train\/dog\/3\.png\): .*\. --forget-copies makes/,
  );
  const report = reported(`${dir}/three`);
  // The same weights on the same images: what the file says is all that was needed.
  assert.equal(report.before, scores);
  assert.ok(report.after["forgetLoss"]! > report.before["forgetLoss"]!);
  const { answers, classes, ...named } = report.forgotten!;
  assert.equal(named, {
    images: ["train/dog/1.png", "train/dog/2.png", "train/dog/3.png"],
    count: 3,
    copies: 1,
  });
  // What it answers to each agrees with the scores of D_f.
  const right = (when: "before" | "after"): number =>
    answers.filter((one) => one[when].class === one.class).length;
  assert.equal(classes, [
    { class: "dog", images: 3, before: right("before"), after: right("after") },
  ]);
  const share = (scores: Record<string, number>): number =>
    Math.round((scores["forgetAccuracy"]! * 3) / 100);
  assert.equal([right("before"), right("after")], [share(report.before), share(report.after)]);
  assert.ok(answers.every(({ before, after }) => after.confidence !== before.confidence));
  assert.match(
    readFileSync(`${dir}/three/report.md`, "utf8"),
    /\| `train\/dog\/1\.png` \| dog \| \w+ \(\d+\.\d %\) \| \w+ \(\d+\.\d %\) \|/,
  );
  const { images, copies, of } = forgotten(`${dir}/three`);
  assert.equal(
    [images.length, of, copies],
    [3, 31, [{ of: "train/dog/3.png", name: "train/dog/again.png" }]],
  );
  assert.equal(images[0]!.class, "dog");

  const both = await commands.runIn(
    dir,
    ...["unlearn", ...network("."), "--dataset", "image-folder", "--data", "photos"],
    ...["--forget-files", "gone.txt", "--forget-class", "fox", "--forget-copies"],
    ...["--out", "more", ...ascent],
  );
  assert.is(both.code, 0, both.err);
  const record = forgotten(`${dir}/more`);
  assert.equal([record.count, record.copies], [3 + 1 + 10, []]);

  // The checkpoint that came out says all of it by itself.
  const evaluated = await commands.run("evaluate", "--run", `${dir}/three`, "--json", ...software);
  assert.is(evaluated.code, 0, evaluated.err);
  const scored = JSON.parse(evaluated.out) as Scores;
  assert.equal(
    [scored["forgetLoss"], scored["testLoss"]],
    [report.after["forgetLoss"], report.after["testLoss"]],
  );

  // A run finds its images from any folder, and where all of it was moved.
  const after = reported(`${dir}/more`).after;
  const moved = `${dir}-moved`;
  renameSync(dir, moved);
  try {
    const there = await commands.runIn(
      tmpdir(),
      "evaluate",
      "--run",
      `${moved}/more`,
      "--json",
      ...software,
    );
    assert.is(there.code, 0, there.err);
    assert.is((JSON.parse(there.out) as Scores)["testLoss"], after["testLoss"]);
  } finally {
    renameSync(moved, dir);
  }
});

test("only the images to forget are left: a folder of them, and the same ones again", async () => {
  const { dir } = await made;
  const only = folderOf(
    Object.fromEntries(
      [1, 2, 3].map((i) => [`dog/${i}.png`, readFileSync(`${dir}/photos/train/dog/${i}.png`)]),
    ),
  );
  const results = folderOf();
  const out = `${results}/out`;
  const { code, err } = await commands.run(
    ...["unlearn", ...network(dir), "--forget-data", only, "--out", out, ...ascent],
  );
  assert.is(code, 0, err);
  const report = reported(out);
  assert.equal(Object.keys(report.before), ["forgetAccuracy", "forgetLoss"]);
  assert.is(report.images.forget, 3);
  assert.match(report.missing!, /training images outside D_f and test images/);
  assert.equal(report.forgotten!.images, ["dog/1.png", "dog/2.png", "dog/3.png"]);

  // From the folder that came out: nothing but the images has to be said.
  const again = `${results}/again`;
  const second = await commands.run(
    "unlearn",
    "--from",
    out,
    "--same-as",
    out,
    "--out",
    again,
    ...ascent,
  );
  assert.is(second.code, 0, second.err);
  const { before } = reported(again);
  assert.equal(before, report.after);
  assert.equal(forgotten(again).digest, forgotten(out).digest);
});

test("what is not said is asked for, and nothing is begun", async () => {
  const { dir } = await made;
  const begin = ["unlearn", "--out", `${dir}/never`, ...ascent];
  const from = [...begin, "--from", `${dir}/net.pt`];
  const model = ["--model", `${dir}/net.json`];
  const data = ["--dataset", "image-folder", "--data", `${dir}/photos`];
  const dogs = ["--forget-class", "dog"];
  for (const [words, says] of [
    [
      ["unlearn", "--out", `${dir}/never`],
      /which network\? Give --run DIR .* or --from CHECKPOINT/,
    ],
    [from, /which images must go\? Name them by --forget-files/],
    [[...from, ...dogs], /net\.pt" does not say which network it is: give its --model/],
    [[...begin, ...network(dir), ...dogs], /which images\? Give --data DIR/],
    [
      [...from, ...model, ...data, ...dogs],
      /does not say how its images are prepared: give --preprocess/,
    ],
    [
      [...begin, ...network(dir), ...data, "--forget-class", "bird"],
      /no class "bird"; there are: cat, dog, fox/,
    ],
    [
      [...begin, ...network(dir), ...data, "--forget-files", `${dir}/none.txt`],
      /none\.txt": there is no such file/,
    ],
    [
      [...begin, ...network(dir), ...data, ...dogs, "--image-size", "24"],
      /classifier\.weight \[3, 96\] \(for \[3, 384\]\)\. The size of the images .* \(--image-size\)/,
    ],
    [
      [...from, ...model, ...data, ...dogs, "--preprocess", "imagenett"],
      /--preprocess imagenett: it takes imagenet, half/,
    ],
  ] as const) {
    const { code, err } = await commands.run(...words);
    // A file that is not there or does not fit and a class no image has are wrong data, all else is wrong usage.
    const data = /none|bird|size of the/.test(says.source);
    assert.is(code, data ? 1 : 2, `${words.join(" ")}: ${err}`);
    assert.not(existsSync(`${dir}/never`), "nothing is begun");
    assert.match(err, says);
  }
});

test.run();
