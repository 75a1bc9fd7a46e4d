/** JSON that is written, and that of files that others made. */

/** Turns NaN and infinities, which JSON lacks, into null: for `JSON.stringify`. */
export function finite(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? null : value;
}

/** An object as the JSON of a file; NaN and infinities become null. */
export function json(value: unknown): string {
  return `${JSON.stringify(value, finite, 2)}\n`;
}

/** Values in each other at most. */
const deepest = 200;

/**
 * What a JSON text says.
 *
 * @throws SyntaxError for what is no JSON, and for values nested so deep that whoever walks through them runs out of
 *   stack.
 */
export function parseJson(text: string): unknown {
  const bracket = /[[\]{}"]/g;
  let depth = 0;
  for (let found = bracket.exec(text); found !== null; found = bracket.exec(text)) {
    const [token] = found;
    if (token === '"') {
      const end = endOfString(text, bracket.lastIndex);
      // What never ends is no JSON, as the parser says.
      if (end < 0) break;
      bracket.lastIndex = end + 1;
    } else depth += token === "[" || token === "{" ? 1 : -1;
    if (depth > deepest) throw new SyntaxError(`values are nested more than ${deepest} deep`);
  }
  return JSON.parse(text);
}

/** Where the quote stands that ends the string that begins at `start`; -1 if none does. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (end - backslashes > start && text[end - backslashes - 1] === "\\") backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return -1;
}
