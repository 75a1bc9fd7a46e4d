/** The layers of ResNet-18, PVTv2-B0 and ConvNeXt-T, forward and backward, at sizes those networks have. */
import type { Gpu } from "../src/gpu/device.ts";
import { Graph } from "../src/graph/graph.ts";
import { compile, type Program } from "../src/graph/program.ts";
import { attention, conv2d, depthwiseConv2d, gelu, layerNorm } from "../src/ops/index.ts";
import type { Value } from "../src/graph/value.ts";
import type { Shape } from "../src/shape.ts";
import { type BenchModule, type BenchRow, ceiling, share, time } from "./harness.ts";

interface Layer {
  readonly name: string;
  /** The first axis of the first is the batch; the others are parameters or further inputs. */
  shapes(batch: number): readonly Shape[];
  build(inputs: readonly Value[]): Value;
  /** Limited by memory: bytes matter, not FLOP. */
  readonly light?: boolean;
}

const conv = (size: number, cin: number, cout: number, stride = 1): Layer => ({
  name: `conv 3×3 ${size}² ${cin} → ${cout}${stride > 1 ? ` /${stride}` : ""}`,
  shapes: (n) => [[n, size, size, cin], [3, 3, cin, cout], [cout]],
  build: ([x, w, b]) => conv2d(x!, w!, b!, { stride, padding: 1 }),
});

const depthwise = (size: number, channels: number, kernel: number): Layer => ({
  name: `depthwise ${kernel}×${kernel} ${size}² × ${channels}`,
  shapes: (n) => [[n, size, size, channels], [kernel, kernel, channels], [channels]],
  build: ([x, w, b]) => depthwiseConv2d(x!, w!, b!, { padding: (kernel - 1) / 2 }),
});

const attend = (queries: number, keys: number, heads: number): Layer => ({
  name: `attention ${queries} × ${keys}, ${heads} × 32`,
  shapes: (n) => [queries, keys, keys].map((length) => [n, length, 32 * heads]),
  build: ([q, k, v]) => attention(q!, k!, v!, { heads }),
});

const layers: readonly Layer[] = [
  conv(34, 64, 64),
  conv(34, 64, 128),
  conv(17, 128, 256, 2),
  conv(9, 256, 512, 2),
  depthwise(56, 96, 7),
  depthwise(14, 384, 7),
  depthwise(56, 256, 3),
  attend(3136, 49, 1),
  attend(784, 49, 2),
  attend(196, 49, 5),
  attend(49, 49, 8),
  {
    name: "layer norm 56² × 96",
    shapes: (n) => [[n, 56, 56, 96], [96], [96]],
    build: ([x, gamma, beta]) => layerNorm(x!, gamma!, beta!),
    light: true,
  },
  {
    name: "GELU 56² × 384",
    shapes: (n) => [[n, 56, 56, 384]],
    build: ([x]) => gelu(x!),
    light: true,
  },
];

export const layerBench: BenchModule = {
  name: "layers",
  summary: "layers of ResNet-18, PVTv2 and ConvNeXt, forward and with their gradients",
  async run(gpu, { seconds }) {
    const top = await ceiling(gpu, seconds);
    const rows: BenchRow[] = [top];
    const batch = gpu.adapter.software ? 2 : 32;
    for (const layer of layers) {
      for (const backward of [false, true]) {
        const { program, free } = await layerProgram(gpu, layer, batch, backward);
        const name = `${layer.name}, ${backward ? "both ways" : "forward"}`;
        const row = await time(gpu, name, () => program.run(), { seconds, repeats: 2 });
        const bytes = program.dispatches.reduce((sum, dispatch) => sum + dispatch.bytes, 0);
        const { milliseconds } = row;
        const figures: Record<string, number> =
          layer.light === true
            ? { "GB/s": bytes / milliseconds / 1e6 }
            : {
                "GFLOP/s": program.flop / milliseconds / 1e6,
                "% of the ceiling": share(program.flop, milliseconds, top),
              };
        rows.push({ ...row, figures });
        free();
      }
    }
    return rows;
  },
};

async function layerProgram(
  gpu: Gpu,
  layer: Layer,
  batch: number,
  backward: boolean,
): Promise<{ program: Program; free: () => void }> {
  const graph = new Graph(gpu);
  const inputs = layer.shapes(batch).map((shape, i) => graph.input(`input ${i}`, shape));
  const y = layer.build(inputs);
  const cotangent = graph.input("cotangent", y.shape);
  const gradients = backward ? graph.backward(y, inputs, { cotangent }) : undefined;
  const bound = backward ? [...inputs, cotangent] : inputs;
  const buffers = Object.values(
    await gpu.allocate(Object.fromEntries(bound.map((value, i) => [`${i}`, value.bytes]))),
  );
  bound.forEach((value, i) =>
    gpu.write(
      buffers[i]!,
      Float32Array.from({ length: value.size }, (_, j) => Math.sin(j + i) / 4),
    ),
  );
  const program = await compile(gpu, [...graph.forward(), ...(gradients?.launches ?? [])], {
    label: layer.name,
    bindings: new Map(
      bound.map((value, i) => [value, { buffer: buffers[i]!, offset: 0, size: value.bytes }]),
    ),
    keep: [y, ...(gradients?.of.values() ?? [])],
  });
  return {
    program,
    free: () => {
      program.destroy();
      gpu.free(...buffers);
    },
  };
}
