/** Networks described in JSON: a list of layers, one after the other, with branches where they are added up. */
import { z } from "zod";
import { DataError, ShapeError, UsageError } from "../src/errors.ts";
import type { Value } from "../src/graph/value.ts";
import type { Layers } from "../src/nn/layers.ts";
import {
  add,
  avgPool,
  flatten,
  gelu,
  globalAveragePool,
  maxPool,
  pad,
  permute,
  relu,
  silu,
} from "../src/ops/index.ts";
import { defineNetwork } from "./network.ts";

const count = z.number().int().min(1);
const border = z.union([z.literal("same"), z.number().int().min(0)]);
/** Of the layer's tensors: `<name>.weight` and so on. */
const name = z.string().min(1);
const epsilon = z.number().positive().optional();
/** Of PyTorch's layer norm. */
const torchEpsilon = 1e-5;

const window = {
  size: count,
  stride: count.optional(),
  padding: z.number().int().min(0).optional(),
};

/** A layer, by its type. Whatever is left out is as in PyTorch. */
const layerSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("conv2d"),
    name,
    filters: count,
    kernel: count,
    stride: count.optional(),
    padding: border.optional(),
    bias: z.boolean().optional(),
  }),
  z.strictObject({
    type: z.literal("depthwise-conv2d"),
    name,
    kernel: count,
    stride: count.optional(),
    padding: border.optional(),
  }),
  z.strictObject({
    type: z.literal("linear"),
    name,
    units: z.union([count, z.literal("classes")]),
  }),
  z.strictObject({
    type: z.literal("batch-norm"),
    name,
    epsilon,
    /** Share of a batch's statistics in the running ones. */
    momentum: z.number().gt(0).max(1).optional(),
  }),
  z.strictObject({ type: z.literal("layer-norm"), name, epsilon }),
  z.strictObject({ type: z.enum(["relu", "gelu", "silu"]) }),
  z.strictObject({ type: z.literal("max-pool"), ...window }),
  z.strictObject({
    type: z.literal("average-pool"),
    ...window,
    /** Whether the zeros of the padding count in a mean, as they do in PyTorch unless it is told otherwise. */
    countPadding: z.boolean().optional(),
  }),
  z.strictObject({ type: z.literal("global-average-pool") }),
  z.strictObject({
    type: z.literal("flatten"),
    /** Order of what is made one axis: as it lies here, or as PyTorch's flatten has it, for weights from there. */
    order: z.enum(["channels-last", "channels-first"]).optional(),
  }),
  z.strictObject({ type: z.literal("dropout"), rate: z.number().min(0).lt(1) }),
  z.strictObject({
    type: z.literal("residual"),
    get layers() {
      return z.array(layerSchema).min(1);
    },
    get shortcut() {
      return z.array(layerSchema).optional();
    },
  }),
]);

type DescribedLayer = z.output<typeof layerSchema>;

const settings = z.strictObject({
  /** What the network is called. */
  title: z.string().regex(/^\w[\w.-]*$/),
  layers: z.array(layerSchema).min(1),
});

/** The description is the setting, so that checkpoints have it and need no file. */
export const described = defineNetwork({
  name: "described",
  settings,
  label: ({ title }) => title,
  build(layers, x, classes, { title, layers: all }) {
    const names = namesOf(all);
    const twice = names.find((one, i) => names.indexOf(one) < i);
    if (twice !== undefined) {
      throw new UsageError(
        `network "${title}": two layers are called "${twice}"; each needs a name of its own, as its tensors have it.`,
      );
    }
    const output = chain(layers, x, all, classes);
    // What the description says: a method may have given the last layer a class more.
    const last = all.at(-1)!;
    const units = last.type === "linear" ? last.units : output.shape[1];
    if (output.shape.length === 2 && (units === "classes" || units === classes)) return output;
    throw new UsageError(
      `network "${title}": the last layer gives [${output.shape.slice(1).join(", ")}] an image, and there are ` +
        `${classes} classes: end with {"type": "linear", "units": "classes"}.`,
    );
  },
});

/**
 * A description as the configuration of a network.
 *
 * @param file what errors call it.
 * @throws DataError naming the file and every wrong field.
 */
export function describedConfig(
  json: unknown,
  file: string,
): z.infer<typeof settings> & { name: string } {
  const parsed = settings.safeParse(json);
  if (parsed.success) return { name: described.name, ...parsed.data };
  throw new DataError(`${file} describes no network:\n${z.prettifyError(parsed.error)}`);
}

/** Names of layers that have tensors, those of branches included. */
function namesOf(all: readonly DescribedLayer[]): string[] {
  return all.flatMap((layer) => {
    if (layer.type === "residual") return namesOf([...layer.layers, ...(layer.shortcut ?? [])]);
    return "name" in layer ? [layer.name] : [];
  });
}

/** Layers one after the other. */
function chain(
  layers: Layers,
  x: Value,
  described: readonly DescribedLayer[],
  classes: number,
): Value {
  return described.reduce((h, layer) => build(layers, h, layer, classes), x);
}

function build(layers: Layers, x: Value, layer: DescribedLayer, classes: number): Value {
  switch (layer.type) {
    case "conv2d":
    case "depthwise-conv2d": {
      const { type, name: called, ...options } = layer;
      const given = defined(options);
      return type === "conv2d"
        ? layers.conv2d(called, x, given as Parameters<Layers["conv2d"]>[2])
        : layers.depthwiseConv2d(called, x, given as Parameters<Layers["depthwiseConv2d"]>[2]);
    }
    case "linear":
      return layers.linear(layer.name, x, layer.units === "classes" ? classes : layer.units);
    case "batch-norm": {
      const { type: _, name: called, ...options } = layer;
      return layers.batchNorm(called, x, defined(options));
    }
    case "layer-norm":
      return layers.layerNorm(layer.name, x, { epsilon: layer.epsilon ?? torchEpsilon });
    case "relu":
      return relu(x);
    case "gelu":
      return gelu(x);
    case "silu":
      return silu(x);
    case "max-pool": {
      const { type: _, ...options } = layer;
      return maxPool(x, defined(options));
    }
    case "average-pool": {
      const { type: _, padding = 0, countPadding = true, ...options } = layer;
      return countPadding && padding > 0
        ? avgPool(pad(x, padding), defined(options))
        : avgPool(x, { ...defined(options), padding });
    }
    case "global-average-pool":
      return globalAveragePool(x);
    case "flatten": {
      const first = layer.order === "channels-first" && x.shape.length === 4;
      return flatten(first ? permute(x, [0, 3, 1, 2]) : x);
    }
    case "dropout":
      return layers.dropout("dropout", x, layer.rate);
    default: {
      const h = chain(layers, x, layer.layers, classes);
      const shortcut = chain(layers, x, layer.shortcut ?? [], classes);
      if (h.shape.join() !== shortcut.shape.join()) {
        throw new ShapeError(
          `a residual branch is [${h.shape.join(", ")}] and its shortcut [${shortcut.shape.join(", ")}].`,
        );
      }
      return add(h, shortcut);
    }
  }
}

/** Options that are given. */
function defined<T extends object>(options: T): { [K in keyof T]-?: Exclude<T[K], undefined> } {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as never;
}
