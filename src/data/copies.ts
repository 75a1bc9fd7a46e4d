/** Images that are there twice: found by their bytes, whatever they are called. */
import {
  bytesOf,
  type Dataset,
  imageName,
  imageNumber,
  type Pixels,
  requireImageSet,
  storedSize,
  subset,
} from "./dataset.ts";
import { isList, requireGiven } from "../checked.ts";
import { DataError } from "../errors.ts";

/** An image, and the places of the images outside its part that are copies of it. */
export interface Copies {
  readonly place: number;
  readonly copies: readonly number[];
}

/** Images outside a part of a data set whose bytes are those of an image in it. */
export function copiesOf(set: Dataset, part: Uint32Array): Copies[] {
  requireImageSet(set, "copiesOf");
  requireGiven(isList(part), "copiesOf: part", "places of images", part);
  const { count, pixels } = set;
  const bytes = bytesOf(pixels);
  const size = bytes.length / Math.max(1, count);
  const at = (place: number): Uint8Array => bytes.subarray(place * size, (place + 1) * size);
  const inside = new Set(part);
  const byHash = new Map<number, number[]>();
  for (let i = 0; i < count; i++) {
    if (inside.has(i)) continue;
    const key = hashOf(at(i));
    const same = byHash.get(key);
    if (same === undefined) byHash.set(key, [i]);
    else same.push(i);
  }
  const equal = (a: Uint8Array, b: Uint8Array): boolean => a.every((value, i) => value === b[i]);
  return [...part].flatMap((place) => {
    const image = at(place);
    const copies = (byHash.get(hashOf(image)) ?? []).filter((other) => equal(image, at(other)));
    return copies.length === 0 ? [] : [{ place, copies }];
  });
}

/** FNV-1a of 32 bits: only for finding what may be equal. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash;
}

/**
 * A data set with the images of another added that are not in it yet.
 *
 * @returns the data set, where each of the others is in it, and how many were added.
 * @throws DataError where their sizes differ; UsageError for what is no data set.
 */
export function joinImages(
  set: Dataset,
  others: Dataset,
): { readonly joined: Dataset; readonly places: Uint32Array; readonly added: number } {
  requireImageSet(set, "joinImages");
  requireImageSet(others, "joinImages: others");
  const [own, theirs] = [storedSize(set), storedSize(others)];
  if (own.height !== theirs.height || own.width !== theirs.width) {
    throw new DataError(
      `images of "${others.name}" are ${theirs.height}×${theirs.width}, those of "${set.name}" ` +
        `${own.height}×${own.width}.`,
    );
  }
  const before = set.count;
  const appended = Uint32Array.from({ length: others.count }, (_, i) => before + i);
  const both = { ...set, count: before + others.count, pixels: concatenated(set, others) };
  const known = new Map(copiesOf(both, appended).map(({ place, copies }) => [place, copies[0]!]));
  const fresh: number[] = [];
  const places = appended.map((place, i) => known.get(place) ?? before + fresh.push(i) - 1);
  const added = subset(others, fresh);
  const count = before + fresh.length;
  const names = Array.from({ length: before }, (_, i) => imageName(set, i));
  const numbers = Array.from({ length: before }, (_, i) => imageNumber(set, i));
  const next = 1 + numbers.reduce((most, number) => Math.max(most, number), -1);
  return {
    joined: {
      ...set,
      count,
      pixels: concatenated(set, added),
      labels: Uint16Array.from([...set.labels, ...added.labels]),
      names: [...names, ...fresh.map((i) => imageName(others, i))],
      numbers: Uint32Array.from([...numbers, ...fresh.map((_, i) => next + i)]),
    },
    places,
    added: fresh.length,
  };
}

function concatenated(a: Dataset, b: Dataset): Pixels {
  const floats = a.pixels instanceof Float32Array;
  if (a.channels !== b.channels || floats !== b.pixels instanceof Float32Array) {
    throw new DataError(
      `images of "${b.name}" and of "${a.name}" differ in their channels or in bytes and floats.`,
    );
  }
  const length = a.pixels.length + b.pixels.length;
  const pixels = floats ? new Float32Array(length) : new Uint8Array(length);
  pixels.set(a.pixels);
  pixels.set(b.pixels, a.pixels.length);
  return pixels;
}
