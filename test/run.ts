/**
 * Runs the test files in three processes: `tsx test/run.ts [filter…]` or `deno run -A test/run.ts [filter…]`.
 *
 * A file counts as failed if a test fails, if it crashes, hangs, or runs no test at all; the files after
 * it go on in a new process. On Deno, files that onlyOnNode lists are named and left out, unless a
 * filter asks for them. The last line is `N passed, N failed`; the exit code is 1 if anything failed or
 * nothing ran.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { onlyOnNode, onlyOnNodeFiles } from "./only-on-node.ts";
import { type Kind, kindOf, namedInOrder, Waiting } from "./order.ts";
import { Lane, type Outcome } from "./pool.ts";

const folder = fileURLToPath(new URL(".", import.meta.url));
const deno = (globalThis as { Deno?: unknown }).Deno !== undefined;
/** A file of a minute on a fast machine takes ten on a slow one that does other work. */
const timeoutMs = 1_500_000;
/**
 * Files in a process of their own: what they add by name would be found by the files after them, or they count
 * the objects of the whole heap, which takes minutes where other files have filled it.
 */
const alone: readonly string[] = [
  "adding.test.ts",
  "api/given.test.ts",
  "api/library.test.ts",
  "data/fetch.test.ts",
  "soak/soak.test.ts",
];

/** What a file took. */
function taken({ seconds, processor }: Outcome): string {
  const of = processor === undefined ? "" : `, ${processor.toFixed(1)} s of processor`;
  return `${seconds.toFixed(1)} s${of}`;
}

/** What tests of a file say they skip, for want of a file or a program. */
function skips({ output }: Outcome): string[] {
  return output.split("\n").filter((line) => /^skipped\b/i.test(line));
}

function print(outcome: Outcome): void {
  const { file, passed, failed, output, problem } = outcome;
  const counts = `${passed} passed${failed > 0 ? `, ${failed} FAILED` : ""}`;
  console.log(`${file.padEnd(40)} ${counts} (${taken(outcome)})`);
  for (const line of skips(outcome)) console.log(`  ${line}`);
  if (failed > 0) console.log(`  ${problem ?? ""}\n${output}`);
}

/** Test files that match a filter, and those left out on this runtime, by reason. */
function choose(filters: readonly string[]): { files: string[]; leftOut: Map<string, string[]> } {
  const there = (readdirSync(folder, { recursive: true }) as string[]).filter((file) =>
    file.endsWith(".test.ts"),
  );
  for (const [list, named] of [
    ["only-on-node.ts", onlyOnNodeFiles],
    ["order.ts", namedInOrder],
  ] as const) {
    const unknown = named.filter((file) => !there.includes(file));
    if (unknown.length > 0) throw new Error(`${list} names no test file: ${unknown.join(", ")}`);
  }
  const all = there
    .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
    .sort();
  const leftOut = new Map<string, string[]>();
  const files = all.filter((file) => {
    const reason = deno && filters.length === 0 ? onlyOnNode(file) : undefined;
    if (reason === undefined) return true;
    leftOut.set(reason, [...(leftOut.get(reason) ?? []), file]);
    return false;
  });
  return { files, leftOut };
}

/** Builds the package for the tests that use it. The command line takes twice the time from its source. */
function build(files: readonly string[]): void {
  const starts = (file: string): boolean =>
    /command\.ts|REWIND_BUILT/.test(readFileSync(`${folder}${file}`, "utf8"));
  if (deno || !files.some(starts)) return;
  const root = fileURLToPath(new URL("..", import.meta.url));
  const { status } = spawnSync("npm", ["run", "--silent", "build"], {
    cwd: root,
    stdio: "inherit",
  });
  if (status === 0) process.env["REWIND_BUILT"] = `${root}dist/src/cli/main.js`;
  else throw new Error("the build failed: see its messages above");
}

async function main(): Promise<number> {
  const filters = process.argv.slice(2);
  const { files, leftOut } = choose(filters);
  build(files);
  const outcomes: Outcome[] = [];
  const waiting = new Waiting(files);
  const started = performance.now();
  /** Counts a test process that did not end well. */
  const ended = (problem: string | undefined): void => {
    if (problem === undefined) return;
    const outcome = {
      file: "a test process",
      passed: 0,
      failed: 1,
      problem,
      spent: true,
      seconds: 0,
      output: "",
    };
    print(outcome);
    outcomes.push(outcome);
  };
  const work = async (kind: Kind): Promise<void> => {
    const lane = new Lane(timeoutMs, kind);
    for (;;) {
      const file = waiting.take(lane.kind);
      if (file === undefined) break;
      if (alone.includes(file) || kindOf(file) !== lane.kind) ended(await lane.close());
      const outcome = await lane.run(file);
      print(outcome);
      outcomes.push(outcome);
      if (alone.includes(file)) ended(await lane.close());
    }
    ended(await lane.close());
  };
  // A third process fills two cores while the others wait: for a driver's copy, a child process, a file.
  const kinds: readonly Kind[] = ["computing", "compiling", "compiling"];
  await Promise.all(kinds.map(work));
  for (const [reason, names] of leftOut) {
    console.log(`not repeated on Deno, ${reason}: ${names.join(", ")}`);
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${files.length} files on ${deno ? "Deno" : "Node"} in ${seconds} s; the slowest:`);
  const slowest = [...outcomes].sort((a, b) => b.seconds - a.seconds).slice(0, 10);
  for (const outcome of slowest) {
    console.log(`  ${outcome.file.padEnd(38)} ${taken(outcome)}`);
  }
  const skipping = outcomes.filter((outcome) => skips(outcome).length > 0).map(({ file }) => file);
  if (skipping.length > 0) {
    console.log(`skipped in part, which counts as passed: ${skipping.join(", ")}`);
  }
  if (files.length === 0) console.log(`no test file matches: ${filters.join(" ")}`);
  const sum = (key: "passed" | "failed"): number =>
    outcomes.reduce((total, outcome) => total + outcome[key], 0);
  console.log(`${sum("passed")} passed, ${sum("failed")} failed`);
  return sum("failed") > 0 || sum("passed") === 0 ? 1 : 0;
}

process.exit(await main());
