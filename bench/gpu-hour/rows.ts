/** Rows of a GPU hour: one JSON line each, on the disk before the next begins. */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  openSync,
  closeSync,
  fsyncSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Machine } from "../machine.ts";

/** What is measured, with what: a folder holds rows of one of these alone. */
export interface HourMachine extends Machine {
  /** Tiny sizes, to try the program. */
  readonly tiny: boolean;
}

/** Figures of a row by name, units in the name. */
export type Figures = Readonly<Record<string, number | string | null>>;

/** A row that was measured, or that failed. */
export interface Row {
  readonly stage: string;
  readonly name: string;
  /** Seconds it took, with its preparation. */
  readonly seconds: number;
  readonly figures?: Figures;
  readonly error?: string;
}

const machineFile = "machine.json";
const rowsFile = "rows.jsonl";

/** The folder of an hour. */
export class RowFolder {
  readonly folder: string;
  readonly #done = new Map<string, Row>();

  /**
   * Opens a folder, or makes it.
   *
   * @throws Error if its rows are of another machine, commit or size.
   */
  constructor(folder: string, machine: HourMachine) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
    const file = join(folder, machineFile);
    if (existsSync(file)) {
      const before = JSON.parse(readFileSync(file, "utf8")) as HourMachine;
      for (const key of Object.keys(machine) as (keyof HourMachine)[]) {
        if (before[key] === machine[key]) continue;
        throw new Error(
          `${folder} has rows of ${key} ${JSON.stringify(before[key])}, and this is ` +
            `${JSON.stringify(machine[key])}: give another folder with --out.`,
        );
      }
    } else writeFileSync(file, `${JSON.stringify(machine, null, 2)}\n`);
    for (const row of readRows(folder)) this.#done.set(keyOf(row), row);
  }

  /** Whether a row was measured. One that failed is tried again. */
  has(stage: string, name: string): boolean {
    const row = this.#done.get(keyOf({ stage, name }));
    return row !== undefined && row.error === undefined;
  }

  /** Adds a row: it is on the disk when this returns. */
  add(row: Row): void {
    this.#done.set(keyOf(row), row);
    const file = join(this.folder, rowsFile);
    // A line that was cut off stays one by itself.
    const cut = existsSync(file) && !readFileSync(file, "utf8").endsWith("\n");
    appendFileSync(file, `${cut ? "\n" : ""}${JSON.stringify(row)}\n`);
    const handle = openSync(file, "r+");
    fsyncSync(handle);
    closeSync(handle);
  }
}

const keyOf = ({ stage, name }: Pick<Row, "stage" | "name">): string => `${stage}\n${name}`;

/** What a folder was measured on. @throws Error where there is none. */
export function readMachine(folder: string): HourMachine {
  try {
    return JSON.parse(readFileSync(join(folder, machineFile), "utf8")) as HourMachine;
  } catch (cause) {
    throw new Error(
      `${folder} holds no rows of \`bench -- gpu-hour\`: ${machineFile} is missing.`,
      {
        cause,
      },
    );
  }
}

/** Rows of a folder, the last of each name, in order; a line that was cut off is left out. */
export function readRows(folder: string): Row[] {
  const file = join(folder, rowsFile);
  if (!existsSync(file)) return [];
  const rows = new Map<string, Row>();
  for (const line of readFileSync(file, "utf8").split("\n")) {
    if (line === "") continue;
    try {
      const row = JSON.parse(line) as Row;
      rows.set(keyOf(row), row);
    } catch {
      // The program ended while it wrote this one: it is measured again.
    }
  }
  return [...rows.values()];
}
