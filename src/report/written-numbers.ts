/** Numbers and settings as people read them. */

/** A number with fixed decimals; a dash where there is none. */
export function fixed(value: number | null | undefined, decimals: number): string {
  return typeof value === "number" && Number.isFinite(value) ? value.toFixed(decimals) : "–";
}

/** How much a number has changed, with its sign. */
export function change(
  before: number | undefined,
  after: number | undefined,
  decimals: number,
): string {
  const text = fixed((after ?? NaN) - (before ?? NaN), decimals);
  if (text === "–" || Number(text) === 0) return text.replace("-", "");
  return text.startsWith("-") ? text.replace("-", "−") : `+${text}`;
}

/** A whole number with its thousands apart. */
export function counted(value: number): string {
  return value.toLocaleString("en-GB");
}

/** Fewest whole numbers in a row that are written as their ends. */
const fewestRow = 6;

/** Whole numbers in ascending order, rows of them by their ends: "1 to 30, 101". */
export function numbersLine(numbers: readonly number[]): string {
  const rows: number[][] = [];
  for (const number of numbers) {
    const row = rows.at(-1);
    if (row !== undefined && row.at(-1)! + 1 === number) row.push(number);
    else rows.push([number]);
  }
  return rows
    .map((row) => (row.length < fewestRow ? row.join(", ") : `${row[0]} to ${row.at(-1)}`))
    .join(", ");
}

/** Values of a list that are shown. */
const mostListed = 24;

/** A value of a setting: twelve digits of a number, as the rest is rounding. */
function written(value: unknown): string {
  if (typeof value === "number") return String(Number(value.toPrecision(12)));
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A setting by its way through the configuration. */
export interface Setting {
  readonly name: string;
  readonly value: string;
}

/** The settings of plain data, each by its way: `optimizer.name`. */
export function settingsOf(data: unknown, way = ""): Setting[] {
  if (data === undefined) return [];
  if (typeof data !== "object" || data === null) return [{ name: way, value: written(data) }];
  const entries = Object.entries(data);
  if (entries.length === 0)
    return [{ name: way, value: Array.isArray(data) ? "none" : "as usual" }];
  if (Array.isArray(data) && entries.every(([, one]) => typeof one !== "object" || one === null)) {
    const texts = data.slice(0, mostListed).map(written);
    const more = data.length > mostListed ? ` … (${counted(data.length)} in all)` : "";
    return [{ name: way, value: `${texts.join(", ")}${more}` }];
  }
  return entries.flatMap(([key, one]) => settingsOf(one, way === "" ? key : `${way}.${key}`));
}

/** Settings in one line: `learningRate 0.001, batch 64`. */
export function settingsLine(data: unknown): string {
  return settingsOf(data)
    .map(({ name, value }) => `${name} ${value}`)
    .join(", ");
}

/** A word as a shell takes it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Words of a command as a line of a shell. */
export function commandLine(words: readonly string[]): string {
  return `rewind ${words.map(quoted).join(" ")}`;
}
