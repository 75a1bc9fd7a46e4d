/** Which kinds of objects the heap holds: a leak of one object a time shows in their numbers before it shows in bytes. */
import { json } from "node:stream/consumers";
import v8 from "node:v8";

/** Objects of a kind and the bytes that they take themselves. */
export interface Count {
  readonly objects: number;
  readonly bytes: number;
}

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

/** Objects by kind: the constructor of objects, one kind for all strings, numbers and so on. */
export async function census(): Promise<ReadonlyMap<string, Count>> {
  const { snapshot, nodes, strings } = (await json(v8.getHeapSnapshot())) as Snapshot;
  const { node_fields: fields, node_types } = snapshot.meta;
  const [type, name, size] = ["type", "name", "self_size"].map((field) => fields.indexOf(field));
  const counts = new Map<string, Count>();
  for (let i = 0; i < nodes.length; i += fields.length) {
    const kind = node_types[0][nodes[i + type!]!]!;
    if (ofCode.has(kind)) continue;
    const called = ["object", "native", "closure"].includes(kind)
      ? ` ${strings[nodes[i + name!]!]}`
      : "";
    const { objects, bytes } = counts.get(kind + called) ?? { objects: 0, bytes: 0 };
    counts.set(kind + called, { objects: objects + 1, bytes: bytes + nodes[i + size!]! });
  }
  return counts;
}

/** A kind of which there is more than before. */
export interface Growth extends Count {
  readonly kind: string;
}

/**
 * Of which kinds there were more objects at every count of the later half than at any of the earlier half, most first, and
 * how many more: what one moment happens to hold does not count.
 */
export function grown(counts: readonly ReadonlyMap<string, Count>[]): Growth[] {
  const half = Math.floor(counts.length / 2);
  const [before, after] = [counts.slice(0, half), counts.slice(-half)];
  if (half === 0) return [];
  const kinds = [...new Set(after.flatMap((count) => [...count.keys()]))];
  return kinds
    .map((kind) => {
      const of = (parts: typeof counts): Count[] =>
        parts.map((count) => count.get(kind) ?? { objects: 0, bytes: 0 });
      const least = (key: keyof Count): number => Math.min(...of(after).map((one) => one[key]));
      const most = (key: keyof Count): number => Math.max(...of(before).map((one) => one[key]));
      return {
        kind,
        objects: least("objects") - most("objects"),
        bytes: least("bytes") - most("bytes"),
      };
    })
    .filter(({ objects }) => objects > 0)
    .sort((a, b) => b.objects - a.objects);
}
