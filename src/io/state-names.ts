/** Names of tensors without what wrappers of networks put before them. */

/** Tensors under their names, and what was done to find them. */
export interface StateDict<T> {
  readonly tensors: Map<string, T>;
  readonly notes: string[];
}

/** What wrappers put before all names of a network. */
const prefixes = new Set([
  "module",
  "_orig_mod",
  "_forward_module",
  "model",
  "base_model",
  "net",
  "network",
  "backbone",
  "encoder",
  "student",
  "teacher",
]);

/** What wrappers of parts put in the middle of names. */
const inner = /(^|\.)(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\./g;

/** What the averaging of weights counts beside the tensors of a network. */
const averaged = "n_averaged";

/** Most parts of a prefix. */
const deepest = 4;

/** Which share of the known names a file must have at least: known are those of up to four publishers. */
const leastShare = 1 / 8;

/**
 * The prefix with which most of the names are known, and how many. Half of those behind a prefix must be known,
 * and a share of all that are, as some names, such as `fc.weight`, many networks have.
 */
export function fit(
  names: Iterable<string>,
  known: ReadonlySet<string>,
): { prefix: string; count: number } {
  const counts = new Map<string, { all: number; known: number }>();
  for (const name of names) {
    for (let [at, depth] = [0, 0]; depth <= deepest; depth++) {
      const prefix = name.slice(0, at);
      const seen = counts.get(prefix) ?? { all: 0, known: 0 };
      counts.set(prefix, {
        all: seen.all + 1,
        known: seen.known + (known.has(name.slice(at)) ? 1 : 0),
      });
      at = name.indexOf(".", at) + 1;
      if (at === 0) break;
    }
  }
  let best = { prefix: "", count: counts.get("")?.known ?? 0 };
  for (const [prefix, { all, known: count }] of counts) {
    const enough = 2 * count >= all && count >= leastShare * known.size;
    if (enough && count > best.count) best = { prefix, count };
  }
  return best;
}

/**
 * The names of a network without what wrappers put before all of them (`module.`, `_orig_mod.`, `model.` and
 * others), and without the marks of compiled and wrapped parts. What was done is said in `notes`.
 *
 * @param known names that the network's tensors have: what has them already keeps its names, and of a file
 *   that holds more than the network, only the names behind the prefix that fits best are taken.
 */
export function withoutPrefixes<T>(
  { tensors, notes }: StateDict<T>,
  known?: ReadonlySet<string>,
): StateDict<T> {
  const said = [...notes];
  const has = ({ length }: readonly unknown[]): string =>
    length === 1 ? "the only name" : `all ${length} names`;
  let names = [...tensors].filter(([name]) => name !== averaged);
  if (names.length === 0) return { tensors, notes };
  if (names.length < tensors.size && names.every(([name]) => name.startsWith("module."))) {
    said.push(`"${averaged}" left out, the count of averaged weights`);
  } else names = [...tensors];
  let taken = "";
  const fits = (): boolean => known !== undefined && names.some(([name]) => known.has(name));
  while (!fits()) {
    const prefix = names[0]![0].split(".", 1)[0]!;
    if (!prefixes.has(prefix) || !names.every(([name]) => name.startsWith(`${prefix}.`))) break;
    taken += `${prefix}.`;
    names = names.map(([name, tensor]) => [name.slice(prefix.length + 1), tensor]);
  }
  if (taken !== "") said.push(`prefix \`${taken}\` taken off ${has(names)}`);
  const marked = names.filter(([name]) => name.replace(inner, "$1") !== name).length;
  if (marked > 0) {
    names = names.map(([name, tensor]) => [name.replace(inner, "$1"), tensor]);
    said.push(`marks of wrapped parts taken out of ${marked === 1 ? "1 name" : `${marked} names`}`);
  }
  const { prefix } =
    known === undefined
      ? { prefix: "" }
      : fit(
          names.map(([name]) => name),
          known,
        );
  if (prefix !== "") {
    const [all, left] = [names, names.filter(([name]) => !name.startsWith(prefix))];
    names = all
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, tensor]) => [name.slice(prefix.length), tensor]);
    const some = left.slice(0, 5).map(([name]) => name);
    said.push(
      left.length === 0
        ? `prefix \`${prefix}\` taken off ${has(names)}`
        : `prefix \`${prefix}\` taken off ${names.length} of ${all.length} names, and the others left out: ` +
            some.join(", ") +
            (left.length > some.length ? ", …" : ""),
    );
  }
  const result = new Map(names);
  // Names that would fall together keep what tells them apart.
  return result.size === names.length ? { tensors: result, notes: said } : { tensors, notes };
}
