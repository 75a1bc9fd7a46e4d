/** Tables with a header line, as text. */
import { csvParseRows } from "d3-dsv";
import { DataError } from "../errors.ts";

/**
 * The lines of a table after its header, by the header's names; a field that a line lacks is empty. The package's own
 * `csvParse` makes a function from the names that a file gives: this does not.
 *
 * @param path what errors call the table.
 * @throws DataError for what would lose a value in silence: a quote that is not ended, columns of one name, a line of
 *   more values than there are columns.
 */
export function csvRecords(text: string, path: string): Readonly<Record<string, string>>[] {
  // A quote that nothing ends takes all lines after it for one value.
  if (text.split('"').length % 2 === 0) {
    throw new DataError(`${path}: a quote (") is not ended; names with quotes double them ("").`);
  }
  const [names = [], ...rows] = csvParseRows(text);
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  if (repeated !== undefined) throw new DataError(`${path}: two columns are called "${repeated}".`);
  return rows.map((row, i) => {
    if (row.length > names.length) {
      throw new DataError(
        `${path}, line ${i + 2}: ${row.length} values for ${names.length} columns; put what has commas in quotes.`,
      );
    }
    return Object.fromEntries(names.map((name, column) => [name, row[column] ?? ""]));
  });
}
