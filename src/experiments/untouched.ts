/** What networks do before they forget, beside what the arms make of them. */
import { untouched } from "./diffusion.ts";
import type { ArmResult } from "./trained-network.ts";

/** Results with those of the untouched networks, which every run begins with. */
export function withUntouched(results: readonly ArmResult[]): readonly ArmResult[] {
  const seeds = new Map(results.map((result) => [result.seed, result.history[0]!]));
  const more = [...seeds].map(([seed, first]): ArmResult => ({
    ...{ arm: untouched, method: untouched, settings: {}, seed },
    ...{ stoppedBy: "rounds", history: [first], end: first.scores },
  }));
  return [...more, ...results];
}
