/**
 * Seeded random numbers for the host: same seed, same numbers, on every runtime.
 *
 * Streams are forked by label, so that adding a consumer does not move the numbers of another.
 */
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** A stream of random numbers (xoroshiro128+). */
export class Random {
  readonly #seed: number;
  readonly #generator: ReturnType<typeof xoroshiro128plus>;

  constructor(seed: number) {
    this.#seed = seed | 0;
    this.#generator = xoroshiro128plus(this.#seed);
  }

  /** Uniform in [0, 1). */
  float(): number {
    return uniformFloat64(this.#generator);
  }

  /** Uniform integer in [0, n). */
  int(n: number): number {
    return uniformInt(this.#generator, 0, n - 1);
  }

  /** Normal with mean 0 and deviation 1 (Box and Muller). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.float()));
    return radius * Math.cos(2 * Math.PI * this.float());
  }

  /** Shuffles in place (Fisher and Yates). */
  shuffle<T extends { length: number; [i: number]: unknown }>(items: T): T {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.int(i + 1);
      [items[i], items[j]] = [items[j], items[i]];
    }
    return items;
  }

  /** The numbers 0 … n - 1 in random order. */
  permutation(n: number): Uint32Array {
    return this.shuffle(Uint32Array.from({ length: n }, (_, i) => i));
  }

  /** An independent stream for a purpose; does not advance this one. */
  fork(label: string): Random {
    // FNV-1a over the label, started from the seed.
    let hash = 0x811c9dc5 ^ Math.imul(this.#seed, 0x9e3779b1);
    for (let i = 0; i < label.length; i++) hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193);
    return new Random(hash ^ (hash >>> 15));
  }
}
