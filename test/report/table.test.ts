import { test } from "uvu";
import * as assert from "uvu/assert";
import { latexTable, markdownTable, textTable } from "../../src/report/table.ts";

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

test("a column of words begins at the left in each of the three", () => {
  const two = [{ title: "run" }, { title: "note", words: true }, { title: "n", decimals: 0 }];
  const row = [["a", "is new", 1]];
  assert.is(textTable(two, row), ["run  note    n", "──────────────", "a    is new  1"].join("\n"));
  assert.match(markdownTable(two, row), /^\| --- \| --- \| ---: \|$/m);
  assert.match(latexTable(two, row), /\\begin\{tabular\}\{llr\}/);
});

test.run();
