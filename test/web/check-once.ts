/** Stands for `check-op.ts` in a page: of the cases of an operation those that launch a kernel that none before did. */
import { Graph } from "../../src/graph/graph.ts";
import { checkOp as check, close, type OpCase, recordOp } from "../check-op.ts";
import { testGpu } from "../device.ts";

export { close, recordOp };

/** Kernels that were checked, with the parts they are linked of. */
export const kernels = new Set<string>();
/** Operations that were checked. */
export const operations = new Set<string>();
/** Cases that were checked. */
export let cases = 0;

/** Kernels of a case, forward and backward, and its operation. */
function launchesOf({ inputs: specs, build }: OpCase, tuning: Graph["tuning"]) {
  const graph = new Graph(tuning);
  const inputs = specs.map((spec, i) => graph.input(`x${i}`, spec.shape, spec.dtype));
  const y = build(inputs);
  const wrt = inputs.filter(({ dtype }, i) => dtype !== "u32" && specs[i]!.gradient !== false);
  const cotangent = graph.input("cotangent", y.shape);
  const backward = wrt.length === 0 ? [] : graph.backward(y, wrt, { cotangent }).launches;
  return {
    operation: graph.origin(y)?.name ?? "none",
    launched: [...graph.forward(), ...backward].map(({ shader, parts = [], entry = "" }) =>
      [shader, entry, ...parts].join(" "),
    ),
  };
}

export async function checkOp(testCase: OpCase): Promise<void> {
  const { tuning } = await testGpu();
  const { operation, launched } = launchesOf(testCase, tuning);
  if (operations.has(operation) && launched.every((kernel) => kernels.has(kernel))) return;
  await check({ ...testCase, seeds: 1 }, [tuning]);
  for (const kernel of launched) kernels.add(kernel);
  operations.add(operation);
  cases++;
}
