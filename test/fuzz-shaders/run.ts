/** `npm run fuzz:shaders -- --cases N [--minutes M] [--seed S] [--path P] [--out FILE]` */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { Command } from "commander";
import { acquireDevice, type Gpu } from "../../src/gpu/device.ts";
import { tunings } from "../device.ts";
import { fuzzShaders } from "./campaign.ts";

interface Flags {
  cases: number;
  minutes?: number;
  seed: number;
  path?: string;
  out: string;
}

/** Kernels that a device compiles before another takes its place: they are kept as long as it lives. */
const mostKernels = 2000;

/** An integer of `least` or more. @throws Error that names the flag. */
const whole = (flag: string, least: number) => (text: string) => {
  const value = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(value) || value < least) {
    throw new Error(`${flag} must be a whole number of ${least} or more, got "${text}".`);
  }
  return value;
};

// Kernels are compiled for a few runs: the software driver then compiles them without optimisation, to the same bits.
process.env["LP_NATIVE_VECTOR_WIDTH"] ??= "128";
process.env["GALLIVM_PERF"] ??= "nopt";

async function main({ cases, minutes, seed, path, out }: Flags): Promise<number> {
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  const open = (): Promise<Gpu[]> =>
    Promise.all(tunings.map((tuning) => acquireDevice({ tuning })));
  let gpus = await open();
  let kernels = 0;
  const started = performance.now();
  let said = started;
  const report = await fuzzShaders({
    ...{ cases, seed, path },
    milliseconds: minutes === undefined ? undefined : 60_000 * minutes,
    async gpus() {
      const compiled = gpus.reduce((sum, gpu) => sum + gpu.kernels.size, 0);
      if (compiled > mostKernels) {
        kernels += compiled;
        for (const gpu of gpus) gpu.close();
        gpus = await open();
      }
      return gpus;
    },
    onCase(done) {
      if (performance.now() - said < 30_000) return;
      said = performance.now();
      console.log(`${Math.round((said - started) / 1000)} s: ${done} of ${cases} cases`);
    },
  });
  kernels += gpus.reduce((sum, gpu) => sum + gpu.kernels.size, 0);
  const { runtimeVersion, description } = gpus[0]!.adapter;
  for (const gpu of gpus) gpu.close();
  const written = {
    command: ["npm run fuzz:shaders --", ...process.argv.slice(2)].join(" "),
    commit,
    machine: { runtime: runtimeVersion, adapter: description, tunings },
    seed,
    seconds: Math.round((performance.now() - started) / 1000),
    kernels,
    ...report,
  };
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, `${JSON.stringify(written, null, 2)}\n`);
  console.log(
    `${report.cases} cases, ${kernels} kernels in ${written.seconds} s, seed ${seed}; written to ${out}`,
  );
  for (const [why, count] of Object.entries(report.undecided)) console.log(`  ${why}: ${count}`);
  for (const [name, { cases: count, worst }] of Object.entries(report.operations)) {
    console.log(
      `  ${name.padEnd(20)} ${String(count).padStart(6)} cases, worst ${worst.toFixed(3)} of what is allowed`,
    );
  }
  for (const { seed: at, path: where, operations, error } of report.failures) {
    console.error(`fuzz: ${operations.join(" → ")}: ${error}`);
    console.error(`  repeat: npm run fuzz:shaders -- --cases 1 --seed ${at} --path ${where}`);
  }
  return report.failures.length === 0 ? 0 : 1;
}

const command = new Command("fuzz:shaders")
  .option("--cases <n>", "random graphs", whole("--cases", 1), 200)
  .option("--minutes <n>", "end after so long, however many that were", whole("--minutes", 1))
  .option("--seed <n>", "which graphs are drawn", whole("--seed", 0), 1)
  .option("--path <path>", "repeat the case that a failure names")
  .option("--out <file>", "where the figures are written", "runs/fuzz-shaders.json")
  .action(async (flags: Flags) => {
    process.exitCode = await main(flags);
  });
try {
  await command.parseAsync();
} catch (error) {
  console.error("fuzz:shaders:", (error as Error).message);
  process.exitCode = 1;
}
