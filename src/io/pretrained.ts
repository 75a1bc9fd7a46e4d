/**
 * Published checkpoints: the names and layouts PyTorch's networks have, and back.
 *
 * Rewind keeps convolutions as [KH, KW, in, out] and dense layers as [in, out]; PyTorch as [out, in, KH, KW]
 * and [out, in].
 */
import type { ModelConfig } from "../../models/index.ts";
import type { ParameterSpec } from "../weights/arena.ts";
import { count, format as formatShape, sameShape } from "../shape.ts";
import type { Tensor } from "./safetensors.ts";

/** A checkpoint whose names or shapes are not those of the model. */
export class PretrainedError extends Error {
  override name = "PretrainedError";
}

/** Whose names a checkpoint has; `original` are the authors' own. */
export const publishedFormats = ["torchvision", "timm", "original"] as const;

export type PublishedFormat = (typeof publishedFormats)[number];

/** Rewriting of our names, first to last. */
type Rules = readonly (readonly [RegExp, string | ((...parts: string[]) => string)])[];

/** Stages and blocks count from 1 here, PyTorch's lists from 0. */
const less = (digits: string): string => String(Number(digits) - 1);

const resnet: Rules = [
  [/^stage(\d)\.block(\d)\./, (_, s, b) => `layer${s!}.${less(b!)}.`],
  [/shortcut\.conv\./, "downsample.0."],
  [/shortcut\.bn\./, "downsample.1."],
  [/^head\./, "fc."],
];

const convNext: Readonly<Record<PublishedFormat, Rules>> = {
  timm: [
    [/^stem\.conv\./, "stem.0."],
    [/^stem\.norm\./, "stem.1."],
    [/^stage(\d)\.down\.norm\./, (_, s) => `stages.${less(s!)}.downsample.0.`],
    [/^stage(\d)\.down\.conv\./, (_, s) => `stages.${less(s!)}.downsample.1.`],
    [/^stage(\d)\.block(\d+)\./, (_, s, b) => `stages.${less(s!)}.blocks.${less(b!)}.`],
    [/\.dw\./, ".conv_dw."],
    [/\.(fc[12])\./, ".mlp.$1."],
    [/\.scale\.gamma$/, ".gamma"],
    [/^head\./, "head.fc."],
    [/^norm\./, "head.norm."],
  ],
  original: [
    [/^stem\.conv\./, "downsample_layers.0.0."],
    [/^stem\.norm\./, "downsample_layers.0.1."],
    [/^stage(\d)\.down\.norm\./, (_, s) => `downsample_layers.${less(s!)}.0.`],
    [/^stage(\d)\.down\.conv\./, (_, s) => `downsample_layers.${less(s!)}.1.`],
    [/^stage(\d)\.block(\d+)\./, (_, s, b) => `stages.${less(s!)}.${less(b!)}.`],
    [/\.dw\./, ".dwconv."],
    [/\.fc([12])\./, ".pwconv$1."],
    [/\.scale\.gamma$/, ".gamma"],
  ],
  torchvision: [
    [/^stem\.conv\./, "features.0.0."],
    [/^stem\.norm\./, "features.0.1."],
    [/^stage(\d)\.down\.norm\./, (_, s) => `features.${2 * Number(s) - 2}.0.`],
    [/^stage(\d)\.down\.conv\./, (_, s) => `features.${2 * Number(s) - 2}.1.`],
    [/^stage(\d)\.block(\d+)\./, (_, s, b) => `features.${2 * Number(s) - 1}.${less(b!)}.`],
    [/^(features\.\d\.\d+)\.dw\./, "$1.block.0."],
    [/^(features\.\d\.\d+)\.norm\./, "$1.block.2."],
    [/\.fc1\./, ".block.3."],
    [/\.fc2\./, ".block.5."],
    [/\.scale\.gamma$/, ".layer_scale"],
    [/^norm\./, "classifier.0."],
    [/^head\./, "classifier.2."],
  ],
};

const pvtV2: Readonly<Record<"timm" | "original", Rules>> = {
  original: [
    [/^stage(\d)\.embed\./, "patch_embed$1."],
    [/^stage(\d)\.block(\d+)\./, (_, s, b) => `block${s!}.${less(b!)}.`],
    [/^stage(\d)\.norm\./, "norm$1."],
    [/\.mlp\.dw\./, ".mlp.dwconv.dwconv."],
  ],
  timm: [
    [/^stage1\.embed\./, "patch_embed."],
    [/^stage(\d)\.embed\./, (_, s) => `stages.${less(s!)}.downsample.`],
    [/^stage(\d)\.block(\d+)\./, (_, s, b) => `stages.${less(s!)}.blocks.${less(b!)}.`],
    [/^stage(\d)\.norm\./, (_, s) => `stages.${less(s!)}.norm.`],
    [/\.mlp\.dw\./, ".mlp.dwconv."],
  ],
};

type Formats = Readonly<Partial<Record<PublishedFormat, Rules>>>;

/** Formats by model; the models that are not here have no published namesake. */
const models: Readonly<Partial<Record<ModelConfig["name"], Formats>>> = {
  // Published as Keras code only: in PyTorch it has torchvision's names, and biases besides.
  resnet18: { torchvision: resnet },
  "resnet18-imagenet": { torchvision: resnet, timm: resnet },
  "resnet18-cifar": { torchvision: resnet, timm: resnet },
  "convnext-t": convNext,
  // Torchvision has no Atto.
  "convnext-atto": { timm: convNext.timm, original: convNext.original },
  "pvt-v2-b0": pvtV2,
};

/** Models with published checkpoints. */
export const publishedModels: readonly string[] = Object.keys(models);

/** Names a model's checkpoints may have. @throws PretrainedError for a model without any. */
function formatsOf(model: ModelConfig["name"]): Formats {
  const formats = models[model];
  if (formats === undefined) {
    throw new PretrainedError(
      `model "${model}" has no published names; there are: ${publishedModels.join(", ")}.`,
    );
  }
  return formats;
}

const suffixes: Rules = [
  [/\.gamma$/, ".weight"],
  [/\.beta$/, ".bias"],
  [/\.mean$/, ".running_mean"],
  [/\.variance$/, ".running_var"],
];

function rewrite(name: string, rules: Rules): string {
  return rules.reduce(
    (text, [pattern, replacement]) =>
      typeof replacement === "string"
        ? text.replace(pattern, replacement)
        : text.replace(pattern, replacement),
    name,
  );
}

/** Where a tensor of ours is published: its name, and which half of it where keys and values are one. */
function published(name: string, rules: Rules): { name: string; half?: 0 | 1 } {
  // A layer scale is a tensor of its own, not a norm's weight.
  const scale = name.endsWith(".scale.gamma");
  const full = rewrite(name, scale ? rules : [...rules, ...suffixes]);
  const part = /\.attn\.([kv])\.(weight|bias)$/.exec(full);
  if (part === null) return { name: full };
  const [end, letter, kind] = part;
  return { name: `${full.slice(0, -end.length)}.attn.kv.${kind!}`, half: letter === "k" ? 0 : 1 };
}

/** Order of PyTorch's axes, as axes of ours: `torch[i] = ours[axes[i]]`. Absent: the same. */
function torchAxes({ kind, shape }: ParameterSpec): readonly number[] | undefined {
  if (kind === "conv" && shape.length === 4) return [3, 2, 0, 1];
  if (kind === "depthwise") return [2, 0, 1];
  if (kind === "fc") return [1, 0];
  return undefined;
}

/** A tensor with its axes in another order. */
function transpose({ shape, data }: Tensor, axes: readonly number[]): Tensor {
  const strides = shape.map((_, axis) => count(shape.slice(axis + 1)));
  const result = axes.map((axis) => shape[axis]!);
  const out = new Float32Array(data.length);
  for (let i = 0; i < out.length; i++) {
    let [rest, from] = [i, 0];
    for (let axis = axes.length - 1; axis >= 0; axis--) {
      from += (rest % result[axis]!) * strides[axes[axis]!]!;
      rest = Math.floor(rest / result[axis]!);
    }
    out[i] = data[from]!;
  }
  return { shape: result, data: out };
}

/** Axes of size 1 that say nothing: of a depthwise kernel, a 1×1 convolution that is a dense layer, a scale. */
function squeezed({ shape, data }: Tensor, rank: number): Tensor {
  let reduced = shape;
  while (reduced.length > rank) {
    const axis = reduced.lastIndexOf(1);
    if (axis < 0) break;
    reduced = reduced.toSpliced(axis, 1);
  }
  return { shape: reduced, data };
}

/** Options of {@link importPretrained}. */
export interface ImportOptions {
  /** `replace`: leave the classifier out, for other classes than the checkpoint's. */
  readonly head: "keep" | "replace";
  /**
   * Standard deviations that the network's pictures are to be divided by, by channel; they go into the
   * first convolution, as Rewind subtracts a mean and does not divide.
   */
  readonly deviation?: readonly number[] | undefined;
}

/** Tensors under our names, and whose names the file had. */
export interface Imported {
  readonly tensors: Map<string, Tensor>;
  readonly format: PublishedFormat;
}

const isHead = (name: string): boolean => name.startsWith("head.");

/**
 * Turns a published checkpoint into tensors of a model.
 *
 * @param slots parameters and statistics the model declares.
 * @throws PretrainedError listing the names that are missing, left over and of another shape.
 */
export function importPretrained(
  model: ModelConfig["name"],
  slots: readonly ParameterSpec[],
  file: ReadonlyMap<string, Tensor>,
  { head, deviation }: ImportOptions,
): Imported {
  const given = new Map(
    [...file]
      .filter(([name]) => !name.endsWith("num_batches_tracked"))
      // Networks trained on several devices are saved with this in front of all names.
      .map(([name, tensor]) => [name.replace(/^module\./, ""), tensor]),
  );
  const [format, rules] = bestFormat(model, slots, given);
  const tensors = new Map<string, Tensor>();
  const used = new Set<string>();
  // Sets, as a tensor of the file can be two of ours.
  const missing = new Set<string>();
  const misshapen = new Set<string>();
  for (const slot of slots) {
    const source = published(slot.name, rules);
    used.add(source.name);
    if (head === "replace" && isHead(slot.name)) continue;
    const tensor = given.get(source.name);
    if (tensor === undefined) {
      missing.add(source.name);
      continue;
    }
    const found = ours(slot, source.half === undefined ? tensor : halfOf(tensor, source.half));
    if (sameShape(found.shape, slot.shape)) tensors.set(slot.name, found);
    else
      misshapen.add(`${source.name} ${formatShape(tensor.shape)} (for ${formatShape(slot.shape)})`);
  }
  const extra = [...given.keys()].filter((name) => !used.has(name));
  const problems = [
    list("missing", [...missing]),
    list("of another shape", [...misshapen]),
    list("left over", extra),
  ].filter((text) => text !== "");
  if (problems.length > 0) {
    throw new PretrainedError(
      `the checkpoint does not fit "${model}" by the names of ${format}: ${problems.join("; ")}.` +
        ([...misshapen].some((text) => /^(fc|head|classifier)\b/.test(text))
          ? " For other classes than the checkpoint's, replace the head."
          : ""),
    );
  }
  if (deviation !== undefined)
    scaleFirst(slots, tensors, (c) => 1 / deviation[c]!, deviation.length);
  return { tensors, format };
}

function list(what: string, names: readonly string[]): string {
  if (names.length === 0) return "";
  return `${names.length} ${what}: ${names.join(", ")}`;
}

/** The format with the most names in the file. */
function bestFormat(
  model: ModelConfig["name"],
  slots: readonly ParameterSpec[],
  file: ReadonlyMap<string, Tensor>,
): [PublishedFormat, Rules] {
  const matches = (rules: Rules): number =>
    slots.filter(({ name }) => file.has(published(name, rules).name)).length;
  const formats = Object.entries(formatsOf(model)) as [PublishedFormat, Rules][];
  return formats.reduce((best, one) => (matches(one[1]) > matches(best[1]) ? one : best));
}

/** Keys or values of a layer that makes both: the first or second half of its outputs. */
function halfOf({ shape, data }: Tensor, half: 0 | 1): Tensor {
  const rows = shape[0]! / 2;
  const size = data.length / 2;
  return {
    shape: [rows, ...shape.slice(1)],
    data: data.slice(half * size, (half + 1) * size),
  };
}

function ours(slot: ParameterSpec, tensor: Tensor): Tensor {
  const flat = squeezed(tensor, slot.shape.length);
  const axes = torchAxes(slot);
  if (axes === undefined || flat.shape.length !== axes.length) return flat;
  return transpose(
    flat,
    axes.map((_, axis) => axes.indexOf(axis)),
  );
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
    throw new PretrainedError(
      `"${first.name}" has ${cin} input channels, and there are ${channels} standard deviations.`,
    );
  }
  const { shape, data } = tensors.get(first.name)!;
  const scaled = data.map((value, i) => value * factor(Math.floor(i / cout) % cin));
  tensors.set(first.name, { shape, data: scaled });
}

/**
 * The tensors of a model under published names, in PyTorch's layouts.
 *
 * @param deviation what {@link importPretrained} was given, to take it out again.
 */
export function exportPretrained(
  model: ModelConfig["name"],
  slots: readonly ParameterSpec[],
  tensors: ReadonlyMap<string, Tensor>,
  format: PublishedFormat,
  deviation?: readonly number[],
): Map<string, Tensor> {
  const rules = formatsOf(model)[format];
  if (rules === undefined) {
    const known = Object.keys(formatsOf(model)).join(", ");
    throw new PretrainedError(`model "${model}" has no names of ${format}; there are: ${known}.`);
  }
  const own = new Map(tensors);
  if (deviation !== undefined) scaleFirst(slots, own, (c) => deviation[c]!, deviation.length);
  const result = new Map<string, Tensor>();
  for (const slot of slots) {
    const tensor = own.get(slot.name);
    if (tensor === undefined) throw new PretrainedError(`tensor "${slot.name}" is missing.`);
    const target = published(slot.name, rules);
    const axes = torchAxes(slot);
    const moved = axes === undefined ? tensor : transpose(tensor, axes);
    const shape = torchShape(model, format, slot, moved.shape);
    if (target.half === undefined) result.set(target.name, { shape, data: moved.data });
    else
      result.set(
        target.name,
        joined(result.get(target.name), { shape, data: moved.data }, target.half),
      );
  }
  return result;
}

/** Axes of size 1 that PyTorch's modules have besides. */
function torchShape(
  model: ModelConfig["name"],
  format: PublishedFormat,
  { kind, name }: ParameterSpec,
  shape: readonly number[],
): readonly number[] {
  if (kind === "depthwise") return [shape[0]!, 1, ...shape.slice(1)];
  if (format === "torchvision" && name.endsWith(".scale.gamma")) return [...shape, 1, 1];
  // timm's Atto has 1×1 convolutions where the larger sizes have dense layers.
  const pointwise =
    model === "convnext-atto" && format === "timm" && /\.fc[12]\.weight$/.test(name);
  return pointwise ? [...shape, 1, 1] : shape;
}

/** Both halves of a layer that makes keys and values, whichever comes first. */
function joined(before: Tensor | undefined, part: Tensor, half: 0 | 1): Tensor {
  const data = before?.data ?? new Float32Array(2 * part.data.length);
  data.set(part.data, half * part.data.length);
  return { shape: [2 * part.shape[0]!, ...part.shape.slice(1)], data };
}
