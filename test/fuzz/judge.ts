/** What came of reading an input: what it should not be is an error that is none of ours, or says too little. */
import { DataError, UsageError } from "../../src/errors.ts";
import { emptied, type Reader } from "./readers.ts";

/** An input was read, refused as it should be, or ended in an error that no user should see. */
export type Verdict =
  { readonly outcome: "read" | "refused" } | { readonly outcome: "raw"; readonly error: string };

/** Longest message that is still one: what a file says in it is cut. */
const longest = 20_100;

/** Reads an input in an empty folder. */
export async function judge(reader: Reader, bytes: Uint8Array, dir: string): Promise<Verdict> {
  const fresh = emptied(dir);
  try {
    await reader.read(bytes, fresh);
    return { outcome: "read" };
  } catch (error) {
    const { message, stack = "" } = error as Error;
    const why = flaw(error, message, reader, fresh);
    if (why === undefined) return { outcome: "refused" };
    return { outcome: "raw", error: `${why}: ${message}\n${stack}` };
  }
}

function flaw(error: unknown, message: string, { file }: Reader, dir: string): string | undefined {
  if (!(error instanceof DataError) && !(error instanceof UsageError)) return "none of our errors";
  const named = [file, dir, "data set", "network "].some((name) => message.includes(name));
  if (!named) return "it names no file";
  if (/(?!\n)\p{Cc}/u.test(message)) return "a message that steers the terminal";
  if (message.length > longest) return `a message of ${message.length} characters`;
  // "received undefined" is said of a field that is missing.
  if (/(?<!received )undefined|\[object|(Type|Range|Reference)Error|HDF5-DIAG/.test(message))
    return "an inner error";
  // What the reader of tensors says of what it did not foresee.
  if (/^"[^"]*" cannot be read \(/.test(message)) return "an error that was not foreseen";
  return undefined;
}
