/** What a command says: its result on stdout, as text or as one JSON document, and all else on stderr. */
import { json } from "../platform/json.ts";

/** How much is said, and in what form. */
export interface OutputFlags {
  /** Nothing on stderr but errors. */
  readonly quiet?: boolean;
  /** The result as one JSON document, and nothing else on stdout. */
  readonly json?: boolean;
}

let mode: OutputFlags = {};
let answered = false;

/** Sets how the command that runs next speaks. */
export function beginOutput(flags: OutputFlags): void {
  mode = flags;
  answered = false;
}

/** Whether only errors are said on stderr. */
export function isQuiet(): boolean {
  return mode.quiet === true;
}

/** Whether the command that runs is asked for JSON and has not given any. */
export function owesJson(): boolean {
  return mode.json === true && !answered;
}

/** A line on stderr, unless only errors are wanted there. */
export function say(line: string): void {
  if (!isQuiet()) console.error(line);
}

/** The result of a command, given once: `value` where JSON is wanted, else `text`. */
export function answer(value: object, text: string | (() => string)): void {
  answered = true;
  if (mode.json === true) console.log(json(value).trimEnd());
  else console.log(typeof text === "string" ? text : text());
}

/** The result of a command that has no other form than JSON. */
export function answerJson(value: object): void {
  answered = true;
  console.log(json(value).trimEnd());
}
