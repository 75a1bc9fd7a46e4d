/** A process that takes test files one after the other, and what the runner and the process say to each other. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Kind, kindOf } from "./order.ts";

/** What a test process says about a file. */
export interface Report {
  readonly passed: number;
  readonly failed: number;
  /** Why the file counts as failed where no test of it failed. */
  readonly problem?: string;
  /** The process should take no further file: something of this one may be left in it. */
  readonly spent: boolean;
  /** Seconds of processor that the file took, its ended child processes included; absent where nobody knows. */
  readonly processor?: number;
}

/** What came of a file. */
export interface Outcome extends Report {
  readonly file: string;
  readonly seconds: number;
  readonly output: string;
}

/** Starts a line of the process that is a report, or the end of a file's errors: no test prints it. */
export const mark = "\u0001rewind-test ";

/** A process without files to run ends within this time, or something keeps it alive. */
const endMs = 20_000;

/**
 * Bits of the vectors that the software driver computes with: it compiles shaders a third faster for 128 than for
 * its usual 256, and what tests run is short. The environment may say otherwise; other drivers do not read it.
 */
const vectorBits = "128";

/** Threads it computes with: there are more processes than cores, and threads that wake each other take time. */
const driverThreads = "1";

/** Variables that the software driver reads, for a process and for the command lines that its files start. */
const driver: Readonly<Record<Kind, Readonly<Record<string, string>>>> = {
  computing: { LP_NATIVE_VECTOR_WIDTH: vectorBits, LP_NUM_THREADS: driverThreads },
  compiling: {
    LP_NATIVE_VECTOR_WIDTH: vectorBits,
    LP_NUM_THREADS: driverThreads,
    GALLIVM_PERF: "nopt",
  },
};

const deno = (globalThis as { Deno?: unknown }).Deno !== undefined;
const at = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** Runs files of one kind in one process as long as all goes well, and in a new one after a file that failed. */
export class Lane {
  readonly #timeoutMs: number;
  #kind: Kind;
  #process: ChildProcess | undefined;

  /** @param timeoutMs a file that takes longer counts as failed. @param kind of its first process. */
  constructor(timeoutMs: number, kind: Kind) {
    this.#timeoutMs = timeoutMs;
    this.#kind = kind;
  }

  /** Kind of the files that its process takes. */
  get kind(): Kind {
    return this.#kind;
  }

  /** Runs one file, which is of the lane's kind or starts another; never throws. */
  async run(file: string): Promise<Outcome> {
    this.#kind = kindOf(file);
    const child = (this.#process ??= start(this.#kind));
    const started = performance.now();
    const { report, output } = await this.#ask(child, file);
    const seconds = (performance.now() - started) / 1000;
    if (!report.spent) return { ...report, file, seconds, output };
    const fault = await this.close();
    // A file that failed has said so; what it left behind is its own affair.
    if (fault === undefined || report.failed > 0) return { ...report, file, seconds, output };
    return { ...report, failed: 1, problem: fault, file, seconds, output };
  }

  /** Lets the process end. Gives what was wrong with its end, if anything. */
  async close(): Promise<string | undefined> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined) return undefined;
    const { exitCode, signalCode } = child;
    if (exitCode !== null || signalCode !== null) {
      return `a test process ended with ${exitCode ?? signalCode} between two files`;
    }
    const ended = new Promise<number | string>((resolve) => {
      child.once("close", (code, signal) => resolve(code ?? signal ?? "nothing"));
    });
    child.stdin!.end();
    const timer = setTimeout(() => child.kill("SIGKILL"), endMs);
    const how = await ended;
    clearTimeout(timer);
    return how === 0 ? undefined : `a test process ended with ${how} after its last file`;
  }

  #ask(child: ChildProcess, file: string): Promise<{ report: Report; output: string }> {
    const lines: string[] = [];
    let report: Report | undefined;
    let timedOut = false;
    return new Promise((resolve) => {
      const readers = [child.stdout!, child.stderr!].map((input) => createInterface({ input }));
      let open = readers.length;
      const end = (last: Report): void => {
        clearTimeout(timer);
        child.off("close", closed);
        for (const reader of readers) reader.close();
        resolve({ report: last, output: lines.join("\n") });
      };
      const closed = (code: number | null, signal: string | null): void => {
        const problem = timedOut
          ? `timed out after ${this.#timeoutMs / 1000} s`
          : `the process ended with ${code ?? signal}`;
        end({ passed: 0, failed: 1, problem, spent: true });
      };
      const timer = setTimeout(() => {
        timedOut = true;
        child.kill("SIGKILL");
      }, this.#timeoutMs);
      child.once("close", closed);
      for (const reader of readers) {
        reader.on("line", (line) => {
          const found = line.indexOf(mark);
          if (found < 0) return lines.push(line);
          if (found > 0) lines.push(line.slice(0, found));
          const text = line.slice(found + mark.length);
          if (text !== "") report = JSON.parse(text) as Report;
          if (--open === 0) end(report!);
          return undefined;
        });
      }
      child.stdin!.write(`${file}\n`);
    });
  }
}

function start(kind: Kind): ChildProcess {
  const before = deno ? ["run", "-A"] : ["--import", "tsx"];
  const preload = `--import ${new URL("patient.mjs", import.meta.url).href}`;
  const options = [process.env["NODE_OPTIONS"] ?? "", ...(deno ? [] : [preload])].join(" ");
  const child = spawn(process.execPath, [...before, at("worker.ts")], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...driver[kind], ...process.env, NODE_OPTIONS: options.trim() },
  });
  // A process that is gone cannot be written to; its end is reported by "close".
  child.stdin.on("error", () => undefined);
  return child;
}
