// The file of measured tiles: what it is for, and what becomes of one that does not fit.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { UsageError } from "../../src/errors.ts";
import { acquireDevice, type DeviceOptions } from "../../src/gpu/device.ts";
import {
  clearTuned,
  readTuned,
  tableOf,
  type TunedChoice,
  tunedPath,
  type TunedTable,
  writeTuned,
} from "../../src/gpu/tuned.ts";
import { errorOf, folderOf, removeFolders } from "../data/folder.ts";
import { closeGpus, testGpu } from "../device.ts";

const timed = { tile: { VT: 1, WG: 8 }, ms: 2 };
const choice: TunedChoice = {
  ...{ product: "gemm/product 8 × 8 × 8", kernel: "a kernel", shader: "its digest" },
  ...{ tile: { VT: 2, WG: 16 }, ms: 1, usual: timed, runnerUp: timed },
};

const before = process.env["REWIND_CACHE"];

/** Runs work with an empty cache folder of its own. */
async function withCache(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = `${folderOf()}/cache`;
  process.env["REWIND_CACHE"] = folder;
  try {
    await work(folder);
  } finally {
    if (before === undefined) delete process.env["REWIND_CACHE"];
    else process.env["REWIND_CACHE"] = before;
  }
}

/** How many choices a device has that is opened now. */
async function opened(options: DeviceOptions = {}): Promise<number> {
  using gpu = await acquireDevice(options);
  return gpu.tuned.size;
}

test("what is kept for an adapter, devices on it have, but for those that are to have none", async () => {
  await withCache(async (folder) => {
    const { adapter } = await testGpu();
    const path = (await tunedPath(adapter))!;
    assert.is(dirname(path), folder);
    assert.equal(await readTuned(adapter), { path });
    assert.is(await opened(), 0);
    assert.not(await clearTuned(adapter));

    await writeTuned(adapter, path, [choice]);
    assert.equal(readdirSync(folder).length, 1, "no temporary file is left");
    const { table } = await readTuned(adapter);
    assert.equal(table!.choices, [choice]);
    assert.is(await opened(), 1);
    assert.is(await opened({ tuned: false }), 0);
    const other = { ...choice, kernel: "another" };
    assert.is(await opened({ tuned: { ...table!, choices: [choice, other] } }), 2);
    const elsewhere = { ...adapter, device: "another" };
    assert.is.not(await tunedPath(elsewhere), path);
    assert.is((await readTuned(elsewhere)).table, undefined);

    assert.ok(await clearTuned(adapter));
    assert.is(await opened(), 0);

    process.env["REWIND_CACHE"] = "off";
    assert.equal(await readTuned(adapter), { path: null });
    assert.is(await opened(), 0);
  });
});

test("a file for another driver, runtime or version is not used, which is said; nor is a damaged one", async () => {
  await withCache(async () => {
    const { adapter } = await testGpu();
    const path = (await tunedPath(adapter))!;
    await writeTuned(adapter, path, [choice]);
    const whole = readFileSync(path, "utf8");
    const good = JSON.parse(whole) as TunedTable;
    for (const name of ["version", "runtime", "driver"]) {
      writeFileSync(path, JSON.stringify({ ...good, adapter: { ...good.adapter, [name]: "old" } }));
      const { table, problem } = await readTuned(adapter);
      assert.is(table, undefined);
      assert.match(problem!, `for ${name} "old", and here it is "${good.adapter[name]}"`);
      assert.is(await opened(), 0);
    }
    const damaged = [
      "",
      whole.slice(0, -20),
      whole.replace('"ms": 1', '"ms": "1"'),
      whole.replace("tiles 1", "tiles 2"),
      "[]",
      "null",
      '{"format": "rewind tiles 1"}',
    ];
    for (const text of damaged) {
      writeFileSync(path, text);
      const { table, problem } = await readTuned(adapter);
      assert.is(table, undefined, text);
      assert.ok(problem!.includes(path), problem);
      assert.is(await opened(), 0);
      assert.is(readFileSync(path, "utf8"), text, "it is not repaired");
    }
    writeFileSync(path, whole);
    assert.is(await opened(), 1);
  });
});

test("a table that a program gives is refused where it is none", async () => {
  const table = await tableOf((await testGpu()).adapter, [choice]);
  for (const [tuned, says] of [
    [{ ...table, format: "rewind tiles 2" }, /acquireDevice: `tuned.*format`/],
    [{ ...table, choices: [{ ...choice, tile: null }] }, /`tuned.choices\[0\].tile`/],
    ["yes", /`tuned`/],
  ] as const) {
    const error = await errorOf(acquireDevice({ tuned } as unknown as DeviceOptions));
    assert.instance(error, UsageError);
    assert.match(error.message, says);
  }
});

test.after(removeFolders);
test.after(closeGpus);
test.run();
