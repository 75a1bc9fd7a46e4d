/** Modules that hold the shader texts and the shipped weights, for whoever has no files to read: the package and the page. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Text of the module `#shaders`. */
export function shadersModule() {
  const texts = readdirSync(join(root, "shaders"), { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".wgsl"))
    .sort()
    .map((path) => [
      path.slice(0, -".wgsl".length),
      readFileSync(join(root, "shaders", path), "utf8"),
    ]);
  return `/** Texts of the shader files by their path under shaders/, made by scripts/embedded.mjs. */
const texts = new Map(${JSON.stringify(texts, null, 1)});

export async function shaderText(file) {
  const text = texts.get(file);
  if (text === undefined) throw new Error("the package has no such file");
  return text;
}
`;
}

/** Text of the module `#weights`. */
export function weightsModule() {
  const weights = readdirSync(join(root, "models/weights"))
    .sort()
    .map((file) => [file, readFileSync(join(root, "models/weights", file)).toString("base64")]);
  return `/** Shipped weight files in base64, made by scripts/embedded.mjs. */
const files = new Map(${JSON.stringify(weights, null, 1)});

export async function weightBytes(file) {
  const text = files.get(file);
  if (text === undefined) throw new Error(\`the package has no weights "\${file}"\`);
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}
`;
}
