/** Files whose names nobody has given, but a command makes of the one that was given. */
import { UsageError } from "../errors.ts";
import { exists, readBytes } from "../platform/files.ts";
import { parseJson } from "../platform/json.ts";

/** Says whether bytes are a JSON object with a key. @throws SyntaxError for bytes that are no JSON. */
export function jsonWith(key: string): (bytes: Uint8Array<ArrayBuffer>) => boolean {
  return (bytes) => {
    const read = parseJson(new TextDecoder().decode(bytes));
    return typeof read === "object" && read !== null && key in read;
  };
}

/**
 * Requires that a file is not there, or may be replaced: it is what the command itself wrote before.
 *
 * @param given what the user wrote behind `--out`.
 * @throws UsageError for any other file.
 */
export async function requireReplaceable(
  path: string,
  given: string,
  isOwn: (bytes: Uint8Array<ArrayBuffer>) => boolean,
): Promise<void> {
  if (!(await exists(path))) return;
  const bytes = await readBytes(path);
  let own: boolean;
  try {
    own = isOwn(bytes);
  } catch {
    own = false;
  }
  if (own) return;
  throw new UsageError(
    `--out ${given} would replace "${path}", which this command did not write: give another name.`,
  );
}
