/** Pacing: how long to sleep before waiting for the GPU. */

/** Milliseconds since some moment, and a wait of so many. */
export interface Clock {
  now(): number;
  sleep(milliseconds: number): Promise<void>;
}

const systemClock: Clock = {
  now: () => performance.now(),
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
};

/** Milliseconds: what is lost at most where the first time that was measured is far too long. */
const longestSleep = 30_000;

/**
 * Sleeps through most of the expected GPU time before a fence.
 *
 * Dawn's Node binding polls in a tight loop while a promise is pending; with a software adapter that
 * loop takes one of the cores the "GPU" runs on (measured on two cores: 62 ms a step instead of 41).
 * Each program's time per unit of cost is learnt from its own fences.
 */
export class Pacing {
  readonly #sleeps: boolean;
  readonly #clock: Clock;
  /** Milliseconds per unit of cost, by key. */
  readonly #rates = new Map<string, number>();
  #pending = new Map<string, number>();
  /** Something that is pending runs for the first time: its fence waits for compilers as well. */
  #first = false;
  #start = 0;
  #slept = 0;

  /** @param sleeps false where waiting costs no processor time; {@link sleep} then returns at once. */
  constructor(sleeps: boolean, clock: Clock = systemClock) {
    this.#sleeps = sleeps;
    this.#clock = clock;
  }

  /**
   * Counts submitted work: `cost` in any unit that is constant for the key.
   *
   * @param first whether its kernels may still have to be compiled; nothing is learnt from its time.
   */
  submitted(cost: number, key: string, first: boolean): void {
    if (this.#pending.size === 0) this.#start = this.#clock.now();
    this.#first ||= first;
    this.#pending.set(key, (this.#pending.get(key) ?? 0) + cost);
  }

  /** Sleeps through 90 % of the time that the submitted work is expected to take. */
  async sleep(): Promise<void> {
    this.#slept = 0;
    if (!this.#sleeps) return;
    let expected = 0;
    for (const [key, cost] of this.#pending) expected += cost * (this.#rates.get(key) ?? 0);
    // Not to the end: waking too late is lost time, and nobody would learn how much of it.
    const rest = 0.9 * expected - (this.#clock.now() - this.#start);
    if (rest < 2) return;
    await this.#clock.sleep(Math.min(rest, longestSleep));
    this.#slept = this.#clock.now() - this.#start;
  }

  /** Learns from a fence that was passed just now. */
  finished(): void {
    const elapsed = this.#clock.now() - this.#start;
    const [only] = this.#pending;
    if (this.#pending.size === 1 && !this.#first && only![1] > 0) {
      // A fence that was passed at once means the sleep was too long, by an unknown time: another process
      // may have held the processor while the last estimate was made.
      const late = this.#slept > 0 && elapsed - this.#slept < 1;
      const [key, cost] = only!;
      const before = this.#rates.get(key) ?? Infinity;
      // A process that was stopped for an hour must not sleep for one: a rate at most doubles.
      const rate = Math.min((late ? 0.6 * this.#slept : elapsed) / cost, 2 * before);
      this.#rates.set(key, rate);
    }
    this.#pending = new Map();
    this.#first = false;
  }
}
