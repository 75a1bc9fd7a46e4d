import { readFileSync } from "node:fs";
import { type Graph, type Operation, registerShader, type Value } from "../../src/index.ts";

const shader = "own/softsign";
registerShader(shader, readFileSync(new URL("softsign.wgsl", import.meta.url), "utf8"));

const operation: Operation<null> = {
  name: "softsign",
  shape: ([x]) => x!,
  forward: ({ inputs: [x], y }) => [
    { shader, entry: "forward", constants: { N: y.size }, bind: { x: x!, y }, threads: y.size },
  ],
  backward: ({ inputs: [x], dinputs: [dx], dy }) => [
    {
      shader,
      entry: "backward",
      constants: { N: dy.size },
      bind: { x: x!, dy, dx: dx! },
      threads: dy.size,
    },
  ],
};

/** Softsign, element-wise: x / (1 + |x|). */
export function softsign(graph: Graph, x: Value): Value {
  return graph.apply(operation, [x], null);
}
