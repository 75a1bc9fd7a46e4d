/** The metrics that methods are compared by, measured once at the end of a run, and gaps to a reference. */
import { listed } from "../registry.ts";
import { finalMetrics } from "./index.ts";
import type { Logits } from "./logits.ts";
import type { LogitsMetric } from "./metric.ts";
import { type Measurement, missing } from "./measurement.ts";
import { mia, type MiaResult, reportedAttack } from "./mia.ts";

/** Metrics of a network after a run. */
export interface Final {
  /** Shares of sets that are answered right, by the metric's name. */
  readonly accuracies: Readonly<Record<string, Measurement>>;
  /** All that the attack found; absent where the run lacks a set it needs. */
  readonly mia?: MiaResult;
  /** The other metrics, by name. */
  readonly others?: Readonly<Record<string, Measurement>>;
}

/** The first set that a metric needs and the run has not. */
function lackingSet({ on }: LogitsMetric, logits: Logits): string | undefined {
  return on.find((set) => !logits.has(set));
}

/** A metric's value; it says so where the run has no such set. */
function valueOf(metric: LogitsMetric, logits: Logits): Measurement {
  const lacking = lackingSet(metric, logits);
  if (lacking === undefined) return metric.of(logits);
  const { name, definition, unit } = metric;
  return missing({ name, definition, unit }, `there are no samples of "${lacking}"`);
}

/** All metrics of logits. */
export function finalOf(logits: Logits): Final {
  const all = finalMetrics();
  const of = (some: readonly LogitsMetric[]): Record<string, Measurement> =>
    Object.fromEntries(some.map((metric) => [metric.name, valueOf(metric, logits)]));
  const attacks = all.filter(
    (metric) => metric.part === "mia" && lackingSet(metric, logits) === undefined,
  );
  const others = of(all.filter((one) => one.part !== "accuracies" && !attacks.includes(one)));
  return {
    accuracies: of(all.filter(({ part }) => part === "accuracies")),
    ...(attacks.length === 0 ? {} : { mia: mia(logits) }),
    ...(Object.keys(others).length === 0 ? {} : { others }),
  };
}

/** Measurements by the names of their metrics. */
export type Headline = Readonly<Record<string, Measurement>>;

/** The numbers that methods are compared by. */
export function headline({ accuracies, mia: attack, others = {} }: Final): Headline {
  const attacks = attack === undefined ? [] : finalMetrics().filter(({ part }) => part === "mia");
  return {
    ...accuracies,
    ...Object.fromEntries(attacks.map(({ name }) => [name, reportedAttack(attack!)])),
    ...others,
  };
}

/** Names of the metrics whose distances to the retrained network are averaged. */
export function comparedNames(): readonly string[] {
  return finalMetrics()
    .filter(({ compared }) => compared === true)
    .map(({ name }) => name);
}

/** Distances to the retrained network by metric, and their mean as `average`. */
export type Gaps = Readonly<Record<string, Measurement>> & { readonly average: Measurement };

/** Gaps of a network to a retrained one; without one, each says `why` there is none. */
export function gapsTo(
  mine: Final,
  retrained: Final | undefined,
  why = "no retrained network was given",
): Gaps {
  const own = headline(mine);
  const names = comparedNames();
  const describe = (name: string): Pick<Measurement, "name" | "definition" | "unit"> => ({
    name: `gap in ${name}`,
    definition: `distance of ${name} to the retrained network's, points`,
    unit: "points",
  });
  const average = {
    name: "average gap",
    definition: `mean of the gaps in ${listed(names)}, points`,
    unit: "points",
  } as const;
  if (retrained === undefined) {
    const entries = names.map((name) => [name, missing(describe(name), why)] as const);
    return { ...Object.fromEntries(entries), average: missing(average, why) };
  }
  const other = headline(retrained);
  const gaps = names.map((name): readonly [string, Measurement] => {
    const [ours, theirs] = [own[name], other[name]];
    if (ours?.value == null || theirs?.value == null) {
      const why = ours?.missing ?? theirs?.missing ?? "it was not measured";
      return [name, missing(describe(name), why)];
    }
    return [name, { ...describe(name), value: Math.abs(ours.value - theirs.value), n: ours.n }];
  });
  const lacking = gaps.find(([, { value }]) => value === null)?.[1];
  const mean = gaps.reduce((sum, [, { value }]) => sum + value!, 0) / names.length;
  return {
    ...Object.fromEntries(gaps),
    average:
      lacking === undefined
        ? { ...average, value: mean, n: names.length }
        : missing(average, lacking.missing!),
  };
}
