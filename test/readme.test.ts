// The README's program and its command, run as they stand there on a small network and small images.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { loadDataset } from "../src/entries/data.ts";
import { train } from "../src/index.ts";
import { writeSafetensors } from "../src/io/safetensors.ts";
import type { ForgetRecord } from "../src/runs/forget-record.ts";
import { CommandLines } from "./cli/command.ts";
import { folderOf, removeFolders } from "./data/folder.ts";
import { png } from "./data/images.ts";
import { closeGpus, testGpu } from "./device.ts";
import { blocks, command, documents, linesOf, root, wordsOf } from "./documents.ts";

const tsx = ["--import", import.meta.resolve("tsx")];
const commands = new CommandLines();

/** Commands of a document. */
function lines(document: string): string[] {
  return blocks
    .filter(({ file, language }) => file === document && language === "sh")
    .flatMap(({ text }) => linesOf(text));
}

/**
 * What stands in the README, and what runs in its place. Beside that: the package's name becomes the sources, `resnet18.pth` holds
 * the small network (in safetensors), and the photos are drawn (in PNG); files are told by their content.
 */
const small = {
  "resnet18-imagenet": "tiny-cnn",
  "224": "16",
} as const;

function inSmall(text: string): string {
  return Object.entries(small).reduce((all, [shown, run]) => {
    assert.ok(all.includes(shown), `the README has no ${shown}`);
    return all.replaceAll(shown, run);
  }, text);
}

/** The folder that the README speaks of: photos, the files beside them, and a small network in place of ResNet-18. */
async function readersFolder(): Promise<string> {
  const side = 16;
  const classes = ["cat", "dog", "fox"];
  const photos: Record<string, Uint8Array> = {};
  for (const [label, name] of classes.entries()) {
    for (let i = 12; i < 20; i++) {
      const data = new Uint8ClampedArray(4 * side * side).map((_, at) =>
        at % 4 === label ? 160 + ((at + i) % 60) : at % 4 === 3 ? 255 : (at * i) % 97,
      );
      const image = { data, width: side, height: side, colorSpace: "srgb" } as ImageData;
      photos[`photos/${i < 18 ? "train" : "test"}/${name}/${i}.jpg`] = await png(image);
    }
  }
  const dir = folderOf({
    ...photos,
    "classes.txt": classes.join("\n"),
    "gone.txt": "train/dog/12.jpg\ntrain/dog/17.jpg\ntrain/fox/13.jpg\n",
  });
  const gpu = await testGpu();
  const data = await loadDataset({
    name: "image-folder",
    dir: `${dir}/photos`,
    size: side,
    seed: 1,
  });
  const model = await train("tiny-cnn", data.train, { gpu, epochs: 3 });
  const weights = writeSafetensors(await model.model.save(), { model: model.model.spec.name });
  writeFileSync(`${dir}/resnet18.pth`, weights);
  model.destroy();
  return dir;
}

test("the README's program and command do what it says", async () => {
  const dir = await readersFolder();
  const [shown, ...more] = blocks.filter(
    ({ file, language }) => file === "README.md" && language === "ts",
  );
  assert.is(more.length, 0, "the README has one program");
  const sources = (text: string): string =>
    text.replaceAll(/"rewind-webgpu(?:\/(\w+))?"/g, (_, entry?: string) =>
      JSON.stringify(
        pathToFileURL(`${root}/src/${entry === undefined ? "index" : `entries/${entry}`}.ts`).href,
      ),
    );
  writeFileSync(`${dir}/program.mts`, sources(inSmall(shown!.text)));
  const line = lines("README.md").find((one) => one.startsWith("rewind unlearn"));
  assert.ok(line, "the README has the command");
  const words = wordsOf(inSmall(line)).slice(1);
  const [ran, unlearned] = await Promise.all([
    command([...tsx, "program.mts"], dir),
    commands.runIn(dir, ...words),
  ]);
  assert.is(ran.code, 0, ran.said);
  const page = readFileSync(`${dir}/report.html`, "utf8").replaceAll(/<[^>]+>/g, "");
  for (const name of ["train/dog/17.jpg", "train/cat/", "All 7 images"]) {
    assert.ok(page.includes(name), `the program's page has ${name}`);
  }
  assert.ok(existsSync(`${dir}/forgotten.safetensors`));

  assert.is(unlearned.code, 0, unlearned.err);
  const record = JSON.parse(readFileSync(`${dir}/forgotten/forget.json`, "utf8")) as ForgetRecord;
  assert.is(record.count, 3 + 6, "three images and a class");
  for (const file of ["checkpoint.safetensors", "report.md"]) {
    assert.ok(existsSync(`${dir}/forgotten/${file}`), file);
  }

  // What docs/own-network.md does with it.
  const way = lines("docs/own-network.md").find((one) =>
    /^rewind export .*--format same/.test(one),
  );
  assert.ok(way, "docs/own-network.md exports it");
  const back = await commands.runIn(dir, ...wordsOf(way).slice(1));
  assert.is(back.code, 0, back.err);
  assert.ok(existsSync(`${dir}/net.safetensors`));
});

test("the documents' plans fit, and methods are listed", async () => {
  const plans = documents.flatMap(lines).filter((line) => /^rewind (?:plan|methods) /.test(line));
  assert.ok(plans.length >= 3);
  for (const line of plans) {
    const words = wordsOf(line).slice(1);
    const { code, err } = await commands.run(...words);
    assert.is(code, 0, `${line}\n${err}`);
  }
});

test.after(async () => {
  await commands.close();
  removeFolders();
  await closeGpus();
});

test.run();
