/** What files of runs say, held against what they have to. */
import { z } from "zod";
import { DataError } from "../errors.ts";

/**
 * What a file says.
 *
 * @throws DataError naming the place in it that is not as this version writes it.
 */
export function checkedFile<T>(schema: z.ZodType<T>, value: unknown, file: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new DataError(
    `"${file}" is damaged, or of another version of this program, which can read it:\n${z.prettifyError(parsed.error)}`,
  );
}
