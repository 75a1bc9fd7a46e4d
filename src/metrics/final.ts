/** The metrics that methods are compared by, measured once at the end of a run, and gaps to a reference. */
import { listed } from "../registry.ts";
import { finalMetrics } from "./index.ts";
import type { Logits } from "./logits.ts";
import type { LogitsMetric } from "./metric.ts";
import { type Measurement, missing } from "./measurement.ts";
import { mia, type MiaResult } from "./mia.ts";

/** Metrics of a network after a run. */
export interface Final {
  readonly accuracies: Readonly<Record<"UA" | "RA" | "TA", Measurement>>;
  readonly mia: MiaResult;
  /** Metrics added to the registry, by name. */
  readonly others?: Readonly<Record<string, Measurement>>;
}

/** Names of the metrics that have a place of their own in {@link Final}. */
const accuracyNames: readonly string[] = ["UA", "RA", "TA"];
const ownPlace: readonly string[] = [...accuracyNames, "MIA"];

/** A metric's value; it says so where the run has no such set. */
function valueOf(metric: LogitsMetric, logits: Logits): Measurement {
  const lacking = metric.on.find((set) => !logits.has(set));
  if (lacking === undefined) return metric.of(logits);
  const { name, definition, unit } = metric;
  return missing({ name, definition, unit }, `there are no samples of "${lacking}"`);
}

/** All metrics of logits. */
export function finalOf(logits: Logits): Final {
  const of = (names: (name: string) => boolean): Record<string, Measurement> =>
    Object.fromEntries(
      finalMetrics()
        .filter(({ name }) => names(name))
        .map((metric) => [metric.name, valueOf(metric, logits)]),
    );
  const others = of((name) => !ownPlace.includes(name));
  return {
    accuracies: of((name) => accuracyNames.includes(name)) as Final["accuracies"],
    mia: mia(logits),
    ...(Object.keys(others).length === 0 ? {} : { others }),
  };
}

/** Measurements by the names of their metrics. */
export type Headline = Readonly<Record<string, Measurement>> &
  Readonly<Record<"UA" | "RA" | "TA" | "MIA", Measurement>>;

/** The numbers that methods are compared by. */
export function headline({
  accuracies: { UA, RA, TA },
  mia: { attacks },
  others = {},
}: Final): Headline {
  return { UA, RA, TA, MIA: attacks.confidence, ...others };
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
  const gap = (name: string): number =>
    Math.abs((own[name]?.value ?? Number.NaN) - (other[name]?.value ?? Number.NaN));
  const entries = names.map(
    (name) => [name, { ...describe(name), value: gap(name), n: own[name]?.n ?? 0 }] as const,
  );
  const mean = names.reduce((sum, name) => sum + gap(name), 0) / names.length;
  return {
    ...Object.fromEntries(entries),
    average: { ...average, value: mean, n: names.length },
  };
}
