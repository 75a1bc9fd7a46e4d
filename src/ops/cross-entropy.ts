import type { Graph, Operation } from "../graph/graph.ts";
import type { Value } from "../graph/value.ts";

const operation: Operation<null> = {
  name: "softmaxCrossEntropy",
  shape: () => [1],
  saved: ([logits]) => ({ losses: { shape: [logits![0]!] } }),
  forward: ({ inputs: [logits, labels, weights], y, saved }) => {
    const constants = { B: logits!.shape[0]!, C: logits!.shape[1]! };
    const losses = saved["losses"]!;
    return [
      { shader: "loss/cross-entropy", entry: "rows", constants, bind: { logits: logits!, labels: labels!, losses }, threads: constants.B },
      { shader: "loss/cross-entropy", entry: "total", constants, bind: { kept: losses, weights: weights!, loss: y }, groups: [1, 1, 1] },
    ];
  },
  backward: ({ inputs: [logits, labels, weights], dy, dinputs: [dlogits] }) => [
    {
      shader: "loss/cross-entropy",
      entry: "backward",
      constants: { B: logits!.shape[0]!, C: logits!.shape[1]! },
      bind: { logits: logits!, labels: labels!, weights: weights!, dloss: dy, dlogits: dlogits! },
      threads: logits!.shape[0]!,
    },
  ],
};

/** Weighted sum over rows of the softmax cross-entropy. */
export function softmaxCrossEntropy(graph: Graph, logits: Value, labels: Value, weights: Value): Value {
  return graph.apply(operation, [logits, labels, weights], null);
}
