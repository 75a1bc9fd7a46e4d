/** Paired comparisons of an experiment's arms. */
import { holm, type Paired, paired } from "../metrics/statistics.ts";
import { methods } from "../unlearn/methods/index.ts";
import { isReference } from "./arms.ts";
import type { Protocol } from "./protocol.ts";
import type { ArmResult } from "./trained-network.ts";

/** An arm against another, on the seeds where both reach the statistic. */
export interface Comparison {
  readonly first: string;
  readonly second: string;
  readonly result?: Paired & { readonly holmP: number };
  readonly missing?: string;
}

/** Each arm that says so against every other one but the reference, p corrected within each. */
export function compare(protocol: Protocol, results: readonly ArmResult[]): Comparison[] {
  const compared = protocol.arms.filter((arm) => arm.compared === true);
  return compared.flatMap(({ name: first }) => {
    const others = protocol.arms.filter(
      (arm) => arm.name !== first && !isReference(arm) && methods.has(arm.method),
    );
    const raw = others.map(({ name: second }): { second: string; result?: Paired } => {
      const pairs = results
        .filter(({ arm }) => arm === first)
        .flatMap((mine) => {
          const theirs = results.find(({ arm, seed }) => arm === second && seed === mine.seed);
          return mine.statistic === undefined || theirs?.statistic === undefined
            ? []
            : [[mine.statistic, theirs.statistic] as const];
        });
      if (pairs.length < 2) return { second };
      const result = paired(
        pairs.map(([a]) => a),
        pairs.map(([, b]) => b),
      );
      return { second, result };
    });
    const adjusted = holm(raw.flatMap(({ result }) => (result === undefined ? [] : [result.p])));
    let at = 0;
    return raw.map(({ second, result }) =>
      result === undefined
        ? { first, second, missing: "fewer than two seeds where both reach the statistic" }
        : { first, second, result: { ...result, holmP: adjusted[at++]! } },
    );
  });
}
