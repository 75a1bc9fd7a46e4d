// What JSR checks before it takes a package: types on Deno, and no exported symbol whose type has to be inferred.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { root, run } from "./project.ts";

interface Manifest {
  readonly version: string;
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
}

const manifest = (file: string): Manifest =>
  JSON.parse(readFileSync(join(root, file), "utf8")) as Manifest;

test("npm and JSR have the same version and entry points", () => {
  const [npm, jsr] = [manifest("package.json"), manifest("deno.json")];
  assert.is(jsr.version, npm.version);
  const modules = Object.entries(npm.exports).flatMap(([entry, target]) =>
    typeof target === "string"
      ? []
      : [[entry, target.default.replace("./dist/", "./").replace(/\.js$/, ".ts")]],
  );
  assert.equal(jsr.exports, Object.fromEntries(modules));
});

test("JSR would take the package, without slow types", async () => {
  const deno = join(root, "node_modules/.bin/deno");
  const { code, out, err } = await run(deno, ["publish", "--dry-run", "--allow-dirty"], root, {
    ...process.env,
    NO_COLOR: "1",
  });
  assert.is(code, 0, err);
  assert.match(out + err, /Success Dry run complete/);
  assert.not.match(out + err, /slow-type|slow types is not recommended|missing-explicit/);
});

test.run();
