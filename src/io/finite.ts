/** Numbers that are no numbers: a network with one answers nothing that can be used. */
import { DataError } from "../errors.ts";
import type { Tensor } from "./safetensors.ts";

/**
 * @param tensors by name.
 * @param file what errors call the file they are from.
 * @throws DataError naming the first tensor that holds NaN or an infinity, and how many there are.
 */
export function requireFinite(tensors: ReadonlyMap<string, Tensor>, file: string): void {
  const bad = [...tensors].flatMap(([name, { data }]) => {
    const at = data.findIndex((value) => !Number.isFinite(value));
    return at < 0 ? [] : [{ name, at, value: data[at]!, of: data.length }];
  });
  const [first] = bad;
  if (first === undefined) return;
  const { name, at, value, of } = first;
  const more = bad.length === 1 ? "" : `; ${bad.length} of ${tensors.size} tensors hold such`;
  throw new DataError(
    `"${file}": tensor "${name}" holds ${value} (number ${at} of ${of})${more}. A network with it answers nothing ` +
      "that can be used: take an earlier checkpoint, or say `allowNonfinite` to use it as it is.",
  );
}
