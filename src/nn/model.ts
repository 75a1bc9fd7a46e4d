/** A model on the GPU: its parameters and statistics in arenas, and how to build its graph. */
import { Arena, ArenaLayout, type ParameterSpec, type Slot } from "../weights/arena.ts";
import { type BufferView, Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import { isObject, requireGiven, shown } from "../checked.ts";
import { ShapeError, UsageError } from "../errors.ts";
import { Graph } from "../graph/graph.ts";
import type { Value } from "../graph/value.ts";
import { count, format, sameShape, type Shape } from "../shape.ts";
import { Random } from "../random.ts";
import { differsBySize, sizeHint } from "./image-size.ts";
import { Declarations, Layers, type NormMode } from "./layers.ts";

/** What a model is, independent of any device. */
export interface ModelSpec {
  /** Name and settings, written into checkpoints: loading compares it. */
  readonly name: string;
  /** Shape of one example of each input: a classifier has one, [height, width, channels]. */
  readonly inputs: readonly Shape[];
  /** Shape of the output for one example: [classes] for a classifier. */
  readonly output: Shape;
  /** Builds the graph from batches of the inputs to a batch of outputs. */
  build(layers: Layers, inputs: readonly Value[]): Value;
}

/** Tensors of a checkpoint by name. */
export type Tensors = Map<string, { shape: readonly number[]; data: Float32Array }>;

/** A model within a graph: its output and its bound values. */
export interface BuiltModel {
  readonly output: Value;
  /** Parameter values of this graph, by name. */
  readonly parameters: ReadonlyMap<string, Value>;
  readonly bindings: Map<Value, BufferView>;
}

/** A model's tensors on a device. Owns them. */
export class Model {
  readonly gpu: Gpu;
  readonly spec: ModelSpec;
  readonly parameters: Arena;
  readonly statistics: Arena;
  readonly #declared: Declarations;
  #pretrained: Tensors | undefined;

  private constructor(
    gpu: Gpu,
    spec: ModelSpec,
    declared: Declarations,
    parameters: Arena,
    statistics: Arena,
  ) {
    this.gpu = gpu;
    this.spec = spec;
    this.#declared = declared;
    this.parameters = parameters;
    this.statistics = statistics;
  }

  /**
   * Allocates a model and initialises it from a seed; each tensor has its own random stream. Without a
   * seed all is zero.
   *
   * @throws UsageError for what is no device or no model.
   */
  static async create(gpu: Gpu, spec: ModelSpec, seed: number | undefined): Promise<Model> {
    requireGiven(gpu instanceof Gpu, "Model.create: gpu", "a device of acquireDevice()", gpu);
    requireGiven(
      isObject(spec) && "build" in spec && "inputs" in spec,
      "Model.create: spec",
      "what modelSpec gives",
      spec,
    );
    const declared = declare(spec);
    const layouts = [declared.parameters, declared.statistics].map(
      (tensors) => new ArenaLayout([...tensors.values()], gpu.maxBinding),
    );
    return Owned.during(async (owned) => {
      const model = owned.add(await Model.#allocate(gpu, spec, declared, layouts, "", "weights"));
      if (seed !== undefined) model.initialise(seed);
      return model;
    });
  }

  /** A model of zeros; `label` stands before what its arenas are called. */
  static #allocate(
    gpu: Gpu,
    spec: ModelSpec,
    declared: Declarations,
    [parameters, statistics]: readonly ArenaLayout[],
    label: string,
    purpose?: string,
  ): Promise<Model> {
    return Owned.during(async (owned) => {
      const trained = owned.add(
        await Arena.create(gpu, parameters!, `${label}parameters`, purpose),
      );
      const tracked = owned.add(
        await Arena.create(gpu, statistics!, `${label}statistics`, purpose),
      );
      return new Model(gpu, spec, declared, trained, tracked);
    });
  }

  /** A copy with tensors of its own, made on the device. */
  async clone(label: string): Promise<Model> {
    const layouts = [this.parameters.layout, this.statistics.layout];
    const copy = await Model.#allocate(this.gpu, this.spec, this.#declared, layouts, `${label} `);
    copy.copyFrom(this);
    return copy;
  }

  /** Takes over the tensors of a model of the same spec, on the device. */
  copyFrom(source: Model): void {
    this.gpu.submit((encoder) => {
      this.parameters.copyFrom(source.parameters, encoder);
      this.statistics.copyFrom(source.statistics, encoder);
    });
  }

  /**
   * Makes tensors of a pretrained network the values, and unless `once` those of every {@link initialise} from then on.
   * What it lacks of the last layer (`head`) keeps a random draw.
   *
   * @throws ShapeError listing what else is missing, misshapen or unknown.
   */
  pretrain(tensors: Tensors, { once = false }: { readonly once?: boolean } = {}): void {
    const slots = this.#allSlots();
    const own = slots.filter(({ name }) => !name.startsWith("head.") || tensors.has(name));
    const known = new Set(slots.map(({ name }) => name));
    const extra = [...tensors.keys()].filter((name) => !known.has(name));
    this.#requireTensors(own, tensors, extra);
    if (!once) this.#pretrained = tensors;
    this.#write(own, tensors);
  }

  /** Sets every tensor to its initial value for a seed. */
  initialise(seed: number): void {
    const random = new Random(seed);
    for (const { name, shape, init } of this.#declared.parameters.values()) {
      this.parameters.write(name, init(shape, random.fork(name)));
    }
    for (const { name, shape, init } of this.#declared.statistics.values()) {
      this.statistics.write(name, init(shape, random.fork(name)));
    }
    if (this.#pretrained !== undefined) this.pretrain(this.#pretrained);
  }

  /** Slots of the trained parameters. */
  get slots(): readonly Slot[] {
    return this.parameters.layout.slots;
  }

  /**
   * Adds the model to a graph, on batches of its inputs.
   *
   * @param step the feed's step record: what a network that drops anything in training draws from.
   */
  build(graph: Graph, inputs: readonly Value[], norm: NormMode, step?: Value): BuiltModel {
    graph.adopt(...inputs, ...(step === undefined ? [] : [step]));
    const layers = new Layers(graph, this.#declared, norm, step);
    const output = graph.build(() => outputOf(this.spec, layers, inputs));
    const bindings = new Map<Value, BufferView>();
    for (const [name, value] of layers.parameters) bindings.set(value, this.parameters.view(name));
    for (const [name, value] of layers.statistics) bindings.set(value, this.statistics.view(name));
    return { output, parameters: layers.parameters, bindings };
  }

  /** Downloads parameters and statistics. */
  async save(): Promise<Tensors> {
    const tensors: Tensors = new Map();
    for (const arena of [this.parameters, this.statistics]) {
      for (const [name, data] of await arena.read()) {
        tensors.set(name, { shape: arena.layout.slot(name).shape, data });
      }
    }
    return tensors;
  }

  /** Uploads tensors; every one must be there with its shape. @throws ShapeError listing what is not. */
  load(tensors: Tensors): void {
    this.#requireTensors(this.#allSlots(), tensors);
    this.#write(this.#allSlots(), tensors);
  }

  #allSlots(): Slot[] {
    return [this.parameters, this.statistics].flatMap((arena) => arena.layout.slots);
  }

  #requireTensors(slots: readonly Slot[], tensors: Tensors, extra: readonly string[] = []): void {
    if (!(tensors instanceof Map)) {
      throw new UsageError(`expected a Map of tensors by name, got ${shown(tensors)}.`);
    }
    const wrong = extra.map((name) => `"${name}" is not of the model`);
    let bySize = 0;
    for (const slot of slots) {
      const { name, shape } = slot;
      const tensor = tensors.get(name);
      if (tensor === undefined) wrong.push(`"${name}" is missing`);
      else if (!sameShape(tensor.shape, shape)) {
        wrong.push(`"${name}" is ${format(tensor.shape)}, the model needs ${format(shape)}`);
        if (differsBySize(slot, tensor.shape)) bySize++;
      } else if (!(tensor.data instanceof Float32Array) || tensor.data.length !== count(shape)) {
        const { data } = tensor;
        wrong.push(`"${name}" needs ${count(shape)} values in a Float32Array, got ${shown(data)}`);
      }
    }
    if (wrong.length > 0) {
      throw new ShapeError(
        `checkpoint does not fit model "${this.spec.name}": ${wrong.join("; ")}.` +
          (bySize === wrong.length ? sizeHint() : ""),
      );
    }
  }

  #write(slots: readonly Slot[], tensors: Tensors): void {
    for (const arena of [this.parameters, this.statistics]) {
      for (const slot of arena.layout.slots) {
        if (slots.includes(slot)) arena.write(slot.name, tensors.get(slot.name)!.data);
      }
    }
  }

  destroy(): void {
    this.parameters.destroy();
    this.statistics.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}

/** All tensors that a model declares, parameters first. */
export function tensorsOf(spec: ModelSpec): ParameterSpec[] {
  const { parameters, statistics } = declare(spec);
  return [...parameters.values(), ...statistics.values()];
}

/** The tensors a model declares, found by building its graph once for a single example. */
export function declare(spec: ModelSpec): Declarations {
  const declared = new Declarations();
  const graph = new Graph("software");
  const inputs = spec.inputs.map((shape, i) => graph.input(`input ${i}`, [1, ...shape]));
  const step = graph.input("step", [8], "u32");
  const output = outputOf(spec, new Layers(graph, declared, "train", step), inputs);
  if (!sameShape(output.shape, [1, ...spec.output])) {
    throw new ShapeError(
      `model "${spec.name}" gives ${format(output.shape)} for one example; it should give ${format([1, ...spec.output])}.`,
    );
  }
  return declared;
}

/** The output of a model in a graph. @throws UsageError where its function gives none. */
function outputOf(spec: ModelSpec, layers: Layers, inputs: readonly Value[]): Value {
  const output: unknown = spec.build(layers, inputs);
  // Not by its class: a network may have a copy of the package of its own.
  if (Array.isArray((Object(output) as { shape?: unknown }).shape)) return output as Value;
  const given = output instanceof Promise ? "a promise (it must not be async)" : typeof output;
  throw new UsageError(
    `model "${spec.name}": \`build\` returns ${given}, and must return the value of its logits, [N, classes].`,
  );
}
