/** Names cut to the room that there is for them, so that different ones stay different. */

/** The beginning of a name, of `longest` signs at most. */
export function beginningOf(name: string, longest: number): string {
  const signs = Array.from(name);
  return signs.length <= longest ? name : `${signs.slice(0, longest - 1).join("")}…`;
}

/** The end of a name, of `longest` signs at most. */
export function endOf(name: string, longest: number): string {
  const signs = Array.from(name);
  return signs.length <= longest ? name : `…${signs.slice(1 - longest).join("")}`;
}

/** A file's name without what tells its kind. */
export function withoutEnding(name: string): string {
  return name.replace(/\.\w{1,5}$/, "");
}

/** How many signs at their ends two names have in common. */
function commonEnd(one: readonly string[], other: readonly string[]): number {
  let same = 0;
  while (same < Math.min(one.length, other.length) && one.at(-1 - same) === other.at(-1 - same)) {
    same++;
  }
  return same;
}

/** A name by the part of its path up to where it differs from others, and by its end. */
function differing(name: string, others: readonly string[], longest: number): string {
  const signs = Array.from(name);
  const same = Math.max(...others.map((other) => commonEnd(signs, Array.from(other))));
  const at = signs.length - same;
  const half = Math.floor((longest - 2) / 2);
  const part = signs.slice(0, at).join("").split("/").at(-1)!;
  const end = withoutEnding(signs.slice(at).join(""));
  return endOf(part, half + 1) + endOf(end, half + 1);
}

/**
 * Different names by what stands for them, of `longest` signs at most: `first` makes of each, but of those that it makes the same of
 * what tells them apart; numbers where nothing else does.
 */
export function cutApart(
  names: readonly string[],
  longest: number,
  first: (name: string) => string,
): ReadonlyMap<string, string> {
  const all = [...new Set(names)];
  const cut = new Map(all.map((name) => [name, first(name)]));
  const numbered = (name: string): string => {
    const number = ` #${all.indexOf(name) + 1}`;
    return beginningOf(cut.get(name)!, longest - number.length) + number;
  };
  const apart = (name: string, others: readonly string[]): string =>
    differing(name, others, longest);
  for (const way of [apart, numbered]) {
    const before = new Map(cut);
    for (const name of all) {
      const others = all.filter((one) => one !== name && before.get(one) === before.get(name));
      if (others.length > 0) cut.set(name, way(name, others));
    }
  }
  return cut;
}
