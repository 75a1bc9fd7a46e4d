// What native code prints on a terminal: `script` of util-linux makes one.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";

const program = fileURLToPath(new URL("quiet-program.ts", import.meta.url));
const command = (...words: string[]): string =>
  [process.execPath, "--import", "tsx", program, ...words].map((word) => `'${word}'`).join(" ");
const warning = /artificially reduced/;

test("harmless warnings stay off a terminal, and nothing else does", () => {
  const ran = spawnSync("script", ["-qec", command("--quiet"), "/dev/null"], { encoding: "utf8" });
  if (ran.error !== undefined) {
    console.log(`skipped: no terminal to try, as "script" did not start: ${ran.error.message}`);
    return;
  }
  const lines = ran.stdout.split("\r\n").filter((line) => line !== "");
  assert.equal(lines, [
    ...["kept 1", "kept 2", "gave 5, terminal: true", "native again"],
    ...["kept of a failure", "failed", "opened"],
  ]);
});

test("who does not ask for it, or sends errors to a pipe, gets every line", () => {
  const piped = spawnSync("/bin/sh", ["-c", command("--quiet")], { encoding: "utf8" });
  assert.match(piped.stderr, /^hidden\nkept 1\nhidden too\nkept 2\ngave 5, terminal: false\n/);
  // Another driver may have nothing to warn of.
  const reduced = warning.test(piped.stderr);
  const ran = spawnSync("script", ["-qec", command(), "/dev/null"], { encoding: "utf8" });
  if (ran.error === undefined) assert.is(warning.test(ran.stdout), reduced);
});

test.run();
