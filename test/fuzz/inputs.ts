/** The inputs of a fuzzing run: each is known by a reader, a seed and a number, and made anew from them. */
import { Random } from "../../src/random.ts";
import { mutated } from "./mutate.ts";
import type { Form, Reader } from "./readers.ts";

/** One input in so many is a file as it should be. */
const unchanged = 64;

/** The input of a number. */
export function inputOf(
  { name }: Reader,
  forms: readonly Form[],
  seed: number,
  index: number,
): Uint8Array {
  const random = new Random(seed).fork(`${name} ${index}`);
  const { seeds, packed } = forms[random.int(forms.length)]!;
  const start = seeds[random.int(seeds.length)]!;
  const bytes = random.int(unchanged) === 0 ? start : mutated(start, { random, others: seeds });
  return packed?.(bytes) ?? bytes;
}
