/**
 * Puts the shader texts and the shipped weights into modules of dist/src/generated, which package.json calls `#shaders` and
 * `#weights`: bundlers take them as they are, and no file is fetched or read. Part of `npm run build`.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const generated = "dist/src/generated";
mkdirSync(generated, { recursive: true });

const shaders = readdirSync("shaders", { recursive: true, encoding: "utf8" })
  .map((path) => path.replaceAll("\\", "/"))
  .filter((path) => path.endsWith(".wgsl"))
  .sort()
  .map((path) => [path.slice(0, -".wgsl".length), readFileSync(`shaders/${path}`, "utf8")]);
writeFileSync(
  `${generated}/shaders.js`,
  `/** Texts of the shader files by their path under shaders/, made by scripts/embed-assets.mjs. */
const texts = new Map(${JSON.stringify(shaders, null, 1)});

export async function shaderText(file) {
  const text = texts.get(file);
  if (text === undefined) throw new Error("the package has no such file");
  return text;
}
`,
);

const weights = readdirSync("models/weights")
  .sort()
  .map((file) => [file, readFileSync(`models/weights/${file}`).toString("base64")]);
writeFileSync(
  `${generated}/weights.js`,
  `/** Shipped weight files in base64, made by scripts/embed-assets.mjs. */
const files = new Map(${JSON.stringify(weights, null, 1)});

export async function weightBytes(file) {
  const text = files.get(file);
  if (text === undefined) throw new Error(\`the package has no weights "\${file}"\`);
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}
`,
);

// The sources' way of finding them: nothing in dist imports it, and the files are not there.
for (const module of ["gpu/shader-files", "predictors/shipped-files"]) {
  for (const ending of ["js", "d.ts"]) rmSync(`dist/src/${module}.${ending}`, { force: true });
}
