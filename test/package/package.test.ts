// The packed file, which has the same bytes wherever it is made, in a fresh project: on Node, on Deno, in bundles as they come, in a browser, and its types. The test
// runner builds before (REWIND_BUILT).
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import * as esbuild from "esbuild";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { build as viteBuild } from "vite";
import { browserPath, Hosted } from "../browser.ts";
import { sbomOf } from "../../scripts/sbom.mjs";
import { readTar } from "../../src/data/tar.ts";
import { allowedReach, reachedBy } from "./reach.ts";
import { freshProject, packed, packedElsewhere, root, run } from "./project.ts";

interface Numbers {
  readonly losses: readonly number[];
  readonly predicted: number;
  readonly missing: string;
}

/** Mean losses of three epochs on lavapipe, and what InvWNN says of the sine; other adapters round otherwise. */
const expected = { losses: [0.504146, 0.19647, 0.068846], predicted: -0.234208 };

function close(got: Numbers, what: string, files: boolean): void {
  const pairs = [...got.losses, got.predicted].map(
    (value, i) => [value, [...expected.losses, expected.predicted][i]!] as const,
  );
  for (const [value, wanted] of pairs) {
    assert.ok(Math.abs(value - wanted) < 2e-4, `${what}: ${value} for ${wanted}`);
  }
  assert.match(got.missing, files ? /^no predictor "no\/such.pt"/ : /browsers have no file system/);
}

const packs = mkdtempSync(join(tmpdir(), "rewind-packs-"));
const [here, elsewhere] = ["here", "elsewhere"].map((name) => join(packs, name)) as [
  string,
  string,
];
for (const folder of [here, elsewhere]) mkdirSync(folder);
const second = packedElsewhere(elsewhere);
// Its test waits for it and says what failed.
second.catch(() => undefined);
const first = await packed(here);
/** The packed files by their paths. */
const contents = new Map(
  readTar(gunzipSync(readFileSync(first)), first).map(({ path, data }) => [path, data]),
);

test("the package built and packed in another folder, with other times and modes, has the same bytes", async () => {
  const [one, other] = [first, await second].map((path) => readFileSync(path));
  assert.ok(one!.equals(other!), "the packed files differ: compare `tar tvzf` of both");
});

test("the packed file holds its bill of materials, and nothing that was not built for it", () => {
  const text = new TextDecoder().decode(contents.get("package/dist/sbom.cdx.json"));
  const [manifest, lock] = ["package.json", "package-lock.json"].map(
    (file) => JSON.parse(readFileSync(join(root, file), "utf8")) as unknown,
  ) as [
    Parameters<typeof sbomOf>[0] & { readonly files: readonly string[] },
    Parameters<typeof sbomOf>[1],
  ];
  assert.equal(JSON.parse(text), sbomOf(manifest, lock));
  const others = [...contents.keys()].filter(
    (path) =>
      !/^package\/dist\/(?:src|models)\/.*\.(?:js|d\.m?ts|mjs)$/.test(path) &&
      path !== "package/dist/sbom.cdx.json",
  );
  const named = ["package.json", ...manifest.files];
  assert.equal(
    others.sort(),
    named
      .filter((name) => name !== "dist" && !name.startsWith("!"))
      .map((name) => `package/${name}`)
      .sort(),
  );
});

test("the packed modules reach what the sources may, and no more", () => {
  const modules = [...contents].flatMap(([path, data]) => {
    const [, module] = /^package\/dist\/(.*\.m?js)$/.exec(path) ?? [];
    return module === undefined ? [] : [[module, new TextDecoder().decode(data)] as const];
  });
  assert.ok(modules.length > 200, `${modules.length} modules`);
  assert.equal(reachedBy(new Map(modules)), allowedReach);
});

test("installing the packed file runs nothing of ours", () => {
  const { scripts } = JSON.parse(
    new TextDecoder().decode(contents.get("package/package.json")),
  ) as { scripts: object };
  assert.equal(
    Object.keys(scripts).filter((name) => /install|^(?:pre|post)?prepare$/.test(name)),
    [],
  );
  assert.not.ok(contents.has("package/binding.gyp"), "npm would run node-gyp");
});

test.after(() => rmSync(packs, { recursive: true, force: true }));

const project = await freshProject(first);

if ("refused" in project) {
  console.log(`skipped: the package cannot be installed without a registry (${project.refused})`);
} else {
  const { folder } = project;
  const bundles = [join(folder, "by-esbuild"), join(folder, "by-vite")] as const;

  test("Node: the core trains and predicts without the optional packages, and the process ends", async () => {
    const { code, out, err } = await run(process.execPath, ["run.js"], folder);
    assert.is(code, 0, err);
    close(JSON.parse(out) as Numbers, "Node", true);
  });

  test("Node: what is exported is there; importing the core loads no reader, chart or command line, importing /data no codec", async () => {
    const script = `
      import { register } from "node:module";
      register("data:text/javascript," + encodeURIComponent(\`
        import { writeSync } from "node:fs";
        export async function load(url, context, next) { writeSync(1, url + "\\\\n"); return next(url, context); }\`));
      await import("rewind-webgpu");
      console.log("all");
      await import("rewind-webgpu/data");
      console.log("data");
      for (const entry of ["engine", "experiments", "io"]) await import("rewind-webgpu/" + entry);`;
    const { code, out, err } = await run(
      process.execPath,
      ["--input-type=module", "-e", script],
      folder,
    );
    assert.is(code, 0, err);
    const loaded = out.slice(0, out.indexOf("\nall\n")).split("\n");
    const packages = loaded.flatMap(
      (url) => /node_modules\/((?:@[^/]+\/)?[^/]+)(?!.*node_modules)/.exec(url)?.[1] ?? [],
    );
    const allowed = ["rewind-webgpu", "zod", "wgsl_reflect", "pure-rand", "ml-matrix", "picomatch"];
    assert.equal(
      [...new Set(packages)].filter((name) => !allowed.includes(name)),
      [],
    );
    assert.ok(loaded.length > 100, `${loaded.length} modules`);
    const withData = out.slice(out.indexOf("\nall\n"), out.indexOf("\ndata\n"));
    assert.match(withData, /entries\/data\.js/);
    assert.not.match(withData, /node_modules\/(?:@jsquash|hyparquet)/, "codecs load with an image");
  });

  test("the command line starts without the optional packages", async () => {
    const rewind = join(folder, "node_modules/.bin/rewind");
    const { code, out, err } = await run(rewind, ["--help"], folder);
    assert.is(code, 0, err);
    assert.match(out, /unlearn/);
    // Which command an option belongs to is known when the files of all are loaded.
    const refused = await run(rewind, ["--epochs"], folder);
    assert.is(refused.code, 2);
    assert.match(refused.err, /--epochs stands after the command: rewind demo/);
  });

  test("Deno: the same numbers", async () => {
    const deno = join(root, "node_modules/.bin/deno");
    const { code, out, err } = await run(deno, ["run", "-A", "run.js"], folder);
    assert.is(code, 0, err);
    close(JSON.parse(out) as Numbers, "Deno", true);
  });

  test("esbuild and Vite bundle the core as it comes, and nothing of Node is in it", async () => {
    const { metafile } = await esbuild.build({
      absWorkingDir: folder,
      entryPoints: ["page.js"],
      bundle: true,
      format: "esm",
      minify: true,
      metafile: true,
      outdir: bundles[0],
      logLevel: "silent",
    });
    const inputs = Object.keys(metafile.inputs);
    const heavy =
      /node:|node_modules\/(?:webgpu|fflate|pickleparser|h5wasm|@jsquash|hyparquet|vega|@resvg|commander)\b/;
    assert.equal(
      inputs.filter((path) => heavy.test(path)),
      [],
    );
    writeFileSync(
      join(bundles[0], "index.html"),
      '<!doctype html><title>t</title><script type="module" src="page.js"></script>\n',
    );
    await viteBuild({
      root: folder,
      base: "./",
      logLevel: "error",
      configFile: false,
      build: { outDir: bundles[1], emptyOutDir: true, chunkSizeWarningLimit: 4000 },
    });
    const bytes = readdirSync(join(bundles[1], "assets")).map(
      (name) => statSync(join(bundles[1], "assets", name)).size,
    );
    assert.ok(bytes.length > 1, "the weights are a chunk of their own");
  });

  test("a bundle needs no permission: no file, variable or address is asked for", async () => {
    const script = join(bundles[0], "without.js");
    writeFileSync(
      script,
      'import "./page.js";\nconsole.log(JSON.stringify(await globalThis.result));\n',
    );
    const deno = join(root, "node_modules/.bin/deno");
    const { code, out, err } = await run(
      deno,
      ["run", "--no-prompt", "--no-config", script],
      folder,
    );
    assert.is(code, 0, err);
    close(JSON.parse(out) as Numbers, "bundle in Deno", false);
  });

  if (browserPath === undefined) {
    console.log(
      "skipped: no Chromium is installed (Debian: apt-get install chromium), so no bundle runs in a browser",
    );
  } else {
    test("a browser runs both bundles, with Node's numbers", async () => {
      for (const bundle of bundles) {
        const hosted = new Hosted(bundle);
        const page = await hosted.open();
        const result = await page.evaluate(
          () => (globalThis as { result?: Promise<unknown> }).result,
        );
        await hosted.close();
        close(result as Numbers, bundle, false);
      }
    });
  }

  test("types are complete on TypeScript 5.9 and 7, without skipLibCheck, DOM or Node's types", async () => {
    const compilers = [folder, root].map((at) => join(at, "node_modules/typescript/bin/tsc"));
    const said = compilers.map((tsc) => run(process.execPath, [tsc, "-p", "."], folder));
    for (const [i, { code, out }] of (await Promise.all(said)).entries()) {
      assert.is(code, 0, `${compilers[i]}: ${out}`);
    }
  });

  test.after(() => rmSync(folder, { recursive: true, force: true }));
}

test.run();
