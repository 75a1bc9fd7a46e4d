// A short run of the fuzzer, whose inputs are fixed by number and seed, and what watches it.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { campaign } from "./campaign.ts";
import { formsOf, inputOf } from "./inputs.ts";
import { readers } from "./readers.ts";
import { Watched } from "./watch.ts";

const scratch = mkdtempSync(`${tmpdir()}/rewind-fuzz-test-`);
/** As long as a slow machine that does other work may need for a file that takes milliseconds. */
const patient = { milliseconds: 120_000, bytes: 2 ** 30 };

test("changed files of every kind are read or refused by an error of ours, within bounds", async () => {
  const tallies = await campaign({
    names: readers.map(({ name }) => name),
    seed: 11,
    inputs: 20,
    limits: patient,
    processes: 1,
    keep: `${scratch}/kept`,
  });
  for (const { reader, inputs, read, refused, crashes, hangs, above, raw, kept } of tallies) {
    assert.equal([crashes, hangs, above, raw], [0, 0, 0, 0], `${reader}: ${kept.join()}`);
    assert.equal([inputs, read + refused], [20, 20], reader);
    assert.ok(refused > 0, `${reader} refuses nothing`);
  }
});

test("every reader reads the files that the changes begin with", async () => {
  for (const { name, read, forms } of readers) {
    for (const { seeds, packed } of await forms()) {
      const [first] = seeds;
      const dir = mkdtempSync(`${scratch}/seed-`);
      // One of them is no image on purpose.
      if (name !== "image") await read(new Uint8Array(packed?.(first!) ?? first!), dir);
    }
  }
});

test("an input is known by its reader, seed and number, whenever it is made", async () => {
  for (const reader of readers) {
    const inputs = async (from: number): Promise<Uint8Array[]> => {
      const forms = await formsOf(reader);
      return Array.from({ length: 20 }, (_, i) => inputOf(reader, forms, 5, from + i));
    };
    const first = await inputs(0);
    assert.equal(await inputs(0), first, reader.name);
    assert.not.equal(await inputs(20), first, reader.name);
  }
});

test("memory of whoever starts the process is not counted", async () => {
  const held = new Uint8Array(2 ** 29).fill(1);
  const watched = new Watched(`${scratch}/peak`, patient);
  const { peak } = await watched.run({ reader: "idx", seed: 0, from: 0, count: 1 });
  watched.close();
  assert.ok(peak > 0 && peak < held.length, `${peak} bytes`);
});

test("a hang, a crash, memory and an error of the runtime's are found, and the inputs after them read", async () => {
  const faulty = fileURLToPath(new URL("faulty.ts", import.meta.url));
  const limits = { milliseconds: 8000, bytes: 400 * 2 ** 20 };
  const watched = new Watched(scratch, limits, faulty);
  const found: [string, number][] = [];
  let read = 0;
  for (let at = 0; at < 6;) {
    const part = await watched.run({ reader: "none", seed: 0, from: at, count: 6 - at });
    for (const { fault, index } of part.findings) found.push([fault, index]);
    read += part.read;
    at = part.next;
  }
  watched.close();
  assert.equal(found, [
    ["hang", 1],
    ["crash", 2],
    ["memory", 3],
    ["raw", 4],
  ]);
  assert.ok(read >= 2);
});

test.after(() => rmSync(scratch, { recursive: true, force: true }));
test.run();
