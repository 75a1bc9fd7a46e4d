/** What a command tells of files besides its result. */
import { inFlags } from "./flags.ts";
import { say } from "./output.ts";

/** Notes on stderr, a line each; settings they name become flags. */
export function sayNotes(notes: readonly string[]): void {
  for (const note of notes) say(`note: ${inFlags(note)}${note.endsWith(".") ? "" : "."}`);
}
