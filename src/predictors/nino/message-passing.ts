/** NiNo's message passing on a trajectory: over all edges of the neural graph at once, in blocks. */
import { UsageError } from "../../errors.ts";
import { Graph } from "../../graph/graph.ts";
import type { Launch } from "../../graph/value.ts";
import type { ModelSpec } from "../../nn/model.ts";
import { type EdgeEnds, sortEdges } from "../../ops/index.ts";
import type { ParameterSpec } from "../../weights/arena.ts";
import {
  type EdgeBlock,
  ninoEncodings,
  type NinoNetwork,
  ninoTypes,
  ninoWindow,
  rowWidth,
  tapsOf,
} from "./network.ts";
import { laplacianEncodings, type NeuralGraph, neuralGraph } from "./neural-graph.ts";
import { type Block, type Forecast, type Part, rowsLaunch } from "./rows.ts";

/** Edges of a block. */
export const blockEdges = 65_536;

/** The neural graph, which must have exactly the recorded parameters. */
export function recordedGraph(
  spec: ModelSpec | undefined,
  recorded: readonly Pick<ParameterSpec, "name">[],
): NeuralGraph {
  if (spec === undefined) throw new UsageError("NiNo: the full graph needs to know the model.");
  const wiring = neuralGraph(spec);
  const names = new Set(recorded.map(({ name }) => name));
  const missing = wiring.tensors.filter(({ name }) => !names.has(name));
  if (missing.length > 0) {
    throw new UsageError(
      `NiNo: the graph of "${spec.name}" needs all parameters recorded; ` +
        `${missing.map(({ name }) => name).join(", ")} ${missing.length === 1 ? "is" : "are"} not.`,
    );
  }
  return wiring;
}

/** The launches of a forecast. */
export async function graphLaunches(
  network: NinoNetwork,
  forecast: Forecast,
  wiring: NeuralGraph,
): Promise<Launch[]> {
  const { place, blocks } = forecast;
  const { bound, predicted } = place;
  const { gpu } = place.trajectory;
  const ends = async (nodes: Uint32Array): Promise<EdgeEnds> => {
    const { node, starts, order } = sortEdges(nodes, wiring.nodes);
    return {
      node: await bound.upload(gpu, "node", node),
      starts: await bound.upload(gpu, "starts", starts),
      order: await bound.upload(gpu, "order", order),
    };
  };
  const inputs: EdgeBlock[] = [];
  for (const block of blocks) {
    const { first, count } = block;
    const shape = [count, rowWidth("graph")];
    inputs.push({
      rows: await bound.upload(gpu, "rows", fixedRows(wiring, block), shape),
      source: await ends(wiring.source.subarray(first, first + count)),
      target: await ends(wiring.target.subarray(first, first + count)),
    });
  }
  const degrees = new Float32Array(wiring.nodes);
  for (const node of wiring.target) degrees[node]!++;
  const inverse = degrees.map((n) => 1 / n);
  const shares = await bound.upload(gpu, "shares", inverse, [wiring.nodes, 1]);
  const encodings = await bound.upload(
    gpu,
    "encodings",
    laplacianEncodings(wiring, ninoEncodings),
    [wiring.nodes, ninoEncodings],
  );
  const graph = new Graph(gpu.tuning);
  graph.adopt(encodings, ...inputs.map(({ rows }) => rows));
  const { outputs, bindings } = network.graph(inputs, encodings, shares);
  for (const [value, view] of bindings) bound.bindings.set(value, view);
  const each = (launch: (part: Part, block: number) => Launch): Launch[] =>
    forecast.parts.flatMap((part) =>
      blocks.flatMap((block, b) => (meets(part, block) ? [launch(part, b)] : [])),
    );
  const whole = (part: Part) => ({ part, from: 0, to: part.piece.length });
  return [
    ...each((part, b) => {
      const { rows } = inputs[b]!;
      return rowsLaunch(forecast, whole(part), blocks[b]!, { rows });
    }),
    ...graph.forward(),
    ...each((part, b) => {
      const bind = { outputs: outputs[b]!, predicted: predicted[part.chunk]! };
      return rowsLaunch(forecast, whole(part), blocks[b]!, bind);
    }),
  ];
}

/** Whether edges of a part's tensor lie in a block. */
function meets({ tensor, piece }: Part, { first, count }: Block): boolean {
  const { firstEdge, pairs } = tensor;
  const groups = Math.ceil(piece.track.slot.size / pairs / tapsOf("graph"));
  return firstEdge < first + count && firstEdge + groups * pairs > first;
}

/** Rows of a block with those of residual edges and self-loops filled in; the others are zero. */
function fixedRows(wiring: NeuralGraph, { first, count }: Block): Float32Array {
  const width = rowWidth("graph");
  const rows = new Float32Array(count * width);
  for (const { type, firstEdge, count: edges, feature } of wiring.fixed) {
    const from = Math.max(first, firstEdge);
    const to = Math.min(first + count, firstEdge + edges);
    for (let edge = from; edge < to; edge++) {
      const row = (edge - first) * width;
      rows.fill(feature, row, row + ninoWindow);
      rows[row + width - ninoTypes + type] = 1;
    }
  }
  return rows;
}
