/** Serves and builds the page (src/web): `npm run web`, `npm run web:build`. */
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { shadersModule, weightsModule } from "./embedded.mjs";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** What runs in a page that needs no other host, and can reach none. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
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
    if (id === "#platform") return at("../src/platform/browser.ts");
    return id === "#formats" ? at("../src/io/browser-formats.ts") : null;
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

export default defineConfig({
  root: at("../src/web"),
  base: "./",
  plugins: [names(), contentPolicy()],
  worker: { format: "es", plugins: () => [names()] },
  build: {
    outDir: at("../dist/web"),
    emptyOutDir: true,
    target: "es2022",
    // Everything is in a file of its own: the policy allows no `data:` script or style.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
