/**
 * Runs command lines one after the other in one process: `node each.mjs MAIN` reads the folder and the words of one a line
 * from its input, as JSON, and writes a line with its exit code and what it has said. MAIN is evaluated anew each time; the
 * modules that it imports are loaded once, and what the runtime and the driver have compiled stays.
 */
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { format } from "node:util";

const [, , main] = process.argv;
const { exit } = process;
const writers = { out: process.stdout.write, err: process.stderr.write };

/** Ends what still runs of a command line that has exited: what it says from then on is not heard. */
class Exited extends Error {}

// Deno's console does not write through process.stdout.
console.log = (...words) => process.stdout.write(`${format(...words)}\n`);
console.error = (...words) => process.stderr.write(`${format(...words)}\n`);

let count = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const { cwd, words } = JSON.parse(line);
  process.chdir(cwd);
  process.argv = [process.execPath, main, ...words];
  const said = { code: null, out: "", err: "" };
  const keep =
    (stream) =>
    (text, ...rest) => {
      if (said.code === null) said[stream] += text;
      rest.findLast((one) => typeof one === "function")?.();
      return true;
    };
  process.stdout.write = keep("out");
  process.stderr.write = keep("err");
  process.exit = (code = process.exitCode ?? 0) => {
    said.code ??= code;
    throw new Exited();
  };
  try {
    await import(`${pathToFileURL(main).href}?${count++}`);
  } catch (error) {
    if (!(error instanceof Exited)) throw error;
  }
  process.stdout.write = writers.out;
  process.stderr.write = writers.err;
  process.exit = exit;
  process.stdout.write(`${JSON.stringify(said)}\n`);
}
process.exit();
