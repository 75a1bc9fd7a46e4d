/** Where the best of the settings that were tried lies at an edge of them, a better one may lie beyond: what to try there. */
import type { Arm, Settings } from "../unlearn/arm.ts";

/** How often settings beyond an edge are tried where nothing else is asked for. */
export const usualWidenings = 2;

/** The values that were tried of a setting, rising; none where they are no numbers. */
function triedOf(name: string, trials: readonly Settings[]): readonly number[] {
  const values = [...new Set(trials.map((trial) => trial[name]))];
  return values.every((value) => typeof value === "number") ? values.sort((a, b) => a - b) : [];
}

/** A setting whose least or most value of three or more is in use, and the value that comes next beyond it. */
interface Edge {
  readonly name: string;
  readonly value: number;
  readonly next: number;
}

/**
 * The settings that lie at the least or most of three or more values that were tried. What comes next goes on as the grid
 * begins or ends: 1, 3, 10 before 30 and after 0.3.
 */
export function edgesOf(settings: Settings, trials: readonly Settings[]): readonly Edge[] {
  return Object.entries(settings).flatMap(([name, value]) => {
    const tried = triedOf(name, trials);
    const along = value === tried[0] ? tried : tried.toReversed();
    const [edge, second, third] = along;
    if (third === undefined || value !== edge) return [];
    // Not 0.30000000000000004.
    const next = Number(((edge! * second!) / third).toPrecision(6));
    return [{ name, value: edge!, next }];
  });
}

/** Trials with a value of a setting. */
function having(name: string, value: unknown, trials: readonly Settings[]): readonly Settings[] {
  return trials.filter((trial) => trial[name] === value);
}

/** The edges of an arm's trials that settings lie at and that it is tried beyond. */
function ownEdges(
  { widens = ["learningRate"] }: Pick<Arm, "widens">,
  settings: Settings,
  trials: readonly Settings[],
): readonly Edge[] {
  return edgesOf(settings, trials).filter(({ name }) => widens.includes(name));
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
  arm: Pick<Arm, "widens">,
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

/** How many settings {@link beyondEdge} finds at most beyond an edge of an arm's own trials. */
export function widest({ trials, widens }: Pick<Arm, "trials" | "widens">): number {
  const counts = trials.flatMap((trial) =>
    ownEdges({ widens }, trial, trials).map(
      ({ name, value }) => having(name, value, trials).length,
    ),
  );
  return Math.max(0, ...counts);
}
