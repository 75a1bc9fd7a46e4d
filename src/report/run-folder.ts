/**
 * The folder of a run: what was asked, what happened, what came out.
 *
 * config.json, command.json (the words of the command), inputs.json, metrics.jsonl (one line a measurement),
 * checkpoint.safetensors, report.json, report.md, report.html and figures. Every file but metrics.jsonl is written whole under a temporary name and renamed, and checkpoints are sealed
 * (see io/seal.ts); a torn last line of metrics.jsonl, left by a crash, is not read, and dropped when the run goes on.
 *
 * config.json holds paths from the root and, beside them, the ways from the folder to the same files: a folder that was
 * moved together with what lies about it finds them again.
 */
import { DataError } from "../errors.ts";
import type { Tensor, TensorFile } from "../io/safetensors.ts";
import { readSealed, writeSealed } from "../io/seal.ts";
import {
  absolutePath,
  type Access,
  appendText,
  dirname,
  exists,
  fileInfo,
  isLeftover,
  join,
  listDir,
  makeDir,
  readBytes,
  readJson,
  readText,
  relativePath,
  remove,
  removeLeftovers,
  writeAtomic,
} from "../platform/files.ts";
import { finite, json, parseJson } from "../platform/json.ts";
import { FolderLock } from "./folder-lock.ts";

/** Where config.json keeps the ways from the folder to the files of the run, by their paths from the root. */
const pathsKey = "pathsFromHere";

/** What a run writes before it begins: a folder with nothing else is that of a run that failed at once. */
const begun: readonly string[] = ["config.json", "command.json", "inputs.json", "forget.json"];

/** What a run makes, which no other may overwrite or take for its own. */
const results: readonly string[] = [
  "checkpoint.safetensors",
  "trained.safetensors",
  "training-state.safetensors",
  "unlearning-state.safetensors",
  "metrics.jsonl",
  "report.json",
  "report.md",
  "report.html",
];

/** A line of metrics.jsonl. */
interface MetricsLine {
  readonly text: string;
  readonly value: Record<string, unknown>;
}

/** One open run folder. */
export class RunFolder {
  readonly path: string;
  /** What names the folder where it is asked for, in errors. */
  readonly called: string;
  readonly #lock: FolderLock | undefined;

  private constructor(path: string, called = "out", lock?: FolderLock) {
    this.path = path;
    this.called = called;
    this.#lock = lock;
  }

  /**
   * Opens a folder for a run as {@link RunFolder.start} does, for this process alone until it is closed.
   *
   * @param options `ownerOnly`: a folder that is made can be read by its owner alone. `called`: what names the folder, in errors.
   * @throws DataError also where another process works in it.
   */
  static async claim(
    path: string,
    config: unknown,
    { called, ...options }: Access & { readonly called?: string | undefined } = {},
  ): Promise<RunFolder> {
    await RunFolder.check(path, config, called);
    await makeDir(path, options);
    const lock = await FolderLock.take(path);
    try {
      await RunFolder.start(path, config);
      return new RunFolder(path, called, lock);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /**
   * Opens a folder for a run, making it if need be. A folder with nothing but what a run writes before it
   * begins is that of a run that failed at once, and is taken over.
   *
   * @returns the folder, and whether it holds an earlier part of the same run.
   * @throws DataError if it holds a run with another configuration: that would mix two runs.
   */
  static async start(
    path: string,
    config: unknown,
  ): Promise<{ folder: RunFolder; resumed: boolean }> {
    const resumed = await RunFolder.check(path, config);
    await makeDir(path);
    await removeLeftovers(path);
    const folder = new RunFolder(path);
    if (resumed) await folder.keepMetrics(() => true);
    else {
      if (await folder.has("config.json")) {
        for (const name of begun.filter((one) => one !== "config.json")) await folder.discard(name);
      }
      await folder.#writeConfig(config);
    }
    return { folder, resumed };
  }

  /**
   * Whether a folder holds an earlier part of a run; writes nothing.
   *
   * @throws DataError if it holds a run with another configuration, as {@link RunFolder.start} does.
   */
  static async check(path: string, config: unknown, called = "out"): Promise<boolean> {
    const found = (await fileInfo(path))?.directory === true ? await listDir(path) : [];
    const names = found.filter((name) => !name.startsWith(".") && !isLeftover(name));
    if (!names.includes("config.json")) {
      const result = names.find((name) => results.includes(name));
      if (result === undefined) return false;
      throw new DataError(
        `"${path}" holds ${result}, and no config.json that says what run it is of: it would be overwritten. Give another \`${called}\`, or ` +
          "remove what is there.",
      );
    }
    const own = await new RunFolder(path).config();
    if (json(own) === json(config)) return true;
    const keys = Object.keys(config as object);
    const alike = Object.keys(own as object).some((key) => keys.includes(key));
    if (alike && names.every((name) => begun.includes(name))) return false;
    const [first, ...more] = changes(JSON.parse(json(own)), JSON.parse(json(config)));
    throw new DataError(
      `"${path}" holds a run with another configuration (config.json): ${first ?? "its order is another"}` +
        `${more.length === 0 ? "" : `, and ${more.length} more`}. Give another \`${called}\`, or remove the folder.`,
    );
  }

  /** Opens the folder of a finished run for reading. */
  static async open(path: string): Promise<RunFolder> {
    const folder = new RunFolder(path);
    if (await folder.has("config.json")) return folder;
    throw new DataError(`"${path}" is not a run folder: ${await insteadOf(path)}`);
  }

  /** Removes what a process that was killed has left of its work on a finished run. */
  async tidy(): Promise<void> {
    await FolderLock.removeDead(this.path);
    await removeLeftovers(this.path);
  }

  /** Gives the folder free, where it was claimed. */
  async close(): Promise<void> {
    await this.#lock?.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Path of a file in the folder. */
  file(name: string): string {
    return join(this.path, name);
  }

  /** Whether a file is in the folder. */
  has(name: string): Promise<boolean> {
    return exists(this.file(name));
  }

  /** The configuration of the run; files that are no longer where it found them are looked for by the way from the folder. */
  async config(): Promise<unknown> {
    const { [pathsKey]: ways, ...own } = await this.#written();
    return replaced(own, await this.#moved(ways));
  }

  /** What the run wrote down, with the paths that {@link config} gives. */
  async relocated(value: unknown): Promise<unknown> {
    return replaced(value, await this.#moved((await this.#written())[pathsKey]));
  }

  async #written(): Promise<Record<string, unknown>> {
    const file = this.file("config.json");
    const config = await readJson(file);
    if (typeof config === "object" && config !== null && !Array.isArray(config)) {
      return config as Record<string, unknown>;
    }
    throw new DataError(`"${file}" is no configuration of a run: it needs an object.`);
  }

  /** Where files are now that are no longer at their path from the root. */
  async #moved(ways: unknown): Promise<Map<string, string>> {
    const moved = new Map<string, string>();
    for (const [path, way] of Object.entries((ways ?? {}) as Record<string, unknown>)) {
      if (typeof way !== "string" || (await exists(path))) continue;
      const here = absolutePath(join(this.path, way));
      if (await exists(here)) moved.set(path, here);
    }
    return moved;
  }

  async #writeConfig(config: unknown): Promise<void> {
    const folder = absolutePath(this.path);
    const ways: Record<string, string> = {};
    for (const text of texts(config)) {
      if (absolutePath(text) !== text || !(await exists(text))) continue;
      ways[text] = relativePath(folder, text);
    }
    const paths = Object.keys(ways).length === 0 ? {} : { [pathsKey]: ways };
    await writeAtomic(this.file("config.json"), json({ ...(config as object), ...paths }));
  }

  /** Appends a line to metrics.jsonl. */
  async log(metrics: object): Promise<void> {
    await appendText(this.file("metrics.jsonl"), `${JSON.stringify(metrics, finite)}\n`);
  }

  /** The whole lines of metrics.jsonl: what stands after the last end of a line was torn off. */
  async metrics(): Promise<Record<string, unknown>[]> {
    return (await this.#lines()).lines.map(({ value }) => value);
  }

  /** Rewrites metrics.jsonl with the lines that `keep` holds for: a resume drops what came after its checkpoint. */
  async keepMetrics(keep: (line: Record<string, unknown>) => boolean): Promise<void> {
    const { all, lines } = await this.#lines();
    const kept = lines.filter(({ value }) => keep(value)).map(({ text }) => `${text}\n`);
    if (kept.join("") !== all) await writeAtomic(this.file("metrics.jsonl"), kept.join(""));
  }

  async #lines(): Promise<{ all: string; lines: MetricsLine[] }> {
    const file = this.file("metrics.jsonl");
    const all = (await exists(file)) ? await readText(file) : "";
    const lines = all.split("\n").slice(0, -1);
    return {
      all,
      lines: lines.map((text, i) => ({ text, value: parse(text, `${file}" line ${i + 1}`) })),
    };
  }

  async writeCheckpoint(
    name: string,
    tensors: ReadonlyMap<string, Tensor>,
    metadata: Readonly<Record<string, string>>,
  ): Promise<void> {
    await writeAtomic(this.file(name), await writeSealed(tensors, metadata));
  }

  /**
   * A checkpoint, or undefined if there is none.
   *
   * @throws DataError for a file that is damaged.
   */
  async readCheckpoint(name: string): Promise<(TensorFile & { sealed: boolean }) | undefined> {
    const path = this.file(name);
    return (await exists(path)) ? readSealed(await readBytes(path), path) : undefined;
  }

  /** @throws DataError where a run has no such checkpoint: it is not finished, or has others. */
  async requireCheckpoint(name: string): Promise<void> {
    if (await this.has(name)) return;
    // A run that goes on has its state alone.
    const finished = await this.has("checkpoint.safetensors");
    const others = (await listDir(this.path)).filter((one) => one.endsWith(".safetensors"));
    throw new DataError(
      `"${this.path}" has no ${name}` +
        (finished ? `; it has ${others.toSorted().join(", ")}.` : ": its run is not finished."),
    );
  }

  /** Removes a file of the folder. */
  async discard(name: string): Promise<void> {
    await remove(this.file(name));
  }

  /** Writes an object as JSON; NaN and infinities, which JSON lacks, become null. */
  async writeJson(name: string, value: unknown): Promise<void> {
    await writeAtomic(this.file(name), json(value));
  }

  async write(name: string, data: string | Uint8Array): Promise<void> {
    await writeAtomic(this.file(name), data);
  }
}

/** What is there in place of a run's folder, and what to do. */
async function insteadOf(path: string): Promise<string> {
  const found = await fileInfo(path);
  if (found === undefined) return "there is no such folder. Run `rewind train` first.";
  if (found.directory) return "it has no config.json. Run `rewind train` first.";
  const folder = dirname(path);
  if (await exists(join(folder, "config.json"))) return `it is a file in one. Give "${folder}".`;
  return "it is a file. `rewind unlearn` and `rewind classify` take a network in a file (`checkpoint`).";
}

/** Where two configurations differ: "unlearn.rounds is 3 there, 2 here". */
function changes(there: unknown, here: unknown, place = ""): string[] {
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === "object" && value !== null;
  if (isObject(there) && isObject(here)) {
    const keys = new Set([...Object.keys(there), ...Object.keys(here)]);
    return [...keys].flatMap((key) =>
      changes(there[key], here[key], place === "" ? key : `${place}.${key}`),
    );
  }
  const text = (value: unknown): string => {
    const all = value === undefined ? "absent" : JSON.stringify(value);
    return all.length > 60 ? `${all.slice(0, 60)}…` : all;
  };
  return there === here ? [] : [`${place} is ${text(there)} there, ${text(here)} here`];
}

/** The texts of plain data. */
function texts(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(texts) : [];
}

/** Plain data with other texts in the place of some. */
function replaced(value: unknown, by: ReadonlyMap<string, string>): unknown {
  if (typeof value === "string") return by.get(value) ?? value;
  if (Array.isArray(value)) return value.map((one) => replaced(one, by));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, replaced(one, by)]));
}

function parse(text: string, place: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch {
    value = undefined;
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new DataError(`"${place} is damaged: it is no JSON object.`);
}
