/** What methods that change the weights once, from the original ones, have in common. */
import type { Gpu } from "../gpu/device.ts";
import type { Owned } from "../gpu/owned.ts";
import type { Bound } from "../graph/bound.ts";
import type { Program } from "../graph/program.ts";
import type { Value } from "../graph/value.ts";
import type { Watch } from "../train/replay.ts";
import type { Round, SessionState, UnlearnSession } from "./method.ts";

/** What a {@link OneShotSession} is made of. */
export interface OneShotParts {
  readonly method: string;
  readonly gpu: Gpu;
  /** Of all parts. */
  readonly owned: Owned;
  /** Writes the weights of a round from the original ones. */
  readonly program: Program;
  readonly bound: Bound;
  /** What differs from round to round: a buffer of the program, and what it holds in a round (from 0). */
  readonly settings: Value;
  readonly of: (round: number) => Uint32Array;
}

/** Each round starts from the original weights, with other settings: rounds draw the method's whole curve. */
export class OneShotSession implements UnlearnSession {
  readonly method: string;
  readonly #parts: OneShotParts;
  #rounds = 0;

  constructor(parts: OneShotParts) {
    this.method = parts.method;
    this.#parts = parts;
  }

  async round(_watch: Watch): Promise<Round> {
    const { gpu, program, bound, settings, of } = this.#parts;
    gpu.write(bound.at(settings).buffer, of(this.#rounds));
    program.run();
    await gpu.idle();
    this.#rounds++;
    return { round: this.#rounds, steps: 0, epochs: [] };
  }

  async save(): Promise<SessionState> {
    return { round: this.#rounds, steps: 0, optimizerStep: 0, tensors: new Map() };
  }

  load(state: SessionState): void {
    this.#rounds = state.round;
  }

  destroy(): void {
    this.#parts.owned.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
