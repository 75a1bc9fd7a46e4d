/** Tables of numbers as aligned text and as Markdown. */

/** A cell: text as it is, a number with the column's decimals, nothing as a dash. */
export type Cell = string | number | undefined;

/** Column titles, and decimals of the numbers below (default 1). */
export interface Column {
  readonly title: string;
  readonly decimals?: number;
  /** Words, which begin at the left, as those of the first column do in any case. */
  readonly words?: boolean;
}

function isLeft({ words = false }: Column, place: number): boolean {
  return words || place === 0;
}

function texts(columns: readonly Column[], rows: readonly (readonly Cell[])[]): string[][] {
  return rows.map((row) =>
    columns.map(({ decimals = 1 }, i) => {
      const cell = row[i];
      return cell === undefined ? "–" : typeof cell === "number" ? cell.toFixed(decimals) : cell;
    }),
  );
}

/** Words left-aligned, the rest right-aligned, for a terminal. */
export function textTable(columns: readonly Column[], rows: readonly (readonly Cell[])[]): string {
  const all = [columns.map((column) => column.title), ...texts(columns, rows)];
  const widths = columns.map((_, i) => Math.max(...all.map((row) => row[i]!.length)));
  const lines = all.map((row) =>
    row
      .map((cell, i) =>
        isLeft(columns[i]!, i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!),
      )
      .join("  ")
      .trimEnd(),
  );
  return [lines[0], widths.map((width) => "─".repeat(width)).join("──"), ...lines.slice(1)].join(
    "\n",
  );
}

/** What LaTeX takes for itself, and what it takes to print it. */
const latex: Readonly<Record<string, string>> = {
  "\\": "\\textbackslash{}",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
  "<": "\\textless{}",
  ">": "\\textgreater{}",
  "±": "$\\pm$",
  "–": "--",
};

/** The same as a LaTeX tabular; it takes no packages. */
export function latexTable(columns: readonly Column[], rows: readonly (readonly Cell[])[]): string {
  const escaped = (cell: string): string =>
    cell.replaceAll(/[\\~^<>±–#$%&_{}]/g, (found) => latex[found] ?? `\\${found}`);
  const line = (cells: readonly string[]): string => `${cells.map(escaped).join(" & ")} \\\\`;
  return [
    `\\begin{tabular}{${columns.map((column, i) => (isLeft(column, i) ? "l" : "r")).join("")}}`,
    "\\hline",
    line(columns.map(({ title }) => title)),
    "\\hline",
    ...texts(columns, rows).map(line),
    "\\hline",
    "\\end{tabular}",
    "",
  ].join("\n");
}

/** The same as a Markdown table. */
export function markdownTable(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    line(columns.map((column) => column.title)),
    line(columns.map((column, i) => (isLeft(column, i) ? "---" : "---:"))),
    ...texts(columns, rows).map(line),
  ].join("\n");
}
