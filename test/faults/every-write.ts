/**
 * Kills every command at every write: `npm run kill -- [COMMAND] [--devices] [--out FILE]`. With `--devices` they go on,
 * and their device is lost instead, in every phase.
 *
 * Prints a line a command, and with `--out` writes the figures as JSON. Ends with 1 where a run did not end as an
 * undisturbed one.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { acquireDevice, type Gpu } from "../../src/gpu/device.ts";
import { runtimeVersion } from "../../src/platform/runtime.ts";
import { killAtWrites, type Victim, victims } from "./kill.ts";
import { loseDevices } from "./loss.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { out: { type: "string" }, devices: { type: "boolean", default: false } },
});
const [chosen = ""] = positionals;

interface Row {
  readonly command: string;
  readonly words: string;
  readonly kills?: number;
  readonly torn?: number;
  readonly losses?: number;
  readonly failures: readonly object[];
}

async function killed(gpu: Gpu, victim: Victim): Promise<Row> {
  const { kills } = await killAtWrites(gpu, victim);
  const failures = kills.filter(({ differences }) => differences.length > 0);
  const torn = kills.filter((kill) => kill.torn).length;
  return { command: victim.name, words: victim.words, kills: kills.length, torn, failures };
}

async function deviceLost(victim: Victim): Promise<Row> {
  const losses = await loseDevices(victim);
  const failures = losses.filter(({ differences }) => differences.length > 0);
  return { command: victim.name, words: victim.words, losses: losses.length, failures };
}

/** Whether a command has `--on-device-lost`. */
const replacesDevices = ({ name }: Victim): boolean => !name.startsWith("predictor");

async function main(): Promise<number> {
  const gpu = await acquireDevice();
  const rows: Row[] = [];
  for (const victim of victims.filter(({ name }) => name.startsWith(chosen))) {
    if (values.devices && !replacesDevices(victim)) continue;
    const row = await (values.devices ? deviceLost(victim) : killed(gpu, victim));
    rows.push(row);
    const { kills = 0, torn = 0, losses, failures } = row;
    const tried =
      losses === undefined ? `${kills} kills (${torn} within a write)` : `${losses} devices lost`;
    console.log(`${row.command}: ${tried}, ${failures.length} failures`);
    for (const failure of failures) console.log(`  ${JSON.stringify(failure)}`);
  }
  const sum = (count: (row: Row) => number): number =>
    rows.reduce((all, row) => all + count(row), 0);
  const tried = sum(({ kills = 0, losses = 0 }) => kills + losses);
  const figures = {
    adapter: gpu.adapter.description,
    runtime: runtimeVersion(),
    date: new Date().toISOString().slice(0, 10),
    [values.devices ? "losses" : "kills"]: tried,
    failures: sum(({ failures }) => failures.length),
    commands: rows,
  };
  if (values.out !== undefined) writeFileSync(values.out, `${JSON.stringify(figures, null, 2)}\n`);
  console.log(
    `${tried} ${values.devices ? "devices lost" : "kills"}, ${figures.failures} failures`,
  );
  gpu.close();
  return figures.failures === 0 && tried > 0 ? 0 : 1;
}

void main().then((code) => process.exit(code));
