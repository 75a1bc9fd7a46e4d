/** Program of quiet.test.ts, on a terminal: what native code prints, and what comes after. */
import { writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { isatty } from "node:tty";
import { acquireDevice } from "../../src/gpu/device.ts";
import { withoutLines } from "../../src/platform/native-errors.ts";

const got = withoutLines(/^hidden/, () => {
  // Past Node's stream, as native code writes.
  writeSync(2, "hidden\nkept 1\nhidden too\nkept 2\n");
  return 5;
});
console.error(`gave ${got}, terminal: ${isatty(2)}`);
writeSync(2, "native again\n");
try {
  withoutLines(/^hidden/, () => {
    writeSync(2, "kept of a failure\n");
    throw new Error("failed");
  });
} catch (error) {
  console.error((error as Error).message);
}
const reading = readFile(import.meta.filename);
withoutLines(/^hidden/, () => writeSync(2, "hidden not, as a file is being opened\n"));
await reading;
const gpu = await acquireDevice({ quiet: process.argv.includes("--quiet") });
console.error("opened");
gpu.close();
process.exit(0);
