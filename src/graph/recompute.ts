/**
 * Activation recomputation (Chen et al., 2016): a stage's activations are not kept for the backward pass
 * but computed again, from what entered the stage, right before the backward pass reaches it.
 *
 * Small values (batch statistics, sums) are kept, and launches that only make those are not repeated.
 * Launches that change state are never repeated, whatever the size of what they make: so batch norm's
 * running statistics are updated once a step.
 */
import { type Launch, Value } from "./value.ts";

/** A value at most this share of its stage's largest is kept. */
const smallShare = 1 / 64;

/** The planned values of a launch. */
export function plannedValues(launch: Launch): Value[] {
  return Object.values(launch.bind).filter((value) => value?.storage === "planned") as Value[];
}

/** A launch with some values exchanged. */
export function rebind(launch: Launch, exchange: ReadonlyMap<Value, Value>): Launch {
  const bind = Object.entries(launch.bind).map(([name, value]) => [
    name,
    value === null ? null : (exchange.get(value) ?? value),
  ]);
  return { ...launch, bind: Object.fromEntries(bind) as Launch["bind"] };
}

interface Stage {
  readonly launches: readonly Launch[];
  /**
   * Planned values that the launch of that number may write: those that no launch before it has, or, where there are
   * none, any of its own: it then writes a further part of a value.
   */
  readonly written: readonly (readonly Value[])[];
  /** Values made here that are to be made again. */
  readonly dropped: ReadonlySet<Value>;
}

/**
 * The backward launches with each stage's forward launches repeated where they are first needed. The last
 * stage is left as it is: the backward pass starts there.
 *
 * @param before launches ahead of the first stage, whose results stay.
 * @param stages forward launches by stage.
 */
export function recompute(
  before: readonly Launch[],
  stages: readonly (readonly Launch[])[],
  backward: readonly Launch[],
): Launch[] {
  const owner = new Map<Value, Stage>();
  const seen = new Set(before.flatMap(plannedValues));
  const made = stages.map((launches) =>
    launches.map((launch) => {
      const fresh = plannedValues(launch).filter((value) => !seen.has(value));
      for (const value of fresh) seen.add(value);
      return fresh;
    }),
  );
  stages.slice(0, -1).forEach((launches, i) => {
    const own = made[i]!.flat();
    const largest = own.reduce((most, value) => Math.max(most, value.bytes), 0);
    const later = new Set(
      stages
        .slice(i + 1)
        .flat()
        .flatMap(plannedValues),
    );
    const kept = new Set(
      made[i]!.flatMap((fresh, at) => (launches[at]!.changesState ? fresh : [])),
    );
    const dropped = new Set(
      own.filter(
        (value) => value.bytes > smallShare * largest && !later.has(value) && !kept.has(value),
      ),
    );
    const written = launches.map((launch, at) => {
      const fresh = made[i]![at]!;
      return fresh.length > 0 || launch.changesState === true ? fresh : plannedValues(launch);
    });
    const stage = { launches, written, dropped };
    for (const value of dropped) owner.set(value, stage);
  });
  const needed = new Map<Stage, Set<Value>>();
  for (const value of backward.flatMap(plannedValues)) {
    const stage = owner.get(value);
    if (stage === undefined) continue;
    needed.set(stage, (needed.get(stage) ?? new Set()).add(value));
  }
  const again = new Map<Value, Value>();
  const done = new Set<Stage>();
  return backward.flatMap((launch) => {
    const repeated = plannedValues(launch).flatMap((value) => {
      const stage = owner.get(value);
      if (stage === undefined || done.has(stage)) return [];
      done.add(stage);
      for (const dropped of stage.dropped) {
        const { label, shape, dtype } = dropped;
        again.set(dropped, new Value(`${label} again`, shape, dtype, "planned"));
      }
      return repeatedLaunches(stage, needed.get(stage)!).map((one) => rebind(one, again));
    });
    return [...repeated, rebind(launch, again)];
  });
}

/** The launches of a stage that values depend on through others that were dropped. */
function repeatedLaunches({ launches, written, dropped }: Stage, wanted: Set<Value>): Launch[] {
  const needed = new Set(wanted);
  const chosen: Launch[] = [];
  for (let i = launches.length - 1; i >= 0; i--) {
    const launch = launches[i]!;
    if (!written[i]!.some((value) => needed.has(value))) continue;
    chosen.unshift(launch);
    for (const value of plannedValues(launch)) if (dropped.has(value)) needed.add(value);
  }
  return chosen;
}
