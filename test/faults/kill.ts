/**
 * Commands that are killed at a write, and run again.
 *
 * A layer over the file system stops all writing at one of the operations a command does on files: before it, or half
 * way through it. What a process that dies there would leave is what then lies on the disk. The command is run again,
 * and must end with what an undisturbed run ends with.
 */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { shareDevice } from "../../src/cli/device-options.ts";
import { runCommand } from "../../src/cli/program.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { readSafetensors } from "../../src/io/safetensors.ts";
import { interposeFiles } from "../../src/platform/files.ts";
import type { HostFiles } from "../../src/platform/host.ts";

/** A command to kill. */
export interface Victim {
  readonly name: string;
  /** Its words, with `OUT` for its folder and `DATA` for a folder that {@link Victim.before} has filled. */
  readonly words: string;
  /** A command that is run first, undisturbed. */
  readonly before?: string;
}

const small =
  "--dataset synthetic --train 40 --test 20 --epochs 3 --batch 20 --lr 0.01 --model mlp --save-every 0";

/** Every command that works in a run folder. */
export const victims: readonly Victim[] = [
  { name: "train", words: `train ${small} --out OUT` },
  { name: "demo", words: `demo ${small} --method neg-grad --rounds 2 --rate 0.01 --out OUT` },
  {
    name: "unlearn",
    before: `train ${small} --out DATA`,
    words: "unlearn --run DATA --method rewind --predictor linear:2:4 --rounds 2 --out OUT",
  },
  {
    name: "experiment standard, its last round shortened",
    words:
      "experiment standard --size tiny --dataset synthetic --train 60 --test 40 --epochs 3 --batch 20 --model mlp " +
      "--seeds 1 --arms retrain,neg-grad --out OUT",
  },
  {
    name: "experiment nowcast",
    words:
      "experiment nowcast --size tiny --dataset synthetic --train 40 --test 20 --epochs 6 --batch 20 --model mlp " +
      "--seeds 1 --out OUT",
  },
  {
    name: "lira",
    words: `lira ${small} --shadows 4 --targets 6 --method neg-grad --rounds 1 --out OUT`,
  },
  {
    name: "oracle build",
    words: `oracle build ${small} --scenario standard --share 0.5 --networks 1 --out OUT`,
  },
  {
    name: "oracle measure, the last rounds shortened",
    before: `oracle build ${small} --scenario standard --share 0.5 --networks 1 --out DATA`,
    words:
      "oracle measure --oracle DATA --method neg-grad --rate 0.1 --every 1 --rounds 4 --until-retrained --out OUT",
  },
  {
    name: "predictor record",
    words: "predictor record --trainings 2 --architectures mlp --per-tensor 4 --length 6 --out OUT",
  },
];

/** What a kill did. */
export interface Kill {
  /** Number of the operation on files, from 1. */
  readonly at: number;
  readonly torn: boolean;
  /** What the operation was, such as `rename report.md`. */
  readonly act: string;
  /** How the folder differs in the end from that of an undisturbed run; empty: it does not. */
  readonly differences: readonly string[];
}

class Killed extends Error {
  override name = "Killed";
}

/** Where a command's writes end, or fail once. */
export interface Point {
  readonly at: number;
  readonly torn: boolean;
  /** The disk is full for this one write: the command goes on and says so. */
  readonly full?: boolean;
}

/** Half of what is written. */
function half(data: Uint8Array | string): Uint8Array | string {
  return data.slice(0, Math.ceil(data.length / 2));
}

/** A layer that tells each operation that changes files and ends them all at a point. */
function dying(below: HostFiles, point: Point | undefined, told: (act: string) => void): HostFiles {
  let count = 0;
  const step = async (
    act: string,
    path: string,
    work: () => Promise<void>,
    torn?: () => Promise<void>,
  ): Promise<void> => {
    count++;
    told(`${act} ${path}`);
    if (point === undefined || count < point.at) return work();
    if (count === point.at && point.torn) await torn?.();
    if (point.full !== true) throw new Killed("killed");
    if (count > point.at) return work();
    throw Object.assign(new Error("no space"), { code: "ENOSPC" });
  };
  return {
    ...below,
    makeDir: (path, mode) => step("make", path, () => below.makeDir(path, mode)),
    createFlushed: (path, data, mode) =>
      step(
        "create",
        path,
        () => below.createFlushed(path, data, mode),
        () => below.createFlushed(path, half(data), mode),
      ),
    append: (path, data) =>
      step(
        "append",
        path,
        () => below.append(path, data),
        () => below.append(path, half(data)),
      ),
    remove: (path) => step("remove", path, () => below.remove(path)),
    rename: (from, to) => step("rename", to, () => below.rename(from, to)),
    // A process that has died touches nothing.
    touch: (path) =>
      point !== undefined && point.full !== true && count >= point.at
        ? Promise.resolve()
        : below.touch(path),
  };
}

/** Runs a command in this process without its output. */
export async function run(
  words: string,
  point: Point | undefined,
  told: (act: string) => void = () => undefined,
): Promise<{ code: number; said: string }> {
  const restore = interposeFiles((below) => dying(below, point, told));
  const { log, error } = console;
  const said: string[] = [];
  console.log = () => undefined;
  console.error = (...line: unknown[]) => void said.push(line.join(" "));
  try {
    return { code: await runCommand([...words.split(" "), "--quiet"]), said: said.join("\n") };
  } finally {
    restore();
    console.log = log;
    console.error = error;
  }
}

/** Says of the lock that a killed command left that its process is gone, as it would be. */
function bury(out: string): void {
  const path = join(out, ".lock");
  try {
    const lock = JSON.parse(readFileSync(path, "utf8")) as { process: { started: string } };
    lock.process.started = "0";
    writeFileSync(path, JSON.stringify(lock));
  } catch {
    // It was not taken yet, or was torn: then it is free after a while, which nobody waits for here.
    rmSync(path, { force: true });
  }
}

/** A text without what differs from run to run: times, and the bytes of a process that did more. */
function withoutTimes(name: string, text: string): string {
  if (name.endsWith(".csv")) {
    const rows = text.split("\n").map((line) => line.split(","));
    const seconds = rows[0]!.indexOf("seconds");
    return rows.map((row) => row.filter((_, i) => i !== seconds).join(",")).join("\n");
  }
  // They stand in the last column.
  if (name === "table.tex") return text.replaceAll(/ & [^&]+ \\\\$/gm, "");
  const hasSeconds = /^\|.* seconds \|$/m.test(text);
  return text
    .replace(/"(seconds|unlearnSeconds|gpuBytes)": ?[\d.e+-]+,?/g, "")
    .replace(/[\d.]+\s(s|MB|MiB|KiB)\b/g, "")
    .split("\n")
    .map((line) => (hasSeconds && line.startsWith("|") ? line.replace(/\| [^|]* \|$/, "|") : line))
    .join("\n");
}

/** Files of a folder with their contents, without what differs from run to run. */
export function contentsOf(out: string): Map<string, string> {
  const files = readdirSync(out, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return new Map(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      const binary = /\.(safetensors|png)$/.test(name);
      // Files that say where they lie may lie elsewhere.
      const text = readFileSync(path, binary ? "latin1" : "utf8").replaceAll(out, "OUT");
      return [path.slice(out.length + 1), binary ? text : withoutTimes(name, text)];
    }),
  );
}

/** How the contents of whole files end, or what reads them. */
const whole: Readonly<Record<string, (path: string) => unknown>> = {
  json: (path) => JSON.parse(readFileSync(path, "utf8")),
  // Its last line may be a part.
  jsonl: (path) => {
    for (const line of readFileSync(path, "utf8").split("\n").slice(0, -1)) JSON.parse(line);
  },
  safetensors: (path) => readSafetensors(readFileSync(path), path),
  png: (path) => endsWith(path, "IEND\u00aeB`\u0082"),
  svg: (path) => endsWith(path, "</svg>"),
  html: (path) => endsWith(path, "</html>"),
  ...Object.fromEntries(
    ["md", "csv", "tex"].map((suffix) => [suffix, (path: string) => endsWith(path, "\n")]),
  ),
};

function endsWith(path: string, end: string): void {
  const text = readFileSync(path, "latin1");
  if (!text.endsWith(end) && !text.trimEnd().endsWith(end)) throw new Error("it is cut short");
}

/** Files of a folder that are parts of files, but for what is thrown away: a write that did not end, and a lock. */
export function partsIn(out: string): string[] {
  if (!existsSync(out)) return [];
  return readdirSync(out, { recursive: true, encoding: "utf8" })
    .sort()
    .flatMap((name) => {
      const suffix = /\.([a-z]+)$/.exec(name)?.[1] ?? "";
      if (suffix === "tmp" || suffix === "lock" || !statSync(join(out, name)).isFile()) return [];
      const check = whole[suffix];
      if (check === undefined) return [`${name} is of no kind that is known here`];
      try {
        check(join(out, name));
        return [];
      } catch (error) {
        return [`${name} is a part: ${(error as Error).message}`];
      }
    });
}

export function differencesOf(got: Map<string, string>, want: Map<string, string>): string[] {
  const names = new Set([...got.keys(), ...want.keys()]);
  return [...names].flatMap((name) => {
    if (!want.has(name)) return [`${name} is left over`];
    if (!got.has(name)) return [`${name} is missing`];
    const [own, theirs] = [got.get(name)!, want.get(name)!].map((text) => text.split("\n"));
    const line = own!.findIndex((text, i) => text !== theirs![i]);
    return line < 0 && own!.length === theirs!.length
      ? []
      : [`${name} differs in line ${line + 1}: ${own![line]?.slice(0, 200)}`];
  });
}

/** What an undisturbed run of a victim comes to, and its words for a folder. */
export interface Undisturbed {
  /** The command that works in a folder. */
  words(out: string): string;
  /** What it did to files, in order. */
  readonly acts: readonly string[];
  readonly contents: Map<string, string>;
}

/** Runs a victim undisturbed, and what it needs before, in folders under `root`. */
export async function undisturbed(root: string, victim: Victim): Promise<Undisturbed> {
  const data = join(root, "data");
  const out = join(root, "whole");
  const words = (to: string): string => victim.words.replaceAll("DATA", data).replaceAll("OUT", to);
  const finish = async (line: string, told?: (act: string) => void): Promise<void> => {
    const { code, said } = await run(line, undefined, told);
    if (code !== 0) throw new Error(`${line}: exit code ${code}\n${said}`);
  };
  if (victim.before !== undefined) await finish(victim.before.replaceAll("DATA", data));
  const acts: string[] = [];
  await finish(words(out), (act) => acts.push(act));
  return { words, acts, contents: contentsOf(out) };
}

/**
 * Kills a command at the points that `every` chooses, runs it again, and compares.
 *
 * @param every takes a point's number, from 0, of all there are.
 */
export async function killAtWrites(
  gpu: Gpu,
  victim: Victim,
  every: (index: number) => boolean = () => true,
  onKill: (kill: Kill) => void = () => undefined,
): Promise<{ readonly kills: readonly Kill[]; readonly points: number }> {
  const root = mkdtempSync(`${tmpdir()}/rewind-kill-`);
  shareDevice(gpu);
  try {
    const { words: wordsFor, acts, contents: want } = await undisturbed(root, victim);
    const out = join(root, "out");
    const words = wordsFor(out);
    const points = acts.flatMap((act, i) => {
      const tears = act.startsWith("create") || act.startsWith("append");
      return (tears ? [false, true] : [false]).map((torn) => ({ at: i + 1, torn, act }));
    });
    const kills: Kill[] = [];
    for (const { at, torn, act } of points.filter((_, index) => every(index))) {
      rmSync(out, { recursive: true, force: true });
      const died = await run(words, { at, torn });
      bury(out);
      const parts = partsIn(out);
      const again = await run(words, undefined);
      const differences = [
        ...(died.code === 0 ? ["the killed command says that it succeeded"] : []),
        ...parts,
        ...(again.code === 0 ? [] : [`the second run: ${again.said}`]),
        ...differencesOf(contentsOf(out), want),
      ];
      const short = act.replace(`${join(root, "whole")}/`, "").replace(/\.[0-9a-f]{8}\.tmp$/, "");
      kills.push({ at, torn, act: short, differences });
      onKill(kills.at(-1)!);
    }
    return { kills, points: points.length };
  } finally {
    shareDevice(undefined);
    rmSync(root, { recursive: true, force: true });
  }
}
