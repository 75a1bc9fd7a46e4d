/** Work whose batch only costs memory: as much of it at a time as fits. */
import { OutOfMemoryError } from "../errors.ts";

/**
 * Makes something with the largest batch that fits, of `most` and its halves.
 *
 * @param make frees what it took when it fails.
 * @throws OutOfMemoryError where not even a batch of one fits.
 */
export async function fitting<T>(most: number, make: (rows: number) => Promise<T>): Promise<T> {
  for (let rows = most; ; rows = Math.ceil(rows / 2)) {
    try {
      return await make(rows);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError) || rows === 1) throw error;
    }
  }
}
