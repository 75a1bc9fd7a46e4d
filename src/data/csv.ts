/** Tables with a header line, as text. */
import { csvParseRows } from "d3-dsv";

/**
 * The lines of a table after its header, by the header's names; a field that a line lacks is empty. The package's own
 * `csvParse` makes a function from the names that a file gives: this does not.
 */
export function csvRecords(text: string): Readonly<Record<string, string>>[] {
  const [names = [], ...rows] = csvParseRows(text);
  return rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i] ?? ""])));
}
