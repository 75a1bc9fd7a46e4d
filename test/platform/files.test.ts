import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { pathToFileURL } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../src/errors.ts";
import {
  appendText,
  dirname,
  exists,
  fileInfo,
  join,
  listDir,
  makeDir,
  readBytes,
  readJson,
  readText,
  remove,
  rename,
  writeAtomic,
} from "../../src/platform/files.ts";

const root = mkdtempSync(`${tmpdir()}/rewind-files-`);

test("files are written whole, read by path or address, listed, moved and removed", async () => {
  await makeDir(`${root}/a/b`);
  await writeAtomic(`${root}/a/b/x.txt`, "grüße");
  await writeAtomic(`${root}/a/b/x.txt`, Uint8Array.of(104, 105));
  assert.is(await readText(`${root}/a/b/x.txt`), "hi");
  assert.is(await readText(pathToFileURL(`${root}/a/b/x.txt`)), "hi");
  await appendText(`${root}/a/b/x.txt`, "!\n");
  assert.equal([...(await readBytes(`${root}/a/b/x.txt`))], [104, 105, 33, 10]);
  assert.equal(await listDir(`${root}/a/b`), ["x.txt"]);
  assert.is((await fileInfo(`${root}/a/b/x.txt`))!.size, 4);
  assert.ok((await fileInfo(`${root}/a`))!.directory);
  await rename(`${root}/a/b/x.txt`, `${root}/y.txt`);
  assert.not(await exists(`${root}/a/b/x.txt`));
  await remove(`${root}/a`);
  assert.equal(await listDir(root), ["y.txt"]);
});

test("a path through a file, or to nothing, does not exist", async () => {
  await writeAtomic(`${root}/plain`, "");
  assert.not(await exists(`${root}/plain/.`));
  assert.not(await exists(`${root}/nothing`));
});

test("errors say what was done to which path and what to do", async () => {
  const attempts: [() => Promise<unknown>, RegExp][] = [
    [
      () => readBytes(`${root}/nothing`),
      /cannot read ".*nothing": there is no such file or directory; check the path/,
    ],
    [
      () => makeDir(`${root}/plain/x`),
      /cannot make directory ".*plain\/x": a part of the path is a file/,
    ],
    [() => makeDir(`${root}/plain`), /cannot make directory ".*plain": a file is there/],
    [() => writeAtomic(`${root}/no/such/x`, ""), /cannot write ".*x": there is no such file/],
    [() => readText(`${root}/latin`), /latin" is no text in UTF-8; save it in that encoding/],
    [() => readJson(`${root}/half`), /half" is not valid JSON: .*JSON/],
    [
      () => readJson(`${root}/deep`),
      /deep" is not valid JSON: values are nested more than 200 deep/,
    ],
    [() => readBytes(root), /cannot read ".*": it is a directory, a file was expected/],
  ];
  await writeAtomic(`${root}/latin`, Uint8Array.of(0x68, 0xfc));
  await writeAtomic(`${root}/half`, '{"a": "\\');
  await writeAtomic(`${root}/deep`, "[".repeat(1e6));
  // Node's own way of making parents never ended there.
  if (existsSync("/proc/self"))
    attempts.push([() => makeDir("/proc/x/y"), /make directory "\/proc/]);
  for (const [attempt, message] of attempts) {
    try {
      await attempt();
      assert.unreachable();
    } catch (error) {
      assert.instance(error, DataError);
      assert.match((error as Error).message, message);
    }
  }
});

test("JSON may be long, and have brackets in its texts", async () => {
  const said = {
    [`"${"[{".repeat(1000)}`]: ["\\", '\\"', Array.from({ length: 1000 }, () => [[]])],
  };
  await writeAtomic(`${root}/json`, JSON.stringify(said));
  assert.equal(await readJson(`${root}/json`), said);
});

test("paths are joined and taken apart", () => {
  assert.is(join("a/", "/b/", "c"), "a/b/c");
  assert.is(join("/a", "b"), "/a/b");
  assert.is(join("", "b"), "b");
  assert.is(dirname("/a/b/c"), "/a/b");
  assert.is(dirname("/a"), "/");
  assert.is(dirname("a"), ".");
});

test.after(() => rmSync(root, { recursive: true, force: true }));
test.run();
