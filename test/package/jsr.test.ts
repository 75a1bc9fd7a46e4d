// What JSR checks before it takes a package: types on Deno, and no exported symbol whose type has to be inferred.
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { root, run } from "./project.ts";

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
