/**
 * `npm run soak -- --minutes N [--iterations N] [--seed S] [--out FILE]`
 *
 * It turns V8's compilers off: what they make of functions that are called for the thousandth time lies on the heap too,
 * for as long as the process lives, and would hide a leak of its size.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { Command } from "commander";
import { acquireDevice } from "../../src/gpu/device.ts";
import { soakJobs } from "./jobs.ts";
import { soak } from "./soak.ts";

interface Flags {
  minutes: number;
  iterations?: number;
  seed: number;
  out: string;
}

/** A number above 0, or an integer of 0 or more. @throws Error that names the flag. */
const positive = (flag: string) => (text: string) => {
  const value = Number(text);
  if (!(value > 0 && value < Infinity)) {
    throw new Error(`${flag} must be a number above 0, got "${text}".`);
  }
  return value;
};

const whole = (flag: string) => (text: string) => {
  const value = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(value) || value < 0) {
    throw new Error(`${flag} must be a whole number of 0 or more, got "${text}".`);
  }
  return value;
};

async function main({ minutes, iterations = Infinity, seed, out }: Flags): Promise<number> {
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  const gpu = await acquireDevice();
  const jobs = await soakJobs(gpu);
  let started: number | undefined;
  let said = performance.now();
  const report = await soak(gpu, jobs, {
    seed,
    collectEvery: 5,
    countEvery: 500,
    more(done) {
      started ??= performance.now();
      return done < iterations && performance.now() < started + 60_000 * minutes;
    },
    onIteration(done) {
      if (performance.now() - said < 30_000) return;
      said = performance.now();
      console.log(`${Math.round((said - started!) / 1000)} s: ${done} iterations`);
    },
  });
  const { runtimeVersion, description, tuning } = gpu.adapter;
  const written = {
    command: `npm run soak -- ${process.argv.slice(2).join(" ")}`,
    commit,
    machine: { runtime: runtimeVersion, adapter: description, tuning },
    seed,
    seconds: Math.round((performance.now() - started!) / 1000),
    ...report,
  };
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, `${JSON.stringify(written, null, 2)}\n`);
  gpu.close();
  const { gpu: device, heap, rss, faults } = report;
  console.log(
    `${report.iterations} iterations in ${written.seconds} s, seed ${seed}; written to ${out}`,
  );
  for (const [when, held] of Object.entries({ start: device.start, end: device.end })) {
    console.log(`  device at the ${when}: ${held.buffers} buffers, ${held.bytes} bytes`);
  }
  console.log(
    `  heap ${heap.start.toFixed(0)} to ${heap.end.toFixed(0)} KiB, slope ${heap.slope.toFixed(4)} ± ` +
      `${heap.standardError.toFixed(4)} KiB an iteration`,
  );
  for (const { kind, objects, bytes } of report.grown?.kinds ?? []) {
    console.log(`  in the later half ${objects} more of ${kind} (${bytes} bytes)`);
  }
  console.log(`  resident memory ${rss.start.toFixed(0)} to ${rss.end.toFixed(0)} MiB`);
  for (const fault of [...report.leaks.slice(0, 10), ...faults]) console.error(`soak: ${fault}`);
  return faults.length === 0 ? 0 : 1;
}

const command = new Command("soak")
  .option("--minutes <n>", "time after the jobs have all run once", positive("--minutes"), 10)
  .option("--iterations <n>", "iterations at most", whole("--iterations"))
  .option("--seed <n>", "which jobs are drawn, and where they end", whole("--seed"), 1)
  .option("--out <file>", "where the figures are written", "runs/soak.json")
  .action(async (flags: Flags) => {
    process.exitCode = await main(flags);
  });
try {
  await command.parseAsync();
} catch (error) {
  console.error("soak:", error);
  process.exitCode = 1;
}
