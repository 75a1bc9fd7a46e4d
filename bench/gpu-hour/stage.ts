/** What stages of a GPU hour are made of. */
import type { Gpu } from "../../src/gpu/device.ts";
import type { Figures } from "./rows.ts";
import type { Effort } from "./sample.ts";

/** What rows are measured with. */
export interface Context {
  readonly gpu: Gpu;
  readonly effort: Effort;
  /** Tiny sizes, to try the program where there is no GPU. */
  readonly tiny: boolean;
  /** Steps that were read from a dry device, by name: finding them takes seconds. */
  readonly kept: Map<string, Promise<unknown>>;
}

/** A row to measure. */
export interface Task {
  readonly name: string;
  /** @returns its figures, with units in their names. */
  run(context: Context): Promise<Figures>;
}

/** Rows that belong together, the most telling first. */
export interface Stage {
  readonly name: string;
  /** What its rows decide. */
  readonly decides: string;
  /** Share of the time that it may take, of all stages together 1; what it leaves goes to those after it. */
  readonly share: number;
  tasks(context: Context): Promise<readonly Task[]>;
}
