/**
 * `npm run bench -- NAME… [--json] [--out FILE] [--peers] [--seconds S] [--adapter KIND] [--tuning KIND]`, `bench -- compare A B`,
 * `bench -- gpu-hour --out DIR`.
 */
import { writeFileSync } from "node:fs";
import { Command, Option } from "commander";
import type { AdapterChoice } from "../src/gpu/adapter.ts";
import { inFlags } from "../src/cli/flags.ts";
import { acquireDevice, type Tuning } from "../src/gpu/device.ts";
import { dirname, makeDir, requireWritable } from "../src/platform/files.ts";
import { comparison, resultsPage } from "./compare.ts";
import { decode } from "./decode.bench.ts";
import { hourCommand } from "./gpu-hour/command.ts";
import { lab } from "./lab.bench.ts";
import { layerBench } from "./layers.bench.ts";
import { machineOf } from "./machine.ts";
import { matmul } from "./matmul.bench.ts";
import { networkStep } from "./network-step.bench.ts";
import { pageTasks } from "./page-tasks.bench.ts";
import { rewind } from "./rewind.bench.ts";
import { smallCnnStep } from "./small-cnn-step.bench.ts";
import { snapshot } from "./snapshot.bench.ts";
import { twoDevices } from "./two-devices.bench.ts";
import type { BenchModule, BenchRow } from "./harness.ts";

const benches: readonly BenchModule[] = [
  matmul,
  lab,
  layerBench,
  smallCnnStep,
  networkStep,
  rewind,
  snapshot,
  decode,
  twoDevices,
  pageTasks,
];

interface Flags {
  json?: boolean;
  out?: string;
  peers?: boolean;
  seconds: string;
  adapter: AdapterChoice;
  tuning?: Tuning;
}

function print(bench: BenchModule, rows: readonly BenchRow[]): void {
  console.log(`\n${bench.name}: ${bench.summary}`);
  const widest = Math.max(34, ...rows.map(({ name }) => name.length));
  for (const row of rows) {
    const figures = Object.entries(row.figures).map(([name, value]) => `${name} ${round(value)}`);
    const times = `${round(row.milliseconds)} ms (${round(row.low)} to ${round(row.high)})`;
    console.log(`  ${row.name.padEnd(widest)} ${times.padEnd(30)} ${figures.join(", ")}`);
  }
}

function round(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
}

async function main(asked: readonly string[], flags: Flags): Promise<void> {
  const names = asked.includes("all") ? benches.map(({ name }) => name) : asked;
  const unknown = names.find((name) => !benches.some((bench) => bench.name === name));
  if (names.length === 0 || unknown !== undefined) {
    const known = benches.map((bench) => `  ${bench.name.padEnd(16)} ${bench.summary}`).join("\n");
    throw new Error(
      `${unknown === undefined ? "which bench?" : `no bench "${unknown}".`} There are:\n${known}`,
    );
  }
  const seconds = Number(flags.seconds);
  if (!(seconds > 0 && seconds < Infinity)) {
    throw new Error(`--seconds must be a number above 0, got "${flags.seconds}".`);
  }
  if (flags.out !== undefined) {
    await makeDir(dirname(flags.out));
    await requireWritable(flags.out);
  }
  const tuning = flags.tuning === undefined ? {} : { tuning: flags.tuning };
  const gpu = await acquireDevice({ adapter: flags.adapter, ...tuning });
  const { runtimeVersion, description } = gpu.adapter;
  if (flags.json !== true) {
    console.log(
      `${runtimeVersion}, ${description}, ${gpu.tuning} kernels; median (lowest to highest)`,
    );
  }
  const results: Record<string, readonly BenchRow[]> = {};
  for (const bench of benches.filter((candidate) => names.includes(candidate.name))) {
    const rows = await bench.run(gpu, {
      peers: flags.peers === true,
      seconds,
    });
    results[bench.name] = rows;
    if (flags.json !== true) print(bench, rows);
  }
  const machine = machineOf(gpu);
  if (flags.out !== undefined) {
    const command = `npm run bench -- ${process.argv.slice(2).join(" ")}`;
    writeFileSync(flags.out, `${JSON.stringify({ machine, command, results }, null, 2)}\n`);
    const page = flags.out.replace(/(?:\.json)?$/, ".md");
    writeFileSync(page, resultsPage({ machine, results }, command));
  }
  if (flags.json === true) {
    const figures = Object.values(results).flatMap((rows) => rows.map((row) => row.figures));
    const ms = figures.find((of) => "ms_per_step" in of)?.["ms_per_step"];
    const first = ms === undefined ? {} : { ms_per_step: ms };
    console.log(JSON.stringify({ ...first, machine, results }, null, 2));
  }
  gpu.close();
}

/** An action whose errors are a line, without the code's places. */
function told<W extends unknown[]>(
  action: (...words: W) => void | Promise<void>,
): (...words: W) => Promise<void> {
  return async (...words) => {
    try {
      await action(...words);
      process.exit(0);
    } catch (error) {
      console.error(`bench: ${inFlags((error as Error).message)}`);
      process.exit(1);
    }
  };
}

const command = new Command("bench")
  .enablePositionalOptions()
  .argument("[names...]", "benches to run, or all")
  .option("--json", "print JSON")
  .option("--out <file>", "write JSON, and a Markdown page beside it")
  .option(
    "--peers",
    "run the same steps in other engines too: TensorFlow.js and jax-js, or PyTorch",
  )
  .option("--seconds <s>", "least time a row", "2")
  .addOption(new Option("--adapter <kind>").choices(["auto", "gpu", "software"]).default("auto"))
  .addOption(
    new Option("--tuning <kind>", "kernel family; follows the adapter").choices([
      "gpu",
      "software",
    ]),
  )
  .action(told(main))
  .addCommand(hourCommand(told))
  .addCommand(
    new Command("compare")
      .description("what became slower between two results, by share of the ceiling")
      .argument("<before>", "a file of --out")
      .argument("<after>", "another")
      .action(told((before: string, after: string) => console.log(comparison(before, after)))),
  );
await command.parseAsync();
