// Files that a user names, or a command makes of a name: replaced where the command wrote them, refused where they are
// something else, what it reads, or part of a run.
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { requireReplaceable, type Written } from "../../src/cli/replaced-files.ts";
import { UsageError } from "../../src/errors.ts";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import { CommandLines } from "./command.ts";

const folder = mkdtempSync(`${tmpdir()}/rewind-replaced-`);
const commands = new CommandLines();

/** A file is the command's own where it is JSON with a 1 in it; others make the reading fail. */
const isOwn = (bytes: Uint8Array): boolean => {
  const read = JSON.parse(new TextDecoder().decode(bytes)) as unknown;
  return read === 1;
};

/** A file with contents, in a folder of the tests. */
function file(name: string, contents: string | Uint8Array): string {
  const path = `${folder}/${name}`;
  mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  writeFileSync(path, contents);
  return path;
}

async function refused(
  path: string,
  why: string,
  files: readonly Written[] = [{ path, isOwn }],
  read: readonly string[] = [],
): Promise<void> {
  const error = await requireReplaceable("x.png", files, read).catch((cause: unknown) => cause);
  assert.instance(error, UsageError);
  assert.is(
    (error as Error).message,
    `--out x.png would replace "${path}", ${why}: give another name.`,
  );
}

const others = "which this command did not write";

test("what another wrote stays, and what nobody can read", async () => {
  await refused(file("x.json", "2"), others);
  await refused(file("x.json", "no JSON"), others);
});

test("what is not there, or is its own, may be written", async () => {
  await requireReplaceable("x.png", [{ path: `${folder}/none.json`, isOwn }]);
  await requireReplaceable("x.png", [{ path: file("own.json", "1"), isOwn }]);
});

test("what the command reads stays, whatever it is", async () => {
  const path = file("read.json", "1");
  await refused(path, "which it reads", [{ path, isOwn }], [`${folder}/./read.json`]);
});

test("a picture goes by the files beside it, or by the whole set that is there", async () => {
  const [picture, numbers] = [file("a.png", "a photo"), `${folder}/a.json`];
  const files = [{ path: picture }, { path: numbers, isOwn }];
  await refused(picture, others, files);
  writeFileSync(numbers, "1");
  await requireReplaceable("x.png", files);
  const table = [{ path: file("table.md", "") }, { path: `${folder}/table.tex` }];
  await refused(table[0]!.path, others, table);
  file("table.tex", "");
  await requireReplaceable("x.png", table);
});

test("a run's files are made anew from that run alone", async () => {
  file("run/config.json", "{}");
  const page = file("run/report.html", "1");
  const files = [{ path: page, isOwn }];
  await refused(page, `which belongs to the run in "${folder}/run"`, files);
  await requireReplaceable("x.png", files, [`${folder}/run`]);
  const table = [{ path: file("run/table.md", "") }];
  await refused(table[0]!.path, `which belongs to the run in "${folder}/run"`, table);
  await requireReplaceable("x.png", table, [`${folder}/run`]);
  // Of a network for timm config.json is no run's.
  file("hub/config.json", '{"architecture": "resnet18"}');
  await requireReplaceable("x.png", [{ path: file("hub/report.html", "1"), isOwn }]);
});

/** A command that ends well, again and again, and the files that it must leave as they are. */
async function keeps(
  words: readonly string[],
  out: string,
  kept: readonly string[],
): Promise<void> {
  for (let i = 0; i < 2; i++) {
    const { code, err } = await commands.run(...words, "--out", out);
    assert.is(code, 0, err);
  }
  for (const path of kept) {
    const before = readFileSync(path);
    const { code, err } = await commands.run(...words, "--out", path);
    assert.is(code, 2, `${path}: ${err}`);
    assert.match(err, /^rewind: --out .* would replace ".*", which .*: give another name\.\n$/);
    assert.ok(readFileSync(path).equals(before), path);
  }
}

test("no command replaces a file of a run, what it reads, or what others wrote", async () => {
  const run = `${folder}/demo`;
  const data = ["--train", "40", "--test", "10", "--image-size", "8", "--model", "mlp"];
  const short = ["--epochs", "1", "--method", "neg-grad", "--rounds", "1", "--out", run];
  const { code, err } = await commands.run("demo", ...data, ...short);
  assert.is(code, 0, err);
  const network = `${run}/checkpoint.safetensors`;
  const mine = file("mine.txt", "the only copy");
  const ofRun = ["checkpoint.safetensors", "config.json", "metrics.jsonl", "report.json"];
  const kept = [mine, ...ofRun.map((name) => `${run}/${name}`)];
  const exported = `${folder}/exported.safetensors`;
  // As others write them for PyTorch.
  const weights = new Map([["w", { shape: [1], data: Float32Array.of(1) }]]);
  const theirs = file("theirs.safetensors", writeSafetensors(weights, { format: "pt" }));
  await keeps(["export", network, "--format", "same"], exported, [...kept, theirs]);
  const other = `${folder}/other`;
  mkdirSync(other);
  for (const name of ["config.json", "report.html"])
    copyFileSync(`${run}/${name}`, `${other}/${name}`);
  await keeps(["report", run], `${folder}/page.html`, [...kept, `${other}/report.html`]);
  await keeps(["report", run], `${run}/report.html`, []);
  const histories = file(
    "histories.json",
    JSON.stringify({ cases: [{ history: Array.from({ length: 15 }, (_, i) => i) }] }),
  );
  const words = ["predict", "--predictor", "linear", "--histories", histories];
  await keeps(words, `${folder}/predicted.json`, [...kept, histories]);
  await keeps(
    ["predict", "--predictor", "linear", "--histories", `${folder}/predicted.json`],
    `${folder}/again.json`,
    [`${folder}/predicted.json`],
  );
});

test("a folder of somebody else's network, table or figure stays as it is", async () => {
  const table = file("eval/eval.md", "my notes");
  const { code, err } = await commands.run(
    ...["predictor", "eval", "linear:2", "--out", `${folder}/eval`],
  );
  assert.is(code, 2, err);
  assert.match(err, /would replace ".*eval\.md", which this command did not write/);
  assert.is(readFileSync(table, "utf8"), "my notes");
});

test.after(async () => {
  await commands.close();
  rmSync(folder, { recursive: true });
});
test.run();
