/** Values of options and files, with errors that say what is needed. */
import { type Command, InvalidArgumentError, type Option } from "commander";
import type { z } from "zod";
import { type DataError, UsageError } from "../errors.ts";

/** Numbers that options take at most: where more would not fit memory, or a number of 32 bits. */
export const most = {
  whole: 2 ** 31 - 1,
  images: 2 ** 24,
  /** Labels have 16 bits. */
  classes: 2 ** 16,
  /** Pixels of a side. */
  side: 8192,
  epochs: 1_000_000,
  /** Networks of one experiment. */
  networks: 10_000,
} as const;

/** A number in decimals, as `Number` reads it, which takes blanks and other bases as well. */
const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** Parses an integer option from `low` to `high`. */
export function integer(low: number, high: number = most.whole): (text: string) => number {
  return (text) => {
    const value = decimal.test(text) ? Number(text) : NaN;
    if (Number.isInteger(value) && value >= low && value <= high) return value;
    const range =
      value <= high || Number.isNaN(value) ? `of at least ${low}` : `from ${low} to ${high}`;
    throw new InvalidArgumentError(`needs an integer ${range}.`);
  };
}

/** Where a number may lie. */
export interface Range {
  readonly from?: number;
  readonly above?: number;
  readonly to?: number | undefined;
  readonly below?: number;
}

/** Parses a number option within a range; kernels must be able to hold it. */
export function number(range: Range): (text: string) => number {
  const { from = -Infinity, above = -Infinity, to = Infinity, below = Infinity } = range;
  return (text) => {
    const value = decimal.test(text) ? Number(text) : NaN;
    if (!(value >= from && value > above && value <= to && value < below)) {
      throw new InvalidArgumentError(`needs a number ${rangeText(range)}.`);
    }
    if (!isSingle(value)) {
      throw new InvalidArgumentError("is beyond single precision, 1e-45 to 3.4e38.");
    }
    return value;
  };
}

/** Whether a number is finite in single precision, and only zero zero. */
export function isSingle(value: number): boolean {
  const single = Math.fround(value);
  return Number.isFinite(single) && (single !== 0 || value === 0);
}

function rangeText({ from, above, to, below }: Range): string {
  if (from !== undefined && to !== undefined) return `from ${from} to ${to}`;
  const parts = [
    from === undefined ? undefined : `of at least ${from}`,
    above === undefined ? undefined : `above ${above}`,
    to === undefined ? undefined : `at most ${to}`,
    below === undefined ? undefined : `below ${below}`,
  ];
  return parts.filter((part) => part !== undefined).join(" and ");
}

/** Checks a list of numbers with commas between, `count` of them where that is given; it stays text. */
export function numbers(count?: number): (text: string) => string {
  return (text) => {
    const words = text.split(",").map((word) => word.trim());
    if (words.every((word) => decimal.test(word)) && words.length === (count ?? words.length)) {
      return text;
    }
    const many = count === undefined ? "numbers" : `${count} numbers`;
    throw new InvalidArgumentError(`needs ${many} with commas between.`);
  };
}

const repeating = new WeakSet<object>();

/** Marks what parses an option that may stand several times: it gets what it gave before. */
export function repeatable<T>(
  parse: (text: string, before: T | undefined) => T,
): (text: string, before: T | undefined) => T {
  repeating.add(parse);
  return parse;
}

/** Parses a text option that may stand several times. */
export const texts: (text: string, before: string[] | undefined) => string[] = repeatable(
  (text, before: string[] = []) => [...before, text],
);

/** Refuses what commander takes in silence: an option or argument that is empty, and a second value that replaces the first. */
export function refuseSilence(command: Command): void {
  for (const one of command.commands) refuseSilence(one);
  for (const option of command.options) {
    if (option.isBoolean()) continue;
    listenFirst(command, `option:${option.name()}`, (value) => {
      if (value?.trim() === "") command.error(`error: ${option.long}: its value is empty.`);
      const given = command.getOptionValueSource(option.attributeName()) === "cli";
      if (given && !mayRepeat(option)) {
        command.error(`error: ${option.long} is given twice, and takes one value.`);
      }
    });
  }
  command.hook("preAction", (_, acting) => {
    const empty = acting.args.findIndex((word) => word.trim() === "");
    if (acting !== command || empty < 0) return;
    const name = acting.registeredArguments[empty]?.name() ?? "argument";
    throw new UsageError(`<${name}>: it is empty.`);
  });
}

/** Hears of an option before commander keeps its value; types say nothing of it. */
function listenFirst(
  command: Command,
  event: string,
  listener: (value: string | null) => void,
): void {
  (
    command as unknown as { prependListener(event: string, to: typeof listener): void }
  ).prependListener(event, listener);
}

function mayRepeat({ variadic, parseArg }: Option): boolean {
  return variadic || (parseArg !== undefined && repeating.has(parseArg));
}

/**
 * Validates data against a schema.
 *
 * @param Failure what is thrown: for options, or for what a file holds.
 * @throws that error, listing every wrong field on one line.
 */
export function validate<T>(
  schema: z.ZodType<T>,
  data: unknown,
  what: string,
  Failure: typeof UsageError | typeof DataError = UsageError,
): T {
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  const issues = result.error.issues.map(({ path, message }) => {
    if (path.length === 0) return message;
    // Settings of a configuration, which flags.ts turns into flags.
    return Failure === UsageError
      ? `\`${path.filter((key) => typeof key === "string").join(".")}\`: ${message}`
      : `${path.join(".")}: ${message}`;
  });
  const head = Failure === UsageError ? what : `${what} is not valid`;
  throw new Failure(`${head}: ${issues.join("; ")}.`);
}
