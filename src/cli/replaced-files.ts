/** Files that a user names, or a command makes of a name that was given: what may be replaced, and what stays. */
import { UsageError } from "../errors.ts";
import { readSafetensors } from "../io/safetensors.ts";
import { absolutePath, dirname, exists, fileInfo, join, readBytes } from "../platform/files.ts";
import { parseJson } from "../platform/json.ts";

/** Says whether bytes are what a command writes; throws where they are nothing of the kind. */
type Known = (bytes: Uint8Array<ArrayBuffer>) => boolean;

/** A file that a command is about to write. */
export interface Written {
  readonly path: string;
  /** Tells what the command wrote before; absent: its bytes do not show it, as those of a picture, and files beside it do. */
  readonly isOwn?: Known;
}

/** Says whether bytes are a JSON object with a key. @throws SyntaxError for bytes that are no JSON. */
export function jsonWith(key: string): Known {
  return (bytes) => {
    const read = parseJson(new TextDecoder().decode(bytes));
    return typeof read === "object" && read !== null && key in read;
  };
}

/** Says whether bytes are a safetensors file whose metadata are as asked. @throws DataError for other bytes. */
export function tensorsWith(asked: (metadata: Readonly<Record<string, string>>) => boolean): Known {
  return (bytes) => asked(readSafetensors(bytes).metadata);
}

/** Files that runs and experiments write into their folder. */
const runFiles =
  /^(config|command|inputs|forget|report|results|tuning|trace)\.json$|^metrics\.jsonl$|^report\.(md|html)$|^(checkpoint|trained|(training|unlearning)-\w+|round-\d+)\.safetensors$/;

/** Whether a folder is that of a run: its config.json is none of a network for timm. */
async function isRun(folder: string): Promise<boolean> {
  const config = join(folder, "config.json");
  return (await exists(config)) && !(await owns(config, jsonWith("architecture")));
}

async function owns(path: string, isOwn: Known): Promise<boolean> {
  const bytes = await readBytes(path);
  try {
    return isOwn(bytes);
  } catch {
    return false;
  }
}

/**
 * Requires that files are not there, or may be replaced: they are what the command itself wrote before, and neither what it
 * reads nor part of a run. Where none of them shows what it is, they may be replaced if they are there to the last one.
 *
 * @param given what the user wrote behind `--out`.
 * @param read files that the command reads, and the folders of runs whose files it may make anew.
 * @throws UsageError for any other file.
 */
export async function requireReplaceable(
  given: string,
  files: readonly Written[],
  read: readonly string[] = [],
): Promise<void> {
  const refuse = (path: string, why: string): never => {
    throw new UsageError(`--out ${given} would replace "${path}", ${why}: give another name.`);
  };
  const reads = new Set(read.map(absolutePath));
  const found = await Promise.all(
    files.map(async (file) => ((await fileInfo(file.path))?.directory === false ? [file] : [])),
  );
  const there = found.flat();
  const shows = there.some(({ isOwn }) => isOwn !== undefined);
  const whole = there.length === files.length && !shows;
  for (const { path, isOwn } of there) {
    const absolute = absolutePath(path);
    if (reads.has(absolute)) refuse(path, "which it reads");
    const folder = dirname(absolute);
    const ofRun = runFiles.test(absolute.slice(folder.length).replace(/^\/+/, "")) || whole;
    if (ofRun && !reads.has(folder) && (await isRun(folder))) {
      refuse(path, `which belongs to the run in "${dirname(path)}"`);
    }
    if (isOwn === undefined ? shows || whole : await owns(path, isOwn)) continue;
    refuse(path, "which this command did not write");
  }
}
