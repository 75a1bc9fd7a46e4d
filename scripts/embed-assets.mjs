/**
 * Puts the shader texts and the shipped weights into modules of dist/src/generated, which package.json calls `#shaders` and
 * `#weights`: bundlers take them as they are, and no file is fetched or read. Part of `npm run build`.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { shadersModule, weightsModule } from "./embedded.mjs";

const generated = "dist/src/generated";
mkdirSync(generated, { recursive: true });
writeFileSync(`${generated}/shaders.js`, shadersModule());
writeFileSync(`${generated}/weights.js`, weightsModule());

// The sources' way of finding them: nothing in dist imports it, and the files are not there.
for (const module of ["gpu/shader-files", "predictors/shipped-files"]) {
  for (const ending of ["js", "d.ts"]) rmSync(`dist/src/${module}.${ending}`, { force: true });
}
