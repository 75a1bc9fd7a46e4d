/**
 * TypeScript before 6 has no WebGPU in its DOM library: for it, each entry point of package.json has types that take
 * @webgpu/types in, which would clash with the DOM library of later versions. Part of `npm run build`.
 */
import { readFileSync, writeFileSync } from "node:fs";

const { exports } = JSON.parse(readFileSync("package.json", "utf8"));
for (const entry of Object.values(exports)) {
  const older = entry["types@<6"];
  if (older === undefined) continue;
  const module = entry.default.slice(entry.default.lastIndexOf("/") + 1);
  writeFileSync(older, `/// <reference types="@webgpu/types" />\nexport * from "./${module}";\n`);
}
