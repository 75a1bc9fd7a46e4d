/** Logits of whole sets of samples, and what they say about each sample, computed once. */
import { UsageError } from "../errors.ts";
import { type Labelled, type PerSample, perSample } from "./classification.ts";

/** The logits of a network on some sets. */
export class Logits {
  readonly classes: number;
  readonly #sets: Readonly<Record<string, Labelled>>;
  readonly #samples = new Map<string, PerSample>();

  /** @param sets by name, as metrics name them: `forget`, `retain`, `test`. */
  constructor(classes: number, sets: Readonly<Record<string, Labelled>>) {
    this.classes = classes;
    this.#sets = sets;
  }

  /** Whether a set was collected. */
  has(name: string): boolean {
    return name in this.#sets;
  }

  /** Logits and labels of a set. @throws UsageError if it was not collected. */
  set(name: string): Labelled {
    const set = this.#sets[name];
    if (set === undefined) {
      throw new UsageError(
        `no logits of "${name}"; there are: ${Object.keys(this.#sets).join(", ")}.`,
      );
    }
    return set;
  }

  /** Predictions, losses and so on of a set's samples. */
  samples(name: string): PerSample {
    let samples = this.#samples.get(name);
    if (samples === undefined) {
      samples = perSample(this.set(name), this.classes);
      this.#samples.set(name, samples);
    }
    return samples;
  }
}
