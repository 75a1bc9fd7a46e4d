/**
 * The folder of a run: what was asked, what happened, what came out.
 *
 * config.json, metrics.jsonl (one line a measurement), checkpoint.safetensors, report.json, report.md and
 * figures. Every file but metrics.jsonl is written whole under a temporary name and renamed; a torn last
 * line of metrics.jsonl, left by a crash, is dropped when the folder is opened again.
 *
 * config.json holds paths from the root and, beside them, the ways from the folder to the same files: a folder that was
 * moved together with what lies about it finds them again.
 */
import { DataError } from "../errors.ts";
import {
  readSafetensors,
  type Tensor,
  type TensorFile,
  writeSafetensors,
} from "../io/safetensors.ts";
import {
  absolutePath,
  appendText,
  exists,
  join,
  listDir,
  makeDir,
  readBytes,
  readJson,
  readText,
  relativePath,
  remove,
  writeAtomic,
} from "../platform/files.ts";

/** Where config.json keeps the ways from the folder to the files of the run, by their paths from the root. */
const pathsKey = "pathsFromHere";

/** One open run folder. */
export class RunFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /**
   * Opens a folder for a run, making it if need be. A folder with nothing but a configuration is that of a
   * run that failed at once, and is taken over.
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
    const folder = new RunFolder(path);
    if (resumed) await folder.#dropTornLine();
    else await folder.#writeConfig(config);
    return { folder, resumed };
  }

  /**
   * Whether a folder holds an earlier part of a run; writes nothing.
   *
   * @throws DataError if it holds a run with another configuration, as {@link RunFolder.start} does.
   */
  static async check(path: string, config: unknown): Promise<boolean> {
    const file = join(path, "config.json");
    if (!(await exists(file))) return false;
    if (json(await new RunFolder(path).config()) === json(config)) return true;
    const names = (await listDir(path)).filter((name) => !name.startsWith("."));
    if (names.length === 1) return false;
    throw new DataError(
      `"${path}" holds a run with another configuration (config.json). Give another \`out\`, or remove the folder.`,
    );
  }

  /** Opens the folder of a finished run for reading. */
  static async open(path: string): Promise<RunFolder> {
    const folder = new RunFolder(path);
    if (!(await exists(folder.file("config.json")))) {
      throw new DataError(
        `"${path}" is not a run folder: it has no config.json. Run \`rewind train\` first.`,
      );
    }
    return folder;
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

  /** The lines of metrics.jsonl. */
  async metrics(): Promise<Record<string, unknown>[]> {
    if (!(await exists(this.file("metrics.jsonl")))) return [];
    const lines = (await readText(this.file("metrics.jsonl")))
      .split("\n")
      .filter((line) => line !== "");
    return lines.map((line) => parse(line, this.file("metrics.jsonl")) as Record<string, unknown>);
  }

  /** Rewrites metrics.jsonl with the lines that `keep` holds for: a resume drops what came after its checkpoint. */
  async keepMetrics(keep: (line: Record<string, unknown>) => boolean): Promise<void> {
    const lines = (await this.metrics()).filter(keep);
    await writeAtomic(
      this.file("metrics.jsonl"),
      lines.map((line) => `${JSON.stringify(line)}\n`).join(""),
    );
  }

  async writeCheckpoint(
    name: string,
    tensors: ReadonlyMap<string, Tensor>,
    metadata: Readonly<Record<string, string>>,
  ): Promise<void> {
    await writeAtomic(this.file(name), writeSafetensors(tensors, metadata));
  }

  /** A checkpoint, or undefined if there is none. */
  async readCheckpoint(name: string): Promise<TensorFile | undefined> {
    const path = this.file(name);
    return (await exists(path)) ? readSafetensors(await readBytes(path), path) : undefined;
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

  async #dropTornLine(): Promise<void> {
    const path = this.file("metrics.jsonl");
    if (!(await exists(path))) return;
    const text = await readText(path);
    if (text !== "" && !text.endsWith("\n"))
      await writeAtomic(path, text.slice(0, text.lastIndexOf("\n") + 1));
  }
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

function finite(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? null : value;
}

/** An object as the JSON of a file; NaN and infinities, which JSON lacks, become null. */
export function json(value: unknown): string {
  return `${JSON.stringify(value, finite, 2)}\n`;
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DataError(`"${path}" is not valid JSON: ${(cause as Error).message}.`);
  }
}
