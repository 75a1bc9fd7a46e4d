/**
 * `npm run fuzz -- [--minutes N | --inputs N] [--seed S] [--reader NAME]… [--file PATH] [--keep DIR]`
 *
 * Changes small files at random and reads them by every reader there is, each in a process that is watched. An input may be
 * read, or refused by an error of ours that names the file; no crash, no more than 5 s, no more than 1 GiB, no other
 * error. What fails is kept with the command that reads it again. The same seed and number give the same input.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { Command } from "commander";
import { campaign, type Tally } from "./campaign.ts";
import { readers } from "./readers.ts";
import { type Limits, Watched } from "./watch.ts";

const limits: Limits = { milliseconds: 5000, bytes: 2 ** 30 };

interface Flags {
  readonly minutes?: string;
  readonly inputs?: string;
  readonly seed: string;
  readonly processes?: string;
  readonly reader: readonly string[];
  readonly file?: string;
  readonly keep: string;
  readonly out?: string;
}

/** A whole number of a flag. */
function whole(flag: string, value: string): number {
  if (/^\d{1,15}$/.test(value)) return Number(value);
  throw new Error(`--${flag}: needs a whole number, got "${value}".`);
}

function line(tally: Tally): string {
  const { reader, inputs, read, refused, crashes, hangs, above, raw, slowest, peak } = tally;
  const columns = [inputs, read, refused, crashes, hangs, above, raw, Math.round(slowest)];
  const mib = Math.round(peak / 2 ** 20);
  return reader.padEnd(16) + [...columns, mib].map((value) => String(value).padStart(9)).join("");
}

const header =
  "reader".padEnd(16) +
  ["inputs", "read", "refused", "crashes", ">5 s", ">1 GiB", "raw", "most ms", "MiB"]
    .map((name) => name.padStart(9))
    .join("");

const sum = (tallies: readonly Tally[]): Tally =>
  tallies.reduce((a, b) => ({
    reader: "all",
    inputs: a.inputs + b.inputs,
    read: a.read + b.read,
    refused: a.refused + b.refused,
    crashes: a.crashes + b.crashes,
    hangs: a.hangs + b.hangs,
    above: a.above + b.above,
    raw: a.raw + b.raw,
    slowest: Math.max(a.slowest, b.slowest),
    peak: Math.max(a.peak, b.peak),
    kept: [...a.kept, ...b.kept],
  }));

async function main(flags: Flags): Promise<number> {
  const known = readers.map(({ name }) => name);
  const names = flags.reader.length === 0 ? known : [...flags.reader];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new Error(`--reader ${unknown}: there are ${known.join(", ")}.`);
  }
  const seed = whole("seed", flags.seed);
  if (flags.file !== undefined) return once(names, flags.file);
  const minutes = flags.minutes ?? (flags.inputs === undefined ? "1" : undefined);
  const inputs =
    flags.inputs === undefined
      ? 1_000_000
      : Math.ceil(whole("inputs", flags.inputs) / names.length);
  const started = Date.now();
  const tallies = await campaign({
    names,
    seed,
    inputs,
    limits,
    processes:
      flags.processes === undefined ? availableParallelism() : whole("processes", flags.processes),
    keep: flags.keep,
    ...(minutes === undefined ? {} : { until: started + 60_000 * whole("minutes", minutes) }),
  });
  const all = sum(tallies);
  console.log([header, ...tallies.map(line), line(all)].join("\n"));
  for (const path of all.kept) console.log(`kept: ${path}`);
  if (flags.out !== undefined) {
    const seconds = Math.round((Date.now() - started) / 1000);
    const report = { seed, limits, seconds, runtime: process.version, all, readers: tallies };
    writeFileSync(flags.out, `${JSON.stringify(report, null, 2)}\n`);
  }
  return all.crashes + all.hangs + all.above + all.raw > 0 ? 1 : 0;
}

/** Reads one file, and says what comes of it. */
async function once(names: readonly string[], file: string): Promise<number> {
  const [reader, ...more] = names;
  if (more.length > 0) throw new Error("--file: name the one --reader that reads it.");
  const scratch = mkdtempSync(`${tmpdir()}/rewind-fuzz-`);
  mkdirSync(scratch, { recursive: true });
  const watched = new Watched(scratch, limits);
  const said = await watched.run({ reader: reader!, seed: 0, from: 0, count: 1, file });
  watched.close();
  rmSync(scratch, { recursive: true, force: true });
  for (const { fault, error } of said.findings) console.log(`${fault}: ${error}`);
  if (said.findings.length === 0) console.log(said.read > 0 ? "read" : "refused as it should be");
  console.log(`${Math.round(said.slowest)} ms, ${Math.round(said.peak / 2 ** 20)} MiB`);
  return said.findings.length > 0 ? 1 : 0;
}

const command = new Command("fuzz")
  .option("--minutes <n>", "how long (default: 1, unless --inputs is given)")
  .option("--inputs <n>", "how many inputs, of all readers together")
  .option("--seed <s>", "another seed gives other inputs", "1")
  .option("--processes <n>", "how many at a time (default: one a processor)")
  .option("--reader <name...>", "only this one; may be given again", [])
  .option("--file <path>", "reads one file, as one that was kept")
  .option("--keep <dir>", "where inputs that fail are kept", "runs/fuzz")
  .option("--out <file>", "writes the figures as JSON");
await command.parseAsync();
try {
  process.exitCode = await main(command.opts<Flags>());
} catch (error) {
  console.error(`fuzz: ${(error as Error).message}`);
  process.exitCode = 2;
}
