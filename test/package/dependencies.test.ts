// What an installation brings is locked by hashes, and listed in docs/dependencies.md.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { sbomOf } from "../../scripts/sbom.mjs";
import { lockedIn, production } from "./lock.ts";
import { ownFiles } from "./own-files.ts";
import { root } from "./project.ts";
import { packageOf, reachOf } from "./reach.ts";

interface Manifest {
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const text = (file: string): string => readFileSync(join(root, file), "utf8");
const manifestOf = (file: string): Manifest => JSON.parse(text(file)) as Manifest;
const own = ownFiles(root);
const locks = own.filter((file) => file.endsWith("package-lock.json"));
const manifest = manifestOf("package.json");
const needed = { ...manifest.dependencies, ...manifest.optionalDependencies };

test("every entry of every lock has the hash of its archive, and no address", () => {
  assert.ok(locks.includes("package-lock.json") && locks.length > 1, locks.join(", "));
  for (const lock of locks) {
    const wrong = [...lockedIn(lock)].filter(
      ([, { version, integrity = "", resolved, link }]) =>
        !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity) ||
        !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version) ||
        resolved !== undefined ||
        link !== undefined,
    );
    assert.equal(
      wrong.map(([folder]) => folder),
      [],
      lock,
    );
  }
});

test("no other registry is set, and no file has another's lock", () => {
  const settings = own.filter((file) => /(?:^|\/)\.npmrc$/.test(file));
  assert.ok(settings.includes(".npmrc"));
  for (const file of settings) assert.not.match(text(file), /registry\s*=|:_|^\/\//m, file);
  assert.match(text(".npmrc"), /^omit-lockfile-registry-resolved=true$/m);
  assert.equal(
    own.filter((file) => /(?:^|\/)(?:npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml)$/.test(file)),
    [],
  );
});

test("versions are exact: no range, tag, address or folder", () => {
  for (const file of own.filter((name) => /(?:^|\/)package\.json$/.test(name))) {
    const { dependencies, optionalDependencies, devDependencies, peerDependencies } =
      manifestOf(file);
    const all = {
      ...dependencies,
      ...optionalDependencies,
      ...devDependencies,
      ...peerDependencies,
    };
    for (const [name, version] of Object.entries(all)) {
      assert.match(version, /^\d+\.\d+\.\d+$/, `${file}: ${name}`);
    }
  }
});

test("installing the package runs no script of ours", () => {
  const names = Object.keys(manifest.scripts!);
  assert.equal(
    names.filter((name) => /^(?:pre|post)?(?:install|prepare|uninstall)$/.test(name)),
    [],
  );
  assert.not.ok(own.includes("binding.gyp"), "npm would run node-gyp");
});

/** Rows of the tables whose header begins with some cells. */
function rowsUnder(...header: string[]): string[][] {
  const cells = (line: string): string[] =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
  const tables = text("docs/dependencies.md")
    .split("\n\n")
    .filter((part) => header.every((cell, i) => cells(part.split("\n")[0]!)[i] === cell));
  return tables.flatMap((table) => table.trim().split("\n").slice(2).map(cells));
}

const direct = rowsUnder("package", "version", "licence").map((row) => ({
  name: /^`(.+)`$/.exec(row[0]!)![1]!,
  version: row[1]!,
  licence: row[2]!.split(":")[0]!,
  megabytes: Number(row[4]),
  installScript: row[6] === "yes",
  row,
}));
const brought = rowsUnder("brought by", "licence", "packages").flatMap(([by, licence, packages]) =>
  packages!.split(", ").map((one) => {
    const [, name, version] = /^`(.+)` (\S+)$/.exec(one)!;
    return { by: by!, name: name!, version: version!, licence: licence! };
  }),
);
const listed = [...direct, ...brought];

test("docs/dependencies.md lists what the lock brings, by name, version and licence", () => {
  const line = (name: string, licence = "none"): string => `${name}: ${licence}`;
  const wanted = [...production()].map(([name, { license }]) => line(name, license)).sort();
  const found = listed.map(({ name, version, licence }) => line(`${name} ${version}`, licence));
  assert.equal(found.sort(), wanted);
  assert.ok(wanted.length > 100);
});

test("direct dependencies have a row of their own, with nothing left empty", () => {
  assert.equal(
    direct.map(({ name, version }) => [name, version]),
    Object.entries(needed),
    "the rows stand in the order of package.json",
  );
  for (const { row } of direct) {
    assert.ok(row.length === 9 && row.every((cell) => cell !== ""), row[0]);
  }
  assert.is(manifest.peerDependencies, undefined, "the page says that there are none");
});

test("each is brought by the packages that the page says", () => {
  const folders = lockedIn("package-lock.json") as ReadonlyMap<
    string,
    Manifest & { readonly version: string }
  >;
  const reached = (name: string): Set<string> => {
    const seen = new Set<string>();
    const visit = (folder: string): void => {
      if (seen.has(folder)) return;
      seen.add(folder);
      const { dependencies, optionalDependencies } = folders.get(folder)!;
      for (const next of Object.keys({ ...dependencies, ...optionalDependencies })) {
        // As Node looks: in the folder, then in those around it.
        const parts = folder.split("/node_modules/");
        const places = parts.map((_, i) => parts.slice(0, parts.length - i).join("/node_modules/"));
        const found = [
          ...places.map((place) => `${place}/node_modules/${next}`),
          `node_modules/${next}`,
        ].find((place) => folders.has(place));
        if (found !== undefined) visit(found);
      }
    };
    visit(`node_modules/${name}`);
    return new Set([...seen].map((folder) => `${nameIn(folder)} ${folders.get(folder)!.version}`));
  };
  const nameIn = (folder: string): string => folder.split("node_modules/").at(-1)!;
  const by = new Map<string, string[]>();
  for (const name of Object.keys(needed).sort()) {
    for (const one of reached(name)) by.set(one, [...(by.get(one) ?? []), `\`${name}\``]);
  }
  for (const { name, version, by: said } of brought) {
    assert.is(said, by.get(`${name} ${version}`)?.join(", "), `${name} ${version}`);
  }
});

test("install scripts are those the lock names", () => {
  const wanted = [...production()].filter(([, { hasInstallScript }]) => hasInstallScript === true);
  const page = text("docs/dependencies.md").replaceAll(/\s+/g, " ");
  const said = [
    ...direct.filter(({ installScript }) => installScript),
    ...brought.filter(({ name }) =>
      new RegExp(`\`${name}\`, which [^.:]* has an install script, too`).test(page),
    ),
  ];
  assert.equal(
    said.map(({ name, version }) => `${name} ${version}`).sort(),
    wanted.map(([name]) => name).sort(),
  );
});

test("sizes are those of the installed packages", () => {
  const bytes = (folder: string): number =>
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.name !== "node_modules")
      .map((entry) => {
        const path = join(folder, entry.name);
        return entry.isDirectory() ? bytes(path) : statSync(path).size;
      })
      .reduce((sum, size) => sum + size, 0);
  for (const { name, megabytes } of direct) {
    const now = bytes(join(root, "node_modules", name)) / 1e6;
    assert.is(now.toFixed(2), megabytes.toFixed(2), name);
  }
});

test("the bill of materials names all that is brought, by hash, licence and what asks for it", () => {
  const lock = JSON.parse(text("package-lock.json")) as Parameters<typeof sbomOf>[1];
  const own = JSON.parse(text("package.json")) as Parameters<typeof sbomOf>[0];
  const { components, dependencies, metadata, serialNumber } = sbomOf(own, lock);
  const said = components.map(({ name, version, licenses, hashes }) => {
    const { id, name: called } = licenses[0]!.license;
    return `${name} ${version}: ${id ?? called}, ${hashes[0]!.content}`;
  });
  const hex = (integrity: string): string =>
    Buffer.from(integrity.slice("sha512-".length), "base64").toString("hex");
  const wanted = [...production()].map(
    ([name, { license, integrity }]) => `${name}: ${license}, ${hex(integrity!)}`,
  );
  assert.equal(said.sort(), wanted.sort());
  const refs = components.map((one) => one["bom-ref"]);
  assert.equal(refs, [...new Set(refs)].sort());
  // From the package all is reached, and nothing that is not there.
  const asks = new Map<string, readonly string[]>(
    dependencies.map(({ ref, dependsOn }) => [ref, dependsOn!]),
  );
  const root = metadata.component["bom-ref"];
  const reached = new Set([root]);
  for (const ref of reached) for (const next of asks.get(ref)!) reached.add(next);
  assert.equal([...reached].sort(), [root, ...refs].sort());
  assert.equal(
    asks
      .get(root)!
      .map((ref) => /\/((?:%40[^/]+\/)?[^/]+)@/.exec(ref)![1]!.replace("%40", "@"))
      .sort(),
    Object.keys(needed).sort(),
  );
  // The same for the same lock, another for another.
  assert.match(
    serialNumber,
    /^urn:uuid:[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/,
  );
  assert.is(sbomOf(own, lock).serialNumber, serialNumber);
  assert.is.not(sbomOf({ ...own, version: "9.9.9" }, lock).serialNumber, serialNumber);
});

test("the sources import what is declared, and all that is declared", () => {
  // The page is no part of the package: what it imports is in it once it is built.
  const sources = own.filter((name) => /^(?:src(?!\/web\/)|models)\/.*\.(?:ts|mjs)$/.test(name));
  const modules = sources.flatMap(
    (file) => reachOf(text(file), file.endsWith(".ts") ? "ts" : "js").modules,
  );
  const imported = new Set(modules.flatMap((name) => packageOf(name) ?? []));
  const strange = [...imported].filter((name) => !(name in needed));
  // The command line asks for these where it needs them; the page says so, and of the dashboard's with the tested versions.
  const asked = ["@bull-board/api", "@bull-board/hono", "@hono/node-server", "hono"];
  assert.equal(strange.sort(), [...asked, "tsx"]);
  for (const name of [...asked, "@bull-board/ui"]) {
    const tested = `${name}@${manifest.devDependencies![name]}`;
    for (const file of ["src/cli/dashboard.ts", "docs/dependencies.md", "docs/many-machines.md"]) {
      assert.ok(text(file).includes(tested), `${file}: ${tested}`);
    }
  }
  // Types alone: scripts/types-before-6.mjs names it.
  const unused = Object.keys(needed).filter((name) => !imported.has(name));
  assert.equal(unused, ["@webgpu/types"]);
});

test("the command line starts with little: the file of a command is loaded when it is named", () => {
  const known = new Map<string, readonly string[]>();
  const beforeOf = (file: string): readonly string[] => {
    const before = known.get(file) ?? reachOf(text(file), "ts").before;
    known.set(file, before);
    return before;
  };
  /** What is loaded with a file of the sources, itself included: files, and packages. */
  const loadedWith = (start: string): Set<string> => {
    const loaded = new Set([start]);
    for (const file of loaded) {
      if (!file.endsWith(".ts")) continue;
      for (const name of beforeOf(file)) {
        const one = name === "#platform" ? "src/platform/node.ts" : name;
        if (!one.startsWith("node:"))
          loaded.add(one.startsWith(".") ? join(dirname(file), one) : one);
      }
    }
    return loaded;
  };
  const start = [...loadedWith("src/cli/main.ts")];
  assert.equal(
    start.filter((name) => !/^src\/(?:cli|platform)\/|^src\/[a-z]+\.ts$/.test(name)),
    ["commander"],
  );
  assert.ok(start.length < 30, start.join(" "));
  // The walk goes on to the end where something leads further.
  for (const name of ["models/index.ts", "zod"]) {
    assert.ok(loadedWith("src/cli/train.ts").has(name), name);
  }
  // What draws charts, reads images and HDF5, and Dawn, come when they are used.
  const heavy = ["vega", "vega-lite", "@resvg/resvg-wasm", "h5wasm", "hyparquet", "webgpu"];
  for (const file of reachOf(text("src/cli/commands.ts"), "ts").modules.filter(
    (name) => name !== "commander",
  )) {
    const loaded = [...loadedWith(join("src/cli", file))];
    const early = loaded.filter((name) => heavy.includes(name) || name.startsWith("@jsquash/"));
    assert.equal(early, [], `${file} loads them`);
  }
});

test.run();
