/**
 * Layers: operations that own parameters.
 *
 * A {@link Declarations} collects what a model needs the first time its graph is built; later graphs
 * of the same model (another batch size, evaluation, frozen batch norm) use the same names.
 */
import type { ParameterKind, ParameterSpec } from "../weights/arena.ts";
import { z } from "zod";
import { functionSchema } from "../checked.ts";
import { ShapeError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import type { Value } from "../graph/value.ts";
import { format, sameShape, type Shape } from "../shape.ts";
import {
  batchNorm,
  conv2d,
  type Conv2dAttrs,
  depthwiseConv2d,
  dropout,
  groupNorm,
  type GroupNormAttrs,
  layerNorm,
  linear,
  mul,
} from "../ops/index.ts";
import { requireValue, settingsOf } from "../ops/settings.ts";
import { constant, heNormal, type Initialiser } from "./init.ts";

/** A parameter with the values it starts from. */
export interface Declaration extends ParameterSpec {
  readonly init: Initialiser;
}

/** The tensors of a model: trained parameters, and statistics that training only tracks. */
export class Declarations {
  readonly parameters: Map<string, Declaration> = new Map();
  readonly statistics: Map<string, Declaration> = new Map();
}

/**
 * How batch norm behaves and whether its scale and shift are trained. `frozen` is also the mode of
 * evaluation and unlearning, in which nothing is dropped.
 */
export type NormMode = "train" | "frozen";

const size = z.number().int().min(1);
const init = functionSchema.optional() as z.ZodType<Initialiser | undefined>;

/** The settings of the window are the operation's. */
const depthwiseSchema = z.looseObject({ kernel: size, init });
const normSchema = z.looseObject({ affine: z.boolean().optional() });
const groupNormSchema = normSchema.extend({ groups: size });
const convSchema = depthwiseSchema.extend({ filters: size, bias: z.boolean().optional() });

/** Builds one graph of a model; its methods are the layers. */
export class Layers {
  readonly graph: Graph;
  readonly norm: NormMode;
  /** Values of this graph by parameter name. */
  readonly parameters: Map<string, Value> = new Map();
  readonly statistics: Map<string, Value> = new Map();
  readonly #declared: Declarations;
  readonly #step: Value | undefined;
  #drops = 0;

  /** @param step the feed's step record, which dropout draws its masks from (`StepQueue.step`). */
  constructor(graph: Graph, declared: Declarations, norm: NormMode, step?: Value) {
    this.graph = graph;
    this.#declared = declared;
    this.norm = norm;
    this.#step = step;
  }

  /** A trained tensor. Asking twice for a name gives the same value (weight sharing). */
  parameter(name: string, shape: Shape, kind: ParameterKind, init: Initialiser): Value {
    return this.#value(this.parameters, this.#declared.parameters, { name, shape, kind, init });
  }

  /** A tensor training tracks but no gradient reaches (running mean and variance). */
  statistic(name: string, shape: Shape, init: Initialiser): Value {
    return this.#value(this.statistics, this.#declared.statistics, {
      name,
      shape,
      kind: "norm",
      init,
    });
  }

  #value(
    values: Map<string, Value>,
    declared: Map<string, Declaration>,
    wanted: Declaration,
  ): Value {
    const known = declared.get(wanted.name);
    if (known !== undefined && !sameShape(known.shape, wanted.shape)) {
      throw new ShapeError(
        `parameter "${wanted.name}" is ${format(known.shape)} and was asked for as ${format(wanted.shape)}.`,
      );
    }
    declared.set(wanted.name, known ?? wanted);
    let value = values.get(wanted.name);
    if (value === undefined) {
      value = this.graph.input(wanted.name, wanted.shape);
      values.set(wanted.name, value);
    }
    return value;
  }

  /** Convolution with `filters` square kernels; parameters `<name>.weight`, `<name>.bias`. */
  conv2d(
    name: string,
    x: Value,
    options: Conv2dAttrs & { filters: number; kernel: number; bias?: boolean; init?: Initialiser },
  ): Value {
    requireName(name);
    requireValue(`layer "${name}"`, "x", x);
    const {
      filters,
      kernel,
      bias = true,
      init = heNormal,
      ...attrs
    } = settingsOf(convSchema, options, `layer "${name}"`);
    const channels = x.shape.at(-1)!;
    const w = this.parameter(`${name}.weight`, [kernel, kernel, channels, filters], "conv", init);
    const b = bias ? this.parameter(`${name}.bias`, [filters], "bias", constant(0)) : null;
    return conv2d(x, w, b, attrs, name);
  }

  /** Depthwise convolution, one square kernel a channel; parameters `<name>.weight` [K, K, C], `<name>.bias`. */
  depthwiseConv2d(
    name: string,
    x: Value,
    options: Conv2dAttrs & { kernel: number; init?: Initialiser },
  ): Value {
    requireName(name);
    requireValue(`layer "${name}"`, "x", x);
    const {
      kernel,
      init = heNormal,
      ...attrs
    } = settingsOf(depthwiseSchema, options, `layer "${name}"`);
    const channels = x.shape.at(-1)!;
    const w = this.parameter(`${name}.weight`, [kernel, kernel, channels], "depthwise", init);
    const b = this.parameter(`${name}.bias`, [channels], "bias", constant(0));
    return depthwiseConv2d(x, w, b, attrs, name);
  }

  /** Fully connected layer; parameters `<name>.weight` [in, out] and `<name>.bias`. */
  linear(name: string, x: Value, units: number, init: Initialiser = heNormal): Value {
    requireName(name);
    requireValue(`layer "${name}"`, "x", x);
    const w = this.parameter(`${name}.weight`, [x.shape.at(-1)!, units], "fc", init);
    const b = this.parameter(`${name}.bias`, [units], "bias", constant(0));
    return linear(x, w, b, name);
  }

  /**
   * Batch norm over the last axis; running statistics, and parameters `<name>.gamma`, `<name>.beta` unless `affine` is
   * false.
   */
  batchNorm(
    name: string,
    x: Value,
    options: { epsilon?: number; momentum?: number; affine?: boolean } = {},
  ): Value {
    requireName(name);
    requireValue(`layer "${name}"`, "x", x);
    const { affine = true, ...attrs } = settingsOf(normSchema, options, `layer "${name}"`);
    const shape = [x.shape.at(-1)!];
    const [gamma, beta] = affine ? this.#affine(name, shape, "norm") : [null, null];
    const mean = this.statistic(`${name}.mean`, shape, constant(0));
    const variance = this.statistic(`${name}.variance`, shape, constant(1));
    return batchNorm(x, gamma, beta, mean, variance, { ...attrs, mode: this.norm }, name);
  }

  /** Scale and shift of a normalisation, 1 and 0 at first. */
  #affine(name: string, shape: Shape, kind: ParameterKind): readonly [gamma: Value, beta: Value] {
    return [
      this.parameter(`${name}.gamma`, shape, kind, constant(1)),
      this.parameter(`${name}.beta`, shape, kind, constant(0)),
    ];
  }

  /**
   * Group norm; parameters `<name>.gamma`, `<name>.beta` unless `affine` is false. Their kind is "bias", as those of
   * {@link layerNorm}.
   */
  groupNorm(name: string, x: Value, options: GroupNormAttrs & { affine?: boolean }): Value {
    requireName(name);
    requireValue(`layer "${name}"`, "x", x);
    const { affine = true, ...attrs } = settingsOf(groupNormSchema, options, `layer "${name}"`);
    const shape = [x.shape.at(-1)!];
    const [gamma, beta] = affine ? this.#affine(name, shape, "bias") : [null, null];
    return groupNorm(x, gamma, beta, attrs, name);
  }

  /**
   * Layer norm over the last axis; parameters `<name>.gamma`, `<name>.beta`.
   *
   * Their kind is "bias", not "norm": they are tensors of one axis that the Bias predictor rewinds, and
   * unlearning keeps training them, where it freezes the scale of batch norm beside its statistics.
   */
  layerNorm(name: string, x: Value, options: { epsilon?: number } = {}): Value {
    requireName(name);
    requireValue(`layer "${name}"`, "x", x);
    const [gamma, beta] = this.#affine(name, [x.shape.at(-1)!], "bias");
    return layerNorm(x, gamma, beta, options, name);
  }

  /** Layer scale (Touvron et al. 2021): each channel of x times `<name>.gamma`, small at first. */
  layerScale(name: string, x: Value, initial = 1e-6): Value {
    requireName(name);
    requireValue(`layer "${name}"`, "x", x);
    const shape = [x.shape.at(-1)!];
    return mul(x, this.parameter(`${name}.gamma`, shape, "bias", constant(initial)));
  }

  /** Dropout of elements with probability `rate` while training; x itself otherwise. */
  dropout(name: string, x: Value, rate: number): Value {
    return this.#drop(name, x, rate, false);
  }

  /** Stochastic depth: dropout of whole examples, for the branch of a residual block. */
  dropPath(name: string, x: Value, rate: number): Value {
    return this.#drop(name, x, rate, true);
  }

  #drop(name: string, x: Value, rate: number, rows: boolean): Value {
    // Counted where nothing is dropped too, so that one layer's rate does not change another's mask.
    const salt = this.#drops++;
    if (this.norm !== "train" || rate === 0) return x;
    if (this.#step === undefined) {
      throw new ShapeError(
        `"${name}": dropping needs the feed's step record for its seed; pass it to Model.build.`,
      );
    }
    return dropout(x, this.#step, { rate, salt, rows }, name);
  }
}

/** @throws ShapeError for a layer whose tensors would have no name. */
function requireName(name: unknown): void {
  if (typeof name === "string" && name !== "") return;
  throw new ShapeError(`a layer's first argument is its name, a text; got ${String(name)}.`);
}
