/**
 * Reads inputs for the program, which watches it from outside: `child.ts FOLDER`, then a line of JSON for each portion of
 * inputs. It says the number of an input before it reads it, so that who watches knows which one hangs or breaks it.
 */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { formsOf, inputOf } from "./inputs.ts";
import { judge } from "./judge.ts";
import type { Form } from "./readers.ts";
import { readers } from "./readers.ts";
import type { Portion, Said } from "./watch.ts";

const [, , dir = ""] = process.argv;
const forms = new Map<string, Promise<readonly Form[]>>();

/** Most bytes that the process has held. The usual count begins with what its parent held as it was started. */
function peak(): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "latin1"))![1]) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}

function say(said: Said): void {
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

async function run({ reader: name, seed, from, count, file }: Portion): Promise<void> {
  const reader = readers.find((one) => one.name === name)!;
  let known = forms.get(name);
  if (known === undefined) forms.set(name, (known = formsOf(reader)));
  const seeds = await known;
  for (let index = from; index < from + count; index++) {
    const bytes = file === undefined ? inputOf(reader, seeds, seed, index) : readFileSync(file);
    say({ starts: index });
    const started = performance.now();
    const verdict = await judge(reader, new Uint8Array(bytes), dir);
    say({ ends: index, ...verdict, milliseconds: performance.now() - started, peak: peak() });
  }
  say({ done: true });
}

say({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  await run(JSON.parse(line) as Portion);
}
