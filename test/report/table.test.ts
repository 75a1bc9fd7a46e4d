import { test } from "uvu";
import * as assert from "uvu/assert";
import { markdownTable, textTable } from "../../src/report/table.ts";

const columns = [{ title: "run" }, { title: "test %", decimals: 2 }, { title: "n", decimals: 0 }];
const rows = [
  ["before", 87.4, 2000],
  ["after", 9.125, undefined],
];

test("numbers are aligned right with their column's decimals; nothing is a dash", () => {
  assert.is(
    textTable(columns, rows),
    [
      "run     test %     n",
      "────────────────────",
      "before   87.40  2000",
      "after     9.13     –",
    ].join("\n"),
  );
});

test("the same as Markdown", () => {
  assert.is(
    markdownTable(columns, rows),
    [
      "| run | test % | n |",
      "| --- | ---: | ---: |",
      "| before | 87.40 | 2000 |",
      "| after | 9.13 | – |",
    ].join("\n"),
  );
});

test.run();
