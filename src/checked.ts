/** Checks what callers give against schemas; every public function refuses what is wrong in the same words. */
import { z } from "zod";
import { UsageError } from "./errors.ts";

type Issue = z.core.$ZodIssue;

/**
 * What a schema makes of a value.
 *
 * @param what whose settings they are, for the error: "train".
 * @param Kind class of the error.
 * @throws UsageError in one line: each setting that is wrong, what it takes, and what was given.
 */
export function checked<T>(
  schema: z.ZodType<T>,
  given: unknown,
  what: string,
  Kind: new (message: string) => Error = UsageError,
): T {
  const parsed = schema.safeParse(given, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw new Kind(`${what}: ${problemsOf(parsed.error.issues, schema, given)}.`);
}

/** Text of a value for an error: short, and told apart from others of its kind. */
export function shown(value: unknown): string {
  if (typeof value === "string") {
    return value.length > 40 ? `"${value.slice(0, 40)}…"` : `"${value}"`;
  }
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value) && value.length <= 8 && value.every((one) => typeof one === "number")) {
    return `[${value.join(", ")}]`;
  }
  if (Array.isArray(value)) return "an array";
  const name = (Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null)
    ?.constructor?.name;
  if (name === undefined || name === "Object") return "an object";
  return `${/^[AEIO]/.test(name) ? "an" : "a"} ${name}`;
}

/** Whether a value is an object of fields: no array, and of no class. */
export function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return z.record(z.string(), z.unknown()).safeParse(value).success;
}

/** Whether a value is an array of any kind; its elements are not looked at. */
export function isList(value: unknown): value is ArrayLike<number> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && "length" in value);
}

/** Whether a value is an object of any kind. */
export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** @throws UsageError unless an argument is what it has to be: what it is called, what it takes, and what was given. */
export function requireGiven(
  fits: boolean,
  what: string,
  expected: string,
  given: unknown,
): asserts fits {
  if (!fits) throw new UsageError(`${what}: expected ${expected}, got ${shown(given)}.`);
}

function problemsOf(issues: readonly Issue[], schema: z.ZodType, given: unknown): string {
  return issues.map((issue) => problemOf(settled(issue), schema, given)).join("; ");
}

function problemOf(issue: Issue, schema: z.ZodType, given: unknown): string {
  const path = pathOf(issue.path);
  if (issue.code === "unrecognized_keys") {
    const known = issue.path.length === 0 ? keysOf(schema) : [];
    const there = known.length === 0 ? "" : `; there are: ${known.join(", ")}`;
    return `${path}there is no setting ${issue.keys.map((key) => `"${key}"`).join(", ")}${there}`;
  }
  const message = issue.message.replace(/^Invalid \w+: /, "").replace(/, received .*$/, "");
  return `${path}${message}, got ${shown(valueAt(given, issue))}`;
}

/** What was given at the place of an issue: what it holds itself may be what the value stands in. */
function valueAt(given: unknown, { path, input }: Issue): unknown {
  let value = given;
  for (const key of path) {
    if (!isObject(value)) return input;
    value = (value as Readonly<Record<PropertyKey, unknown>>)[key];
  }
  return value;
}

function keysOf(schema: z.ZodType): readonly string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

/** The place of a setting, as a caller writes it: `until.rounds`, `forget[1].names`. */
function pathOf(path: readonly PropertyKey[]): string {
  const text = path
    .map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`))
    .join("");
  return text === "" ? "" : `\`${text.replace(/^\./, "")}\`: `;
}

/**
 * Of a value that may have several forms the issue of the form that it is nearest to: that it fits the furthest, with the
 * fewest issues. Of forms that all lack a field it is none.
 */
function settled(issue: Issue): Issue {
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return issue;
  const depth = ([first]: readonly Issue[]): number => first?.path.length ?? 0;
  const [nearest] = issue.errors
    .filter((issues) => !issues.some(({ path, input }) => path.length > 0 && input === undefined))
    .toSorted((a, b) => depth(b) - depth(a) || a.length - b.length);
  if (nearest !== undefined) {
    const first = nearest[0]!;
    if (first.path.length === 0 && issue.message !== "Invalid input") {
      return { code: "custom", message: issue.message, path: issue.path, input: issue.input };
    }
    return settled({ ...first, path: [...issue.path, ...first.path] });
  }
  const fields = issue.errors.map(([first]) => String(first!.path[0]));
  const message = `expected one of the fields ${fields.join(", ")}`;
  return { code: "custom", message, path: issue.path, input: issue.input };
}

/** A schema of functions. */
export const functionSchema: z.ZodType<(...given: never[]) => unknown> = z.custom<
  (...given: never[]) => unknown
>((value) => typeof value === "function", { error: "expected a function" });

/** A schema of signals that end work. */
export const signalSchema: z.ZodType<AbortSignal> = z.custom<AbortSignal>(
  (value) => typeof (value as AbortSignal | null)?.throwIfAborted === "function",
  { error: "expected an AbortSignal" },
);
