/**
 * Published checkpoints: tensors under the names and in the layouts of PyTorch's networks, and back.
 *
 * Each network says in its own file how it is published, as {@link PublishedFormats}.
 */
import { DataError, UsageError } from "../errors.ts";
import { differsBySize, sizeHint } from "../nn/image-size.ts";
import { listed } from "../registry.ts";
import { format as formatShape, sameShape, type Shape } from "../shape.ts";
import type { ParameterSpec } from "../weights/arena.ts";
import type { Tensor } from "./safetensors.ts";
import { fromTorch, halfOf, joinHalf, torchShape, toTorch } from "./torch-layout.ts";

/** Whose names a checkpoint has; `original` are the authors' own, `same` are ours with PyTorch's suffixes. */
export const publishedFormats = ["torchvision", "timm", "original", "same"] as const;

export type PublishedFormat = (typeof publishedFormats)[number];

/** A rewriting of our names, with the tensors' own suffixes as PyTorch has them (`.weight` for `.gamma`). */
export type NameRule = readonly [RegExp, string | ((...parts: string[]) => string)];

/** How one publisher names and shapes the tensors of a network. */
export interface PublishedNames {
  /** Applied first to last. */
  readonly rules: readonly NameRule[];
  /** The tensor that a tensor of ours is a half of, by its published name. */
  readonly halves?: (name: string) => { readonly name: string; readonly half: 0 | 1 } | undefined;
  /** Our names of tensors whose published shape ends in two axes of size 1 besides. */
  readonly unitAxes?: RegExp;
}

/** The names that a network's published checkpoints have, by publisher. */
export type PublishedFormats = Readonly<Partial<Record<PublishedFormat, PublishedNames>>>;

/** A network of which others have published checkpoints. */
export interface PublishedNetwork {
  readonly name: string;
  readonly formats: PublishedFormats;
}

/** Names of a network that nobody else has published: layers as they are called here, PyTorch's suffixes. */
export const sameNames: PublishedFormats = { same: { rules: [] } };

/** One less: stages and blocks count from 1 here, PyTorch's lists from 0. For {@link NameRule}s. */
export function less(digits: string | undefined): string {
  return String(Number(digits) - 1);
}

const suffixes: readonly NameRule[] = [
  [/\.gamma$/, ".weight"],
  [/\.beta$/, ".bias"],
  [/\.mean$/, ".running_mean"],
  [/\.variance$/, ".running_var"],
];

/** Where a tensor of ours is published: its name, and which half of it, if it is one. */
function publishedPlace(
  own: string,
  { rules, halves }: PublishedNames,
): { name: string; half?: 0 | 1 } {
  const name = [...suffixes, ...rules].reduce(
    (text, [pattern, replacement]) =>
      typeof replacement === "string"
        ? text.replace(pattern, replacement)
        : text.replace(pattern, replacement),
    own,
  );
  return halves?.(name) ?? { name };
}

/** The shape of a tensor of ours as it is published; the whole one's, where ours is a half. */
function publishedShape(slot: ParameterSpec, names: PublishedNames): Shape {
  const [first, ...rest] = torchShape(slot, names.unitAxes?.test(slot.name) === true);
  const whole = publishedPlace(slot.name, names).half === undefined;
  return whole ? [first!, ...rest] : [2 * first!, ...rest];
}

/** What a publisher calls a tensor of ours, without the suffix: the name of its layer. */
export function publishedLayer(own: string, names: PublishedNames): string {
  return publishedPlace(own, names).name.replace(/\.[^.]+$/, "");
}

/** Options of {@link importPretrained}. */
export interface ImportOptions {
  /** `replace`: leave the classifier out, for other classes than the checkpoint's. */
  readonly head: "keep" | "replace";
  /**
   * Standard deviations that the network's images are to be divided by, by channel; they go into the
   * first convolution, as Rewind subtracts a mean and does not divide.
   */
  readonly deviation?: readonly number[] | undefined;
  /** What the size of the images is called where it is given, in errors. Default: `size`. */
  readonly sizeCalled?: string | undefined;
}

/** Tensors under our names, and whose names the file had. */
export interface Imported {
  readonly tensors: Map<string, Tensor>;
  readonly format: PublishedFormat;
  /** What was done to names, a sentence each. */
  readonly notes: readonly string[];
}

const isHead = (name: string): boolean => name.startsWith("head.");

/**
 * Turns a published checkpoint into tensors of a network.
 *
 * @param slots parameters and statistics the network declares.
 * @throws DataError listing the names that are missing, left over, of another shape, and of two tensors; UsageError for
 *   standard deviations of another number than there are channels.
 */
export function importPretrained(
  network: PublishedNetwork,
  slots: readonly ParameterSpec[],
  file: ReadonlyMap<string, Tensor>,
  { head, deviation, sizeCalled }: ImportOptions,
): Imported {
  const { tensors: given, notes } = withoutModule(file);
  const [format, names] = bestFormat(network, slots, given);
  const tensors = new Map<string, Tensor>();
  const used = new Set<string>();
  // Sets, as a tensor of the file can be two of ours.
  const missing = new Set<string>();
  const misshapen = new Set<string>();
  let [bySize, otherHead] = [true, false];
  for (const slot of slots) {
    const source = publishedPlace(slot.name, names);
    used.add(source.name);
    if (head === "replace" && isHead(slot.name)) continue;
    const tensor = given.get(source.name);
    if (tensor === undefined) {
      missing.add(source.name);
      continue;
    }
    const found = fromTorch(slot, source.half === undefined ? tensor : halfOf(tensor, source.half));
    if (sameShape(found.shape, slot.shape)) {
      tensors.set(slot.name, found);
      continue;
    }
    const wanted = formatShape(publishedShape(slot, names));
    misshapen.add(`${source.name} ${formatShape(tensor.shape)} (for ${wanted})`);
    bySize &&= differsBySize(slot, found.shape);
    otherHead ||= isHead(slot.name) && found.shape.at(-1) !== slot.shape.at(-1);
  }
  const extra = [...given.keys()].filter((name) => !used.has(name));
  const problems = [
    list("missing", [...missing]),
    list("of another shape", [...misshapen]),
    list("left over", extra),
  ].filter((text) => text !== "");
  if (problems.length > 0) {
    const advice = otherHead ? " For other classes than the checkpoint's, replace the head." : "";
    const sizeAlone = bySize && missing.size + extra.length === 0;
    throw new DataError(
      `the checkpoint does not fit "${network.name}" by ${namesOf(format, slots)}: ${problems.join("; ")}.` +
        (sizeAlone ? sizeHint(sizeCalled) : advice),
    );
  }
  if (deviation !== undefined) {
    scaleFirst(slots, tensors, (c) => 1 / deviation[c]!, deviation.length);
  }
  return { tensors, format, notes };
}

/** Whose names they are, in words: those of `same` are the network's own. */
function namesOf(format: PublishedFormat, slots: readonly ParameterSpec[]): string {
  if (format !== "same") return `the names of ${format}`;
  const first =
    slots[0] === undefined ? "" : ` (such as ${publishedPlace(slots[0].name, { rules: [] }).name})`;
  return `the names of its own layers${first}`;
}

/**
 * A checkpoint without `module.`, which stands before all names where a network was trained on several devices, and
 * without counts of batches. Equal tensors that come to have one name are one.
 *
 * @throws DataError naming tensors that come to have one name and differ.
 */
export function withoutModule(file: ReadonlyMap<string, Tensor>): {
  tensors: Map<string, Tensor>;
  notes: string[];
} {
  const tensors = new Map<string, Tensor>();
  const [equal, unlike]: [string[], string[]] = [[], []];
  for (const [full, tensor] of file) {
    if (full.endsWith("num_batches_tracked")) continue;
    const name = full.replace(/^module\./, "");
    const other = tensors.get(name);
    if (other !== undefined) {
      const pair = `"module.${name}" and "${name}"`;
      (sameBits(other, tensor) ? equal : unlike).push(pair);
    } else tensors.set(name, tensor);
  }
  if (unlike.length > 0) {
    throw new DataError(
      `the checkpoint has other numbers in ${some(unlike)}, which are one tensor without \`module.\`; leave one of them out.`,
    );
  }
  const notes = equal.length === 0 ? [] : [`equal tensors are taken once: ${some(equal)}`];
  return { tensors, notes };
}

const some = (texts: readonly string[]): string =>
  texts.slice(0, 5).join(", ") + (texts.length > 5 ? ", …" : "");

function sameBits(a: Tensor, b: Tensor): boolean {
  const bits = ({ data }: Tensor): Uint32Array =>
    new Uint32Array(data.buffer, data.byteOffset, data.length);
  const [left, right] = [bits(a), bits(b)];
  return sameShape(a.shape, b.shape) && left.every((word, i) => word === right[i]);
}

function list(what: string, names: readonly string[]): string {
  if (names.length === 0) return "";
  return `${names.length} ${what}: ${names.join(", ")}`;
}

/**
 * How many classes the classifier of a published checkpoint has.
 *
 * @param classifier our name of its weights.
 * @throws DataError where the file has no classifier by any of the network's names.
 */
export function publishedClasses(
  { name: network, formats }: PublishedNetwork,
  classifier: string,
  file: ReadonlyMap<string, Tensor>,
): number {
  const names = Object.values(formats).map(
    (published) => publishedPlace(classifier, published).name,
  );
  for (const name of names) {
    const classes = file.get(name)?.shape[0];
    if (classes !== undefined) return classes;
  }
  throw new DataError(
    `the checkpoint has no classifier of "${network}": no tensor ${listed(names, "or")}. ` +
      `It has ${[...file.keys()].slice(0, 5).join(", ")}, …`,
  );
}

/** How many channels the images of a published checkpoint have; undefined where no first convolution tells. */
export function publishedChannels(
  { formats }: PublishedNetwork,
  slots: readonly ParameterSpec[],
  file: ReadonlyMap<string, Tensor>,
): number | undefined {
  const first = slots.find(({ kind }) => kind === "conv");
  if (first === undefined) return undefined;
  const { tensors } = withoutModule(file);
  return Object.values(formats)
    .map((names) => tensors.get(publishedPlace(first.name, names).name)?.shape)
    .find((shape) => shape?.length === first.shape.length)?.[1];
}

/** The names that the tensors of a network have in files, of any publisher and here. */
export function publishedNames(
  { formats }: PublishedNetwork,
  slots: readonly ParameterSpec[],
): ReadonlySet<string> {
  return new Set(
    slots.flatMap(({ name }) => [
      name,
      ...Object.values(formats).map((names) => publishedPlace(name, names).name),
    ]),
  );
}

/** The format with the most names in the file. */
function bestFormat(
  { formats }: PublishedNetwork,
  slots: readonly ParameterSpec[],
  file: ReadonlyMap<string, Tensor>,
): [PublishedFormat, PublishedNames] {
  const matches = (names: PublishedNames): number =>
    slots.filter(({ name }) => file.has(publishedPlace(name, names).name)).length;
  const known = Object.entries(formats) as [PublishedFormat, PublishedNames][];
  return known.reduce((best, one) => (matches(one[1]) > matches(best[1]) ? one : best));
}

/** Multiplies the first convolution's weights by a factor of the input channel. */
function scaleFirst(
  slots: readonly ParameterSpec[],
  tensors: Map<string, Tensor>,
  factor: (channel: number) => number,
  channels: number,
): void {
  const first = slots.find(({ kind }) => kind === "conv")!;
  const [, , cin, cout] = first.shape as [number, number, number, number];
  if (cin !== channels) {
    throw new UsageError(
      `"${first.name}" has ${cin} input channels, and there are ${channels} standard deviations.`,
    );
  }
  const { shape, data } = tensors.get(first.name)!;
  const scaled = data.map((value, i) => value * factor(Math.floor(i / cout) % cin));
  tensors.set(first.name, { shape, data: scaled });
}

/** The names that a network is exported with where nobody asks for others: timm's, else the first it has. */
export function usualFormat({ formats }: PublishedNetwork): PublishedFormat {
  const known = Object.keys(formats) as PublishedFormat[];
  return known.find((format) => format === "timm") ?? known[0]!;
}

/** Metadata of a file of {@link exportPretrained}: what PyTorch's readers ask for, and who wrote it. */
export const exportedMetadata = { format: "pt", writer: "rewind export" } as const;

/** Whether metadata are those of a file of {@link exportPretrained}. */
export function isExported({ writer }: Readonly<Record<string, string>>): boolean {
  return writer === exportedMetadata.writer;
}

/**
 * The tensors of a network under published names, in PyTorch's layouts.
 *
 * @param deviation what {@link importPretrained} was given, to take it out again.
 * @throws UsageError for a format the network is not published in; DataError if a tensor is missing.
 */
export function exportPretrained(
  { name: network, formats }: PublishedNetwork,
  slots: readonly ParameterSpec[],
  tensors: ReadonlyMap<string, Tensor>,
  format: PublishedFormat,
  deviation?: readonly number[],
): Map<string, Tensor> {
  const names = formats[format];
  if (names === undefined) {
    const known = Object.keys(formats).join(", ");
    throw new UsageError(`model "${network}" has no names of ${format}; there are: ${known}.`);
  }
  const own = new Map(tensors);
  if (deviation !== undefined) scaleFirst(slots, own, (c) => deviation[c]!, deviation.length);
  const result = new Map<string, Tensor>();
  for (const slot of slots) {
    const tensor = own.get(slot.name);
    if (tensor === undefined) throw new DataError(`tensor "${slot.name}" is missing.`);
    const { name, half } = publishedPlace(slot.name, names);
    const exported = toTorch(slot, tensor, names.unitAxes?.test(slot.name) === true);
    result.set(name, half === undefined ? exported : joinHalf(result.get(name), exported, half));
  }
  return result;
}
