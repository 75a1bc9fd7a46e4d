/** The packed file, and a fresh project that it is installed in: what a user of the package has. */
import { spawn } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ownFiles } from "./own-files.ts";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** What a command has said. */
export interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a command; it is ended after two minutes. */
export function run(
  command: string,
  words: readonly string[],
  cwd: string,
  env = process.env,
): Promise<Said> {
  return new Promise((resolve) => {
    const child = spawn(command, words, { cwd, env, timeout: 120_000 });
    const said = { out: "", err: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (said.out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said.err += text));
    child.on("error", (error) => resolve({ ...said, code: null, err: error.message }));
    child.on("close", (code) => resolve({ ...said, code }));
  });
}

const files: Readonly<Record<string, string>> = {
  "package.json": JSON.stringify({ name: "mine", private: true, type: "module" }),
  "run.js": 'import { run } from "./program.js";\nconsole.log(JSON.stringify(await run()));\n',
  "page.js": 'import { run } from "./program.js";\nglobalThis.result = run();\n',
  "index.html": '<!doctype html><title>t</title><script type="module" src="/page.js"></script>\n',
  "types.ts": `import { acquireDevice, type Gpu } from "rewind-webgpu";
import { loadDataset } from "rewind-webgpu/data";
import { Graph } from "rewind-webgpu/engine";
import { protocolOf } from "rewind-webgpu/experiments";
import { readTensors } from "rewind-webgpu/io";
import { reportPage } from "rewind-webgpu/report";
export const gpu: Gpu = await acquireDevice();
export const device: GPUDevice = gpu.device;
// @ts-expect-error -- were a type missing, this would be any
export const none: number = gpu.device;
export { Graph, loadDataset, protocolOf, readTensors, reportPage };
`,
  "tsconfig.json": JSON.stringify({
    compilerOptions: {
      noEmit: true,
      strict: true,
      target: "es2022",
      lib: ["es2022"],
      module: "nodenext",
      types: [],
      skipLibCheck: false,
    },
    files: ["types.ts"],
  }),
};

/** The packed file that a command has put into a folder. */
function packedIn(folder: string, { err }: Said): string {
  const name = readdirSync(folder).find((file) => file.endsWith(".tgz"));
  if (name === undefined) throw new Error(`npm pack made no file: ${err}`);
  return join(folder, name);
}

/** Packs the package into a folder. `npm test` has built; a test file that is run alone may not have. */
export async function packed(folder: string): Promise<string> {
  const built = process.env["REWIND_BUILT"] !== undefined;
  const options = ["--silent", ...(built ? ["--ignore-scripts"] : [])];
  return packedIn(
    folder,
    await run("npm", ["pack", ...options, "--pack-destination", folder], root),
  );
}

/** Builds and packs the package's own files in another folder, where all of them are new and nobody else may read them. */
export async function packedElsewhere(folder: string): Promise<string> {
  const copy = join(folder, "another clone");
  for (const file of ownFiles(root)) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    copyFileSync(join(root, file), join(copy, file));
    chmodSync(join(copy, file), 0o600);
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  const command = 'umask 077; exec npm pack --silent --pack-destination "$0"';
  return packedIn(folder, await run("sh", ["-c", command, folder], copy));
}

/**
 * Installs the packed file without its optional packages, beside TypeScript 5.9.
 *
 * @returns the project's folder, or why there is none: no registry can be reached.
 */
export async function freshProject(
  file: string,
): Promise<{ folder: string } | { refused: string }> {
  const folder = mkdtempSync(join(tmpdir(), "rewind-package-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  copyFileSync(join(root, "test/package/program.js"), join(folder, "program.js"));
  const flags = [
    "--prefer-offline",
    "--ignore-scripts",
    "--omit=optional",
    "--no-audit",
    "--no-fund",
  ];
  const installed = await run("npm", ["install", ...flags, file, "typescript@5.9.3"], folder);
  if (installed.code === 0) return { folder };
  rmSync(folder, { recursive: true, force: true });
  if (/ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ENETUNREACH|ETIMEDOUT|ENOTCACHED/.test(installed.err)) {
    return { refused: installed.err.trim().split("\n")[0]! };
  }
  throw new Error(`npm install failed:\n${installed.err}`);
}
