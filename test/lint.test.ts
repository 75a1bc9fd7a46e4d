// The floors of docs/architecture.md: the linter refuses imports of a folder that stands higher.
import { execFile } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";

const root = fileURLToPath(new URL("..", import.meta.url));
const deno = (globalThis as { Deno?: unknown }).Deno !== undefined;

/** Folders from the ground up, as the table of docs/architecture.md lists them. */
const floors = [
  ...readFileSync(`${root}/docs/architecture.md`, "utf8").matchAll(/^\| `([\w-]+)` \|/gm),
].map(([, folder]) => folder!);

const pathOf = (folder: string): string => (folder === "models" ? folder : `src/${folder}`);

/** Files that the linter refuses in a copy of the project that holds nothing but these. */
function refused(files: Readonly<Record<string, string>>, rule: RegExp): Promise<Set<string>> {
  const copy = mkdtempSync(`${tmpdir()}/rewind-lint-`);
  cpSync(`${root}/.oxlintrc.json`, `${copy}/.oxlintrc.json`);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(`${copy}/${path}`), { recursive: true });
    writeFileSync(`${copy}/${path}`, text);
  }
  const oxlint = `${root}/node_modules/oxlint/bin/oxlint`;
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [oxlint, "--quiet", "--format", "json"],
      { cwd: copy, maxBuffer: 2 ** 26 },
      (_, out) => {
        rmSync(copy, { recursive: true, force: true });
        try {
          const { diagnostics } = JSON.parse(out) as {
            diagnostics: { code: string; filename: string }[];
          };
          const found = diagnostics.filter(({ code }) => rule.test(code));
          resolve(new Set(found.map(({ filename }) => filename)));
        } catch (error) {
          reject(error as Error);
        }
      },
    );
  });
}

test("every folder stands on a floor", () => {
  const folders = readdirSync(`${root}/src`, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  assert.equal(
    [...folders, "models"].filter((folder) => !floors.includes(folder)),
    [],
  );
});

test("only the command line speaks of flags; others name settings, or a whole command", () => {
  const files = ["src", "models"].flatMap((folder) =>
    readdirSync(`${root}/${folder}`, { recursive: true, encoding: "utf8" })
      // Variables of CSS are written as flags are.
      .filter((file) => /^(?!cli\b|report\/page-style\.ts).*\.ts$/.test(file))
      .map((file) => `${folder}/${file}`),
  );
  const flags = files.flatMap((file) => {
    const text = readFileSync(`${root}/${file}`, "utf8")
      .replaceAll(/\/\*[^]*?\*\//g, "")
      .replaceAll(/`rewind [^`]*`/g, "");
    return [...text.matchAll(/[\s"'`(]--[a-z][\w-]*/g)].map(([flag]) => `${file}: ${flag.trim()}`);
  });
  assert.equal(flags, []);
});

if (deno) {
  console.log("skipped on Deno: the linter runs on Node");
} else {
  test("an import of a higher floor is refused, of types as well and from any depth", async () => {
    const planted: Record<string, string> = {};
    const upward = new Set<string>();
    for (const [i, from] of floors.entries()) {
      for (const [j, to] of floors.entries()) {
        if (i === j) continue;
        const depth = pathOf(from).split("/").length;
        for (const [file, up] of [
          [`${pathOf(from)}/${to}.ts`, depth],
          [`${pathOf(from)}/inner/${to}.ts`, depth + 1],
        ] as const) {
          const target = `${"../".repeat(up)}${pathOf(to)}/some.ts`.replace(
            /^((?:\.\.\/)+)\.\.\/src\//,
            "$1",
          );
          planted[file] = `import type { T } from "${target}";\nexport type U = T;\n`;
          if (j > i) upward.add(file);
        }
      }
    }
    const found = await refused(planted, /no-restricted-imports/);
    assert.equal([...found].sort(), [...upward].sort());
  });

  test("no other way of writing an import leads to a higher floor", async () => {
    const found = await refused(
      {
        "src/gpu/a.ts": 'export type T = import("../train/trainer.ts").Trainer;\n',
        "src/gpu/b.ts": 'export { Trainer } from "./../train/trainer.ts";\n',
        "src/gpu/c.ts": 'export { Trainer } from "../index.ts";\n',
        "src/gpu/d.ts": 'export { Trainer } from "rewind-webgpu";\n',
        "src/ops/launch/e.ts": 'export { Trainer } from "../../index.ts";\n',
        "src/shape.ts": 'export { Trainer } from "./train/trainer.ts";\n',
        "src/train/f.ts": 'export { open } from "fs/promises";\n',
      },
      /no-restricted-imports|consistent-type-imports|prefer-node-protocol/,
    );
    assert.is(found.size, 7, [...found].join(", "));
  });

  test("files of src and of an outer folder are open to all; Node's modules to platform and cli", async () => {
    const found = await refused(
      {
        "src/gpu/a.ts": 'export { GpuError } from "../errors.ts";\n',
        "src/ops/launch/a.ts":
          'export { a } from "../relu.ts";\nexport { count } from "../../shape.ts";\n',
        "src/platform/node.ts": 'export { open } from "node:fs/promises";\n',
        "src/cli/a.ts": 'export { open } from "node:fs/promises";\n',
        "src/train/a.ts": 'export { open } from "node:fs/promises";\n',
      },
      /no-restricted-imports/,
    );
    assert.equal([...found], ["src/train/a.ts"]);
  });

  test("two files that import each other are refused, even if only for types", async () => {
    const found = await refused(
      {
        "src/gpu/a.ts": 'import type { B } from "./b.ts";\nexport type A = B | 1;\n',
        "src/gpu/b.ts": 'import type { A } from "./a.ts";\nexport type B = A | 2;\n',
      },
      /no-cycle/,
    );
    assert.equal([...found].sort(), ["src/gpu/a.ts", "src/gpu/b.ts"]);
  });
}

test.run();
