/**
 * Compiles hot kernels one after the other with Dawn's `dump_shaders`, which prints each one's WGSL and
 * SPIR-V: run by compiler-output.test.ts as a process of its own, whose output it reads.
 */
import { acquireDevice } from "../../src/gpu/device.ts";
import type { KernelId } from "../../src/gpu/kernel.ts";
import { Graph } from "../../src/graph/graph.ts";
import { Value } from "../../src/graph/value.ts";
import * as ops from "../../src/ops/index.ts";
import { variantTiles } from "../../src/graph/product-tiles.ts";
import { tiles } from "../../src/ops/launch/product.ts";
import { loadPredictor } from "../../src/predictors/index.ts";

/** What introduces the dump of a kernel: its name, then how many kernels came before under it. */
export const mark = "### kernel";

const values = (graph: Graph, shapes: readonly (readonly number[])[]): Value[] =>
  shapes.map((shape, i) => graph.input(`input ${i}`, shape));

/** Kernels of an operation, forward and backward in its first inputs, whose path begins with a prefix. */
function kernels(
  prefix: string,
  shapes: readonly (readonly number[])[],
  build: (inputs: readonly Value[]) => Value,
  trained = shapes.length,
): KernelId[] {
  const graph = new Graph("gpu");
  const inputs = values(graph, shapes);
  const y = build(inputs);
  const cotangent = graph.input("cotangent", y.shape);
  const { launches: backward } = graph.backward(y, inputs.slice(0, trained), { cotangent });
  const launches = [...graph.forward(), ...backward];
  return launches.filter(({ shader }) => shader.startsWith(prefix));
}

async function hotKernels(): Promise<Record<string, readonly KernelId[]>> {
  const product = kernels(
    "gemm/",
    [
      [256, 64],
      [64, 128],
    ],
    ([x, w]) => ops.linear(x!, w!, null),
  );
  const convolution = kernels(
    "conv2d/",
    [
      [2, 8, 8, 8],
      [3, 3, 8, 16],
    ],
    ([x, w]) => ops.conv2d(x!, w!, null, { stride: 2, padding: 1 }),
  );
  const tiled = [...tiles, ...variantTiles.map((constants) => ({ constants }))].map((tile) => ({
    ...product[0]!,
    constants: { ...product[0]!.constants, ...tile.constants },
  }));
  const depthwise = kernels(
    "depthwise/",
    [
      [2, 8, 8, 8],
      [3, 3, 8],
    ],
    ([x, w]) => ops.depthwiseConv2d(x!, w!, null, { padding: 1 }),
  );
  const attending = kernels(
    "attention/",
    [
      [1, 70, 64],
      [1, 49, 64],
      [1, 49, 64],
    ],
    ([q, k, v]) => ops.attention(q!, k!, v!, { heads: 2 }),
  );
  const reduce = kernels("reduce/", [[3000, 64], [64, 128], [128]], ([x, w, b]) =>
    ops.linear(x!, w!, b!),
  );
  // Windows that tile the image, windows that overlap, and means of them.
  const pool = [
    ...kernels("pool/", [[2, 8, 8, 8]], ([x]) => ops.maxPool(x!, { size: 2 })),
    ...[ops.maxPool, ops.avgPool].flatMap((op) =>
      kernels("pool/", [[2, 8, 8, 8]], ([x]) => op(x!, { size: 3, stride: 2, padding: 1 })),
    ),
    ...kernels("pool/", [[2, 8, 8, 8]], ([x]) => ops.pad(x!, 1)),
  ];
  const norm = [
    ...(["train", "frozen"] as const).flatMap((mode) =>
      kernels(
        "norm/",
        [[3000, 8], [8], [8], [8], [8]],
        ([x, gamma, beta, mean, variance]) =>
          ops.batchNorm(x!, gamma!, beta!, mean!, variance!, { mode }),
        3,
      ),
    ),
    ...[4, 768].flatMap((channels) =>
      kernels("norm/", [[64, channels], [channels], [channels]], ([x, gamma, beta]) =>
        ops.layerNorm(x!, gamma!, beta!),
      ),
    ),
  ];
  const predictor = await loadPredictor(undefined);
  const value = new Value("weights", [1000], "f32", "bound");
  const invwnn = [16, 32].flatMap((kib) =>
    predictor.sets[0]!.launches({
      ...{ tuning: "gpu", history: value, predicted: value, weights: {}, base: "newest" },
      range: { first: 0, count: 1000, stride: 1000, outFirst: 0 },
      workgroupStorage: kib * 1024,
    }),
  );
  return {
    product: [...product, ...convolution, ...tiled],
    depthwise,
    attention: attending,
    reduce,
    pool,
    norm,
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
