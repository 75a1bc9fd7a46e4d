/**
 * The graph of a step: operations on symbolic values, and its derivative.
 *
 * Accumulation policy, stated once: a kernel writes its output and never adds to it; where a value has
 * several users, {@link Graph.backward} adds their gradients. Operations undo their own broadcasts.
 */
import { shown } from "../checked.ts";
import { ShapeError } from "../errors.ts";
import type { KernelChoice, Precision, Tuning } from "../gpu/device.ts";
import { elementwise } from "./elementwise.ts";
import { allowHalves } from "./product-matrices.ts";
import { type DType, type Launch, Value } from "./value.ts";
import { count, format, sameShape, type Shape } from "../shape.ts";

/** What an operation sees when it launches its kernels. */
export interface ForwardContext<A> {
  readonly attrs: A;
  readonly inputs: readonly Value[];
  readonly y: Value;
  /** Values kept from forward to backward, by the names of `saved`. */
  readonly saved: Readonly<Record<string, Value>>;
  readonly tuning: Tuning;
  readonly precision: Precision;
  /** A temporary of this launch list. */
  scratch(label: string, shape: Shape, dtype?: DType): Value;
}

/** What an operation's derivative sees: also the output's gradient and where input gradients go. */
export interface BackwardContext<A> extends ForwardContext<A> {
  readonly dy: Value;
  /** One per input; `null` where nobody needs that gradient. Non-null ones must be written in full. */
  readonly dinputs: readonly (Value | null)[];
}

/**
 * Neurons of an operation's output, by those of its inputs:
 * - `same`: those of the first input;
 * - `scaled`: those as well, with a parameter each from the second and the third input;
 * - `dense`: new ones, which the weights of the second input join to all of the first input's, and a bias each;
 * - `depthwise`: new ones, each joined to the one in its place, and a bias each;
 * - `repeated`: those of the first input, once for every position;
 * - `joined`: those of all inputs, one input after the other;
 * - `met`: two branches become one, or a parameter meets a branch.
 */
export type Neurons = "same" | "scaled" | "dense" | "depthwise" | "repeated" | "joined" | "met";

/** An operation: its shape rule, its kernels and its derivative, side by side. */
export interface Operation<A> {
  readonly name: string;
  /** Output shape; throws {@link ShapeError} naming the operation and the shapes. */
  shape(inputs: readonly Shape[], attrs: A): Shape;
  /** Shapes of values the derivative needs besides inputs and output. */
  saved?(
    inputs: readonly Shape[],
    attrs: A,
  ): Readonly<Record<string, { shape: Shape; dtype?: DType }>>;
  forward(c: ForwardContext<A>): readonly Launch[];
  /** Absent for operations that have no derivative. */
  backward?(c: BackwardContext<A>): readonly Launch[];
  /** Type of the output; float by default. */
  readonly dtype?: DType;
  /** What its inputs are called in errors, in order, with their types; an input that is not here is a float. */
  readonly takes?: Readonly<Record<string, DType>>;
  /** Which neurons the last axis of the output stands for; absent where it stands for none. */
  readonly neurons?: Neurons | undefined;
}

interface Node {
  readonly operation: Operation<unknown>;
  readonly attrs: unknown;
  readonly inputs: readonly Value[];
  readonly output: Value;
  readonly saved: Readonly<Record<string, Value>>;
}

/** Result of {@link Graph.backward}. */
export interface Gradients {
  readonly launches: readonly Launch[];
  /** The gradient of each value asked for; absent where the loss does not depend on it. */
  readonly of: ReadonlyMap<Value, Value>;
}

/** Settings of {@link Graph.backward}. */
export interface BackwardOptions {
  readonly targets?: ReadonlyMap<Value, Value>;
  readonly cotangent?: Value;
  readonly scaled?: boolean;
}

/** Which graph a value belongs to. */
interface Owners {
  /** The graph that made a value. */
  readonly makers: WeakMap<Value, Graph>;
  /** The graph that adopted a value made outside of graphs, as a feed's images are; null where several did. */
  readonly adopters: WeakMap<Value, Graph | null>;
  /** The values that a graph adopted. */
  readonly adopted: WeakMap<Graph, WeakSet<Value>>;
  /** Graphs that are being built, the innermost last. */
  readonly building: Graph[];
}

/**
 * One for all copies of this module in a process: a network that the command line loads may import its operations from a
 * copy of its own.
 */
const ownersKey: unique symbol = Symbol.for("rewind-webgpu.graphs") as never;
const { makers, adopters, adopted, building } = ((globalThis as { [ownersKey]?: Owners })[
  ownersKey
] ??= {
  makers: new WeakMap(),
  adopters: new WeakMap(),
  adopted: new WeakMap(),
  building: [],
});

/** Records operations in execution order. Building one touches no GPU. */
export class Graph {
  readonly tuning: Tuning;
  readonly precision: Precision;
  readonly #nodes: Node[] = [];
  /** Numbers of the nodes that stages start with. */
  readonly #stages: number[] = [];

  /** @param kernels the device that it is for, or the family of its kernels, in `exact` precision. */
  constructor(kernels: KernelChoice | Tuning) {
    const { tuning, precision }: KernelChoice =
      typeof kernels === "string" ? { tuning: kernels, precision: "exact" } : kernels;
    this.tuning = tuning;
    this.precision = precision;
  }

  /** A value whose buffer the caller binds at compile time. */
  input(label: string, shape: Shape, dtype: DType = "f32"): Value {
    return this.#made(new Value(label, shape, dtype, "bound"));
  }

  /**
   * Makes this the graph of operations on values that no graph has made, such as the images of a feed. Where several
   * graphs adopt a value, an operation on it alone belongs to the one that is being built ({@link build}).
   *
   * @throws ShapeError for a value that another graph has made.
   */
  adopt(...values: readonly Value[]): void {
    requireInputs("graph.adopt", values);
    const mine = adopted.get(this) ?? new WeakSet();
    adopted.set(this, mine);
    for (const value of values) {
      const maker = makers.get(value);
      if (maker === this) continue;
      if (maker !== undefined) {
        throw new ShapeError(
          `graph.adopt: "${value.label}" was made by another graph, and stays its own; use it there.`,
        );
      }
      const other = adopters.get(value) ?? (adopters.has(value) ? null : this);
      adopters.set(value, other === this ? this : null);
      mine.add(value);
    }
  }

  /** Does work whose operations on values that several graphs adopted belong to this one. */
  build<T>(work: () => T): T {
    building.push(this);
    try {
      return work();
    } finally {
      building.pop();
    }
  }

  #made(value: Value): Value {
    makers.set(value, this);
    return value;
  }

  /**
   * Applies an operation and returns its output. `label` appears in errors and profiles.
   *
   * @throws ShapeError where the shapes do not fit, an input is no value or of another type than the operation takes,
   *   or an input belongs to another graph.
   */
  apply<A>(operation: Operation<A>, inputs: readonly Value[], attrs: A, label?: string): Value {
    const name = label ?? operation.name;
    requireInputs(name, inputs, operation.takes, true);
    const other = inputs.find((value) => (makers.get(value) ?? this) !== this);
    if (other !== undefined) {
      const own = inputs.find((value) => makers.get(value) === this);
      const whose =
        own === undefined
          ? `"${other.label}" belongs to another graph`
          : `"${own.label}" and "${other.label}" belong to two graphs`;
      throw new ShapeError(`${name}: ${whose}; one operation joins values of one.`);
    }
    const shapes = inputs.map((value) => value.shape);
    let shape: Shape;
    try {
      shape = operation.shape(shapes, attrs);
    } catch (cause) {
      if (!(cause instanceof ShapeError) || label === undefined) throw cause;
      throw new ShapeError(`"${label}": ${cause.message}`);
    }
    const output = this.#made(new Value(name, shape, operation.dtype ?? "f32", "planned"));
    const saved = Object.fromEntries(
      Object.entries(operation.saved?.(shapes, attrs) ?? {}).map(([key, spec]) => [
        key,
        new Value(`${name}.${key}`, spec.shape, spec.dtype ?? "f32", "planned"),
      ]),
    );
    const node: Node = { operation: operation as Operation<unknown>, attrs, inputs, output, saved };
    this.#nodes.push(node);
    return output;
  }

  /** The values that operations make, in order. */
  get values(): Value[] {
    return this.#nodes.map(({ output }) => output);
  }

  /** The operation that makes a value, and what it is applied to; undefined for an input. */
  origin(
    value: Value,
  ): (Pick<Operation<unknown>, "name" | "neurons"> & Pick<Node, "inputs">) | undefined {
    const node = this.#nodes.find(({ output }) => output === value);
    if (node === undefined) return undefined;
    const { operation, inputs } = node;
    return { name: operation.name, neurons: operation.neurons, inputs };
  }

  /** Starts a new stage: what activation recomputation recomputes at a time. */
  stage(): void {
    this.#stages.push(this.#nodes.length);
  }

  /** Launches of every operation, in order. */
  forward(): Launch[] {
    return this.forwardStages().flat();
  }

  /** The launches of {@link forward} by stage; one list where no stage was started. */
  forwardStages(): Launch[][] {
    const starts = [0, ...this.#stages];
    return starts.map((start, i) =>
      this.#nodes
        .slice(start, starts[i + 1])
        .flatMap((node) => this.#halved(node.operation.forward(this.#context(node)))),
    );
  }

  #halved(launches: readonly Launch[]): readonly Launch[] {
    return this.precision === "mixed" ? allowHalves(launches) : launches;
  }

  /**
   * Launches that compute d(loss)/d(value) for each value of `wrt`.
   *
   * @param loss a value of one element, or of any shape if a cotangent is given.
   * @param options `targets`: where a gradient must be written, for example a view of the gradient
   *   arena (gradients without a target are planned values); `cotangent`: d/d(loss) to start from
   *   instead of 1, of the loss's shape; `scaled`: the cotangent is large enough for gradients in half precision, so
   *   that products may round them where the graph's precision is `mixed`.
   */
  backward(loss: Value, wrt: readonly Value[], options: BackwardOptions = {}): Gradients {
    const targets = options.targets ?? new Map<Value, Value>();
    if (options.cotangent === undefined && loss.size !== 1) {
      throw new ShapeError(
        `backward: the loss needs one element, "${loss.label}" is ${format(loss.shape)}.`,
      );
    }
    if (options.cotangent !== undefined && !sameShape(options.cotangent.shape, loss.shape)) {
      throw new ShapeError(
        `backward: the cotangent ${format(options.cotangent.shape)} must have the shape of ` +
          `"${loss.label}" ${format(loss.shape)}.`,
      );
    }
    const wanted = this.#dependents(wrt);
    if (!wanted.has(loss)) {
      throw new ShapeError(
        `backward: "${loss.label}" depends on none of: ${wrt.map((v) => v.label).join(", ")}.`,
      );
    }
    const uses = this.#uses(loss, wanted);
    const launches: Launch[] = [];
    const parts = new Map<Value, Value[]>();
    const start = options.cotangent ?? new Value("dloss", loss.shape, "f32", "planned");
    if (options.cotangent === undefined) {
      const constants = { N: 1, VALUE: 1 };
      launches.push({ shader: "elementwise/fill", constants, bind: { y: start }, threads: 1 });
    }
    parts.set(loss, [start]);

    const of = new Map<Value, Value>();
    const settle = (value: Value): Value | undefined => {
      const summands = parts.get(value);
      if (summands === undefined) return undefined;
      const gradient = sum(this.tuning, value, summands, targets.get(value), launches);
      of.set(value, gradient);
      return gradient;
    };
    for (const node of [...this.#nodes].reverse()) {
      if (!wanted.has(node.output)) continue;
      const dy = settle(node.output);
      if (dy === undefined) continue;
      if (node.operation.backward === undefined) {
        throw new ShapeError(`backward: operation "${node.operation.name}" has no derivative.`);
      }
      const dinputs = node.inputs.map((input) => {
        if (!wanted.has(input)) return null;
        // A value with one user gets its gradient written straight to where it belongs.
        const target = uses.get(input) === 1 ? targets.get(input) : undefined;
        const part = target ?? new Value(`d ${input.label}`, input.shape, "f32", "planned");
        parts.set(input, [...(parts.get(input) ?? []), part]);
        return part;
      });
      launches.push(...node.operation.backward({ ...this.#context(node), dy, dinputs }));
    }
    for (const value of wrt) if (!of.has(value)) settle(value);
    return { launches: options.scaled === true ? this.#halved(launches) : launches, of };
  }

  #context(node: Node): ForwardContext<unknown> {
    return {
      attrs: node.attrs,
      inputs: node.inputs,
      y: node.output,
      saved: node.saved,
      tuning: this.tuning,
      precision: this.precision,
      scratch: (label, shape, dtype = "f32") =>
        new Value(`${node.output.label}.${label}`, shape, dtype, "planned"),
    };
  }

  /** The values of `wrt` and everything computed from them. */
  #dependents(wrt: readonly Value[]): Set<Value> {
    const found = new Set(wrt);
    for (const node of this.#nodes) {
      if (node.inputs.some((input) => found.has(input))) found.add(node.output);
    }
    return found;
  }

  /** How often each wanted value is used on the way to the loss. */
  #uses(loss: Value, wanted: ReadonlySet<Value>): Map<Value, number> {
    const reaching = new Set([loss]);
    const uses = new Map<Value, number>();
    for (const node of [...this.#nodes].reverse()) {
      if (!reaching.has(node.output) || !wanted.has(node.output)) continue;
      for (const input of node.inputs) {
        reaching.add(input);
        uses.set(input, (uses.get(input) ?? 0) + 1);
      }
    }
    return uses;
  }
}

/**
 * Applies an operation in the graph of its inputs: what operations are made of.
 *
 * @throws ShapeError where the inputs are of no graph, or of two.
 */
export function applyOperation<A>(
  operation: Operation<A>,
  inputs: readonly Value[],
  attrs: A,
  label?: string,
): Value {
  const name = label ?? operation.name;
  requireInputs(name, inputs, operation.takes);
  const made = inputs.find((value) => makers.has(value));
  const graph = made === undefined ? adopterOf(name, inputs) : makers.get(made);
  if (graph === undefined) {
    throw new ShapeError(
      `${name}: ${inputs.map((value) => `"${value.label}"`).join(", ")} ` +
        "belong to no graph: make inputs by graph.input(), or have values of a feed adopted by graph.adopt().",
    );
  }
  return graph.apply(operation, inputs, attrs, label);
}

/**
 * The graph of an operation on values that no graph has made: the one that is being built, or the only one that adopted
 * them.
 */
function adopterOf(name: string, inputs: readonly Value[]): Graph | undefined {
  const first = inputs.find((value) => adopters.has(value));
  if (first === undefined) return undefined;
  const current = building.findLast((graph) => adopted.get(graph)?.has(first));
  const graph = current ?? adopters.get(first);
  if (graph === null) {
    throw new ShapeError(
      `${name}: "${first.label}" was adopted by several graphs, and nothing says which this belongs to: ` +
        "do it within graph.build(() => …).",
    );
  }
  return graph;
}

/**
 * Checks what an operation is given.
 *
 * @param takes names of the inputs and their types.
 * @param typed check the types as well.
 * @throws ShapeError naming the operation and the input.
 */
export function requireInputs(
  name: string,
  inputs: readonly unknown[],
  takes: Readonly<Record<string, DType>> = {},
  typed = false,
): asserts inputs is readonly Value[] {
  if (typeof name !== "string") {
    throw new ShapeError(`the label of an operation must be a text, got ${shown(name)}.`);
  }
  if (!Array.isArray(inputs)) {
    throw new ShapeError(`${name}: expected an array of values, got ${shown(inputs)}.`);
  }
  const known = Object.entries(takes);
  for (const [i, input] of inputs.entries()) {
    const [called, dtype] = known[i] ?? [`input ${i}`, "f32"];
    if (!isValue(input)) {
      throw new ShapeError(
        `${name}: \`${called}\` must be a value of a graph, got ${shown(input)}.`,
      );
    }
    if (typed && input.dtype !== dtype) {
      throw new ShapeError(
        `${name}: \`${called}\` must be ${dtype}, and "${input.label}" is ${input.dtype}.`,
      );
    }
  }
}

/** Not by its class: a network may have a copy of the package of its own. */
function isValue(given: unknown): given is Value {
  const { label, shape, dtype } = Object(given) as Partial<Value>;
  return typeof label === "string" && Array.isArray(shape) && typeof dtype === "string";
}

function sum(
  tuning: Tuning,
  value: Value,
  parts: readonly Value[],
  target: Value | undefined,
  launches: Launch[],
): Value {
  let total = parts[0]!;
  for (const [index, part] of parts.slice(1).entries()) {
    const last = index === parts.length - 2;
    const y =
      last && target !== undefined
        ? target
        : new Value(`d ${value.label}`, value.shape, "f32", "planned");
    const n = count(value.shape);
    const kernel = { shader: "elementwise/sum", parts: ["walk/pair"] };
    launches.push(elementwise(tuning, kernel, n, { a: total, b: part, y }));
    total = y;
  }
  return total;
}
