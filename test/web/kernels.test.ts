// The kernels of every operation in a page, forward and backward, against float64: the cases of test/ops, each kernel once.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { build, type Plugin } from "vite";
import * as ops from "../../src/ops/index.ts";
import { browserPath, Hosted } from "../browser.ts";

const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
const folder = mkdtempSync(`${tmpdir()}/rewind-kernels-`);

/** Files of test/ops that check operations and read no file. */
const files = readdirSync(`${root}/test/ops`)
  .filter((name) => name.endsWith(".test.ts"))
  .filter((name) => {
    const text = readFileSync(`${root}/test/ops/${name}`, "utf8");
    return text.includes("checkOp(") && !text.includes('from "node:');
  });

const program = `
import { tests } from "${root}/test/web/collect-tests.ts";
import { cases, kernels, operations } from "${root}/test/web/check-once.ts";
const failed = [];
const began = performance.now();
${files.map((name) => `await import("${root}/test/ops/${name}");`).join("\n")}
globalThis.done = 0;
for (const { name, run } of tests) {
  try {
    await run();
  } catch (error) {
    failed.push(name + ": " + error.message);
  }
  globalThis.done++;
}
globalThis.checked = { cases, kernels: [...kernels], operations: [...operations], failed, seconds: (performance.now() - began) / 1000 };
`;

/** What test files import in a page. */
const inPage: Plugin = {
  name: "tests-in-a-page",
  enforce: "pre",
  resolveId(id, importer = "") {
    if (id === "uvu") return `${root}/test/web/collect-tests.ts`;
    const ofCase = id === "../check-op.ts" && importer.includes("/test/ops/");
    return ofCase ? `${root}/test/web/check-once.ts` : null;
  },
};

/** Functions of src/ops that are no operation: what makes one or its inputs, and one made of others. */
const elsewhere: readonly string[] = ["elementwiseOperation", "sortEdges", "weightedSum"];

interface Checked {
  readonly cases: number;
  readonly kernels: readonly string[];
  readonly operations: readonly string[];
  readonly failed: readonly string[];
  readonly seconds: number;
}

if (browserPath === undefined) {
  test("kernels in a browser", () => console.log("skipped: no Chromium is installed"));
} else {
  const hosted = new Hosted(`${folder}/built`);

  test("every operation gives in a page what float64 gives", async () => {
    writeFileSync(`${folder}/program.ts`, program);
    writeFileSync(
      `${folder}/index.html`,
      '<!doctype html><html lang="en"><title>t</title><link rel="icon" href="data:,"><body><script type="module" src="./program.ts"></script></body></html>',
    );
    await build({
      ...{ configFile: `${root}/scripts/web.vite.ts`, root: folder, logLevel: "error" },
      plugins: [inPage],
      // The package says that its modules do nothing when they are imported; tests do.
      build: {
        outDir: `${folder}/built`,
        rolldownOptions: { treeshake: false },
      },
    });
    const page = await hosted.open();
    // A slow machine may take as long as it goes on: there is a limit for a case, and none for all.
    for (let done: unknown = -1; done !== "all";) {
      const next = await page.waitForFunction((last) => {
        const { checked, done = -1 } = globalThis as unknown as { checked?: object; done?: number };
        if (checked !== undefined) return "all";
        // As text: 0 would count as nothing yet.
        return done !== last && String(done);
      }, Number(done));
      done = await next.jsonValue();
    }
    const checked = await page.evaluate(
      () => (globalThis as unknown as { checked: Checked }).checked,
    );
    assert.equal(checked.failed, []);
    const lacking = Object.entries(ops)
      .filter(([, value]) => typeof value === "function")
      .map(([name]) => name)
      .filter((name) => !checked.operations.includes(name));
    assert.equal(lacking.sort(), [...elsewhere].sort());
    assert.ok(checked.kernels.length >= 100, `${checked.kernels.length} kernels were checked`);
    assert.equal(hosted.problems, []);
  });

  test.after(() => hosted.close());
}

test.after(() => rmSync(folder, { recursive: true, force: true }));
test.run();
