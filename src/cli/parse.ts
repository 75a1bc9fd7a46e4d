/** Values of options and files, with errors that say what is needed. */
import { InvalidArgumentError } from "commander";
import { z } from "zod";
import { type DataError, UsageError } from "../errors.ts";

/** Parses an integer option of at least `low`. */
export function integer(low: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < low)
      throw new InvalidArgumentError(`needs an integer of at least ${low}.`);
    return value;
  };
}

/** Parses a number option within [low, high]. */
export function number(low: number, high = Infinity): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || Number.isNaN(value) || value < low || value > high) {
      throw new InvalidArgumentError(`needs a number from ${low} to ${high}.`);
    }
    return value;
  };
}

/**
 * Validates data against a schema.
 *
 * @param Failure what is thrown: for options, or for what a file holds.
 * @throws that error, listing every wrong field.
 */
export function validate<T>(
  schema: z.ZodType<T>,
  data: unknown,
  what: string,
  Failure: typeof UsageError | typeof DataError = UsageError,
): T {
  const result = schema.safeParse(data);
  if (!result.success) throw new Failure(`${what} is not valid:\n${z.prettifyError(result.error)}`);
  return result.data;
}
