/** What files of states are made of: tensors under prefixes, and numbers as metadata hold them. */
import { z } from "zod";
import type { Tensors } from "../nn/model.ts";

/** A whole number as metadata hold it. */
export const wholeText: z.ZodType<number, string> = z
  .string()
  .regex(/^\d{1,15}$/)
  .transform(Number);

/** Tensors under names that begin with a prefix: `model/conv1.weight`. */
export function prefixed(
  prefix: string,
  tensors: ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }>,
): Tensors {
  return new Map([...tensors].map(([name, tensor]) => [`${prefix}/${name}`, tensor]));
}

/** The tensors of such a prefix, under their own names. */
export function unprefixed(prefix: string, tensors: Tensors): Tensors {
  const mine = [...tensors].filter(([name]) => name.startsWith(`${prefix}/`));
  return new Map(mine.map(([name, tensor]) => [name.slice(prefix.length + 1), tensor]));
}
