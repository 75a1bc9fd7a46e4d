/** Class names as data sets give them, and the labels they stand for. */
import { shown } from "../checked.ts";
import { DataError } from "../errors.ts";
import { type Dataset, subset } from "./dataset.ts";

/**
 * The label of a class: its place among `classes`, which is also what a whole number stands for that is no name itself.
 *
 * @param where what names the class, for the error.
 * @throws DataError naming the class and the most similar ones there are.
 */
export function labelOf(classes: readonly string[], name: string, where: string): number {
  const label = classes.indexOf(name);
  if (label >= 0) return label;
  if (/^\d+$/.test(name) && Number(name) < classes.length) return Number(name);
  throw unknownClass(classes, name, where);
}

/**
 * A label as a file holds it: a text or a number, `true` and `false` as words; undefined where there is none.
 *
 * @throws DataError for what is no label, and for whole numbers so large that others are read as the same.
 */
export function readLabel(value: unknown, where: string): string | number | undefined {
  if (typeof value === "string") return value === "" ? undefined : value;
  if (value === undefined || value === null || Number.isNaN(value)) return undefined;
  if (typeof value === "boolean") return String(value);
  if (typeof value === "bigint") {
    return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  }
  if (typeof value !== "number") {
    throw new DataError(
      `${where}: its label is ${shown(value)}; labels are words, numbers, or true and false.`,
    );
  }
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw new DataError(
      `${where}: its label is ${value}, which other whole numbers are read as, too; write it as a text.`,
    );
  }
  return value;
}

/** The label of a class by its name alone. @throws DataError as {@link labelOf} does. */
export function classNamed(classes: readonly string[], name: string, where: string): number {
  const label = classes.indexOf(name);
  if (label >= 0) return label;
  throw unknownClass(classes, name, where);
}

function unknownClass(classes: readonly string[], name: string, where: string): DataError {
  if (classes.length === 1) {
    return new DataError(
      `${where}: there is no class "${name}"; the only one is "${classes[0]!}".`,
    );
  }
  const near = nearestNames(name, classes).map((other) => `"${other}"`);
  return new DataError(
    `${where}: there is no class "${name}"; did you mean ${near.join(" or ")}? ` +
      `There are ${classes.length} classes, "${classes[0]!}" to "${classes.at(-1)!}".`,
  );
}

/**
 * A data set with the labels of other classes: each class keeps its name and gets its place among them.
 *
 * @throws DataError for a class that is not among them.
 */
export function inClassOrder(set: Dataset, classes: readonly string[]): Dataset {
  const unknown = set.classes.filter((name) => !classes.includes(name));
  if (unknown.length > 0) {
    throw new DataError(
      `data set "${set.name}" has classes that the network does not: ${unknown.slice(0, 5).join(", ")}` +
        `${unknown.length > 5 ? ", …" : ""}. Its classes are ${classes.slice(0, 10).join(", ")}` +
        `${classes.length > 10 ? ", …" : ""}.`,
    );
  }
  const places = set.classes.map((name) => classes.indexOf(name));
  if (places.every((place, i) => place === i)) return { ...set, classes };
  return { ...set, classes, labels: set.labels.map((label) => places[label]!) };
}

/**
 * The images of some classes, which become its only ones, in the order of the data set.
 *
 * @throws DataError for a class that it does not have, or where none of its images is of them.
 */
export function ofClasses(set: Dataset, names: readonly string[]): Dataset {
  const wanted = names.map((name) =>
    labelOf(set.classes, name, `the classes to take of data set "${set.name}"`),
  );
  const kept = [...new Set(wanted)].sort((a, b) => a - b);
  const places = [...set.labels.keys()].filter((i) => kept.includes(set.labels[i]!));
  if (places.length === 0) {
    throw new DataError(`data set "${set.name}" has no image of the classes ${names.join(", ")}.`);
  }
  const part = subset(set, places);
  const labels = part.labels.map((label) => kept.indexOf(label));
  return { ...part, classes: kept.map((label) => set.classes[label]!), labels };
}

/** The `count` names most like one, by the letters to change, add or take away; upper and lower case are alike. */
export function nearestNames(name: string, names: readonly string[], count = 3): string[] {
  const wanted = name.toLowerCase();
  return names
    .map((other) => ({ other, distance: editDistance(wanted, other.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ other }) => other);
}

/** Levenshtein's distance, one row of its table at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row.at(-1)!;
}
