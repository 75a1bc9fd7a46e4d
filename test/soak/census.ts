/** Which kinds of objects the heap holds: a leak of one object a time shows in their numbers before it shows in bytes. */
import { json } from "node:stream/consumers";
import v8 from "node:v8";

/** What of V8's heap snapshots is read here. */
interface Snapshot {
  readonly snapshot: {
    readonly meta: {
      readonly node_fields: readonly string[];
      readonly node_types: readonly [readonly string[], ...unknown[]];
    };
  };
  readonly nodes: readonly number[];
  readonly strings: readonly string[];
}

/** Kinds of V8's own: what it compiles and notes for code, which comes and goes with use. */
const ofCode = new Set(["code", "hidden", "object shape", "synthetic"]);

/** Numbers of the kinds that were seen, which all counts share. */
export type Kinds = Map<string, number>;

/**
 * Objects and bytes by kind (the constructor of objects, one kind for all strings, numbers and so on): two numbers a kind, in
 * its place. They lie outside the heap: counts that are kept would be the growth that they look for.
 */
export async function census(kinds: Kinds): Promise<Float64Array> {
  const { snapshot, nodes, strings } = (await json(v8.getHeapSnapshot())) as Snapshot;
  const { node_fields: fields, node_types } = snapshot.meta;
  const [type, name, size] = ["type", "name", "self_size"].map((field) => fields.indexOf(field));
  const counts: number[] = [];
  for (let i = 0; i < nodes.length; i += fields.length) {
    const own = node_types[0][nodes[i + type!]!]!;
    if (ofCode.has(own)) continue;
    const called = ["object", "native", "closure"].includes(own)
      ? ` ${strings[nodes[i + name!]!]}`
      : "";
    const kind = own + called;
    let at = kinds.get(kind);
    if (at === undefined) kinds.set(kind, (at = kinds.size));
    counts[2 * at] = (counts[2 * at] ?? 0) + 1;
    counts[2 * at + 1] = (counts[2 * at + 1] ?? 0) + nodes[i + size!]!;
  }
  return Float64Array.from({ length: 2 * kinds.size }, (_, i) => counts[i] ?? 0);
}

/** A kind of which there is more than before. */
export interface Growth {
  readonly kind: string;
  readonly objects: number;
  /** That they take themselves. */
  readonly bytes: number;
}

/**
 * Of which kinds there were more objects at every count of the later half than at any of the earlier half, most first, and
 * how many more: what one moment happens to hold does not count.
 */
export function grown(kinds: Kinds, counts: readonly Float64Array[]): Growth[] {
  const half = Math.floor(counts.length / 2);
  const [before, after] = [counts.slice(0, half), counts.slice(-half)];
  if (half === 0) return [];
  return [...kinds]
    .map(([kind, at]) => {
      const more = (place: number): number =>
        Math.min(...after.map((count) => count[place] ?? 0)) -
        Math.max(...before.map((count) => count[place] ?? 0));
      return { kind, objects: more(2 * at), bytes: more(2 * at + 1) };
    })
    .filter(({ objects }) => objects > 0)
    .sort((a, b) => b.objects - a.objects);
}
