/** An unlearning between two rounds, as a file has it: weights, moments of the optimiser, and how far it is. */
import { z } from "zod";
import { prefixed, unprefixed, wholeText } from "../io/state-parts.ts";
import type { Tensors } from "../nn/model.ts";
import type { SessionState } from "./method.ts";

/** Weights after a round, and what the session needs besides to continue to the same bits. */
export interface RoundState {
  readonly model: Tensors;
  readonly session: SessionState;
}

/** What metadata say of a session. */
export const sessionFields = {
  round: wholeText.pipe(z.number().min(1)),
  steps: wholeText,
  optimizerStep: wholeText,
} as const;

/** Tensors and metadata of a state; `name` is that of the model's spec. */
export function packRound(
  { model, session: { round, steps, optimizerStep, tensors } }: RoundState,
  name: string,
): { tensors: Tensors; metadata: Record<string, string> } {
  return {
    tensors: new Map([...prefixed("model", model), ...prefixed("optimizer", tensors)]),
    metadata: {
      model: name,
      round: String(round),
      steps: String(steps),
      optimizerStep: String(optimizerStep),
    },
  };
}

/** What {@link packRound} packed. */
export function unpackRound(tensors: Tensors, fields: Omit<SessionState, "tensors">): RoundState {
  const { round, steps, optimizerStep } = fields;
  const optimizer = unprefixed("optimizer", tensors);
  return {
    model: unprefixed("model", tensors),
    session: { round, steps, optimizerStep, tensors: optimizer },
  };
}
