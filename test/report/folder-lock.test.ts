// The lock of a run folder: one process at a time, and none that a crash leaves stuck.
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../src/errors.ts";
import { FolderLock } from "../../src/report/folder-lock.ts";
import { RunFolder } from "../../src/report/run-folder.ts";

const root = mkdtempSync(`${tmpdir()}/rewind-lock-`);
const file = `${root}/.lock`;

interface Written {
  token: string;
  process: { place: string; machine: string; number: number; started?: string };
}

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    assert.instance(error, DataError);
    return (error as Error).message;
  }
  return assert.unreachable("was not refused") as never;
}

/** Takes the lock, changes what stands in it, and forgets that this process holds it. */
async function left(change: (lock: Written) => void, secondsAgo = 0): Promise<void> {
  const lock = await FolderLock.take(root);
  const written = JSON.parse(readFileSync(file, "utf8")) as Written;
  await lock.release();
  change(written);
  writeFileSync(file, JSON.stringify(written));
  const then = Date.now() / 1000 - secondsAgo;
  utimesSync(file, then, then);
}

async function isFree(): Promise<void> {
  const lock = await FolderLock.take(root);
  await lock.release();
  assert.not(existsSync(file));
}

test("a lock that this process could not remove when it gave the folder free does not shut it out", async () => {
  await left(() => undefined);
  await isFree();
});

test("a folder is of one process at a time, which the error names", async () => {
  const lock = await FolderLock.take(root);
  const message = await refusal(FolderLock.take(root));
  assert.match(message, new RegExp(`is in use: process ${process.pid} on ".+", since 20.*\`out\``));
  await lock.release();
  await isFree();
  await lock.release();
});

test("a process that was killed holds nothing, also where its number is another's by now", async () => {
  await left((lock) => {
    lock.process.number = 2 ** 22 + 1;
    delete lock.process.started;
  });
  await isFree();
  if (existsSync("/proc/self/stat")) {
    await left((lock) => (lock.process.started = "1"));
    await isFree();
  }
});

test("on another machine a process counts as ended when it has been silent for minutes", async () => {
  const elsewhere = (lock: Written): void => {
    lock.process.place = "elsewhere";
    lock.process.machine = "the other one";
  };
  await left(elsewhere, 200);
  const message = await refusal(FolderLock.take(root));
  assert.match(message, /on "the other one".*free 5 minutes after that, or at once without/);
  const then = Date.now() / 1000 - 301;
  utimesSync(file, then, then);
  await isFree();
});

test("a lock that nobody can read is of a process that was killed while it wrote it", async () => {
  writeFileSync(file, '{"tok');
  assert.match(await refusal(FolderLock.take(root)), /in use: another process/);
  const then = Date.now() / 1000 - 11;
  utimesSync(file, then, then);
  await isFree();
});

test("of many that find a dead lock one gets the folder", async () => {
  await left((lock) => (lock.process.started = "1"));
  const tries = await Promise.allSettled(Array.from({ length: 20 }, () => FolderLock.take(root)));
  const got = tries.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  assert.is(got.length, 1);
  await got[0]!.release();
});

test("a claimed folder is free again when it is closed, or could not be opened", async () => {
  const path = `${root}/run`;
  const folder = await RunFolder.claim(path, { seed: 1 });
  await folder.log({ epoch: 1 });
  assert.match(await refusal(RunFolder.claim(path, { seed: 1 })), /is in use/);
  await folder.close();
  assert.match(await refusal(RunFolder.claim(path, { seed: 2 })), /another configuration/);
  assert.not(existsSync(`${path}/.lock`));
  await (await RunFolder.claim(path, { seed: 1 })).close();
});

test.after(() => rmSync(root, { recursive: true, force: true }));
test.run();
