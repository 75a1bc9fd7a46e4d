/** A run of the fuzzer: how many inputs of which reader, what was found, and where that is kept. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { formsOf, inputOf } from "./inputs.ts";
import { readers } from "./readers.ts";
import { type Fault, type Limits, Watched } from "./watch.ts";

/** What is to be fuzzed. */
export interface Campaign {
  /** Names of readers. */
  readonly names: readonly string[];
  readonly seed: number;
  /** Inputs of each reader. */
  readonly inputs: number;
  /** Time after which no portion is begun. */
  readonly until?: number;
  readonly limits: Limits;
  readonly processes: number;
  /** Where inputs that fail are kept. */
  readonly keep: string;
  readonly onPortion?: (tally: Tally) => void;
}

/** What came of a reader's inputs. */
export interface Tally {
  readonly reader: string;
  inputs: number;
  read: number;
  refused: number;
  crashes: number;
  hangs: number;
  above: number;
  raw: number;
  /** Milliseconds of the slowest input. */
  slowest: number;
  /** Most bytes a process has held while it read a portion. */
  peak: number;
  readonly kept: string[];
}

/** Inputs that a process gets at a time. */
const portion = 250;
/** Failures of a kind that are kept; all are counted. */
const mostKept = 10;

const counters = { crash: "crashes", hang: "hangs", memory: "above", raw: "raw" } as const;

/** Runs a campaign: portions of all readers in turn. */
export async function campaign(plan: Campaign): Promise<Tally[]> {
  const { names, seed, inputs, until = Infinity, limits, processes, keep } = plan;
  const tallies = names.map((reader): Tally => ({
    ...{ reader, inputs: 0, read: 0, refused: 0, crashes: 0, hangs: 0, above: 0, raw: 0 },
    ...{ slowest: 0, peak: 0, kept: [] },
  }));
  const portions: { tally: Tally; from: number; count: number }[] = [];
  for (let from = 0; from < inputs; from += portion) {
    const count = Math.min(portion, inputs - from);
    for (const tally of tallies) portions.push({ tally, from, count });
  }
  const signatures = new Map<string, number>();
  const scratch = mkdtempSync(`${tmpdir()}/rewind-fuzz-`);
  let next = 0;
  const lane = async (number: number): Promise<void> => {
    const watched = new Watched(`${scratch}/${number}`, limits);
    const alone = new Watched(`${scratch}/${number}-alone`, limits);
    for (let i = next++; i < portions.length && Date.now() < until; i = next++) {
      const { tally, from, count } = portions[i]!;
      for (let at = from; at < from + count;) {
        const part = await watched.run({
          reader: tally.reader,
          seed,
          from: at,
          count: from + count - at,
        });
        tally.inputs += part.next - at;
        tally.read += part.read;
        tally.refused += part.refused;
        tally.slowest = Math.max(tally.slowest, part.slowest);
        at = part.next;
        let confirmed = true;
        for (const { fault, index, error } of part.findings) {
          if (fault !== "raw") {
            // What piled up in a process, or a machine that does other work, is no fault of an input.
            const again = await alone.run({ reader: tally.reader, seed, from: index, count: 1 });
            alone.close();
            confirmed = again.findings.length > 0;
            if (!confirmed && fault !== "memory") tally[again.read > 0 ? "read" : "refused"]++;
          }
          if (confirmed) await note(tally, fault, index, error);
        }
        if (confirmed || part.peak <= limits.bytes) tally.peak = Math.max(tally.peak, part.peak);
      }
      plan.onPortion?.(tally);
    }
    watched.close();
  };

  async function note(tally: Tally, fault: Fault, index: number, error: string): Promise<void> {
    tally[counters[fault]]++;
    const signature = `${tally.reader} ${fault} ${error.replace(/\d+/g, "0").slice(0, 120)}`;
    const seen = (signatures.get(signature) ?? 0) + 1;
    signatures.set(signature, seen);
    if (seen > 2 || tally.kept.length >= mostKept) return;
    const reader = readers.find(({ name }) => name === tally.reader)!;
    const path = `${keep}/${tally.reader}-${fault}-${index}`;
    mkdirSync(keep, { recursive: true });
    writeFileSync(`${path}.bin`, inputOf(reader, await formsOf(reader), seed, index));
    const again = `npm run fuzz -- --reader ${tally.reader} --file ${path}.bin`;
    writeFileSync(
      `${path}.json`,
      `${JSON.stringify({ fault, seed, index, again, error }, null, 2)}\n`,
    );
    tally.kept.push(`${path}.bin`);
  }

  await Promise.all(Array.from({ length: processes }, (_, i) => lane(i)));
  rmSync(scratch, { recursive: true, force: true });
  return tallies;
}
