/** The blocks of README.md, SECURITY.md and docs/*.md, and the commands in them. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

export const documents = [
  "README.md",
  "SECURITY.md",
  ...readdirSync(`${root}/docs`)
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

export const read = (file: string): string => readFileSync(`${root}/${file}`, "utf8");

/** A fenced block of a document. */
export interface Block {
  readonly language: string;
  readonly text: string;
  readonly file: string;
  /** Document and line. */
  readonly at: string;
}

function blocksOf(file: string): Block[] {
  const all = read(file);
  return [...all.matchAll(/^```(.*)\n([^]*?)^```$/gm)].map(({ 1: language, 2: text, index }) => ({
    language: language!,
    text: text!,
    file,
    at: `${file}:${all.slice(0, index).split("\n").length}`,
  }));
}

export const blocks = documents.flatMap(blocksOf);

/** Runs a script on the runtime of the test: its words after the program, what it ended with, all it has said. */
export function command(
  words: readonly string[],
  cwd = root,
): Promise<{ code: number; said: string }> {
  return new Promise((done) =>
    execFile(process.execPath, words, { cwd }, (error, out, err) =>
      done({ code: error === null ? 0 : Number(error.code ?? 1), said: out + err }),
    ),
  );
}

/** Commands of a shell block: lines that continue are joined, remarks left out. */
export function linesOf(text: string): string[] {
  return text
    .replaceAll("\\\n", " ")
    .split("\n")
    .map((line) => line.replace(/\s+# .*$|^# .*$/, "").trim())
    .filter((line) => line !== "");
}

/** Words of a command as a shell reads them: what is quoted is one. */
export function wordsOf(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c!);
}
