/** Where the best of the settings that were tried lies at an edge of them, a better one may lie beyond: what to try there. */
import type { Arm, Settings } from "../unlearn/arm.ts";

/** How often settings beyond an edge are tried where nothing else is asked for. */
export const usualWidenings = 2;

/** The values that were tried of a setting, rising; none where they are no numbers. */
function triedOf(name: string, trials: readonly Settings[]): readonly number[] {
  const values = [...new Set(trials.map((trial) => trial[name]))];
  return values.every((value) => typeof value === "number") ? values.sort((a, b) => a - b) : [];
}

/** A setting whose least or most value of several is in use, and the value that comes next beyond it. */
interface Edge {
  readonly name: string;
  readonly value: number;
  readonly next: number;
}

/**
 * The settings that lie at the least or most of the values that were tried. What comes next goes on as the grid begins or
 * ends: 1, 3, 10 before 30 and after 0.3; 1, 4 before 16 and after 0.25.
 */
export function edgesOf(settings: Settings, trials: readonly Settings[]): readonly Edge[] {
  return Object.entries(settings).flatMap(([name, value]) => {
    const tried = triedOf(name, trials);
    const along = value === tried[0] ? tried : tried.toReversed();
    const [edge, second, third] = along;
    if (second === undefined || value !== edge) return [];
    const ratio = third === undefined ? edge! / second : second / third;
    // Not 0.30000000000000004.
    const next = Number((edge! * ratio).toPrecision(6));
    // From 0, or to the other side of it, no ratio leads on.
    const leads = Number.isFinite(next) && (next - edge!) * (edge! - second) > 0;
    return leads ? [{ name, value: edge!, next }] : [];
  });
}

/** Trials with a value of a setting. */
function having(name: string, value: unknown, trials: readonly Settings[]): readonly Settings[] {
  return trials.filter((trial) => trial[name] === value);
}

/** What {@link Arm.widens} says, or the learning rate. */
function widenedOf({ widens = ["learningRate"] }: Pick<Arm, "widens">): readonly string[] {
  return widens;
}

/**
 * The edges of an arm's trials that settings lie at and that it is tried beyond: first that of the setting that was tried
 * beyond its edges least often, so that none is left out for another.
 */
function ownEdges(
  arm: Pick<Arm, "trials" | "widens">,
  settings: Settings,
  trials: readonly Settings[],
): readonly Edge[] {
  const names = widenedOf(arm);
  const added = ({ name }: Edge): number =>
    triedOf(name, trials).length - triedOf(name, arm.trials).length;
  return edgesOf(settings, trials)
    .filter(({ name }) => names.includes(name))
    .toSorted((a, b) => added(a) - added(b) || names.indexOf(a.name) - names.indexOf(b.name));
}

/**
 * What is tried beyond the edge that the best trial lies at: every trial there with the setting's next value, so that a grid
 * of two settings stays one; from the best one first.
 *
 * @param best of the trials, those beyond an edge included.
 * @param allowed says whether a method takes some settings.
 * @returns settings; none where the best lies at no edge, or nothing beyond it is allowed.
 */
export function beyondEdge(
  arm: Pick<Arm, "trials" | "widens">,
  best: Settings,
  trials: readonly Settings[],
  allowed: (settings: Settings) => boolean,
): readonly Settings[] {
  for (const { name, value, next } of ownEdges(arm, best, trials)) {
    const others = having(name, value, trials).filter((trial) => trial !== best);
    const wider = [best, ...others].map((trial) => ({ ...trial, [name]: next }));
    const found = wider.filter(allowed);
    if (found.length > 0) return found;
  }
  return [];
}

/**
 * How many settings {@link beyondEdge} finds at most beyond an edge of an arm's trials.
 *
 * @param time how often settings were tried beyond an edge with it, from 1: each time before may have widened what the
 *   edge is one side of. Of a grid with n values of another setting it then has 1 / n more.
 */
export function widest(arm: Pick<Arm, "trials" | "widens">, time: number): number {
  const { trials } = arm;
  const before = time - 1;
  const names = widenedOf(arm);
  const counts = trials.flatMap((trial) =>
    ownEdges(arm, trial, trials).map(({ name, value }) => {
      const count = having(name, value, trials).length;
      const others = names
        .filter((other) => other !== name)
        .map((other) => triedOf(other, trials).length)
        .filter((values) => values > 1);
      if (others.length === 0) return count;
      const grid = others.reduce((most, values) => (most * (values + before)) / values, count);
      // What is no grid gains one at most.
      return Math.max(count + before, Math.ceil(grid));
    }),
  );
  return Math.max(0, ...counts);
}
