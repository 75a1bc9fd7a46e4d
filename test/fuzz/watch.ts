/** A process that reads inputs, watched from outside: its time for each, its memory, and its end. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Inputs for a process. */
export interface Portion {
  readonly reader: string;
  readonly seed: number;
  readonly from: number;
  readonly count: number;
  /** A file to read instead of the inputs of numbers. */
  readonly file?: string | undefined;
}

/** What a process says. */
export type Said =
  | { readonly ready: true }
  | { readonly done: true }
  | { readonly starts: number }
  | {
      readonly ends: number;
      readonly outcome: "read" | "refused" | "raw";
      readonly error?: string;
      readonly milliseconds: number;
      readonly peak: number;
    };

/** What is wrong with an input. */
export type Fault = "crash" | "hang" | "memory" | "raw";

/** An input that something is wrong with. */
export interface Finding {
  readonly fault: Fault;
  readonly index: number;
  readonly error: string;
}

/** What came of a portion. */
export interface Portioned {
  readonly read: number;
  readonly refused: number;
  readonly findings: readonly Finding[];
  /** Milliseconds of the slowest input. */
  readonly slowest: number;
  /** Most bytes the process has held. */
  readonly peak: number;
  /** The number after that of the last input that was read. */
  readonly next: number;
}

/** What an input may take. */
export interface Limits {
  readonly milliseconds: number;
  readonly bytes: number;
}

const deno = (globalThis as { Deno?: unknown }).Deno !== undefined;
const reading = fileURLToPath(new URL("child.ts", import.meta.url));
/** A process takes this long to start at most. */
const startMs = 120_000;
/** How often a process that gets no processor is given more time. */
const mostWaits = 10;
/** How often the memory is looked at. */
const lookMs = 50;

/** A process, started when it is needed. */
export class Watched {
  readonly #dir: string;
  readonly #limits: Limits;
  readonly #module: string;
  #process: ChildProcess | undefined;

  /** @param dir the process's own folder. @param module what it runs. */
  constructor(dir: string, limits: Limits, module = reading) {
    this.#dir = dir;
    this.#module = module;
    this.#limits = limits;
  }

  /** Lets the process read a portion, up to the first input that ends it. */
  async run(portion: Portion): Promise<Portioned> {
    const process = (this.#process ??= start(this.#module, this.#dir));
    const findings: Finding[] = [];
    let [read, refused, slowest, peak, next] = [0, 0, 0, 0, portion.from];
    let [killed, noise]: [Finding | undefined, string] = [undefined, ""];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const end = (fault: Fault, error: string): void => {
      killed ??= { fault, index: next, error };
      process.kill("SIGKILL");
    };
    /** Gives the process so long; on a machine that does other work, so long of a processor. */
    const wait = (milliseconds: number, more = mostWaits, from = computed(process.pid)): void => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        if (more > 0 && computed(process.pid) - from < milliseconds)
          wait(milliseconds, more - 1, from);
        else end("hang", `no end within ${milliseconds} ms`);
      }, milliseconds);
    };
    const look = setInterval(() => {
      // Before the system has to end something.
      if (held(process.pid) > 2 * this.#limits.bytes) end("memory", "more than twice the limit");
    }, lookMs);
    const errors = (part: Buffer): void => {
      noise = (noise + part.toString()).slice(-2000);
    };
    process.stderr!.on("data", errors);
    wait(startMs);
    const lines = createInterface({ input: process.stdout! });
    process.stdin!.write(`${JSON.stringify(portion)}\n`);
    for await (const line of lines) {
      const said = JSON.parse(line) as Said;
      if ("starts" in said) {
        next = said.starts;
        wait(this.#limits.milliseconds);
      } else if ("ends" in said) {
        wait(startMs);
        next = said.ends + 1;
        slowest = Math.max(slowest, said.milliseconds);
        peak = Math.max(peak, said.peak);
        if (said.outcome === "read") read++;
        else if (said.outcome === "refused") refused++;
        else findings.push({ fault: "raw", index: said.ends, error: said.error ?? "" });
        if (said.peak > this.#limits.bytes) {
          findings.push({ fault: "memory", index: said.ends, error: `${said.peak} bytes` });
          break;
        }
      } else if ("done" in said) break;
    }
    clearTimeout(timer);
    clearInterval(look);
    lines.close();
    process.stderr!.off("data", errors);
    if (next < portion.from + portion.count || peak > this.#limits.bytes) {
      const large = peak > this.#limits.bytes;
      if (!large) {
        findings.push(killed ?? { fault: "crash", index: next, error: noise });
        next++;
      }
      this.close();
    }
    return { read, refused, findings, slowest, peak, next };
  }

  close(): void {
    this.#process?.kill("SIGKILL");
    this.#process = undefined;
  }
}

function start(module: string, dir: string): ChildProcess {
  const words = deno ? ["run", "-A", module, dir] : ["--import", "tsx", module, dir];
  return spawn(process.execPath, words, { stdio: ["pipe", "pipe", "pipe"] });
}

/** Milliseconds that a process has had of a processor; without end where the system does not tell. */
function computed(pid: number | undefined): number {
  try {
    // Behind the name, which may have blanks: hundredths of a second in the program and in the system.
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)!.split(" ");
    return 10 * (Number(fields[11]) + Number(fields[12]));
  } catch {
    return Infinity;
  }
}

/** Bytes that a process holds, where the system tells. */
function held(pid: number | undefined): number {
  try {
    const pages = readFileSync(`/proc/${pid}/statm`, "latin1").split(" ")[1];
    return Number(pages) * 4096;
  } catch {
    return 0;
  }
}
