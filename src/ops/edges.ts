/** Message passing over edge lists: rows of nodes to edges, and sums of edges at nodes. */
import { z } from "zod";
import { shown } from "../checked.ts";
import { ShapeError } from "../errors.ts";
import { applyOperation, type Operation } from "../graph/graph.ts";
import type { Launch, Value } from "../graph/value.ts";
import { format, type Shape } from "../shape.ts";
import { requireArray, settingsOf } from "./settings.ts";

/** One end of E edges among N nodes, as bound u32 values of a graph. */
export interface EdgeEnds {
  /** The node of each edge [E]. */
  readonly node: Value;
  /** Where each node's edges start in `order` [N + 1]. */
  readonly starts: Value;
  /** The edges by node [E]. */
  readonly order: Value;
}

const endsSchema = z.looseObject({
  node: z.custom<Value>(),
  starts: z.custom<Value>(),
  order: z.custom<Value>(),
});

/** The arrays of {@link EdgeEnds}. @throws ShapeError if a node is out of range. */
export function sortEdges(
  node: ArrayLike<number>,
  nodes: number,
): { node: Uint32Array; starts: Uint32Array; order: Uint32Array } {
  requireArray("sortEdges", "node", node);
  if (!Number.isSafeInteger(nodes) || nodes < 0) {
    throw new ShapeError(
      `sortEdges: the number of nodes must be a whole number, got ${shown(nodes)}.`,
    );
  }
  const starts = new Uint32Array(nodes + 1);
  for (let e = 0; e < node.length; e++) {
    if (!(Number.isInteger(node[e]) && node[e]! >= 0 && node[e]! < nodes)) {
      throw new ShapeError(`edge ${e} ends at node ${node[e]}; there are ${nodes} nodes.`);
    }
    starts[node[e]! + 1]!++;
  }
  for (let n = 0; n < nodes; n++) starts[n + 1]! += starts[n]!;
  const next = starts.slice();
  const order = new Uint32Array(node.length);
  for (let e = 0; e < node.length; e++) order[next[node[e]!]!++] = e;
  return { node: Uint32Array.from(node), starts, order };
}

function requireRows(name: string, rows: string, x: Shape, count: number): void {
  if (x.length !== 2 || x[0] !== count || x[1]! % 4 !== 0) {
    throw new ShapeError(
      `${name}: x must be [${rows} = ${count}, a multiple of 4], got ${format(x)}.`,
    );
  }
}

function gatherLaunch(x: Value, node: Value, y: Value): Launch {
  const [ROWS, WIDTH] = y.shape as [number, number];
  return {
    shader: "edges/gather",
    constants: { ROWS, WIDTH },
    bind: { x, node, y },
    threads: y.size / 4,
  };
}

function sumLaunch(x: Value, starts: Value, order: Value, y: Value): Launch {
  const [ROWS, WIDTH] = y.shape as [number, number];
  return {
    shader: "edges/segment-sum",
    constants: { ROWS, WIDTH },
    bind: { x, starts, order, y },
    threads: y.size / 4,
    flop: x.size,
  };
}

const gatherOperation: Operation<null> = {
  name: "gather",
  takes: { x: "f32", node: "u32", starts: "u32", order: "u32" },
  shape: ([x, node, starts]) => {
    requireRows("gather", "nodes", x!, starts![0]! - 1);
    return [node![0]!, x![1]!];
  },
  forward: ({ inputs: [x, node], y }) => [gatherLaunch(x!, node!, y)],
  backward: ({ inputs: [, , starts, order], dy, dinputs: [dx] }) => [
    sumLaunch(dy, starts!, order!, dx!),
  ],
};

const segmentSumOperation: Operation<null> = {
  name: "segmentSum",
  takes: { x: "f32", node: "u32", starts: "u32", order: "u32" },
  shape: ([x, node, starts]) => {
    requireRows("segmentSum", "edges", x!, node![0]!);
    return [starts![0]! - 1, x![1]!];
  },
  forward: ({ inputs: [x, , starts, order], y }) => [sumLaunch(x!, starts!, order!, y)],
  backward: ({ inputs: [, node], dy, dinputs: [dx] }) => [gatherLaunch(dy, node!, dx!)],
};

/** The row of each edge's node: x [N, C] → [E, C]; C a multiple of 4. */
export function gather(x: Value, ends: EdgeEnds): Value {
  const { node, starts, order } = settingsOf(endsSchema, ends, "gather");
  return applyOperation(gatherOperation, [x, node, starts, order], null);
}

/** The sum over each node's edges, zero where it has none: x [E, C] → [N, C]; C a multiple of 4. */
export function segmentSum(x: Value, ends: EdgeEnds): Value {
  const { node, starts, order } = settingsOf(endsSchema, ends, "segmentSum");
  return applyOperation(segmentSumOperation, [x, node, starts, order], null);
}
