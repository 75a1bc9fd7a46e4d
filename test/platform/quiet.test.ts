// What native code prints as errors: on a terminal, which `script` of util-linux makes, in a pipe and in a file.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";

const program = fileURLToPath(new URL("quiet-program.ts", import.meta.url));
const command = (...words: string[]): string =>
  [process.execPath, "--import", "tsx", program, ...words].map((word) => `'${word}'`).join(" ");
const linesOf = (text: string): string[] => text.split(/\r?\n/).filter((line) => line !== "");
const rest = [
  "native again",
  "kept of a failure",
  "failed",
  "hidden not, as a file is being opened",
  "opened",
];

test("harmless warnings are not shown on a terminal, and everything else is", () => {
  const ran = spawnSync("script", ["-qec", command("--quiet"), "/dev/null"], { encoding: "utf8" });
  if (ran.error === undefined) {
    assert.equal(linesOf(ran.stdout), ["kept 1", "kept 2", "gave 5, terminal: true", ...rest]);
  } else {
    console.log(`skipped: no terminal to try, as "script" did not start: ${ran.error.message}`);
  }
});

test("nor in a pipe", () => {
  const ran = spawnSync("/bin/sh", ["-c", `${command("--quiet")} 2>&1 | cat`], {
    encoding: "utf8",
  });
  assert.equal(linesOf(ran.stdout), ["kept 1", "kept 2", "gave 5, terminal: false", ...rest]);
});

test("a file that other descriptors write to keeps every line, in order", () => {
  const folder = mkdtempSync(`${tmpdir()}/rewind-quiet-`);
  const log = `${folder}/log`;
  try {
    spawnSync("/bin/sh", ["-c", `{ echo first; ${command()}; echo last; } >'${log}' 2>&1`]);
    const lines = linesOf(readFileSync(log, "utf8"));
    const own = lines.filter((line) => !line.includes("artificially reduced"));
    const printed = ["hidden", "kept 1", "hidden too", "kept 2", "gave 5, terminal: false"];
    assert.equal(own, ["first", ...printed, ...rest, "last"]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test.run();
