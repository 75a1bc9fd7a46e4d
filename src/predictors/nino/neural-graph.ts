/**
 * The neural graph of a network (Knyazev et al., ICLR 2025): neurons are nodes, weights are edges.
 *
 * Read off the operations of the model's own graph. An edge runs from an input to an output neuron and
 * carries up to 9 taps of a kernel; more taps make parallel edges. A tensor of one axis has a node of
 * its own with an edge to each neuron. After a flattening each position of a channel has edges of its own
 * from the channel's node. Where two branches are added, fixed residual edges join them. Every node has a
 * self-loop. (The authors' graph of convolutional networks chains tensors in the order of declaration and
 * knows neither flattening nor branches; on plain chains with global pooling both agree.)
 */
import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { ShapeError, UsageError } from "../../errors.ts";
import { Graph, type Operation } from "../../graph/graph.ts";
import type { Value } from "../../graph/value.ts";
import { Declarations, Layers } from "../../nn/layers.ts";
import type { ModelSpec } from "../../nn/model.ts";

/** Taps of a kernel that an edge carries. */
export const edgeTaps = 9;

/** Kinds of edges, as the published embeddings number them. */
const edgeTypes = { fc: 1, other: 2, conv: 3, scale: 4, residual: 10, loop: 13 } as const;

/** A tensor's edges: `inputs` (slow) by `outputs` (fast), one set for every 9 taps. */
export interface EdgeTensor {
  readonly name: string;
  readonly type: number;
  readonly firstEdge: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly taps: number;
}

/** Edges that stand for no weight: residual ones (all states 1) and self-loops (all states 2). */
export interface FixedEdges {
  readonly type: number;
  readonly firstEdge: number;
  readonly count: number;
  /** What the first tap is in every state. */
  readonly feature: number;
}

/** Nodes and edges of a network. */
export interface NeuralGraph {
  readonly nodes: number;
  /** By edge: the node it comes from and the node it goes to. */
  readonly source: Uint32Array;
  readonly target: Uint32Array;
  readonly tensors: readonly EdgeTensor[];
  readonly fixed: readonly FixedEdges[];
}

/** Type of a parameter's edges. */
export function edgeType(name: string, axes: number): number {
  if (axes >= 3) return edgeTypes.conv;
  if (axes === 2) return edgeTypes.fc;
  return name.endsWith(".gamma") ? edgeTypes.scale : edgeTypes.other;
}

/** A graph that notes which neurons the last axis of each value stands for. */
class Tracer extends Graph {
  readonly source: number[] = [];
  readonly target: number[] = [];
  readonly tensors: EdgeTensor[] = [];
  readonly residual: [number, number][] = [];
  nodes = 0;
  readonly #neurons = new Map<Value, readonly number[]>();
  readonly #model: string;

  constructor(model: string) {
    super("software");
    this.#model = model;
  }

  make(count: number): number[] {
    return Array.from({ length: count }, () => this.nodes++);
  }

  place(value: Value, neurons: readonly number[]): void {
    this.#neurons.set(value, neurons);
  }

  override apply<A>(
    operation: Operation<A>,
    inputs: readonly Value[],
    attrs: A,
    label?: string,
  ): Value {
    const output = super.apply(operation, inputs, attrs, label);
    this.place(output, this.#trace(operation, inputs, output));
    return output;
  }

  #trace<A>(
    { name, neurons: rule }: Operation<A>,
    inputs: readonly Value[],
    output: Value,
  ): readonly number[] {
    const [x, second, third] = inputs as [Value, Value?, Value?];
    switch (rule) {
      case "same":
        return this.#of(x);
      case "dense":
      case "depthwise": {
        const neurons = this.make(output.shape.at(-1)!);
        if (rule === "dense") this.#edges(second!, this.#of(x), neurons);
        else this.#depthwise(second!, this.#of(x), neurons);
        if (third !== undefined) this.#vector(third, neurons);
        return neurons;
      }
      case "scaled": {
        const neurons = this.#of(x);
        this.#vector(second!, neurons);
        this.#vector(third!, neurons);
        return neurons;
      }
      case "repeated": {
        const neurons = this.#of(x);
        const positions = output.shape.at(-1)! / neurons.length;
        return Array.from({ length: positions }, () => neurons).flat();
      }
      case "joined":
        return inputs.flatMap((part) => [...this.#of(part)]);
      case "met":
        return this.#pair(x, second!);
      default:
        throw new UsageError(
          `NiNo's neural graph: model "${this.#model}" has the operation "${name}", and only convolutional ` +
            "networks are served. Use nino_mlp.pt, which looks at each weight alone.",
        );
    }
  }

  #of(value: Value): readonly number[] {
    const neurons = this.#neurons.get(value);
    if (neurons === undefined)
      throw new UsageError(`NiNo's neural graph: "${value.label}" has no neurons.`);
    return neurons;
  }

  /** Two branches, or a branch and a parameter. The later branch's neurons stand for the result. */
  #pair(a: Value, b: Value): readonly number[] {
    const [first, last] = [a, b].map((value) => this.#neurons.get(value));
    if (first === undefined || last === undefined) {
      const neurons = first ?? last;
      if (neurons === undefined) throw new UsageError("NiNo's neural graph: two parameters meet.");
      this.#vector(first === undefined ? a : b, neurons);
      return neurons;
    }
    if (first.length !== last.length) {
      throw new ShapeError(
        `NiNo's neural graph: branches of ${first.length} and ${last.length} neurons meet.`,
      );
    }
    const [from, to] = first.at(-1)! < last.at(-1)! ? [first, last] : [last, first];
    from.forEach((neuron, i) => {
      if (neuron !== to[i]!) this.residual.push([neuron, to[i]!]);
    });
    return to;
  }

  #open(value: Value, inputs: number, outputs: number): EdgeTensor {
    const { label: name, shape } = value;
    const tensor: EdgeTensor = {
      name,
      type: edgeType(name, shape.length),
      firstEdge: this.source.length,
      inputs,
      outputs,
      taps: value.size / inputs / outputs,
    };
    this.tensors.push(tensor);
    return tensor;
  }

  #edges(weight: Value, from: readonly number[], to: readonly number[]): void {
    const { taps } = this.#open(weight, from.length, to.length);
    for (let group = 0; group < taps; group += edgeTaps) {
      for (const input of from) {
        for (const output of to) {
          this.source.push(input);
          this.target.push(output);
        }
      }
    }
  }

  #depthwise(weight: Value, from: readonly number[], to: readonly number[]): void {
    const { taps } = this.#open(weight, 1, to.length);
    for (let group = 0; group < taps; group += edgeTaps) {
      this.source.push(...from);
      this.target.push(...to);
    }
  }

  #vector(value: Value, to: readonly number[]): void {
    const own = this.make(1);
    this.#edges(value, own, to);
  }
}

/** The neural graph of a convolutional network. @throws UsageError for operations it does not serve. */
export function neuralGraph(spec: ModelSpec): NeuralGraph {
  const tracer = new Tracer(spec.name);
  const layers = new Layers(tracer, new Declarations(), "frozen");
  const inputs = spec.inputs.map((shape, i) => {
    const value = tracer.input(`input ${i}`, [1, ...shape]);
    tracer.place(value, tracer.make(shape.at(-1)!));
    return value;
  });
  spec.build(layers, inputs);
  const names = new Set(layers.parameters.keys());
  for (const { name } of tracer.tensors) {
    if (!names.delete(name)) {
      throw new UsageError(`NiNo's neural graph: "${name}" is used twice or is no parameter.`);
    }
  }
  const { nodes, source, target, tensors, residual } = tracer;
  const fixed: FixedEdges[] = [];
  const add = (type: number, feature: number, edges: readonly (readonly [number, number])[]) => {
    if (edges.length === 0) return;
    fixed.push({ type, feature, firstEdge: source.length, count: edges.length });
    for (const [from, to] of edges) {
      source.push(from);
      target.push(to);
    }
  };
  add(edgeTypes.residual, 1, residual);
  const loops = Array.from({ length: nodes }, (_, n) => [n, n] as const);
  add(edgeTypes.loop, 2, loops);
  return {
    nodes,
    source: Uint32Array.from(source),
    target: Uint32Array.from(target),
    tensors,
    fixed,
  };
}

/** Nodes up to which a dense eigen-decomposition takes seconds. */
const mostNodes = 2048;

/** @throws UsageError for a graph with too many nodes for {@link laplacianEncodings}. */
export function requireEncodable({ nodes }: Pick<NeuralGraph, "nodes">): void {
  if (nodes <= mostNodes) return;
  throw new UsageError(
    `NiNo's neural graph has ${nodes} nodes; encodings are computed for up to ${mostNodes}. Use nino_mlp.pt, ` +
      "which looks at each weight alone.",
  );
}

/**
 * Laplacian encodings: for each node the components of the eigenvectors with the smallest eigenvalues of
 * I - D^(-1/2) A D^(-1/2), the first of all left out. A is the undirected graph without self-loops,
 * parallel edges counted once.
 *
 * An eigenvector's sign is arbitrary; here its component of largest size is positive. Missing ones of
 * tiny graphs are zero.
 *
 * @returns [nodes, count], row-major.
 * @throws UsageError above 2,048 nodes.
 */
export function laplacianEncodings(graph: NeuralGraph, count: number): Float32Array {
  const { nodes, source, target } = graph;
  requireEncodable(graph);
  const laplacian = Matrix.zeros(nodes, nodes);
  source.forEach((from, e) => {
    const to = target[e]!;
    if (from === to) return;
    laplacian.set(from, to, -1);
    laplacian.set(to, from, -1);
  });
  const roots = Array.from({ length: nodes }, (_, n) => {
    const degree = -laplacian.getRow(n).reduce((sum, v) => sum + v, 0);
    return degree === 0 ? 0 : 1 / Math.sqrt(degree);
  });
  for (let i = 0; i < nodes; i++) {
    for (let j = 0; j < nodes; j++) {
      laplacian.set(i, j, i === j ? 1 : laplacian.get(i, j) * roots[i]! * roots[j]!);
    }
  }
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(laplacian, {
    assumeSymmetric: true,
  });
  const rank = realEigenvalues
    .map((value, column) => ({ value, column }))
    .sort((a, b) => a.value - b.value);
  const encodings = new Float32Array(nodes * count);
  for (let k = 0; k < count && k + 1 < nodes; k++) {
    const vector = eigenvectorMatrix.getColumn(rank[k + 1]!.column);
    const largest = vector.reduce((best, v) => (Math.abs(v) > Math.abs(best) ? v : best), 0);
    vector.forEach((v, n) => (encodings[n * count + k] = largest < 0 ? -v : v));
  }
  return encodings;
}
