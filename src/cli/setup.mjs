/**
 * `npm run setup`: makes sure that there is a Vulkan driver Dawn accepts.
 *
 * Plain JavaScript without dependencies beyond `webgpu`, since it runs before anything is built. A
 * machine whose adapter works is left alone. Otherwise Mesa's software Vulkan (lavapipe) is installed by
 * the system's packages: as root, or through sudo where it asks no password; else the commands are
 * printed and the exit code is 1.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const probeScript = `
const { create, globals } = await import("webgpu");
Object.assign(globalThis, globals);
const gpu = create([]);
const adapter = await gpu.requestAdapter();
console.log(JSON.stringify({ adapter: adapter === null ? null : adapter.info.description || adapter.info.device }));
process.exit(0);`;

/** The adapter Dawn finds, asked in a process of its own since a broken driver can crash it. */
function probe() {
  const cwd = fileURLToPath(new URL("../..", import.meta.url));
  const run = spawnSync(process.execPath, ["--input-type=module", "-e", probeScript], {
    cwd,
    encoding: "utf8",
    timeout: 60_000,
  });
  const line = run.stdout?.trim().split("\n").at(-1) ?? "";
  if (run.status === 0 && line.startsWith("{"))
    return { adapter: JSON.parse(line).adapter, why: run.stderr };
  return { adapter: null, why: run.stderr || `the probe ended with ${run.status ?? run.signal}` };
}

/** Fields of /etc/os-release. */
export function parseOsRelease(text) {
  const lines = text.split("\n").flatMap((line) => {
    const match = /^([A-Z_]+)=(.*)$/.exec(line.trim());
    return match === null ? [] : [[match[1], match[2].replace(/^"(.*)"$/, "$1")]];
  });
  return Object.fromEntries(lines);
}

/** The archive that serves Debian 12's main component, from whatever sources the machine has. */
function archiveOf(sources) {
  for (const text of Object.values(sources)) {
    const classic = /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+bookworm\s+.*\bmain\b/m.exec(text);
    if (classic !== null) return classic[1];
    for (const stanza of text.split(/\n\s*\n/)) {
      const uri = /^URIs:\s*(\S+)/m.exec(stanza)?.[1];
      if (uri !== undefined && /^Suites:.*\bbookworm\b(?!-)/m.test(stanza)) return uri;
    }
  }
  return undefined;
}

/**
 * What to run to install lavapipe.
 *
 * @param {{osRelease: Record<string, string>, sources: Record<string, string>}} system parsed
 *   os-release and the texts of apt's source files by path.
 * @returns {{commands: string[]} | {advice: string}} shell commands for root, or what a person has to do.
 */
export function setupOf({ osRelease, sources }) {
  const { ID: id = "", VERSION_ID: version = "", PRETTY_NAME: name = id } = osRelease;
  const install = "apt-get install -y --no-install-recommends";
  const plain = ["apt-get update", `${install} mesa-vulkan-drivers`];
  if (id === "debian" && version === "12") {
    // Debian 12's own Mesa 22.3 lacks a feature that Dawn needs; backports has 25.0.
    const known = Object.values(sources).some((text) => /bookworm-backports/.test(text));
    const archive = archiveOf(sources);
    if (!known && archive === undefined) {
      return { advice: "add the bookworm-backports suite to apt's sources, then run this again" };
    }
    const list = "/etc/apt/sources.list.d/rewind-backports.list";
    const add = `echo 'deb ${archive} bookworm-backports main' > ${list}`;
    const commands = ["apt-get update", `${install} -t bookworm-backports mesa-vulkan-drivers`];
    return { commands: known ? commands : [add, ...commands] };
  }
  const newDebian = id === "debian" && Number(version) >= 13;
  const newUbuntu = id === "ubuntu" && Number(version) >= 24.04;
  if (newDebian || newUbuntu) return { commands: plain };
  return {
    advice:
      `${name || "this system"} is not one this script knows: install a Vulkan driver (Mesa 24.1 or newer for ` +
      "lavapipe, or your GPU vendor's) with its package manager",
  };
}

/** How to become root: not needed, `sudo` without a password, or not at all. */
function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  const sudo = spawnSync("sudo", ["-n", "true"], { stdio: "ignore" });
  return sudo.status === 0 ? ["sudo"] : undefined;
}

function aptSources() {
  const folder = "/etc/apt/sources.list.d";
  const extra = existsSync(folder) ? readdirSync(folder).map((name) => `${folder}/${name}`) : [];
  const paths = ["/etc/apt/sources.list", ...extra].filter(
    (path) => /\.(list|sources)$/.test(path) && existsSync(path),
  );
  return Object.fromEntries(paths.map((path) => [path, readFileSync(path, "utf8")]));
}

function main() {
  const before = probe();
  if (before.adapter !== null) {
    console.log(`setup: WebGPU adapter found (${before.adapter}); nothing to do`);
    return 0;
  }
  if (/ERR_MODULE_NOT_FOUND/.test(before.why)) {
    console.error("setup: the package `webgpu` is not installed: run `npm ci` first");
    return 1;
  }
  if (process.platform !== "linux") {
    console.error(
      `setup: no WebGPU adapter on ${process.platform}; install your GPU's driver.\n${before.why}`,
    );
    return 1;
  }
  const osRelease = existsSync("/etc/os-release")
    ? parseOsRelease(readFileSync("/etc/os-release", "utf8"))
    : {};
  const setup = setupOf({ osRelease, sources: aptSources() });
  if ("advice" in setup) {
    console.error(`setup: no WebGPU adapter; ${setup.advice}.\n${before.why}`);
    return 1;
  }
  const root = rootPrefix();
  if (root === undefined) {
    console.error(
      "setup: no WebGPU adapter, and no root rights to install one. Run as root, then repeat your command:\n",
    );
    console.error(setup.commands.map((command) => `  ${command}`).join("\n"));
    return 1;
  }
  for (const command of setup.commands) {
    console.log(`setup: ${command}`);
    const [program, ...rest] = [...root, "sh", "-c", command];
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const run = spawnSync(program, rest, {
      stdio: ["ignore", "pipe", "pipe"],
      encoding: "utf8",
      env,
    });
    if (run.status !== 0) {
      console.error(`setup: \`${command}\` failed:\n${run.stdout}${run.stderr}`);
      return 1;
    }
  }
  const after = probe();
  if (after.adapter === null) {
    console.error(`setup: installed, but Dawn still finds no adapter:\n${after.why}`);
    return 1;
  }
  console.log(`setup: installed; WebGPU adapter: ${after.adapter}`);
  return 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(main());
