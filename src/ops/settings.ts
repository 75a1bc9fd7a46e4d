/** Settings of operations, and values that are looked at before an operation is applied. */
import { z } from "zod";
import { checked, shown } from "../checked.ts";
import { ShapeError } from "../errors.ts";
import { requireInputs } from "../graph/graph.ts";
import type { Value } from "../graph/value.ts";

/** A schema of numbers whose range the operation checks, NaN among them. */
export const numberSchema: z.ZodType<number> = z.custom<number>(
  (value) => typeof value === "number",
  { error: "expected a number" },
);

/** The settings of an operation. @throws ShapeError naming each that there is not, or that is of another kind. */
export function settingsOf<T>(schema: z.ZodType<T>, given: unknown, name: string): T {
  return checked(schema, given, String(name), ShapeError);
}

/** @throws ShapeError where an argument of an operation is no value. */
export function requireValue(
  name: string,
  argument: string,
  value: unknown,
): asserts value is Value {
  requireInputs(name, [value], { [argument]: "f32" });
}

/** @throws ShapeError unless an argument of an operation is an array of numbers. */
export function requireArray(
  name: string,
  argument: string,
  value: unknown,
): asserts value is readonly number[] {
  const numbers = Array.isArray(value) && value.every((one) => typeof one === "number");
  if (numbers || (ArrayBuffer.isView(value) && "length" in value)) return;
  throw new ShapeError(
    `${name}: \`${argument}\` must be an array of numbers, got ${shown(value)}.`,
  );
}

/** @throws ShapeError unless a setting is a finite number. */
export function requireFinite(name: string, what: string, value: unknown): asserts value is number {
  if (!Number.isFinite(value)) {
    throw new ShapeError(`${name}: the ${what} must be finite, got ${String(value)}.`);
  }
}
