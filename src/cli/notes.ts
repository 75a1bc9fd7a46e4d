/** What a command tells of files besides its result: on stderr, a line each. */
export function sayNotes(notes: readonly string[]): void {
  for (const note of notes) console.error(`note: ${note}${note.endsWith(".") ? "" : "."}`);
}
