// Names in figures: what is cut of them is never what tells them apart.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { beginningOf, cutApart, endOf } from "../../src/figures/cut-names.ts";
import { Random } from "../../src/random.ts";

test("a name is cut at one end, by whole signs", () => {
  assert.equal([beginningOf("abcdef", 6), beginningOf("abcdef", 5)], ["abcdef", "abcd…"]);
  assert.equal([endOf("abcdef", 6), endOf("abc🙂ef", 4)], ["abcdef", "…🙂ef"]);
});

test("of names that are cut to the same what tells them apart is kept", () => {
  const runs = ["linear-rewind (seed-1)", "linear-rewind (seed-2)", "scrub"];
  const first = (name: string): string => beginningOf(name, 16);
  assert.equal([...cutApart(runs, 16, first).values()], ["…(seed-1)", "…(seed-2)", "scrub"]);
  // Of three no part and end of this length tells all apart.
  const three = ["a1xxxxxxxx2y", "a2xxxxxxxx2y", "a1xxxxxxxx3y"].map(
    (name) => `${name}${"z".repeat(9)}`,
  );
  assert.is(new Set(cutApart(three, 8, () => "same").values()).size, 3);
});

test("different names stay different, and none is longer than there is room", () => {
  const random = new Random(3);
  for (let i = 0; i < 300; i++) {
    const names = Array.from({ length: 9 }, () =>
      Array.from({ length: 1 + random.int(24) }, () => "aab/."[random.int(5)]!).join(""),
    );
    const cut = cutApart(names, 8, (name) => endOf(name, 8));
    assert.is(new Set(cut.values()).size, new Set(names).size, names.join("\n"));
    for (const text of cut.values()) assert.ok(Array.from(text).length <= 8, text);
  }
});

test.run();
