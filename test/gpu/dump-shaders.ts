/**
 * Compiles hot kernels one after the other with Dawn's `dump_shaders`, which prints each one's WGSL and
 * SPIR-V: run by compiler-output.test.ts as a process of its own, whose output it reads.
 */
import { acquireDevice } from "../../src/gpu/device.ts";
import type { KernelId } from "../../src/gpu/kernel.ts";
import { Graph } from "../../src/graph/graph.ts";
import { Value } from "../../src/graph/value.ts";
import { attention, conv2d, depthwiseConv2d, linear } from "../../src/ops/index.ts";
import { tiles } from "../../src/ops/launch/product.ts";
import { loadPredictor } from "../../src/predictors/index.ts";

/** What introduces the dump of a kernel: its name, then how many kernels came before under it. */
export const mark = "### kernel";

const values = (graph: Graph, shapes: readonly (readonly number[])[]): Value[] =>
  shapes.map((shape, i) => graph.input(`input ${i}`, shape));

/** Kernels of an operation, forward and backward, whose path begins with a prefix. */
function kernels(
  prefix: string,
  shapes: readonly (readonly number[])[],
  build: (graph: Graph, inputs: readonly Value[]) => Value,
): KernelId[] {
  const graph = new Graph("gpu");
  const inputs = values(graph, shapes);
  const y = build(graph, inputs);
  const cotangent = graph.input("cotangent", y.shape);
  const launches = [...graph.forward(), ...graph.backward(y, inputs, { cotangent }).launches];
  return launches.filter(({ shader }) => shader.startsWith(prefix));
}

async function hotKernels(): Promise<Record<string, readonly KernelId[]>> {
  const product = kernels(
    "gemm/",
    [
      [256, 64],
      [64, 128],
    ],
    (graph, [x, w]) => linear(graph, x!, w!, null),
  );
  const convolution = kernels(
    "conv2d/",
    [
      [2, 8, 8, 8],
      [3, 3, 8, 16],
    ],
    (graph, [x, w]) => conv2d(graph, x!, w!, null, { stride: 2, padding: 1 }),
  );
  const tiled = tiles.map((tile) => ({
    ...product[0]!,
    constants: { ...product[0]!.constants, ...tile.constants },
  }));
  const depthwise = kernels(
    "depthwise/",
    [
      [2, 8, 8, 8],
      [3, 3, 8],
    ],
    (graph, [x, w]) => depthwiseConv2d(graph, x!, w!, null, { padding: 1 }),
  );
  const attending = kernels(
    "attention/",
    [
      [1, 70, 64],
      [1, 49, 64],
      [1, 49, 64],
    ],
    (graph, [q, k, v]) => attention(graph, q!, k!, v!, { heads: 2 }),
  );
  const predictor = await loadPredictor(undefined);
  const value = new Value("weights", [1000], "f32", "bound");
  const invwnn = predictor.sets[0]!.launches({
    ...{ tuning: "gpu", history: value, predicted: value, weights: {}, base: "newest" },
    range: { first: 0, count: 1000, stride: 1000, outFirst: 0 },
  });
  return {
    product: [...product, ...convolution, ...tiled],
    depthwise,
    attention: attending,
    invwnn,
  };
}

if (process.argv[1]?.endsWith("dump-shaders.ts") === true) {
  const gpu = await acquireDevice({
    tuning: "gpu",
    dawnOptions: ["enable-dawn-features=dump_shaders"],
  });
  for (const [name, ids] of Object.entries(await hotKernels())) {
    for (const id of ids) {
      console.log(`${mark} ${name}: ${id.shader} ${JSON.stringify(id.constants)}`);
      await gpu.kernels.get(id);
    }
  }
  gpu.close();
}
