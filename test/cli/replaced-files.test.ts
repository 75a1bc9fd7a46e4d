// Files whose names a command makes: replaced where it wrote them, refused where they are something else.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { requireReplaceable } from "../../src/cli/replaced-files.ts";
import { UsageError } from "../../src/errors.ts";

const folder = mkdtempSync(`${tmpdir()}/rewind-replaced-`);

/** A file is the command's own where it is JSON with a 1 in it; others make the reading fail. */
const isOwn = (bytes: Uint8Array): boolean => {
  const read = JSON.parse(new TextDecoder().decode(bytes)) as unknown;
  return read === 1;
};

async function refused(contents: string): Promise<void> {
  const path = `${folder}/x.json`;
  writeFileSync(path, contents);
  const error = await requireReplaceable(path, "x.png", isOwn).catch((cause: unknown) => cause);
  assert.instance(error, UsageError);
  assert.is(
    (error as Error).message,
    `--out x.png would replace "${path}", which this command did not write: give another name.`,
  );
}

test("what another wrote stays, and what nobody can read", async () => {
  await refused("2");
  await refused("no JSON");
});

test("what is not there, or is its own, may be written", async () => {
  await requireReplaceable(`${folder}/none.json`, "x.png", isOwn);
  writeFileSync(`${folder}/own.json`, "1");
  await requireReplaceable(`${folder}/own.json`, "x.png", isOwn);
});

test.after(() => rmSync(folder, { recursive: true }));
test.run();
