// What a run was of and what is there now: images, networks and folders that have changed, by command.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ForgetRecord } from "../../src/runs/forget-record.ts";
import { Random } from "../../src/random.ts";
import { folderOf, removeFolders } from "../data/folder.ts";
import { png } from "../data/images.ts";
import { CommandLines } from "./command.ts";

const classes = ["cat", "dog", "fox"];
const side = 6;

/** Noise, with a colour for the class. */
function photo(label: number, seed: number, size: number): ImageData {
  const random = new Random(seed);
  const data = new Uint8ClampedArray(size * size * 4);
  for (let i = 0; i < data.length; i++) data[i] = i % 4 === label ? 250 : random.int(200);
  for (let i = 3; i < data.length; i += 4) data[i] = 255;
  return { data, width: size, height: size, colorSpace: "srgb" } as ImageData;
}

async function photos(size = side): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for (const [label, name] of classes.entries()) {
    for (let i = 0; i < 10; i++) {
      const place = `${i < 6 ? "train" : "test"}/${name}/${i}.png`;
      files[place] = await png(photo(label, 100 * label + i, size));
    }
  }
  return files;
}

const commands = new CommandLines();
const dir = folderOf({});
const images = `${dir}/images`;
const trained = `${dir}/trained`;
const recipe = ["--model", "mlp", "--epochs", "2", "--batch", "6"];
const unlearning = ["--rounds", "1", "--method", "neg-grad"];
const of = (folder: string): ForgetRecord =>
  JSON.parse(readFileSync(`${folder}/forget.json`, "utf8")) as ForgetRecord;

function write(folder: string, files: Readonly<Record<string, Uint8Array>>): void {
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(`${folder}/${name.slice(0, name.lastIndexOf("/"))}`, { recursive: true });
    writeFileSync(`${folder}/${name}`, bytes);
  }
}

test("images in files are learnt as they are, and a command says what D_f is", async () => {
  write(images, await photos());
  const { code, err } = await commands.run("train", "--data", images, ...recipe, "--out", trained);
  assert.is(code, 0, err);
  assert.match(err, /note: D_f is 4 of the 18 training images, drawn at random\./);
  assert.not(of(trained).images.some(({ trainedAs }) => trainedAs !== undefined));
  const wrong = await commands.run(
    ...["train", "--data", images, ...recipe, "--scenario", "label-noise"],
    ...["--out", `${dir}/wrong`],
  );
  assert.match(
    wrong.err,
    /D_f is 4 of the 18 training images, drawn at random; all of them have a wrong label \(--scenario label-noise\)/,
  );
  assert.ok(of(`${dir}/wrong`).images.every(({ trainedAs }) => trainedAs !== undefined));
});

test("an unlearning takes no other images for those of the training; what measures says that they are others", async () => {
  const more = `${images}/train/cat/more.png`;
  writeFileSync(more, await png(photo(0, 7, side)));
  const refused = await commands.run(
    ...["unlearn", "--run", trained, ...unlearning, "--out", `${dir}/never`],
  );
  assert.is(refused.code, 1);
  assert.match(
    refused.err,
    /training images: they are not those that ".*trained" was trained on \(inputs\.json\).* --from .*trained --data DIR/,
  );
  assert.not(existsSync(`${dir}/never`));
  const measured = await commands.run("evaluate", "--run", trained);
  assert.is(measured.code, 0, measured.err);
  assert.match(measured.err, /training images: they are not those that ".*trained" read/);
  const told = await commands.run(
    ...["unlearn", "--from", trained, "--data", images, "--forget-glob", "train/cat/more.png"],
    ...[...unlearning, "--out", `${dir}/told`],
  );
  assert.is(told.code, 0, told.err);
  assert.equal([of(`${dir}/told`).count, of(`${dir}/told`).of], [1, 19]);
  const report = readFileSync(`${dir}/told/report.md`, "utf8");
  assert.match(report, /No gaps to a retrained network: no retrained network was given/);
  assert.not.match(report, /gap to retrained/);
  assert.match(
    report,
    /\n- UA: .*\n- RA: .*\n- TA: .*\n- MIA .*\n- D_f: the images that are to be forgotten/,
  );
  rmSync(more);
  const same = await commands.run("evaluate", "--run", trained);
  assert.not.match(same.err, /are not those/);
  // Images that a D_f of its own brings are none of the training's.
  write(`${dir}/gone`, { "cat/other.png": await png(photo(0, 8, side)) });
  const own = await commands.run(
    ...["unlearn", "--run", trained, "--forget-data", `${dir}/gone`, ...unlearning],
    ...["--out", `${dir}/own`],
  );
  assert.is(own.code, 0, own.err);
  assert.equal([of(`${dir}/own`).count, of(`${dir}/own`).of], [1, 19]);
});

test("what a network has forgotten before goes again, or a command says that it is kept", async () => {
  const more = `${images}/train/cat/more.png`;
  const [before, told] = [await png(photo(0, 7, side)), `${dir}/told`];
  writeFileSync(more, before);
  const again = (out: string, ...words: string[]) =>
    commands.run(
      ...["unlearn", "--from", told, "--data", images, "--forget-class", "dog", ...words],
      ...[...unlearning, "--out", `${dir}/${out}`],
    );
  const kept = await again("kept");
  assert.is(kept.code, 0, kept.err);
  assert.match(
    kept.err,
    /1 of the images that ".*told" has forgotten \(forget\.json\) are in D_r here: .*--same-as .*told/,
  );
  const both = await again("both", "--same-as", `${told}/checkpoint.safetensors`);
  assert.is(both.code, 0, both.err);
  assert.not.match(both.err, /has forgotten/);
  assert.equal(
    of(`${dir}/both`)
      .images.map(({ name }) => name)
      .sort(),
    ["train/cat/more.png", ...[0, 1, 2, 3, 4, 5].map((i) => `train/dog/${i}.png`)],
  );
  writeFileSync(more, await png(photo(0, 9, side)));
  const other = await again("other", "--same-as", told);
  assert.is(other.code, 1);
  assert.match(other.err, /D_f of ".*told" have other contents or labels here/);
  assert.not(existsSync(`${dir}/other`));
  rmSync(more);
  const folder = await commands.run(
    ...["unlearn", "--from", trained, "--data", images, "--same-as", `${dir}/own`],
    ...["--forget-class", "dog", ...unlearning, "--out", `${dir}/folder`],
  );
  assert.is(folder.code, 2);
  assert.match(folder.err, /--same-as .*own: its D_f is the folder ".*gone".*--forget-data .*gone/);
});

test("folders of classes alone are learnt and forgotten, and what was held back stays held back", async () => {
  const flat = `${dir}/flat`;
  const files = Object.entries(await photos()).map(
    ([name, bytes]) => [name.replace(/^(train|test)\//, ""), bytes] as const,
  );
  write(flat, Object.fromEntries(files));
  const asked = await commands.run("train", "--data", flat, ...recipe, "--out", `${dir}/never`);
  assert.match(asked.err, /of CLASS\/\*\.jpg alone --test-share 0\.2 holds a fifth back/);
  const share = ["--data", flat, "--test-share", "0.3"];
  const made = await commands.run("train", ...share, ...recipe, "--out", `${dir}/flat-run`);
  assert.is(made.code, 0, made.err);
  const held = /(\d+) of the 30 images are held back to test on/.exec(made.err)?.[1];
  const count = of(`${dir}/flat-run`).of;
  assert.is(count + Number(held), 30);
  const gone = of(`${dir}/flat-run`).images[0]!.name;
  const unlearnt = await commands.run(
    ...["unlearn", "--run", `${dir}/flat-run`, ...unlearning, "--out", `${dir}/flat-gone`],
  );
  assert.is(unlearnt.code, 0, unlearnt.err);
  rmSync(`${flat}/${gone}`);
  const from = await commands.run(
    ...["unlearn", "--from", `${dir}/flat-gone`, ...share, "--forget-class", "dog", ...unlearning],
    ...["--out", `${dir}/flat-more`],
  );
  assert.is(from.code, 0, from.err);
  assert.is(of(`${dir}/flat-more`).of, count - 1);
  assert.match(from.err, new RegExp(`${held} of the 29 images are held back`));
  for (const [network, data, then] of [
    ["flat-run", flat, "with 0.3"],
    ["flat-gone", flat, "with 0.3"],
    ["flat-more/checkpoint.safetensors", flat, "with 0.3"],
    ["trained", `${images}/train`, "without one"],
  ] as const) {
    const other = await commands.run(
      ...["unlearn", "--from", `${dir}/${network}`, "--data", data, "--test-share", "0.2"],
      ...["--forget-class", "dog", ...unlearning, "--out", `${dir}/flat-never`],
    );
    assert.is(other.code, 2);
    assert.match(
      other.err,
      new RegExp(`--test-share 0\\.2: the network of .* was made ${then}\\.`),
    );
  }
  const apart = `${dir}/apart.safetensors`;
  cpSync(`${dir}/flat-gone/checkpoint.safetensors`, apart);
  const all = await commands.run(
    ...["unlearn", "--from", apart, "--data", flat, "--test-share", "0"],
    ...["--forget-class", "dog", ...unlearning, "--out", `${dir}/flat-all`],
  );
  assert.is(all.code, 0, all.err);
  assert.is(of(`${dir}/flat-all`).of, 29);
});

test("a command says where no level ends the rounds, and which one would", async () => {
  const said = async (...words: string[]): Promise<string> => {
    const { code, err } = await commands.run(
      ...["unlearn", "--method", "neg-grad", "--out", `${dir}/endless-${ran++}`, ...words],
    );
    assert.is(code, 0, err);
    return err;
  };
  let ran = 0;
  const gone = ["--forget-data", `${dir}/gone`];
  assert.match(
    await said("--run", trained),
    /note: all 6 rounds are run, .*: --until-unseen --land ends where D_f is answered as images/,
  );
  for (const words of [
    ["--run", `${dir}/wrong`],
    ["--from", trained, ...gone],
  ]) {
    assert.match(await said(...words), /all 6 rounds are run, .*: --until-share 0\.5 --land ends/);
  }
  for (const words of [
    ["--rounds", "1"],
    ["--until-loss", "0.001"],
  ]) {
    assert.not.match(await said("--run", trained, ...words), /rounds are run/);
  }
  const short = /note: the run ended by the rule "rounds" before it got to the level/;
  assert.match(await said("--run", trained, "--rounds", "1", "--until-loss", "99"), short);
  assert.not.match(await said("--run", trained, "--until-loss", "0.001"), short);
});

test("a finished unlearning is not shown for a network that was trained anew", async () => {
  const out = `${dir}/finished`;
  const words = ["unlearn", "--run", `${dir}/again`, "--forget-class", "cat", ...unlearning];
  cpSync(trained, `${dir}/again`, { recursive: true });
  assert.is((await commands.run(...words, "--out", out)).code, 0);
  const shown = await commands.run(...words, "--out", out);
  assert.match(shown.err, /holds the finished run of this configuration/);
  cpSync(`${dir}/wrong/checkpoint.safetensors`, `${dir}/again/checkpoint.safetensors`);
  const refused = await commands.run(...words, "--out", out);
  assert.is(refused.code, 1);
  assert.match(
    refused.err,
    /network checkpoint\.safetensors: the content is not what ".*finished" began with/,
  );
});

test("a run takes over no folder whose files are another's", async () => {
  const train = (out: string) => commands.run("train", "--data", images, ...recipe, "--out", out);
  const [weights, config] = [`${dir}/weights`, `${dir}/config`];
  write(weights, { "/checkpoint.safetensors": Buffer.from("mine") });
  write(config, { "/config.json": Buffer.from('{"mine":"precious"}') });
  const first = await train(weights);
  assert.is(first.code, 1);
  assert.match(
    first.err,
    /weights" holds checkpoint\.safetensors, and no config\.json that says what run it is of/,
  );
  assert.is(readFileSync(`${weights}/checkpoint.safetensors`, "utf8"), "mine");
  const second = await train(config);
  assert.is(second.code, 1);
  assert.match(second.err, /config" holds a run with another configuration/);
  assert.is(readFileSync(`${config}/config.json`, "utf8"), '{"mine":"precious"}');
  // A network whose configuration is gone is not taken for the result of another.
  cpSync(trained, `${dir}/bare`, { recursive: true });
  rmSync(`${dir}/bare/config.json`);
  assert.match(
    (await train(`${dir}/bare`)).err,
    /bare" holds checkpoint\.safetensors, and no config/,
  );
});

test("the folder of an unlearning is no training's, and where only D_f is left a command says which way to go", async () => {
  const unlearnt = `${dir}/told`;
  const asRun = await commands.run(
    "unlearn",
    "--run",
    unlearnt,
    "--forget-class",
    "cat",
    "--out",
    `${dir}/never`,
  );
  assert.is(asRun.code, 1);
  assert.match(asRun.err, /it is the folder of an unlearning.*--from .*told --data DIR/s);
  const asFile = await commands.run(
    "unlearn",
    "--from",
    unlearnt,
    "--forget-class",
    "cat",
    "--out",
    `${dir}/never`,
  );
  assert.is(asFile.code, 2);
  assert.match(
    asFile.err,
    /whose images are not read here: give --data DIR with it; --forget-data DIR/,
  );
  renameSync(images, `${dir}/moved`);
  const gone = await commands.run(
    "unlearn",
    "--run",
    trained,
    ...unlearning,
    "--out",
    `${dir}/never`,
  );
  assert.is(gone.code, 1);
  assert.match(
    gone.err,
    /its images were in ".*images", which is no longer there.*--from .* --forget-data DIR/s,
  );
  const nowhere = await commands.run(
    ...["train", "--dataset", "image-folder", "--data", images, ...recipe, "--out", `${dir}/never`],
  );
  assert.match(nowhere.err, /images: there is no such folder/);
  renameSync(`${dir}/moved`, images);
});

test("D_f alone: other options add to the folder's images, and --image-size counts", async () => {
  const large = Object.fromEntries(
    Object.entries(await photos(2 * side))
      .filter(([name]) => name.startsWith("train/"))
      .map(([name, bytes]) => [name.slice("train/".length), bytes]),
  );
  write(`${dir}/large`, large);
  const from = ["unlearn", "--from", `${dir}/bare.safetensors`, "--model", "mlp"];
  const exported = await commands.run(
    ...["export", `${trained}/checkpoint.safetensors`, "--format", "same"],
    ...["--out", `${dir}/bare.safetensors`],
  );
  assert.is(exported.code, 0, exported.err);
  assert.match(
    exported.err,
    /images are prepared as pixels from 0 to 1 minus the checkpoint's tensor "preprocessing\.mean", 6×6×3/,
  );
  writeFileSync(`${dir}/classes.txt`, classes.join("\n"));
  const given = ["--preprocess", "none", "--class-names", `${dir}/classes.txt`];
  const images = ["--forget-data", `${dir}/large`, "--forget-class", "cat"];
  const { code, err } = await commands.run(
    ...[...from, ...given, ...images, "--image-size", String(side), ...unlearning],
    ...["--out", `${dir}/alone`],
  );
  assert.is(code, 0, err);
  assert.match(err, /D_f is all 18 images/);
  const { model } = JSON.parse(readFileSync(`${dir}/alone/report.json`, "utf8")) as {
    model: string;
  };
  assert.match(model, /6×6×3/);
  // One by one, as the report of the run has them; the checkpoint says size and classes, its class is nobody's question.
  const asked = await commands.run(
    ...["classify", `${dir}/large/dog`, "--from", `${dir}/alone`, "--json"],
  );
  assert.is(asked.code, 0, asked.err);
  const { images: answers } = JSON.parse(asked.out) as {
    images: { image: string; class: string; confidence: number }[];
  };
  const { forgotten } = JSON.parse(readFileSync(`${dir}/alone/report.json`, "utf8")) as {
    forgotten: { answers: { image: string; after: { class: string; confidence: number } }[] };
  };
  assert.is(answers.length, 6);
  for (const { image, ...answer } of answers) {
    const there = forgotten.answers.find(({ image: name }) => name === `dog/${image}`)!;
    assert.equal(answer, there.after);
  }
  const text = await commands.run(
    ...["classify", `${dir}/large/dog`, ...from.slice(1), "--preprocess", "none"],
    ...["--image-size", String(side)],
  );
  assert.match(text.out, /^image +class +%\n─+\n0\.png +[012] +\d+\.\d\n/);
  assert.match(text.err, /does not name its classes.*--class-names names them/);
  const file = await commands.run("classify", `${dir}/classes.txt`, "--from", `${dir}/alone`);
  assert.is(file.code, 2);
  assert.match(file.err, /classes\.txt" is a file: give the folder of the images/);
  // As it was with one image, measured again from its folder.
  const measured = await commands.run("evaluate", "--run", `${dir}/alone`);
  assert.is(measured.code, 0, measured.err);
});

test.after(async () => {
  await commands.close();
  removeFolders();
});
test.run();
