/** A network of the user's own, from a file: a module of TypeScript or JavaScript, or a description in JSON. */
import type { register } from "tsx/esm/api";
import { z } from "zod";
import { describedConfig } from "../../models/described.ts";
import { type ModelConfig, networks } from "../../models/index.ts";
import { isNetwork, type Network } from "../../models/network.ts";
import { DataError, ShapeError, UsageError } from "../errors.ts";
import { absolutePath, dirname, exists, join, readJson } from "../platform/files.ts";
import { RunFolder } from "../report/run-folder.ts";
import { type GraderFile, readGrader } from "../runs/grader.ts";

/** Whether what stands after `--model` is a file and not a name. */
export function isModelFile(model: string): boolean {
  return /[/\\]|\.([cm]?[jt]s|json)$/.test(model);
}

const loaded = new Map<string, string>();

/**
 * The network in a file. A module's is known under its name from then on.
 *
 * @returns its configuration, and the file where a run needs it again.
 * @throws DataError where the file holds no network, UsageError where its name is taken.
 */
export async function readModelFile(
  file: string,
): Promise<{ readonly model: ModelConfig; readonly modelFile?: string }> {
  if (!(await exists(file))) throw new DataError(`--model ${file}: there is no such file.`);
  if (file.endsWith(".json")) return { model: describedConfig(await readJson(file), file) };
  const path = absolutePath(file);
  return { model: { name: await registered(path) }, modelFile: path };
}

/** The name of a module's network, which is known from then on. */
async function registered(file: string): Promise<string> {
  const known = loaded.get(file);
  if (known !== undefined) return known;
  const network = await ofModule(file);
  networks.add(network);
  loaded.set(file, network.name);
  return network.name;
}

const withFile = z.looseObject({ modelFile: z.string().optional() });

/** Makes the user's own network of a run known, before its configuration is read. */
export async function loadOwnModel(config: unknown): Promise<void> {
  const parsed = z
    .looseObject({ train: withFile.optional(), setup: withFile.optional(), ...withFile.shape })
    .safeParse(config);
  if (!parsed.success) return;
  const { train, setup, modelFile } = parsed.data;
  const file = modelFile ?? train?.modelFile ?? setup?.modelFile;
  if (file !== undefined) await registered(file);
}

/** As {@link loadOwnModel}, for a run by its folder or by a checkpoint in it; a file of no run says nothing of its network. */
export async function loadOwnModelOf(path: string): Promise<void> {
  for (const folder of [path, dirname(path)]) {
    if (!(await exists(join(folder, "config.json")))) continue;
    return loadOwnModel(await (await RunFolder.open(folder)).config());
  }
}

/** What judges drawn images, by its folder or its checkpoint; its network may be of a module. */
export async function givenGrader(path: string): Promise<GraderFile> {
  await loadOwnModelOf(path);
  return readGrader(path);
}

async function ofModule(file: string): Promise<Network> {
  const module = await importFile(file);
  const network = module.default;
  if (isNetwork(network)) return { ...network, build: naming(file, network) };
  throw new DataError(
    `${file}: its default export is no network; it needs \`export default defineNetwork({ name, settings, build })\`.`,
  );
}

/** The function that builds a network; its errors name the file. */
function naming(file: string, network: Network): Network["build"] {
  return (...args) => {
    try {
      return network.build(...args);
    } catch (cause) {
      const message = `${file}: its network cannot be built: ${messageOf(cause)}`;
      // By name: the file may have a copy of the package of its own.
      const { name } = Object(cause) as { name?: unknown };
      if (name === "ShapeError") throw new ShapeError(message);
      throw new DataError(message, { cause });
    }
  };
}

/** What was thrown, on one line. */
function messageOf(thrown: unknown): string {
  const { message } = Object(thrown) as { message?: unknown };
  return (typeof message === "string" ? message : String(thrown))
    .trim()
    .replaceAll(/\s*\n\s*/g, " ");
}

interface Module {
  readonly default?: unknown;
}

/** The address of a file, as `import` takes it. */
function fileAddress(file: string): string {
  const address = new URL("file:///");
  address.pathname = file.startsWith("/") ? file : `${process.cwd()}/${file}`;
  return address.href;
}

/** Imports a module; TypeScript through tsx where the runtime itself does not read it. */
async function importFile(file: string): Promise<Module> {
  const address = fileAddress(file);
  try {
    return await importAt(address);
  } catch (cause) {
    if ((Object(cause) as { code?: unknown }).code !== "ERR_UNKNOWN_FILE_EXTENSION") {
      throw unloadable(file, cause);
    }
  }
  const unregister = await typeScript(file);
  try {
    // Under another address: the error is kept under the first.
    return await importAt(`${address}?typescript`);
  } catch (cause) {
    throw unloadable(file, cause);
  } finally {
    await unregister();
  }
}

function unloadable(file: string, cause: unknown): DataError {
  return new DataError(`${file} cannot be loaded: ${messageOf(cause)}`, { cause });
}

/** Makes this Node read TypeScript, until what is returned is called. Modules that are loaded already stay the same. */
async function typeScript(file: string): Promise<() => Promise<void>> {
  let tsx: { register: typeof register };
  try {
    tsx = await import("tsx/esm/api");
  } catch {
    throw new UsageError(
      `${file}: this Node does not read TypeScript. Install tsx beside rewind-webgpu (\`npm install tsx\`), use ` +
        "Node 22.18 or later or Deno, or give JavaScript.",
    );
  }
  return tsx.register();
}

/** The module at an address. @throws where it waits, and the process has nothing else left to do. */
async function importAt(address: string): Promise<Module> {
  let idle = (): void => {};
  const waiting = new Promise<never>((_, reject) => {
    idle = () =>
      reject(
        new Error("it waits for something that never happens (an `await` outside of functions)."),
      );
  });
  process.once("beforeExit", idle);
  try {
    return (await Promise.race([import(address), waiting])) as Module;
  } finally {
    process.off("beforeExit", idle);
  }
}
