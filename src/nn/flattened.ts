/** Dense layers that read images as one axis: their inputs have an order, which other libraries have otherwise. */
import { Graph } from "../graph/graph.ts";
import type { Value } from "../graph/value.ts";
import type { Shape } from "../shape.ts";
import { Declarations, Layers } from "./layers.ts";
import type { ModelSpec } from "./model.ts";

/** Weights of a dense layer behind a flattening, and the rows, columns and channels that it made one axis. */
export interface Flattened {
  readonly name: string;
  readonly shape: Shape;
}

/** What a value was before operations that leave its elements where they are. */
function before(graph: Graph, value: Value): Value {
  const origin = graph.origin(value);
  const [x] = origin?.inputs ?? [];
  const each = origin?.neurons === "same" || origin?.neurons === "scaled";
  return each && x!.size === value.size ? before(graph, x!) : value;
}

/** The dense layers of a network whose inputs are the positions of an image, each with all of its channels. */
export function channelsLast(spec: ModelSpec): Flattened[] {
  const graph = new Graph("software");
  const inputs = spec.inputs.map((shape, i) => graph.input(`input ${i}`, [1, ...shape]));
  spec.build(new Layers(graph, new Declarations(), "frozen"), inputs);
  return graph.values.flatMap((value) => {
    const layer = graph.origin(value)!;
    if (layer.neurons !== "dense") return [];
    const flat = graph.origin(before(graph, layer.inputs[0]!));
    if (flat?.name !== "flatten") return [];
    const image = before(graph, flat.inputs[0]!);
    const [, rows = 1, columns = 1, channels = 1] = image.shape;
    // In any order they are the same, or the network has put them into one.
    const same = rows * columns === 1 || channels === 1;
    if (image.shape.length !== 4 || same || graph.origin(image)?.name === "permute") return [];
    return [{ name: layer.inputs[1]!.label, shape: image.shape.slice(1) }];
  });
}
