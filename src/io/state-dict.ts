/** Where the tensors lie in what a training saved, and their names without the prefixes of wrappers. */
import { DataError, UsageError } from "../errors.ts";

/** A dictionary of a checkpoint. */
type Dictionary = ReadonlyMap<unknown, unknown>;

/**
 * Keys that hold the tensors of a network, in the order they are tried: the trained weights come before their
 * running averages.
 */
export const containers = [
  "state_dict",
  "model_state_dict",
  "model",
  "net",
  "network",
  "module",
  "params",
  "weights",
  "model_ema",
  "state_dict_ema",
  "ema_state_dict",
  "params_ema",
  "ema",
] as const;

/** Most dictionaries within each other that are looked into. */
const deepest = 4;

/** Tensors under their names, and what was done to find them. */
export interface StateDict<T> {
  readonly tensors: Map<string, T>;
  readonly notes: string[];
}

/**
 * The tensors of a checkpoint.
 *
 * @param isTensor what counts as a tensor.
 * @param key where to look: keys with dots between them.
 * @throws UsageError for a `key` that holds no tensors, DataError if there are none, or several dictionaries
 *   hold some and none of them has the name of a known container.
 */
export function findStateDict<T>(
  top: unknown,
  isTensor: (value: unknown) => value is T,
  key?: string,
): StateDict<T> {
  const notes: string[] = [];
  const holds = (map: Dictionary): boolean =>
    [...map].some(([name, value]) => typeof name === "string" && isTensor(value));
  const inside = (map: Dictionary): [string, Dictionary][] =>
    [...map].flatMap(([name, value]) =>
      typeof name === "string" && value instanceof Map ? [[name, value as Dictionary]] : [],
    );
  const seen = new Set<Dictionary>();
  /** Paths of the dictionaries that hold tensors, from the best down. */
  const find = (map: Dictionary, depth: number): [string, Dictionary][] => {
    if (depth > deepest || seen.has(map)) return [];
    seen.add(map);
    const children = new Map(inside(map));
    const known = containers.flatMap((name) => {
      const child = children.get(name);
      const [first] = child === undefined ? [] : find(child, depth + 1);
      return first === undefined ? [] : [[join(name, first[0]), first[1]] as [string, Dictionary]];
    });
    if (known.length > 0) return known;
    if (holds(map)) return [["", map]];
    const others = [...children].filter(([, child]) => holds(child));
    if (others.length > 1) {
      const keys = others.map(([name]) => `\`key=${name}\``).join(", ");
      throw new DataError(`several of its dictionaries hold tensors; choose one by ${keys}.`);
    }
    return others;
  };
  const start = key === undefined ? top : within(top, key);
  const [taken, ...others] = start instanceof Map ? find(start as Dictionary, 0) : [];
  if (taken === undefined) {
    if (key === undefined)
      throw new DataError("it holds no tensors under names; save those of model.state_dict().");
    throw new UsageError(`\`key=${key}\` of the checkpoint holds no tensors.`);
  }
  const [path, map] = taken;
  if (path !== "" || key !== undefined) {
    const also = others.map(([name]) => `\`key=${name}\``).join(", ");
    notes.push(
      `tensors taken from "${join(key ?? "", path)}"` +
        (also === "" ? "" : `; others can be taken by ${also}`),
    );
  }
  const tensors = new Map<string, T>();
  const passed: string[] = [];
  for (const [name, value] of map) {
    if (typeof name === "string" && isTensor(value)) tensors.set(name, value);
    else passed.push(String(name));
  }
  if (passed.length > 0) {
    const some = passed.slice(0, 5).join(", ") + (passed.length > 5 ? ", …" : "");
    notes.push(`${passed.length} of its entries passed over, as they are no tensors: ${some}`);
  }
  return { tensors, notes };
}

const join = (...parts: readonly string[]): string => parts.filter((part) => part !== "").join(".");

/** What lies under a key with dots; a key that has dots itself is found, too. */
function within(top: unknown, key: string): unknown {
  if (!(top instanceof Map)) return undefined;
  const map = top as Dictionary;
  if (map.has(key)) return map.get(key);
  for (let dot = key.indexOf("."); dot >= 0; dot = key.indexOf(".", dot + 1)) {
    const child = map.get(key.slice(0, dot));
    if (child instanceof Map) return within(child, key.slice(dot + 1));
  }
  return undefined;
}

/** What wrappers put before all names of a network. */
const prefixes =
  "module _orig_mod model net network backbone encoder student teacher base_model _forward_module".split(
    " ",
  );

/** What wrappers of parts put in the middle of names. */
const inner = /(^|\.)(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\./g;

/** What the averaging of weights counts beside the tensors of a network. */
const averaged = "n_averaged";

/**
 * The names of a network without what wrappers put before all of them: `module.`, `_orig_mod.`, `model.` and
 * others, and without the marks of compiled and wrapped parts. What was done is said in `notes`.
 */
export function withoutPrefixes<T>({ tensors, notes }: StateDict<T>): StateDict<T> {
  const said = [...notes];
  let names = [...tensors].filter(([name]) => name !== averaged);
  if (names.length === 0) return { tensors, notes };
  if (names.length < tensors.size && names.every(([name]) => name.startsWith("module."))) {
    said.push(`"${averaged}" left out, the count of averaged weights`);
  } else names = [...tensors];
  let taken = "";
  for (;;) {
    const prefix = prefixes.find((one) => names.every(([name]) => name.startsWith(`${one}.`)));
    if (prefix === undefined) break;
    taken += `${prefix}.`;
    names = names.map(([name, tensor]) => [name.slice(prefix.length + 1), tensor]);
  }
  const all = names.length === 1 ? "the only name" : `all ${names.length} names`;
  if (taken !== "") said.push(`prefix \`${taken}\` taken off ${all}`);
  const marked = names.filter(([name]) => name.replace(inner, "$1") !== name).length;
  if (marked > 0) {
    names = names.map(([name, tensor]) => [name.replace(inner, "$1"), tensor]);
    said.push(`marks of wrapped parts taken out of ${marked} names`);
  }
  const result = new Map(names);
  // Names that would fall together keep what tells them apart.
  return result.size === names.length ? { tensors: result, notes: said } : { tensors, notes };
}
