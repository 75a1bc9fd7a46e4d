import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../src/errors.ts";
import { cacheFiles, cacheLimit, clearCache } from "../../src/data/image-cache.ts";
import { loadImageFiles, loadSquares } from "../../src/data/image-files.ts";
import { Remarks } from "../../src/data/remarks.ts";
import { errorOf, folderOf, removeFolders } from "./folder.ts";
import { image, png } from "./images.ts";

/** 300 images of 3×3 pixels, each of a colour of its own. */
async function drawn(): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < 300; i++) {
    files[`${i}.png`] = await png(image(3, 3, [i % 256, i >> 8, 7]));
  }
  return files;
}

const once = drawn();

/** A folder of its own with the images. */
async function sample(): Promise<{ dir: string; paths: string[] }> {
  const files = await once;
  const dir = folderOf(files);
  return { dir, paths: Object.keys(files).map((name) => `${dir}/${name}`) };
}

const settings = { channels: 3, size: 3, resize: false } as const;

test("threads give the pixels one thread gives, in the files' order", async () => {
  const { paths } = await sample();
  const task = { ...settings, paths };
  const alone = await loadImageFiles(task, { threads: 1, cache: null });
  for (let i = 0; i < 300; i++) {
    assert.equal([...alone.subarray(27 * i, 27 * i + 3)], [i % 256, i >> 8, 7]);
  }
  assert.equal(await loadImageFiles(task, { threads: 3, cache: null }), alone);
});

test("the first bad file is named, whichever thread meets it", async () => {
  const { dir, paths } = await sample();
  for (const bad of [5, 290]) writeFileSync(`${dir}/${bad}.png`, "no image");
  for (const threads of [1, 3]) {
    const error = await errorOf(loadImageFiles({ ...settings, paths }, { threads, cache: null }));
    assert.instance(error, DataError);
    assert.match(error.message, /\/5\.png: neither a JPEG nor a PNG/);
  }
});

test("a second start reads the cache; a changed source or another setting does not", async () => {
  const { dir, paths } = await sample();
  const cache = folderOf();
  const task = { ...settings, paths };
  const load = (changes: Partial<typeof task> = {}): Promise<Uint8Array> =>
    loadImageFiles({ ...task, ...changes } as typeof task, { cache });
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
  writeFileSync(`${dir}/0.png`, await png(image(3, 3, [1, 2, 3])));
  assert.equal([...(await load()).subarray(0, 3)], [1, 2, 3]);
  assert.is((await load({ paths: paths.slice(1) })).length, 27 * 299);
});

/** For what a cache holds, however many threads have decoded it: each takes time to start. */
const threads = 1;

test("a damaged or cut cache is made again", async () => {
  const { paths } = await sample();
  const cache = folderOf();
  const task = { ...settings, paths };
  const first = await loadImageFiles(task, { cache, threads });
  const file = `${cache}/${readdirSync(cache)[0]!}`;
  const good = readFileSync(file);
  for (const bad of [
    good.subarray(0, 100),
    Buffer.from(good.map((b, i) => (i === 500 ? b ^ 1 : b))),
  ]) {
    writeFileSync(file, bad);
    assert.equal(await loadImageFiles(task, { cache, threads }), first);
    assert.equal(readFileSync(file), good);
  }
});

/** What a function says on stderr. */
test("a large cache is kept in parts; one lost or damaged part makes it again", async () => {
  const { paths } = await sample();
  const cache = folderOf();
  const task = { ...settings, paths };
  // 8,100 bytes: two parts of 3,000, one of 2,100; the second one's pixels start within an image.
  const load = (): Promise<Uint8Array> => loadImageFiles(task, { cache, threads, partBytes: 3000 });
  const first = await load();
  const files = readdirSync(cache).sort();
  assert.is(files.length, 3);
  const sizes = files.map((file) => readFileSync(`${cache}/${file}`).length);
  assert.equal(
    sizes.sort((a, b) => a - b),
    [2164, 3064, 3064],
  );
  assert.equal(await load(), first);
  for (const file of files) {
    const path = `${cache}/${file}`;
    const good = readFileSync(path);
    for (const spoil of [
      () => rmSync(path),
      () => writeFileSync(path, good.subarray(0, 1000)),
      () =>
        writeFileSync(
          path,
          good.map((b, i) => (i === 500 ? b ^ 1 : b)),
        ),
    ]) {
      spoil();
      assert.equal(await load(), first);
      assert.equal(readFileSync(path), good);
    }
  }
  // Parts of another size are not taken for these, nor these for them.
  const whole = await loadImageFiles(task, { cache, threads });
  assert.equal(whole, first);
  assert.equal(await load(), first);
});

test("what is wrong with the cache is said in a line and ends nothing", async () => {
  const { paths } = await sample();
  const task = { ...settings, paths };
  const plain = await loadImageFiles(task, { cache: null, threads });
  const file = `${folderOf({ file: "" })}/file`;
  const load = async (cache: string): Promise<string[]> => {
    const remarks = new Remarks();
    assert.equal(await loadImageFiles(task, { cache, threads, partBytes: 3000, remarks }), plain);
    return remarks.notes(String);
  };
  // The folder is a file.
  const [refused, ...more] = await load(`${file}/cache`);
  assert.match(refused!, /^the cache of decoded images is not written: cannot make /);
  assert.is(more.length, 0);
  // The second part cannot be written: the first is of no use, and taken away again.
  const cache = folderOf();
  await load(cache);
  const names = readdirSync(cache).sort();
  const second = names.find((name) => name.endsWith("-1.bin"))!;
  rmSync(`${cache}/${second}`);
  mkdirSync(`${cache}/${second}/in`, { recursive: true });
  const [line] = await load(cache);
  assert.match(line!, /^the cache of decoded images is not written: cannot write /);
  assert.equal(
    readdirSync(cache).filter((name) => name.endsWith(".bin")),
    [],
  );
});

test("the cache is its owner's alone and has a bound: what was not used for longest makes room", async () => {
  const cache = folderOf();
  const limit = process.env["REWIND_CACHE_LIMIT"];
  const task = { ...settings, paths: (await sample()).paths };
  const load = (size: number): Promise<unknown> =>
    loadImageFiles({ ...task, size, resize: true }, { cache, threads });
  const sizes = async (): Promise<number[]> =>
    (await cacheFiles(cache)).map(({ size }) => size).sort((a, b) => a - b);
  try {
    await load(8);
    await load(9);
    const [first, second] = await sizes();
    for (const [i, { path }] of (await cacheFiles(cache)).entries()) {
      assert.is(statSync(path).mode & 0o777, 0o600);
      utimesSync(path, 1e9 + i, 1e9 + i);
    }
    assert.is(cacheLimit(), 8 * 2 ** 30);
    // Reading counts as use: the larger set goes, though it is the younger.
    await load(8);
    process.env["REWIND_CACHE_LIMIT"] = String((2.5 * first!) / 2 ** 30);
    await load(7);
    assert.not((await sizes()).includes(second!));
    assert.ok((await sizes()).includes(first!));
    process.env["REWIND_CACHE_LIMIT"] = "1e-9";
    const before = await sizes();
    await load(6);
    assert.equal(await sizes(), before, "what is larger than the bound is not kept");
    process.env["REWIND_CACHE_LIMIT"] = "much";
    assert.throws(cacheLimit, /REWIND_CACHE_LIMIT is "much": it takes a number of GiB/);
    writeFileSync(`${cache}/mine.txt`, "");
    assert.is((await clearCache(cache)).length, before.length);
    assert.equal(readdirSync(cache), ["mine.txt"]);
    assert.equal(await clearCache(`${cache}/none`), []);
  } finally {
    if (limit === undefined) delete process.env["REWIND_CACHE_LIMIT"];
    else process.env["REWIND_CACHE_LIMIT"] = limit;
  }
});

test("squares of one smaller size stay; else each is resized", async () => {
  const { dir, paths } = await sample();
  const task = { paths, channels: 3, size: 6, resize: true } as const;
  const own = await loadImageFiles({ ...settings, paths }, { cache: null });
  for (const threads of [1, 3]) {
    const options = { threads, cache: null };
    const kept = await loadSquares(task, 3, options);
    assert.equal([kept.height, kept.width, kept.stored], [6, 6, { height: 3, width: 3 }]);
    assert.equal(kept.pixels, own);
  }
  writeFileSync(`${dir}/299.png`, await png(image(4, 3, [1, 2, 3])));
  for (const threads of [1, 3]) {
    const resized = await loadSquares(task, 3, { threads, cache: null });
    assert.equal(
      [resized.height, resized.stored, resized.pixels.length],
      [6, undefined, 108 * 300],
    );
  }
  writeFileSync(`${dir}/5.png`, "no image");
  for (const threads of [1, 3]) {
    const error = await errorOf(loadSquares(task, 3, { threads, cache: null }));
    assert.match(error.message, /\/5\.png: neither a JPEG nor a PNG/);
  }
});

test.after(removeFolders);
test.run();
