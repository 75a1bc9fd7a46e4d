/** Labels of images in a table beside them, as Hugging Face's imagefolder has it: metadata.csv or metadata.jsonl. */
import { exists, readText } from "../platform/files.ts";
import { parseJson } from "../platform/json.ts";
import { DataError } from "../errors.ts";
import { readLabel } from "./class-names.ts";
import { csvRecords } from "./csv.ts";

/** A line of the table. */
export interface LabelledName {
  /** Path from the folder of the table. */
  readonly file: string;
  readonly label: string;
  /** Where it stands, for errors: "DIR/metadata.csv, line 3". */
  readonly where: string;
}

/** The names such a table may have. */
export const metadataFiles = ["metadata.csv", "metadata.jsonl"] as const;

/**
 * Reads the table of a folder: columns `file_name` and `label`, of which the second may be words or numbers;
 * other columns are of no matter. Undefined if there is no table.
 *
 * @throws DataError naming the table and the line for a column or value that is missing, a path that leads
 * out of the folder, or a file that is named twice.
 */
export async function readMetadata(
  folder: string,
): Promise<{ table: string; rows: LabelledName[] } | undefined> {
  for (const table of metadataFiles) {
    const path = `${folder}/${table}`;
    if (!(await exists(path))) continue;
    const text = await readText(path);
    const rows = table.endsWith(".csv") ? csvRows(text, path) : jsonRows(text, path);
    return { table, rows: checked(rows) };
  }
  return undefined;
}

interface Row {
  readonly where: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

function csvRows(text: string, path: string): Row[] {
  return csvRecords(text, path).map((fields, i) => ({ where: `${path}, line ${i + 2}`, fields }));
}

function jsonRows(text: string, path: string): Row[] {
  const rows: Row[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const where = `${path}, line ${i + 1}`;
    let fields: unknown;
    try {
      fields = parseJson(line);
    } catch (cause) {
      throw new DataError(
        `${where}: this is no JSON (${(cause as Error).message}); each line is an object of its own.`,
        { cause },
      );
    }
    if (typeof fields !== "object" || fields === null || Array.isArray(fields)) {
      throw new DataError(`${where}: expected an object such as {"file_name": …, "label": …}.`);
    }
    rows.push({ where, fields: fields as Row["fields"] });
  }
  return rows;
}

function checked(rows: readonly Row[]): LabelledName[] {
  const seen = new Map<string, string>();
  return rows.map(({ where, fields }) => {
    const [file, label] = ["file_name", "label"].map((column) => {
      const value = readLabel(fields[column], where);
      if (value !== undefined) return String(value);
      throw new DataError(
        column in fields
          ? `${where}: no ${column} there.`
          : `${where}: no column "${column}"; it has ${Object.keys(fields).join(", ")}.`,
      );
    }) as [string, string];
    const parts = file.replace(/^\.\//, "").split("/");
    if (file.startsWith("/") || parts.includes("..")) {
      throw new DataError(`${where}: "${file}" lies outside the folder; name files within it.`);
    }
    const name = parts.join("/");
    const before = seen.get(name);
    if (before !== undefined) {
      throw new DataError(`${where}: ${name} was named before, in ${before.split(", ").at(-1)!}.`);
    }
    seen.set(name, where);
    return { file: name, label, where };
  });
}
