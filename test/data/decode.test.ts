// Kinds of image files: what is read, what is refused, and that a bad file harms no other.
import { existsSync, readFileSync } from "node:fs";
import { zlibSync } from "fflate";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { decodeImage } from "../../src/data/decode.ts";
import { DataError } from "../../src/errors.ts";
import { sharedFile, skip } from "../shared.ts";
import { errorOf } from "./folder.ts";
import { image, jpeg, noisyJpeg, png } from "./images.ts";
import { chunk, head, pngKinds, signature } from "./png-kinds.ts";
import { webps } from "./webp-kinds.ts";

/** The place of a marker. */
const markerAt = (bytes: Uint8Array, ...markers: readonly number[]): number =>
  bytes.findIndex((byte, i) => byte === 0xff && markers.includes(bytes[i + 1]!));

/** A file with bytes put in at a place. */
const inserted = (bytes: Uint8Array, at: number, more: ArrayLike<number>): Uint8Array =>
  Uint8Array.from([...bytes.subarray(0, at), ...Array.from(more), ...bytes.subarray(at)]);

/** The same file with other bytes at a place. */
const changed = (bytes: Uint8Array, at: number, ...values: readonly number[]): Uint8Array => {
  const other = bytes.slice();
  other.set(values, at);
  return other;
};

async function refused(bytes: Uint8Array, message: RegExp): Promise<void> {
  const error = await errorOf(decodeImage(bytes, "dir/x.img"));
  assert.instance(error, DataError);
  assert.ok(error.message.startsWith("dir/x.img: "), error.message);
  assert.match(error.message, message);
}

/** An EXIF segment (APP1) that says how the image is to be turned. */
const exif = (orientation: number): number[] => [
  ...[0xff, 0xe1, 0, 34, ...Buffer.from("Exif\0\0MM\0*", "latin1"), 0, 0, 0, 8, 0, 1],
  ...[0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0],
];

test("PNG files of every colour type and depth", async () => {
  for (const [name, [bytes, rgb, transparent = false]] of Object.entries(pngKinds)) {
    const decoded = await decodeImage(bytes, name);
    assert.equal([decoded.width, decoded.height, decoded.transparent], [8, 8, transparent], name);
    for (let p = 0; p < 64; p++) {
      assert.equal([...decoded.data.subarray(4 * p, 4 * p + 3)], rgb, `${name}, pixel ${p}`);
    }
  }
});

test("WebP files, with and without loss; transparency and orientation are left aside and told", async () => {
  for (const [name, turned, transparent] of [
    ["lossless", false, false],
    ["lossy", false, false],
    ["clear", false, true],
    ["turned", true, false],
  ] as const) {
    const decoded = await decodeImage(webps[name], name);
    const { width, height, data } = decoded;
    assert.equal([width, height], [8, 6], name);
    assert.equal([decoded.turned, decoded.transparent], [turned, transparent], name);
    [200, 100, 50].forEach((value, i) => assert.ok(Math.abs(data[i]! - value) <= 3, name));
  }
  await refused(webps.several, /a WebP file of several images/);
  await refused(webps.lossy.subarray(0, 50), /this WebP file is cut short/);
  await refused(changed(webps.lossless, 20, 0), /WebP file is damaged/);
});

test("an orientation is told and not applied, as torchvision does", async () => {
  const marked = image(8, 8, [10, 20, 220]);
  for (let i = 0; i < 8 * 4 * 4; i += 4) marked.data.set([220, 30, 30], i);
  const plain = await jpeg(marked);
  const turned = await decodeImage(inserted(plain, 2, exif(3)), "turned.jpg");
  assert.is(turned.turned, true);
  assert.ok(turned.data[0]! > 180);
  assert.is((await decodeImage(inserted(plain, 2, exif(1)), "upright.jpg")).turned, false);
  assert.is((await decodeImage(plain, "plain.jpg")).turned, false);
  const body = exif(6).slice(10);
  const [bytes] = pngKinds["rgb8"]!;
  const eXIf = inserted(bytes, 33, chunk("eXIf", body));
  assert.is((await decodeImage(eXIf, "turned.png")).turned, true);
});

test("kinds are told by content; those that are not read are named", async () => {
  const cases: readonly [string, RegExp][] = [
    ["GIF89a\x01\0\x01\0", /a GIF image, which is not read; convert it to PNG or JPEG/],
    ["BM\x36\0\0\0\0\0\0\0\x36\0", /a BMP image/],
    ["II*\0\x08\0\0\0", /a TIFF image/],
    ["\0\0\0\x20ftypavif\0\0\0\0", /an AVIF image/],
    ["\0\0\0\x20ftypheic\0\0\0\0", /an? HEIC image/],
    ["\0\0\0\x0cJXL \r\n\x87\n", /a JPEG XL image/],
    ["version https://git-lfs.github.com/spec/v1\noid", /a Git LFS pointer.*git lfs pull/],
    ["<!DOCTYPE html><html>", /a web page/],
    ["", /an empty file/],
    ["BMW and other cars", /neither a JPEG nor a PNG/],
  ];
  for (const [text, message] of cases) await refused(Buffer.from(text, "latin1"), message);
});

test("damage that libjpeg only warns of is refused; stray bytes that cost nothing are not", async () => {
  const good = await noisyJpeg();
  const pixels = (await decodeImage(good, "good.jpg")).data;
  const scan = markerAt(good, 0xda);
  const middle = (scan + good.length) >> 1;
  const noise = Uint8Array.from({ length: 200 }, (_, i) => (i * 89 + 17) % 251);
  await refused(changed(good, middle, ...noise), /JPEG file is damaged \(/);
  await refused(changed(good, middle, ...new Uint8Array(400)), /JPEG file is damaged \(/);
  // The end marker is there, a quarter of the pixels is not.
  const short = Uint8Array.from([...good.subarray(0, middle), 0xff, 0xd9]);
  await refused(short, /JPEG file is damaged \(.*premature end/);
  await refused(inserted(good, good.length - 2, noise), /\d+ extraneous bytes/);
  const harmless = [
    inserted(good, good.length, noise),
    inserted(good, good.length - 2, [7, 8, 9]),
    inserted(good, good.length - 2, new Uint8Array(200)),
    inserted(good, scan, [1, 2, 3]),
    inserted(good, 2, exif(1)),
    // JFIF 9.1; a colour transform that Adobe never had.
    changed(good, 11, 9),
    inserted(good, 2, [0xff, 0xee, 0, 14, ...Buffer.from("Adobe"), 0, 100, 0, 0, 0, 0, 7]),
  ];
  for (const [i, bytes] of harmless.entries()) {
    assert.equal((await decodeImage(bytes, `harmless ${i}`)).data, pixels, `harmless ${i}`);
  }
  // A harmless oddity hides no damage behind it.
  const both = changed(changed(good, middle, ...new Uint8Array(400)), 11, 9);
  await refused(inserted(both, scan, [1, 2, 3]), /JPEG file is damaged \(/);
});

test("a JPEG file in CMYK, and one that is coded in a way that is not read, say so", async () => {
  const good = await jpeg(image(8, 8, [1, 2, 3]));
  const frame = markerAt(good, 0xc0, 0xc1, 0xc2);
  await refused(changed(good, frame + 9, 4), /CMYK, which is not read; convert it to RGB/);
  await refused(changed(good, frame + 1, 0xc9), /arithmetic coding, which is not read/);
  await refused(changed(good, frame + 4, 12), /12 bits a sample, which is not read/);
});

test("a header that says too much is refused before anything is allocated", async () => {
  const good = await jpeg(image(8, 8, [1, 2, 3]));
  const frame = markerAt(good, 0xc0, 0xc1, 0xc2);
  const side = [20000 >> 8, 20000 & 255];
  await refused(changed(good, frame + 5, ...side, ...side), /20000×20000 pixels.*100 million/);
  await refused(changed(good, frame + 5, 0, 0), /×0 pixels/);
  const large = Buffer.from([0, 0, 0x4e, 0x20, 0, 0, 0x4e, 0x20, 8, 2, 0, 0, 0]);
  const parts = [signature, chunk("IHDR", large), chunk("IDAT", [1]), chunk("IEND", [])];
  await refused(Buffer.concat(parts), /20000×20000 pixels/);
  const wide = changed(webps.lossless, 21, 0xff, 0xff, 0xff, 0x0f);
  await refused(wide, /16384×16384 pixels/);
  // Below 100 million, and more than the few bytes can hold.
  const most = [9999 >> 8, 9999 & 255];
  await refused(changed(good, frame + 5, ...most, ...most), /9999×9999 pixels.*bytes can hold/);
  await refused(changed(webps.lossless, 21, 0x0e, 0xa7, 0xc3, 0x09), /9999×9999 pixels/);
  const black = zlibSync(new Uint8Array(9999 * 1251), { level: 9 });
  const side32 = [0, 0, ...most];
  const bits = chunk("IHDR", [...side32, ...side32, 1, 0, 0, 0, 0]);
  const plain = Buffer.concat([signature, bits, chunk("IDAT", black), chunk("IEND", [])]);
  await refused(plain, /9999×9999 pixels/);
});

test("a JPEG header cannot hide behind a marker that stands alone", async () => {
  const good = await jpeg(image(8, 8, [1, 2, 3]));
  const at = markerAt(good, 0xc0, 0xc1, 0xc2);
  const end = at + 2 + good[at + 2]! * 256 + good[at + 3]!;
  const large = good.slice(at, end);
  large.set([0x4e, 0x20, 0x4e, 0x20], 5);
  // A restart marker has no length; taken for one, the header behind it would be passed over.
  const skipped = [0xff, 0xd0, 0, large.length + 4, ...large, 0xff, 0xfe];
  await refused(inserted(good, at, skipped), /damaged|20000×20000/);
  const comment = [0xff, 0xd0, ...large, 0xff, 0xfe, 0, 2 + end - at];
  await refused(inserted(good, at, comment), /20000×20000/);
});

test("a JPEG file of more scans than can be decoded in time is refused", async () => {
  const good = await noisyJpeg();
  const scan = good.subarray(markerAt(good, 0xda), good.length - 2);
  const frame = markerAt(good, 0xc0, 0xc1, 0xc2);
  const scans = Buffer.concat([
    ...Array.from({ length: 600 }, () => scan),
    Uint8Array.of(0xff, 0xd9),
  ]);
  const side = [2000 >> 8, 2000 & 255];
  const many = inserted(changed(good, frame + 5, ...side, ...side), good.length - 2, scans);
  await refused(many, /\d+ scans of 2000×2000 pixels, which take too long/);
});

test("a PNG file with one changed bit anywhere is refused", async () => {
  const good = await png(image(16, 16, [1, 200, 3], [90, 80, 70]));
  for (let at = 8; at < good.length; at++) {
    await refused(changed(good, at, good[at]! ^ (1 << (at % 8))), /PNG file is|pixels/);
  }
  for (let length = 4; length < good.length; length++) {
    await refused(good.subarray(0, length), /PNG file is/);
  }
});

test("a PNG file whose checksums were mended after its pixels were not is refused", async () => {
  const raw = Uint8Array.from({ length: 8 * 25 }, (_, i) => (i % 25 === 0 ? 0 : i));
  const packed = zlibSync(raw, { level: 0 });
  const of = (data: Uint8Array, width = 8) =>
    Buffer.concat([signature, head(8, 2, 0, width), chunk("IDAT", data), chunk("IEND", [])]);
  assert.is((await decodeImage(of(packed), "x")).width, 8);
  // Stored, not packed: bytes 7 and on are the pixels themselves.
  await refused(of(changed(packed, 40, packed[40]! ^ 4)), /checksum of its pixels/);
  await refused(of(packed, 9), /fewer pixels than its header/);
  await refused(of(zlibSync(raw.subarray(0, 100))), /fewer pixels than its header/);
});

test("after bad files of every kind, more than memory would hold, good ones are read", async () => {
  const goods = [await jpeg(image(8, 8, [9, 9, 9])), pngKinds["rgb8"]![0], webps.lossless];
  // Huffman codes and a filter that cannot be: the decoder gives up in the middle.
  const table = markerAt(goods[0]!, 0xc4);
  const raw = Uint8Array.from({ length: 8 * 25 }, (_, i) => (i % 25 === 0 ? 9 : i));
  const filter = chunk("IDAT", zlibSync(raw));
  const bads = [
    changed(goods[0]!, table + 5, ...Array.from({ length: 16 }, () => 255)),
    Buffer.concat([signature, head(8, 2), filter, chunk("IEND", [])]),
    changed(webps.lossless, 26, 0xff, 0xff, 0xff),
  ];
  for (let i = 0; i < 70; i++) {
    for (const bad of bads) await refused(bad, /file is damaged/);
  }
  for (const good of goods) assert.is((await decodeImage(good, "good")).width, 8);
});

test("files decoded at the same time keep their own messages", async () => {
  const good = await noisyJpeg();
  const bad = Uint8Array.from([...good.subarray(0, good.length >> 1), 0xff, 0xd9]);
  const results = await Promise.allSettled(
    [good, bad, good, bad, good].map((bytes) => decodeImage(bytes, "x")),
  );
  assert.equal(
    results.map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled", "rejected", "fulfilled"],
  );
});

test("files as users have them", async () => {
  const dir = sharedFile("cases/jpeg");
  if (!existsSync(dir)) return skip("cases/jpeg");
  const read = (name: string): Uint8Array => new Uint8Array(readFileSync(`${dir}/${name}`));
  await refused(read("overwritten_200_bytes.jpg"), /JPEG file is damaged/);
  await refused(read("cmyk.jpg"), /CMYK, which is not read; convert it to RGB/);
  const turned = await decodeImage(read("exif180.jpg"), "exif180.jpg");
  assert.equal([...turned.data.subarray(0, 3)], [220, 30, 30]);
  assert.is(turned.turned, true);
  const small = read("c32.jpg");
  const frame = markerAt(small, 0xc0, 0xc1, 0xc2);
  const side = [20000 >> 8, 20000 & 255];
  await refused(changed(small, frame + 5, ...side, ...side), /20000×20000 pixels/);
  for (let i = 0; i < 70; i++) {
    await refused(read("jpeg-poison-296.bin"), /JPEG file is damaged \(Bogus Huffman/);
  }
  assert.is((await decodeImage(small, "c32.jpg")).width, 32);
});

test.run();
