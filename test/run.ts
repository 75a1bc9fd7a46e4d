/**
 * Runs the test files, each in a process of its own: `tsx test/run.ts [filter…]` or `deno run -A …`.
 *
 * A file counts as failed if a test fails, if it crashes, hangs, or runs no test at all. The last line is
 * `N passed, N failed`; the exit code is 1 if anything failed or nothing ran.
 */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL(".", import.meta.url));
const deno = (globalThis as { Deno?: unknown }).Deno !== undefined;
/** A file of a minute on a fast machine takes ten on a slow one that does other work. */
const timeoutMs = 1_500_000;
/** Two at a time: compiling shaders and running them keeps two cores busy. */
const atOnce = 2;

interface Outcome {
  readonly file: string;
  readonly passed: number;
  readonly failed: number;
  readonly seconds: number;
  readonly output: string;
  readonly problem: string | undefined;
}

function run(file: string): Promise<Outcome> {
  const before = deno ? ["run", "-A"] : ["--import", "tsx"];
  const started = performance.now();
  const child = spawn(process.execPath, [...before, `${folder}${file}`], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let timedOut = false;
  child.stdout.on("data", (part: Buffer) => (output += part.toString()));
  child.stderr.on("data", (part: Buffer) => (output += part.toString()));
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill("SIGKILL");
  }, timeoutMs);
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      const count = (name: string): number =>
        Number(new RegExp(`${name}:\\s+(\\d+)`).exec(output)?.[1] ?? 0);
      const total = count("Total");
      const passed = count("Passed");
      const broken = total - passed - count("Skipped");
      const problem = timedOut
        ? `timed out after ${timeoutMs / 1000} s`
        : total === 0
          ? "ran no test"
          : code !== 0
            ? `ended with ${code ?? signal}`
            : undefined;
      // A file that broke without a failing test still counts as one failure.
      const failed = Math.max(broken, problem === undefined ? 0 : 1);
      resolve({
        file,
        passed,
        failed,
        seconds: (performance.now() - started) / 1000,
        output,
        problem,
      });
    });
  });
}

async function main(): Promise<number> {
  const filters = process.argv.slice(2);
  const files = (readdirSync(folder, { recursive: true }) as string[])
    .filter((file) => file.endsWith(".test.ts"))
    .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
    .sort();
  let passed = 0;
  let failed = 0;
  const waiting = [...files];
  const worker = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const outcome = await run(file);
      passed += outcome.passed;
      failed += outcome.failed;
      const counts = `${outcome.passed} passed${outcome.failed > 0 ? `, ${outcome.failed} FAILED` : ""}`;
      console.log(`${outcome.file.padEnd(40)} ${counts} (${outcome.seconds.toFixed(1)} s)`);
      for (const line of outcome.output.split("\n"))
        if (/^skipped?:/i.test(line)) console.log(`  ${line}`);
      if (outcome.failed > 0) console.log(`  ${outcome.problem ?? ""}\n${outcome.output}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  if (files.length === 0) console.log(`no test file matches: ${filters.join(" ")}`);
  console.log(`${passed} passed, ${failed} failed`);
  return failed > 0 || passed === 0 ? 1 : 0;
}

process.exit(await main());
