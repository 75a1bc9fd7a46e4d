/** Which images are D_f, said by whoever wants them gone: by name, number, class, pattern or as a random share. */
import picomatch from "picomatch/posix.js";
import { z } from "zod";
import { checked } from "../checked.ts";
import { type Dataset, imageName, imageNumber, requireImageSet } from "../data/dataset.ts";
import { DataError, UsageError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { Random } from "../random.ts";

const texts = z.array(z.string().min(1)).min(1);

/** One way to say which images; D_f is the union of those that are given. */
export type Selection =
  | { names: string[] }
  | { numbers: number[] }
  | { classes: string[] }
  | { glob: string[] }
  | { share: number };

/** Validates it. */
export const selectionSchema: z.ZodType<Selection, Selection> = z.union([
  z.strictObject({ names: texts }),
  z.strictObject({ numbers: z.array(z.number().int().min(0)).min(1) }),
  z.strictObject({ classes: texts }),
  z.strictObject({ glob: texts }),
  z.strictObject({ share: z.number().gt(0).lt(1) }),
]);

/** Validates several. */
export const selectionsSchema: z.ZodType<Selection[]> = z.array(selectionSchema);

/** Entries that errors list at most. */
const most = 5;

/**
 * Places of the images that selections name, ascending.
 *
 * @param seed draws a random share.
 * @throws DataError naming what is not among the images; UsageError for what is no selection.
 */
export function selected(
  train: Dataset,
  selections: readonly Selection[],
  seed: number,
): Uint32Array<ArrayBuffer> {
  requireImageSet(train, "selected");
  checked(selectionsSchema, selections, "selected: selections");
  const places = new Set(selections.flatMap((one) => [...placesOf(train, one, seed)]));
  return Uint32Array.from(places).sort();
}

function placesOf(train: Dataset, selection: Selection, seed: number): Iterable<number> {
  if ("names" in selection) return named(train, selection.names);
  if ("numbers" in selection) return numbered(train, selection.numbers);
  if ("classes" in selection) return ofClasses(train, selection.classes);
  if ("glob" in selection) return selection.glob.flatMap((pattern) => matching(train, pattern));
  const amount = Math.round(selection.share * train.count);
  if (amount < 1) {
    throw new DataError(`a share of ${selection.share} of ${train.count} images is no image.`);
  }
  return new Random(seed).fork("forget share").permutation(train.count).slice(0, amount);
}

/** A part of a set may be all that was loaded. */
function partOf({ numbers, name, count }: Dataset): string {
  return numbers === undefined
    ? `the ${count} training images of "${name}"`
    : `the ${count} training images taken of "${name}" (\`trainCount\` and \`testShare\` say which are)`;
}

function missing(
  train: Dataset,
  what: string,
  absent: readonly (string | number)[],
  meant?: string,
): DataError {
  const shown = absent.slice(0, most).join(", ");
  const more = absent.length > most ? `, and ${absent.length - most} more` : "";
  return new DataError(
    `${absent.length} ${what}${absent.length === 1 ? " is" : "s are"} not among ${partOf(train)}: ` +
      `${shown}${more}. ${meant === undefined ? `Images are called, for example, ${examples(train)}.` : `Did you mean ${meant}?`}`,
  );
}

function examples(train: Dataset): string {
  return Array.from({ length: Math.min(2, train.count) }, (_, i) => imageName(train, i)).join(
    " and ",
  );
}

/**
 * A name as it is, or the last part of a path if only one image ends in it: people list what their shell shows. Letters
 * may be composed in any way: file systems and shells differ in that.
 */
function named(train: Dataset, names: readonly string[]): number[] {
  const places = new Map<string, number[]>();
  const endings = new Map<string, number[]>();
  for (let i = 0; i < train.count; i++) {
    const name = imageName(train, i).normalize();
    add(places, name, i);
    for (let at = name.indexOf("/"); at >= 0; at = name.indexOf("/", at + 1)) {
      add(endings, name.slice(at + 1), i);
    }
  }
  const absent: string[] = [];
  const found: number[] = [];
  for (const given of names) {
    const name = given.normalize();
    const path = pathOf(name);
    const whole = places.get(name) ?? places.get(path) ?? placesOfPath(path, places);
    const among = whole ?? endings.get(name) ?? endings.get(path) ?? [];
    if (among.length > 1) {
      const some = (of: (place: number) => string | number): string =>
        among.slice(0, most).map(of).join(", ") + (among.length > most ? ", …" : "");
      throw new DataError(
        `"${given}" is the name of ${among.length} images: ${some((i) => imageName(train, i))}. ` +
          (whole === undefined
            ? "Give more of its path."
            : `Their numbers are ${some((i) => imageNumber(train, i))}: name them by these.`),
      );
    }
    if (among.length === 0) absent.push(given);
    found.push(...among);
  }
  if (absent.length > 0) {
    const meant = nearestName(absent[0]!, [...places.keys()]);
    throw missing(train, "named image", absent, meant);
  }
  return found;
}

/** The name of an image that a word is likeliest to mean: as many parts of their paths are compared as the word has. */
function nearestName(word: string, names: readonly string[]): string | undefined {
  const path = pathOf(word.normalize());
  const parts = path.split("/").length;
  const endings = names.map((name) => name.split("/").slice(-parts).join("/"));
  const ending = nearest(path, endings);
  return ending === undefined ? undefined : names[endings.indexOf(ending)];
}

/** A name as people write its path, as images are named: some systems have names with backslashes and blanks at their ends. */
function pathOf(name: string): string {
  return name
    .trim()
    .replaceAll("\\", "/")
    .replaceAll(/\/(?:\.?\/)+/g, "/")
    .replace(/^(?:\.\/)+/, "");
}

function add(lists: Map<string, number[]>, key: string, place: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [place]);
  else list.push(place);
}

/** The images whose name a longer path ends in: `photos/train/cat/1.jpg` for `train/cat/1.jpg`. */
function placesOfPath(
  path: string,
  places: ReadonlyMap<string, number[]>,
): readonly number[] | undefined {
  for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) {
    const found = places.get(path.slice(at + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}

function numbered(train: Dataset, numbers: readonly number[]): number[] {
  const places = new Map(Array.from({ length: train.count }, (_, i) => [imageNumber(train, i), i]));
  const absent = numbers.filter((number) => !places.has(number));
  if (absent.length > 0) throw missing(train, "image number", absent);
  return numbers.map((number) => places.get(number)!);
}

function ofClasses({ name, classes, labels }: Dataset, wanted: readonly string[]): number[] {
  const known = classes.map((one) => one.normalize());
  const unknown = wanted.filter((one) => !known.includes(one.normalize()));
  if (unknown.length > 0) {
    throw new DataError(
      `"${name}" has no class ${unknown.map((one) => `"${one}"`).join(", ")}; there are: ` +
        `${classes.slice(0, 20).join(", ")}${classes.length > 20 ? `, … (${classes.length})` : ""}.`,
    );
  }
  const chosen = new Set(wanted.map((one) => known.indexOf(one.normalize())));
  const places = [...labels.keys()].filter((i) => chosen.has(labels[i]!));
  if (places.length === 0) {
    throw new DataError(`no training image of "${name}" is of class ${wanted.join(", ")}.`);
  }
  return places;
}

function matching(train: Dataset, pattern: string): number[] {
  if (/^!(?!\()/.test(pattern)) {
    throw new UsageError(
      `"${pattern}": a pattern says which images go, and "!" in front would say which stay: name those that go. ` +
        'A name that begins with it is written "\\!…".',
    );
  }
  // A pattern without a slash is for the last part of a name.
  const matches = picomatch(pattern.normalize(), { basename: !pattern.includes("/") });
  const places = Array.from({ length: train.count }, (_, i) => i);
  const found = places.filter((i) => matches(imageName(train, i).normalize()));
  if (found.length > 0) return found;
  throw new DataError(
    `no name of ${partOf(train)} fits "${pattern}". Images are called, for example, ${examples(train)}.`,
  );
}
