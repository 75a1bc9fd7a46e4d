import { readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../src/data/dataset.ts";
import { loadPictureFiles } from "../../src/data/picture-files.ts";
import { errorOf, folderOf, removeFolders } from "./folder.ts";
import { picture, png } from "./pictures.ts";

/** 300 pictures of 3×3 pixels, each of a colour of its own. */
async function sample(): Promise<{ dir: string; paths: string[] }> {
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < 300; i++) {
    files[`${i}.png`] = await png(picture(3, 3, [i % 256, i >> 8, 7]));
  }
  const dir = folderOf(files);
  return { dir, paths: Object.keys(files).map((name) => `${dir}/${name}`) };
}

const settings = { channels: 3, size: 3, resize: false } as const;

test("threads give the pixels one thread gives, in the files' order", async () => {
  const { paths } = await sample();
  const task = { ...settings, paths };
  const alone = await loadPictureFiles(task, { threads: 1, cache: null });
  for (let i = 0; i < 300; i++) {
    assert.equal([...alone.subarray(27 * i, 27 * i + 3)], [i % 256, i >> 8, 7]);
  }
  assert.equal(await loadPictureFiles(task, { threads: 3, cache: null }), alone);
});

test("the first bad file is named, whichever thread meets it", async () => {
  const { dir, paths } = await sample();
  for (const bad of [5, 290]) writeFileSync(`${dir}/${bad}.png`, "no picture");
  for (const threads of [1, 3]) {
    const error = await errorOf(loadPictureFiles({ ...settings, paths }, { threads, cache: null }));
    assert.instance(error, DataError);
    assert.match(error.message, /\/5\.png: neither a JPEG nor a PNG/);
  }
});

test("a second start reads the cache; a changed source or another setting does not", async () => {
  const { dir, paths } = await sample();
  const cache = folderOf();
  const task = { ...settings, paths };
  const load = (changes: Partial<typeof task> = {}): Promise<Uint8Array> =>
    loadPictureFiles({ ...task, ...changes } as typeof task, { cache });
  const first = await load();
  const [file] = readdirSync(cache);
  // Proof that it is read: other bytes with a valid digest come back as they are.
  const forged = new Uint8Array(first.length).fill(9);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", forged));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  writeFileSync(`${cache}/${file!}`, Buffer.concat([Buffer.from(hex), forged]));
  assert.equal(await load(), forged);
  // Touched, then replaced: read from the sources again.
  utimesSync(`${dir}/0.png`, 1, 1);
  assert.equal(await load(), first);
  writeFileSync(`${dir}/0.png`, await png(picture(3, 3, [1, 2, 3])));
  assert.equal([...(await load()).subarray(0, 3)], [1, 2, 3]);
  assert.is((await load({ paths: paths.slice(1) })).length, 27 * 299);
});

test("a damaged or cut cache is made again", async () => {
  const { paths } = await sample();
  const cache = folderOf();
  const task = { ...settings, paths };
  const first = await loadPictureFiles(task, { cache });
  const file = `${cache}/${readdirSync(cache)[0]!}`;
  const good = readFileSync(file);
  for (const bad of [
    good.subarray(0, 100),
    Buffer.from(good.map((b, i) => (i === 500 ? b ^ 1 : b))),
  ]) {
    writeFileSync(file, bad);
    assert.equal(await loadPictureFiles(task, { cache }), first);
    assert.equal(readFileSync(file), good);
  }
});

test.after(removeFolders);
test.run();
