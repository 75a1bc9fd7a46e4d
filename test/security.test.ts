// What SECURITY.md promises of the sources; test/package/package.test.ts holds the packed file to the same.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { datasets } from "../src/entries/data.ts";
import { command, root } from "./documents.ts";
import { ownFiles } from "./package/own-files.ts";
import { allowedReach, reachedBy, reachOf } from "./package/reach.ts";

/** The page is no part of the package; test/web/page.test.ts holds what it may reach. */
const sources = new Map(
  ownFiles(root)
    .filter((path) => /^(?:src(?!\/web\/)|models)\/.*\.(?:ts|mjs)$/.test(path))
    .map((path) => [path, readFileSync(`${root}/${path}`, "utf8")]),
);

test("every promise of SECURITY.md and docs/reliability.md names tests, which exist", () => {
  for (const [path, least] of [
    ["SECURITY.md", 6],
    ["docs/reliability.md", 14],
  ] as const) {
    const lines = readFileSync(`${root}/${path}`, "utf8").split("\n");
    const promises = lines.flatMap((line, i) => {
      if (line !== "| promise | held by |") return [];
      return lines.slice(i + 2, lines.indexOf("", i));
    });
    assert.ok(promises.length >= least, `${path}: ${promises.length}`);
    for (const promise of promises) {
      const tests = [...promise.matchAll(/`(test\/[^`]*)`/g)].map(([, file]) => file!);
      assert.ok(tests.length > 0, promise);
      for (const file of tests) assert.ok(existsSync(`${root}/${file}`), file);
    }
  }
});

test("what opens connections, starts processes or makes code of text is found however it is written", () => {
  for (const [text, found] of [
    ["await fetch(url)", ["fetch"]],
    ["globalThis.fetch(url)", ["fetch"]],
    ['globalThis["fetch"](url)', ["fetch"]],
    ["const { fetch: get } = globalThis", ["fetch"]],
    ["new WebSocket(url)", ["WebSocket"]],
    ["navigator.sendBeacon(url)", ["sendBeacon"]],
    ["eval(text)", ["eval"]],
    ["(0, eval)(text)", ["eval"]],
    ["new Function(text)", ["Function"]],
    ["(() => 0).constructor(text)()", ["constructor()"]],
    ['process.getBuiltinModule("net")', ["getBuiltinModule"]],
    ['process.binding("tcp_wrap")', ["process.binding"]],
    ["Deno.connect(place)", ["Deno"]],
    ["const fetched = 1; // fetch\nconst binding = `fetch`", []],
  ] as const) {
    assert.equal(reachOf(text, "ts").names, found, text);
  }
  for (const text of [
    'import "node:net"',
    'import type { Socket } from "node:net"',
    'export * from "node:net"',
    'await import("node:net")',
    "await import(`node:net`)",
    'type T = import("node:net").Socket',
  ]) {
    assert.equal(reachOf(text, "ts").modules, ["node:net"], text);
  }
  for (const text of ["await import(address)", 'await import("a" + b)', "await import(`${a}`)"]) {
    assert.is(reachOf(text, "ts").computedImports, 1, text);
  }
});

test("no module reaches a network, a process or code from text but those that are named, with a reason", () => {
  assert.ok(sources.size > 200, `${sources.size} modules`);
  assert.equal(reachedBy(sources), allowedReach);
});

test("no address stands in the sources but those of the data sets that `rewind fetch` gets, by https and checksum", () => {
  const places = datasets.all.flatMap(({ download }) => (download === undefined ? [] : [download]));
  assert.ok(places.length > 1);
  for (const { baseUrl, files } of places) {
    assert.match(baseUrl, /^https:\/\/[^/]+\/(?:.*\/)?$/);
    for (const [file, sum] of Object.entries(files)) assert.match(sum, /^[\da-f]{32}$/, file);
  }
  const addresses = [...sources].flatMap(([path, text]) =>
    [...text.matchAll(/["'`](https?:\/\/[^"'`\s]+)["'`]/g)].map(([, address]) => ({
      path,
      address,
    })),
  );
  const others = addresses.filter(
    ({ path, address }) =>
      !path.startsWith("src/data/") || !places.some(({ baseUrl }) => baseUrl === address),
  );
  // The name of a form, which charts say they have: nothing is asked for there.
  const schema = "https://vega.github.io/schema/vega-lite/v6.json";
  assert.equal(others, [{ path: "src/figures/draw.ts", address: schema }]);
});

test("files of every kind are read where no text can be made into code", async () => {
  const program = fileURLToPath(new URL("package/reads.ts", import.meta.url));
  const { code, said } = await command([
    ...["--disallow-code-generation-from-strings", "--import", "tsx", program],
  ]);
  assert.is(code, 0, said);
  assert.equal(JSON.parse(said), [
    ...["safetensors", "archive", "packed", "legacy", "named", "saved", "half", "keras"],
    ...["a.png, b.jpg by metadata.csv", "1 by parquet"],
  ]);
});

test.run();
