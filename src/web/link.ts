/** What was chosen, as the fragment of a link: it stays in the browser, as no fragment is sent to a host. */
import type { Scene } from "./messages.ts";

/** What must go, and how. */
export interface Linked {
  readonly method: string;
  /** Those of the method that are not as usual. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly rounds: number;
  /** Where it stops before: accuracy on D_f, in % of that at the start. */
  readonly until?: number | undefined;
  /** It ends there, with a part of its last round. */
  readonly land?: boolean | undefined;
  readonly seed: number;
  /** The images that places are of: what they are called, and how many there are. */
  readonly images: string;
  readonly count: number;
  /** Places of images to forget, ascending. */
  readonly forget: readonly number[];
}

const version = "1";

/** Most rounds and images that a link may ask for. */
const [mostRounds, mostImages] = [10_000, 10_000_000];

/** Whole numbers, ascending, as "0-4,9". */
export function rangesOf(numbers: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(",");
}

/** The fragment, with "#". */
export function fragmentOf({ settings, forget, ...rest }: Linked): string {
  const parts = new URLSearchParams({ v: version });
  for (const [name, value] of Object.entries(rest)) {
    if (value !== undefined) parts.set(name, String(value));
  }
  if (Object.keys(settings).length > 0) parts.set("settings", JSON.stringify(settings));
  parts.set("forget", rangesOf(forget));
  return `#${parts.toString()}`;
}

/** @throws saying which part is wrong. */
function refuse(what: string): never {
  throw new Error(`this link cannot be read: ${what}. The page is as it would be without it.`);
}

function whole(parts: URLSearchParams, name: string, least: number, most: number): number {
  const text = parts.get(name);
  if (text === null) return refuse(`it has no “${name}”`);
  const number = Number(text);
  if (!/^\d{1,10}$/.test(text) || number < least || number > most) {
    return refuse(`“${name}” is no whole number from ${least} to ${most}`);
  }
  return number;
}

function truth(parts: URLSearchParams, name: string): boolean {
  const text = parts.get(name);
  return text === "true" || (text !== "false" && refuse(`“${name}” is neither true nor false`));
}

function numbersIn(text: string, below: number): number[] {
  const numbers: number[] = [];
  for (const range of text.split(",")) {
    const [, first, last = first] = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(range) ?? [];
    if (first === undefined) refuse(`“forget” is no list of places as 0-4,9`);
    const [from, to] = [Number(first), Number(last)];
    if (to < from || from <= (numbers.at(-1) ?? -1)) refuse("places in “forget” do not ascend");
    if (to >= below) refuse(`“forget” has place ${to}, and there are ${below} images`);
    for (let place = from; place <= to; place++) numbers.push(place);
  }
  return numbers;
}

function settingsIn(text: string): Record<string, unknown> {
  try {
    const settings = JSON.parse(text) as unknown;
    if (typeof settings === "object" && settings !== null && !Array.isArray(settings)) {
      return settings as Record<string, unknown>;
    }
  } catch {
    // It is refused below.
  }
  return refuse("“settings” are no settings in JSON");
}

/**
 * What a fragment says; undefined where it is none of {@link fragmentOf}.
 *
 * @throws for one that is damaged, or of a version that this page does not know.
 */
export function linkedIn(fragment: string): Linked | undefined {
  const parts = new URLSearchParams(fragment.replace(/^#/, ""));
  if (!parts.has("v")) return undefined;
  if (parts.get("v") !== version)
    refuse(`it is of version ${parts.get("v")}, and this page knows ${version}`);
  const text = (name: string): string => parts.get(name) ?? refuse(`it has no “${name}”`);
  const count = whole(parts, "count", 1, mostImages);
  return {
    ...{ method: text("method"), settings: settingsIn(parts.get("settings") ?? "{}") },
    rounds: whole(parts, "rounds", 1, mostRounds),
    ...(parts.has("until") && { until: whole(parts, "until", 0, 99) }),
    ...(parts.has("land") && { land: truth(parts, "land") }),
    seed: whole(parts, "seed", 0, 2 ** 32 - 1),
    ...{ images: text("images"), count, forget: numbersIn(text("forget"), count) },
  };
}

/** Whether a link is of the images that are open. */
export function fits({ images, count }: Linked, scene: Scene): boolean {
  return images === scene.title && count === scene.images.count;
}

/** @throws where there is no such method or setting in the page. */
export function requireKnown({ method, settings }: Linked, { methods }: Scene): void {
  const known = methods.find(({ name }) => name === method);
  if (known === undefined) return refuse(`there is no method “${method}”`);
  const odd = Object.keys(settings).find(
    (name) => !known.fields.some((field) => field.name === name),
  );
  if (odd !== undefined) refuse(`“${method}” has no setting “${odd}”`);
}
