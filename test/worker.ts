/**
 * One process of the test pool: `test/run.ts` starts it and writes a file's name a line to its input.
 *
 * All files share its devices, with the kernels they have compiled (see device.ts). A file's tests wait
 * in uvu's queue until the whole file is loaded, as under uvu's own command line.
 */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { endGpus, keepGpus, settleGpus } from "./device.ts";
import { mark, type Report } from "./pool.ts";

/** A suite as uvu queues it: gives its errors (or true), how many passed, were skipped, and ran. */
type Suite = () => Promise<[string | true, number, number, number]>;

const scope = globalThis as { UVU_DEFER?: boolean; UVU_QUEUE?: Suite[][]; Deno?: unknown };
/** Memory that files may leave behind in one process. */
const mostBytes = 2 ** 31;

/** Ticks a second in which Linux counts processor time. */
const ticks = 100;

/** Seconds of processor that this process and its ended children have taken, where the system keeps /proc. */
function processorSeconds(): number | undefined {
  try {
    const stat = readFileSync("/proc/self/stat", "utf8");
    // After the name, which is in brackets: from the 12th on, its own and its children's, in programs and in the system.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) / ticks;
  } catch {
    return undefined;
  }
}

async function run(file: string): Promise<Report> {
  const queue: Suite[] = [];
  scope.UVU_DEFER = true;
  scope.UVU_QUEUE = [queue];
  let [passed, failed] = [0, 0];
  let problem: string | undefined;
  try {
    await import(new URL(file, import.meta.url).href);
    for (const suite of queue) {
      const [errors, good, , total] = await suite();
      passed += good;
      failed += total - good;
      if (errors !== true) console.log(errors);
    }
    await settleGpus();
    // A rejection that nobody awaits ends the process here, while its own file is the one that runs.
    await new Promise((resolve) => setTimeout(resolve));
    if (passed + failed === 0) problem = "ran no test";
    else if ((process.exitCode ?? 0) !== 0) problem = `set exit code ${process.exitCode}`;
  } catch (error) {
    problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  // A file that broke without a failing test still counts as one failure.
  if (problem !== undefined) failed = Math.max(failed, 1);
  const spent = failed > 0 || process.memoryUsage().rss > mostBytes;
  return { passed, failed, ...(problem === undefined ? {} : { problem }), spent };
}

keepGpus();
for await (const file of createInterface({ input: process.stdin })) {
  const before = processorSeconds();
  const report = await run(file);
  const after = processorSeconds();
  process.stderr.write(`\n${mark}\n`);
  const processor = after === undefined ? {} : { processor: after - before! };
  process.stdout.write(`\n${mark}${JSON.stringify({ ...report, ...processor })}\n`);
}
// The process ends by itself: what keeps it alive, or breaks as it ends, is a fault of its files.
await endGpus();
