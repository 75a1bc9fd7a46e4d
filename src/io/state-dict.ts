/** Where the tensors lie in what a training saved. */
import { DataError, UsageError } from "../errors.ts";
import { fit, type StateDict } from "./state-names.ts";
import { shown } from "./unpickle.ts";

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

/** A dictionary that holds tensors, and where it lies: keys with dots between them. */
interface Found {
  readonly path: string;
  readonly map: Dictionary;
  /** Whether it lies under the keys of known containers, or at the top. */
  readonly usual: boolean;
}

/** What is looked for. */
export interface Sought {
  /** Where to look: keys with dots between them. */
  readonly key?: string | undefined;
  /** Names that the network's tensors have in files, without what wrappers put before them. */
  readonly names?: ReadonlySet<string> | undefined;
}

/**
 * The tensors of a checkpoint: of several dictionaries that hold some, the one with most of the names that are
 * sought, else the first of the usual {@link containers}.
 *
 * @param isTensor what counts as a tensor.
 * @throws UsageError for a `key` that holds no tensors, DataError if there are none, or if several dictionaries
 *   hold some and nothing tells which is meant.
 */
export function findStateDict<T>(
  top: unknown,
  isTensor: (value: unknown) => value is T,
  { key, names }: Sought = {},
): StateDict<T> {
  const start = key === undefined ? top : within(top, key);
  const found = start instanceof Map ? candidates(start as Dictionary, isTensor) : [];
  if (found.length === 0) {
    if (key !== undefined) {
      throw new UsageError(`\`key=${key}\` of the checkpoint holds no tensors.`);
    }
    throw new DataError("it holds no tensors under names; save those of model.state_dict().");
  }
  const fits = found.map(({ map }) => (names === undefined ? 0 : fit(texts(map), names).count));
  const best = found[fits.indexOf(Math.max(...fits))]!;
  const paths = ({ path }: Found): string => `\`key=${join(key ?? "", path)}\``;
  if (!best.usual && found.length > 1 && fits.every((count) => count === fits[0])) {
    const keys = found.map(paths).join(", ");
    throw new DataError(`several of its dictionaries hold tensors; choose one by ${keys}.`);
  }
  const notes: string[] = [];
  if (best.path !== "" || key !== undefined) {
    const others = found.filter((one) => one !== best).map(paths);
    notes.push(
      `tensors taken from "${join(key ?? "", best.path)}"` +
        (others.length === 0 ? "" : `; others can be taken by ${others.join(", ")}`),
    );
  }
  const tensors = new Map<string, T>();
  const passed: string[] = [];
  for (const [name, value] of best.map) {
    if (typeof name === "string" && isTensor(value)) tensors.set(name, value);
    else passed.push(shown(name));
  }
  if (passed.length > 0) {
    const some = passed.slice(0, 5).join(", ") + (passed.length > 5 ? ", …" : "");
    notes.push(`${passed.length} of its entries passed over, as they are no tensors: ${some}`);
  }
  return { tensors, notes };
}

/** Dictionaries that hold tensors, the usual ones first. */
function candidates(top: Dictionary, isTensor: (value: unknown) => boolean): Found[] {
  const seen = new Set<Dictionary>();
  const holds = (map: Dictionary): boolean =>
    [...map].some(([name, value]) => typeof name === "string" && isTensor(value));
  const find = (map: Dictionary, depth: number): Found[] => {
    if (depth > deepest || seen.has(map)) return [];
    seen.add(map);
    const children = [...map].flatMap(([name, value]): [string, Dictionary][] =>
      typeof name === "string" && value instanceof Map ? [[name, value as Dictionary]] : [],
    );
    const byName = new Map(children);
    const known = containers.flatMap((name) => {
      const child = byName.get(name);
      const inside = child === undefined ? [] : find(child, depth + 1);
      return inside.map((one) => ({ ...one, path: join(name, one.path) }));
    });
    if (known.length > 0) return known;
    if (holds(map)) return [{ path: "", map, usual: true }];
    return children.flatMap(([path, child]) => {
      // One that has many names is looked through once.
      if (seen.has(child)) return [];
      seen.add(child);
      return holds(child) ? [{ path, map: child, usual: false }] : [];
    });
  };
  // Of containers, those of usual keys alone come first.
  return find(top, 0).sort((a, b) => Number(b.usual) - Number(a.usual));
}

function texts(map: Dictionary): string[] {
  return [...map.keys()].filter((name): name is string => typeof name === "string");
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
