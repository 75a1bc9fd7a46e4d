import { test } from "uvu";
import * as assert from "uvu/assert";
import { Graph } from "../../src/graph/graph.ts";
import { gather, segmentSum, sortEdges } from "../../src/ops/edges.ts";
import { Random } from "../../src/random.ts";
import { checkOp, type InputSpec } from "../check-op.ts";
import { closeGpus } from "../device.ts";

/** Edges at random; the last node has none where there is more than one. */
function randomEdges(edges: number, nodes: number): ReturnType<typeof sortEdges> {
  const random = new Random(edges);
  const used = Math.max(1, nodes - 1);
  return sortEdges(
    Uint32Array.from({ length: edges }, () => random.int(used)),
    nodes,
  );
}

function bound(ends: ReturnType<typeof sortEdges>): InputSpec[] {
  return Object.values(ends).map((values) => ({
    shape: [values.length],
    dtype: "u32",
    make: () => values,
    gradient: false,
  }));
}

const sizes = [
  [1, 1, 4],
  [7, 3, 4],
  [131, 17, 12],
  [300, 5, 128],
] as const;

test("gather takes the row of each edge's node; its derivative adds up at the node", async () => {
  for (const [edges, nodes, width] of sizes) {
    const ends = randomEdges(edges, nodes);
    await checkOp({
      label: `gather ${edges} edges of ${nodes} nodes × ${width}`,
      inputs: [{ shape: [nodes, width] }, ...bound(ends)],
      build: ([x, node, starts, order]) =>
        gather(x!, { node: node!, starts: starts!, order: order! }),
      reference: ([x]) =>
        [...ends.node].flatMap((n) => [...x!.subarray(n * width, (n + 1) * width)]),
      // Copies; the derivative adds up to 300 numbers below 1 in float32.
      tolerance: { absolute: 300 * 2 ** -24 * 4, relative: 1e-6 },
    });
  }
});

test("segmentSum adds the edges of each node, none to zero; its derivative copies", async () => {
  for (const [edges, nodes, width] of sizes) {
    const ends = randomEdges(edges, nodes);
    await checkOp({
      label: `segmentSum ${edges} edges of ${nodes} nodes × ${width}`,
      inputs: [{ shape: [edges, width] }, ...bound(ends)],
      build: ([x, node, starts, order]) =>
        segmentSum(x!, { node: node!, starts: starts!, order: order! }),
      reference: ([x]) => {
        const y = new Float64Array(nodes * width);
        ends.node.forEach((n, e) => {
          for (let c = 0; c < width; c++) y[n * width + c]! += x![e * width + c]!;
        });
        return y;
      },
      // Up to 300 numbers below 1 in float32.
      tolerance: { absolute: 300 * 2 ** -24 * 4, relative: 1e-6 },
    });
  }
});

test("edges are sorted by node, and wrong ones are refused", () => {
  const ends = sortEdges([2, 0, 2, 1], 4);
  assert.equal([...ends.starts], [0, 1, 2, 4, 4]);
  assert.equal([...ends.order], [1, 3, 0, 2]);
  assert.throws(() => sortEdges([0, 4], 4), /edge 1 ends at node 4; there are 4 nodes/);
  const graph = new Graph("software");
  const u32 = (size: number) => graph.input("ends", [size], "u32");
  const values = { node: u32(5), starts: u32(4), order: u32(5) };
  assert.throws(() => gather(graph.input("x", [3, 6]), values), /nodes = 3, a multiple of 4/);
  assert.throws(() => segmentSum(graph.input("x", [4, 8]), values), /edges = 5/);
});

test.after(closeGpus);
test.run();
