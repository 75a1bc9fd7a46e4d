/** What networks draw before and after unlearning, from the same noise, in the form of the paper's Figure 6. */
import { join } from "../platform/files.ts";
import { RunFolder } from "../report/run-folder.ts";
import { sampleSheetPng } from "../report/sample-sheet.ts";
import { readDrawn } from "../runs/drawn-rounds.ts";
import { framesOf } from "../runs/grades.ts";
import { matchedRound, untouched } from "./diffusion.ts";
import { folderOf } from "./plan.ts";
import type { ArmResult } from "./trained-network.ts";

/** Images in a row. */
const columns = 8;

/** A sheet of what a network draws. */
export interface DrawnSheet {
  readonly arm: string;
  readonly seed: number;
  readonly round: number;
  readonly name: string;
  readonly png: Uint8Array;
}

/** The file of a sheet in the experiment's folder. */
export function sheetName(seed: number, arm: string): string {
  return `drawn-seed-${seed}-${folderOf(arm)}.png`;
}

/** A sheet of each run, after the round whose KID to D_f is nearest to the one at which networks are compared. */
export async function drawnSheets(
  out: string,
  results: readonly ArmResult[],
): Promise<DrawnSheet[]> {
  const sheets: DrawnSheet[] = [];
  for (const result of results) {
    const { arm, seed } = result;
    const before = arm === untouched;
    // Every run of a seed begins with the same network.
    const run = before
      ? results.find((other) => other.seed === seed && other.arm !== untouched)
      : result;
    const round = before ? 0 : matchedRound(result.history);
    if (run === undefined || round === undefined) continue;
    const folder = await RunFolder.open(join(out, `seed-${seed}`, folderOf(run.arm)));
    const drawn = await readDrawn(folder, round);
    const png = await sampleSheetPng(drawn, { columns, frames: framesOf(drawn) });
    sheets.push({ arm, seed, round, name: sheetName(seed, arm), png });
  }
  return sheets;
}
