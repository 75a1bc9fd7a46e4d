/** Two results of `npm run bench -- NAME… --out`: what became slower, by share of the ceiling where there is one. */
import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { markdownTable } from "../src/report/table.ts";
import type { BenchRow } from "./harness.ts";
import type { Machine } from "./machine.ts";

/** What `--json` and `--out` write. */
export interface BenchResults {
  readonly machine: Machine;
  readonly results: Readonly<Record<string, readonly BenchRow[]>>;
}

/** A row that both results have. */
export interface Change {
  readonly bench: string;
  readonly name: string;
  readonly before: number;
  readonly after: number;
  /** What is compared: the share of the ceiling of the same run, %, or milliseconds. */
  readonly by: "% of the ceiling" | "ms";
  /** Speed after / speed before; below 1: slower. */
  readonly ratio: number;
}

/** Names that shares of a ceiling have in rows. */
const shares = ["% of ceiling", "% of the ceiling"];

const shareOf = ({ figures }: BenchRow): number | undefined =>
  shares.map((name) => figures[name]).find((share) => share !== undefined);

/** Rows of both, what became slowest first. */
export function changes(before: BenchResults, after: BenchResults): Change[] {
  const found = Object.entries(before.results).flatMap(([bench, rows]) =>
    rows.flatMap((old): Change[] => {
      const now = after.results[bench]?.find(({ name }) => name === old.name);
      if (now === undefined) return [];
      const [was, is] = [shareOf(old), shareOf(now)];
      if (was !== undefined && is !== undefined) {
        return [
          {
            bench,
            name: old.name,
            before: was,
            after: is,
            by: "% of the ceiling",
            ratio: is / was,
          },
        ];
      }
      const [first, second] = [old.milliseconds, now.milliseconds];
      return [
        { bench, name: old.name, before: first, after: second, by: "ms", ratio: first / second },
      ];
    }),
  );
  return found.sort((a, b) => a.ratio - b.ratio);
}

const rowSchema = z.looseObject({
  name: z.string(),
  milliseconds: z.number(),
  figures: z.record(z.string(), z.number()),
});

const resultsSchema = z.looseObject({
  machine: z.looseObject({ adapter: z.string() }),
  results: z.record(z.string(), z.array(rowSchema)),
});

/** @throws Error where a file is none of bench's. */
function read(file: string): BenchResults {
  const refuse = (why: string): never => {
    throw new Error(`${file} is no result of \`bench -- NAME… --out FILE\`: ${why}.`);
  };
  if (!existsSync(file)) return refuse("there is no such file");
  let found: unknown;
  try {
    found = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return refuse("it is not JSON");
  }
  const { error } = resultsSchema.safeParse(found);
  const [issue] = error?.issues ?? [];
  if (issue !== undefined) refuse(`${issue.path.join(".") || "what it holds"}: ${issue.message}`);
  return found as BenchResults;
}

/** A table of what changed by 3 % or more; rows of one result alone are counted. */
export function comparison(first: string, second: string): string {
  const [before, after] = [read(first), read(second)];
  const all = changes(before, after);
  const told = all.filter(({ ratio }) => Math.abs(ratio - 1) >= 0.03);
  const count = (of: BenchResults): number => Object.values(of.results).flat().length;
  const lines = [`before: ${machineText(before.machine)}`, `after: ${machineText(after.machine)}`];
  if (before.machine.adapter !== after.machine.adapter) {
    lines.push("two adapters: shares of the ceiling can be compared, milliseconds cannot.");
  }
  lines.push(
    `${all.length} rows in both, ${count(before) - all.length} before alone, ${count(after) - all.length} after alone; ` +
      `${told.length} changed by 3 % or more.`,
  );
  if (told.length === 0) return lines.join("\n");
  const table = markdownTable(
    [
      { title: "row" },
      { title: "by" },
      { title: "before", decimals: 3 },
      { title: "after", decimals: 3 },
      { title: "speed", decimals: 2 },
    ],
    told.map(({ bench, name, by, before: was, after: is, ratio }) => [
      ...[`${bench}: ${name}`, by, was, is, ratio],
    ]),
  );
  return `${lines.join("\n")}\n\n${table}`;
}

function machineText({ adapter, driver, runtime, tuning, commit }: Machine): string {
  return `${adapter} (driver ${driver}), ${runtime}, ${tuning} kernels, commit ${commit}`;
}

/** Results as a Markdown page, a table a bench. */
export function resultsPage({ machine, results }: BenchResults, command: string): string {
  const parts = Object.entries(results).map(([bench, rows]) => {
    const figures = [...new Set(rows.flatMap((row) => Object.keys(row.figures)))];
    const table = markdownTable(
      [
        { title: "row" },
        ...["ms", "lowest", "highest"].map((title) => ({ title, decimals: 3 })),
        ...figures.map((title) => ({ title, decimals: 2 })),
      ],
      rows.map((row) => [
        row.name,
        ...[row.milliseconds, row.low, row.high],
        ...figures.map((name) => row.figures[name]),
      ]),
    );
    return `## ${bench}\n\n${table}\n`;
  });
  return [`# Benches\n\n${machineText(machine)}.\n\n\`${command}\`\n`, ...parts].join("\n");
}
