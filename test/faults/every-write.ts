/**
 * Kills every command at every write: `npm run kill -- [COMMAND] [--out FILE]`.
 *
 * Prints a line a command, and with `--out` writes the figures as JSON. Ends with 1 where a run did not end as an
 * undisturbed one.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { acquireDevice } from "../../src/gpu/device.ts";
import { runtimeVersion } from "../../src/platform/runtime.ts";
import { killAtWrites, victims } from "./kill.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { out: { type: "string" } },
});
const [chosen = ""] = positionals;

async function main(): Promise<number> {
  const gpu = await acquireDevice();
  const rows = [];
  for (const victim of victims.filter(({ name }) => name.startsWith(chosen))) {
    const { kills } = await killAtWrites(gpu, victim);
    const failures = kills.filter(({ differences }) => differences.length > 0);
    const torn = kills.filter((kill) => kill.torn).length;
    rows.push({ command: victim.name, words: victim.words, kills: kills.length, torn, failures });
    console.log(
      `${victim.name}: ${kills.length} kills (${torn} within a write), ${failures.length} failures`,
    );
    for (const { at, act, differences } of failures) {
      console.log(`  operation ${at}, ${act}: ${differences.join("; ")}`);
    }
  }
  const figures = {
    adapter: gpu.adapter.description,
    runtime: runtimeVersion(),
    date: new Date().toISOString().slice(0, 10),
    kills: rows.reduce((sum, { kills }) => sum + kills, 0),
    failures: rows.reduce((sum, { failures }) => sum + failures.length, 0),
    commands: rows,
  };
  if (values.out !== undefined) writeFileSync(values.out, `${JSON.stringify(figures, null, 2)}\n`);
  console.log(`${figures.kills} kills, ${figures.failures} failures`);
  gpu.close();
  return figures.failures === 0 && figures.kills > 0 ? 0 : 1;
}

void main().then((code) => process.exit(code));
