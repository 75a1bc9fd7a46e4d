// Commands killed at a write end, run again, as if nothing had happened.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { closeGpus, testGpu } from "../device.ts";
import { shareDevice } from "../../src/cli/device-options.ts";
import { contentsOf, differencesOf, killAtWrites, partsIn, run, victims } from "./kill.ts";

test("a part of a file is told from a whole one", () => {
  const root = mkdtempSync(`${tmpdir()}/rewind-parts-`);
  const files = {
    "a.json": '{"b":1}',
    "a.svg": "<svg></svg>",
    "a.html": "<html></html>",
    "a.md": "# b\n",
    "a.jsonl": '{"b":1}\n{"b":2}\n',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(`${root}/${name}`, text);
  assert.equal(partsIn(root), []);
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(`${root}/${name}`, text.slice(0, name === "a.jsonl" ? 10 : -2));
  }
  // The last line of a log may be a part.
  assert.equal(
    partsIn(root).map((said) => said.split(" ")[0]),
    ["a.html", "a.json", "a.md", "a.svg"],
  );
  rmSync(root, { recursive: true });
});

/** One of so many points is tried; `npm run kill` tries all. */
const strides = [4, 11, 15, 150, 40, 75, 20, 23, 12];

for (const [i, victim] of victims.entries()) {
  const stride = strides[i]!;
  test(`${victim.name}: killed at one of ${stride} writes`, async () => {
    const { kills } = await killAtWrites(await testGpu(), victim, (point) => point % stride === 0);
    assert.ok(kills.length > 1, `${kills.length} points`);
    const bad = kills.filter(({ differences }) => differences.length > 0);
    assert.equal(bad, []);
  });
}

test("a full disk is told by the file, leaves no part of it, and the same command goes on", async () => {
  const root = mkdtempSync(`${tmpdir()}/rewind-full-`);
  const { words } = victims.find(({ name }) => name === "demo")!;
  shareDevice(await testGpu());
  try {
    const acts: string[] = [];
    const whole = await run(words.replace("OUT", `${root}/whole`), undefined, (act) =>
      acts.push(act),
    );
    assert.is(whole.code, 0, whole.said);
    const want = contentsOf(`${root}/whole`);
    const writes = acts.flatMap((act, i) => (/^(create|append)/.test(act) ? [i + 1] : []));
    for (const at of writes.filter((_, i) => i % 4 === 1)) {
      const out = `${root}/full-${at}`;
      const failed = await run(words.replace("OUT", out), { at, torn: false, full: true });
      assert.is(failed.code, 1);
      assert.match(
        failed.said,
        /^rewind: cannot (write|append to) ".*": the disk is full; free some/,
      );
      assert.equal(partsIn(out), []);
      assert.not(readdirSync(out).some((name) => name.endsWith(".tmp") || name === ".lock"));
      const again = await run(words.replace("OUT", out), undefined);
      assert.is(again.code, 0, again.said);
      assert.equal(differencesOf(contentsOf(out), want), []);
    }
  } finally {
    shareDevice(undefined);
    rmSync(root, { recursive: true, force: true });
  }
});

test.after(closeGpus);
test.run();
