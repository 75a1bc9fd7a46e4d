/** Seeded random numbers for everything on the CPU, the same on every JavaScript engine. */
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plusFromState } from "pure-rand/generator/xoroshiro128plus";
import type { RandomGenerator } from "pure-rand/types/RandomGenerator";
import { UsageError } from "./errors.ts";

/** Anything `shuffle` can reorder: plain and typed arrays. */
export interface Shuffleable<T> {
  readonly length: number;
  [index: number]: T;
}

/**
 * A stream of random numbers (xoroshiro128+) fixed by its seed, any safe integer.
 *
 * Bit-identical on Node, Deno and browsers: only integer operations and the float operations
 * IEEE 754 rounds exactly are used (`Math.log` and friends may differ between engines).
 */
export class Random {
  readonly #low: number;
  readonly #high: number;
  readonly #generator: RandomGenerator;
  #spare: number | undefined;

  /** @throws UsageError unless `seed` is a safe integer. */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed)) {
      throw new UsageError(`Random: the seed must be an integer within ±2^53, got ${seed}.`);
    }
    this.#low = seed | 0;
    this.#high = Math.floor(seed / 2 ** 32) | 0;
    // Neighbouring seeds (0, 1, 2, …) must not give neighbouring streams, so the state is a hash.
    const state = [1, 2, 3, 4].map((i) => mix(this.#low ^ mix(this.#high ^ mix(i * 0x9e3779b9))));
    this.#generator = xoroshiro128plusFromState(state);
  }

  /** A number in [0, 1), a multiple of 2^-53. */
  float(): number {
    return uniformFloat64(this.#generator);
  }

  /** An integer in [0, n), for n from 1 to 2^53 - 1. @throws UsageError for another n. */
  int(n: number): number {
    if (!Number.isSafeInteger(n) || n < 1) {
      throw new UsageError(`Random.int: the bound must be a positive integer, got ${n}.`);
    }
    return uniformInt(this.#generator, 0, n - 1);
  }

  /** A number of the standard normal distribution (Marsaglia's polar method). */
  normal(): number {
    if (this.#spare !== undefined) {
      const value = this.#spare;
      this.#spare = undefined;
      return value;
    }
    for (;;) {
      const u = 2 * this.float() - 1;
      const v = 2 * this.float() - 1;
      const s = u * u + v * v;
      if (s >= 1 || s === 0) continue;
      const factor = Math.sqrt((-2 * naturalLog(s)) / s);
      this.#spare = v * factor;
      return u * factor;
    }
  }

  /** Reorders `array` in place, every order equally likely (Fisher–Yates), and returns it. */
  shuffle<A extends Shuffleable<unknown>>(array: A): A {
    for (let i = array.length - 1; i > 0; i--) {
      const j = this.int(i + 1);
      const held = array[i];
      array[i] = array[j];
      array[j] = held;
    }
    return array;
  }

  /** The numbers 0 … n-1 in random order. */
  permutation(n: number): Uint32Array<ArrayBuffer> {
    return this.shuffle(Uint32Array.from({ length: n }, (_, i) => i));
  }

  /**
   * An independent stream named `label`. It depends on this stream's seed and the label alone, not on
   * how many numbers were drawn, so adding a consumer does not change what the others get.
   */
  fork(label: string): Random {
    let low = mix(this.#low ^ 0x85ebca6b);
    let high = mix(this.#high ^ 0xc2b2ae35);
    for (let i = 0; i < label.length; i++) {
      low = mix(low ^ label.charCodeAt(i) ^ high);
      high = mix((high + low) ^ 0x27d4eb2f);
    }
    return new Random((high >>> 11) * 2 ** 32 + (low >>> 0));
  }
}

/** A bijective 32-bit hash: the finaliser of MurmurHash3 (Appleby). */
function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** ln x for x in (0, 1], within a few units in the last place, from exact-rounded operations only. */
function naturalLog(x: number): number {
  let mantissa = x;
  let exponent = 0;
  for (; mantissa < Math.SQRT1_2; mantissa *= 2) exponent--;
  // ln m = 2 artanh s with |s| < 0.172: eleven terms of the series reach double precision.
  const s = (mantissa - 1) / (mantissa + 1);
  const square = s * s;
  let sum = 0;
  for (let k = 21; k >= 1; k -= 2) sum = sum * square + 1 / k;
  return exponent * Math.LN2 + 2 * s * sum;
}
