/** The inputs of a fuzzing run: each is known by a reader, a seed and a number, and made anew from them. */
import { Random } from "../../src/random.ts";
import { mutated } from "./mutate.ts";
import type { Form, Reader } from "./readers.ts";

/** One input in so many is a file as it should be. */
const unchanged = 64;

/** Archives and HDF5 files hold the time they are made at, which is this. */
const made = Date.UTC(2000, 0, 1);

/** Stops the clock; gives what starts it again. */
function stopClock(): () => void {
  const { now } = Date;
  Date.now = () => made;
  return () => {
    Date.now = now;
  };
}

/** The forms of a reader's files, the same at any time. */
export async function formsOf(reader: Reader): Promise<readonly Form[]> {
  const start = stopClock();
  try {
    return await reader.forms();
  } finally {
    start();
  }
}

/** The input of a number. */
export function inputOf(
  { name }: Reader,
  forms: readonly Form[],
  seed: number,
  index: number,
): Uint8Array {
  const random = new Random(seed).fork(`${name} ${index}`);
  const { seeds, packed } = forms[random.int(forms.length)]!;
  const first = seeds[random.int(seeds.length)]!;
  const bytes = random.int(unchanged) === 0 ? first : mutated(first, { random, others: seeds });
  const start = stopClock();
  try {
    return packed?.(bytes) ?? bytes;
  } finally {
    start();
  }
}
