/** Serves and builds the page (src/web): `npm run web`, `npm run web:build`. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { shadersModule, weightsModule } from "./embedded.mjs";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** What runs in a page that needs no other host, and can reach none. */
const policy = [
  "default-src 'none'",
  // Decoders of images and the reader of HDF5 are WebAssembly.
  "script-src 'self' 'wasm-unsafe-eval'",
  // The engine is a worker that the page makes, so that this policy holds for it too.
  "worker-src 'self' blob:",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

const generated: Readonly<Record<string, () => string>> = {
  "#shaders": shadersModule,
  "#weights": weightsModule,
};

/** What `#` names stand for in a page. */
const names = (): Plugin => ({
  name: "rewind-names",
  enforce: "pre",
  resolveId: (id) => {
    if (id in generated) return `\0${id}`;
    if (id === "#platform") return at("../src/web/files.ts");
    return id === "#formats" ? at("../src/io/tensor-file.ts") : null;
  },
  load: (id) => generated[id.slice(1)]?.() ?? null,
});

/** The policy stands in what is built; the server for development has scripts of its own. */
const contentPolicy = (): Plugin => ({
  name: "rewind-content-policy",
  apply: "build",
  transformIndexHtml: () => [
    {
      tag: "meta",
      attrs: { "http-equiv": "Content-Security-Policy", content: policy },
      injectTo: "head-prepend",
    },
  ],
});

/** Folders of the packages whose code is in what is built. */
const packages = new Set<string>();

function licenceOf(folder: string): string {
  const { name, version, license } = JSON.parse(
    readFileSync(join(folder, "package.json"), "utf8"),
  ) as Record<"name" | "version" | "license", string>;
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  const text = file === undefined ? "" : readFileSync(join(folder, file), "utf8").trim();
  return `## ${name} ${version} (${license})\n\n${text}\n`;
}

/** Notes whose code is in a bundle; with `write` the licences of all, beside the page. */
const licences = (write: boolean): Plugin => ({
  name: "rewind-licences",
  generateBundle(_, bundle) {
    for (const chunk of Object.values(bundle)) {
      for (const id of chunk.type === "chunk" ? Object.keys(chunk.modules) : []) {
        const [, folder] = /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id) ?? [];
        if (folder !== undefined) packages.add(folder);
      }
    }
    if (!write) return;
    const source = [...packages].sort().map(licenceOf).join("\n");
    this.emitFile({ type: "asset", fileName: "licenses.md", source });
  },
});

export default defineConfig({
  root: at("../src/web"),
  base: "./",
  plugins: [names(), contentPolicy(), licences(true)],
  worker: { format: "es", plugins: () => [names(), licences(false)] },
  build: {
    outDir: at("../dist/web"),
    emptyOutDir: true,
    target: "es2022",
    // Everything is in a file of its own: the policy allows no `data:` script or style.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
