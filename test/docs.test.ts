// README.md, SECURITY.md and docs/*.md: programs compile, commands are those of the command line, links lead somewhere.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { CommanderError } from "commander";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { describedConfig } from "../models/described.ts";
import { commandsDoc } from "../scripts/commands-doc.ts";
import { preprocessingSchema } from "../src/nn/preprocessing.ts";
import { program } from "../src/cli/program.ts";
import { methods } from "../src/unlearn/methods/index.ts";
import {
  blocks,
  type Block,
  command,
  documents,
  linesOf,
  read,
  root,
  wordsOf,
} from "./documents.ts";

/** What becomes of the blocks of a language. Where it is not run here, why. */
const languages: Readonly<
  Record<string, "compiled" | "parsed" | "read" | { readonly why: string }>
> = {
  ts: "compiled",
  sh: "parsed",
  json: "read",
  wgsl: { why: "kernels of docs/adding.md, which test/adding.test.ts runs from the same text" },
  text: {
    why: "help of the command line, which docs/commands.md is compared with; permissions, which test/cli/command.ts has",
  },
  "": { why: "drawings: a folder's files, the way of the data" },
};

/** Blocks that are tested elsewhere, by document and language. */
const elsewhere: Readonly<Record<string, string>> = {
  "docs/adding.md ts":
    "test/adding.test.ts compares these programs with the files of test/adding, which it runs",
};

/** Lines of a shell that are no command of this project's command line, and why they are not run here. */
const others: readonly { readonly line: RegExp; readonly why: string }[] = [
  { line: /^npm ci && npm (?:run demo|test)$/, why: "what .ci/run begins with, and test/cli/demo" },
  { line: /sha256sum/, why: "test/package/package.test.ts packs twice, and compares the bytes" },
];

/** Blocks of a language that are tested here. */
function testedHere(language: string): Block[] {
  return blocks.filter(
    ({ file, language: own }) => own === language && !(`${file} ${language}` in elsewhere),
  );
}

test("every block is of a language that something is done about", () => {
  for (const { language, at } of blocks) assert.ok(language in languages, `${at}: ${language}`);
  for (const where of Object.keys(elsewhere)) {
    assert.ok(
      blocks.some(({ file, language }) => `${file} ${language}` === where),
      where,
    );
  }
  for (const language of Object.keys(languages)) {
    assert.ok(
      blocks.some((block) => block.language === language),
      `no block is of ${language || "no language"}`,
    );
  }
});

test("programs compile", async () => {
  const some = testedHere("ts");
  assert.ok(some.length >= 2);
  // Inside the project, so that its types are found.
  mkdirSync(`${root}/.cache`, { recursive: true });
  const folder = mkdtempSync(`${root}/.cache/docs-`);
  try {
    const { compilerOptions } = JSON.parse(read("tsconfig.json")) as { compilerOptions: object };
    const files = some.map(({ text }, i) => {
      writeFileSync(`${folder}/block-${i}.ts`, text);
      return `block-${i}.ts`;
    });
    const options = {
      noEmit: true,
      rootDir: root,
      paths: {
        "rewind-webgpu": [`${root}/src/index.ts`],
        "rewind-webgpu/*": [`${root}/src/entries/*.ts`],
      },
    };
    writeFileSync(`${folder}/package.json`, '{ "type": "module" }');
    writeFileSync(
      `${folder}/tsconfig.json`,
      JSON.stringify({
        compilerOptions: { ...compilerOptions, ...options },
        files: [`${root}/src/wgsl_reflect.d.ts`, ...files],
      }),
    );
    const { code, said } = await command([`${root}/node_modules/typescript/bin/tsc`, "-p", folder]);
    assert.is(
      code,
      0,
      said.replaceAll(/\S*block-(\d+)\.ts/g, (_, i: string) => some[Number(i)]!.at),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** Ends a command once its words are read, before anything of it is done. */
class Read extends Error {}

/** What the command line says against words; undefined where it takes them. */
async function refusal(words: readonly string[]): Promise<string | undefined> {
  const line = await program(words);
  // The root's hooks come before those of its commands, and before the command.
  line.hook("preAction", () => {
    throw new Read();
  });
  try {
    await line.parseAsync(words, { from: "user" });
  } catch (error) {
    if (error instanceof Read) return undefined;
    if (error instanceof CommanderError && error.exitCode === 0) return undefined;
    return (error as Error).message;
  }
  return "nothing was to be done";
}

test("the reader of commands refuses what the command line refuses", async () => {
  const good = "unlearn --run DIR --method salun --out OUT";
  assert.is(await refusal(wordsOf(good)), undefined);
  for (const [wrong, says] of [
    [good.replace("--run", "--runs"), /unknown option '--runs'/],
    [good.replace("salun", "salum"), /'salum' is invalid/],
    [good.replace("unlearn", "unlern"), /unknown command 'unlern'/],
    [good.replace(" --out OUT", ""), /'--out <dir>' not specified/],
    [`${good} --rounds many`, /--rounds.*integer/],
  ] as const) {
    assert.match((await refusal(wordsOf(wrong))) ?? "taken", says);
  }
});

test("commands are those of the command line", async () => {
  let count = 0;
  for (const { text, at } of testedHere("sh")) {
    for (const line of linesOf(text)) {
      if (others.some((other) => other.line.test(line))) continue;
      const called =
        /^(?:.*node_modules\/\.bin\/rewind|rewind|npm run --silent rewind --) (.*)$/.exec(line);
      assert.ok(called, `${at}: "${line}" is no command of ours: give a reason in this test`);
      const said = await refusal(wordsOf(called[1]!));
      // A name that the example itself adds.
      const own = at.startsWith("docs/adding.md") && /ramps|softsign-net/.test(said ?? "");
      if (!own) assert.is(said, undefined, `${at}: ${line}\n${said}`);
      count++;
    }
  }
  assert.ok(count > 20, `${count} commands`);
  for (const { line, why } of others) {
    assert.ok(
      blocks.some(
        (block) => block.language === "sh" && linesOf(block.text).some((one) => line.test(one)),
      ),
      `no document has ${line} (${why})`,
    );
  }
});

test("descriptions in JSON are read", () => {
  const values = testedHere("json").map(
    ({ text, at }) => [at, JSON.parse(text) as object] as const,
  );
  const networks = values.filter(([, value]) => "layers" in value);
  assert.ok(networks.length > 0);
  for (const [at, network] of networks) describedConfig(network, at);
  const prepared = values.filter((value) => !networks.includes(value));
  for (const [at, value] of prepared) {
    assert.is(preprocessingSchema.safeParse(value).error?.message, undefined, at);
  }
});

test("docs/commands.md is what the command line says", async () => {
  assert.ok(
    read("docs/commands.md") === (await commandsDoc()),
    "docs/commands.md is out of date: npm run docs:commands",
  );
});

/** Anchors of a document's headings, as GitHub makes them. */
function anchorsOf(text: string): string[] {
  return [...text.replaceAll(/^```[^]*?^```$/gm, "").matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

test("docs/diffusion.md names the methods that work on labels, all of them", () => {
  const [, named] = /Methods that work on labels \(([^)]*)\)/.exec(read("docs/diffusion.md"))!;
  const ofLabels = methods.all.filter(({ labels = false }) => labels).map(({ name }) => name);
  assert.equal(
    Array.from(named!.matchAll(/`([^`]+)`/g), ([, name]) => name),
    ofLabels.toSorted(),
  );
});

test("links lead to files and headings that exist", () => {
  for (const file of documents) {
    const text = read(file).replaceAll(/^```[^]*?^```$/gm, "");
    for (const [, link] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(link!)) continue;
      const [path = "", anchor] = link!.split("#");
      const target = path === "" ? file : resolve(root, dirname(file), path);
      const full = path === "" ? resolve(root, file) : target;
      assert.ok(existsSync(full), `${file}: ${link}`);
      if (anchor !== undefined) {
        assert.ok(anchorsOf(readFileSync(full, "utf8")).includes(anchor), `${file}: ${link}`);
      }
    }
  }
});

test("the README links every document, and is short", () => {
  const readme = read("README.md");
  for (const file of documents.slice(1)) assert.ok(readme.includes(`(${file})`), file);
  assert.ok(readme.split("\n").length <= 130);
});

test.run();
