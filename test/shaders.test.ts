import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { invWnn } from "../src/predictors-lab/families/invwnn.ts";
import { modelSpec } from "../models/index.ts";
import { ArenaLayout } from "../src/weights/arena.ts";
import { GpuError, UsageError } from "../src/errors.ts";
import type { Gpu, Tuning } from "../src/gpu/device.ts";
import { KernelCache, type KernelId, prelude, reflect } from "../src/gpu/kernel.ts";
import { declaredNames, link, registerShader, shaderSource, twinsOf } from "../src/gpu/link.ts";
import { fuse } from "../src/graph/fusion.ts";
import { Graph } from "../src/graph/graph.ts";
import { type Launch, Value } from "../src/graph/value.ts";
import { Declarations, Layers } from "../src/nn/layers.ts";
import type { ModelSpec } from "../src/nn/model.ts";
import * as ops from "../src/ops/index.ts";
import { optimizerLaunch, type OptimizerSettings } from "../src/optim/index.ts";
import { loadPredictor } from "../src/predictors/index.ts";
import { baseCode } from "../src/predictors/predictor.ts";
import { invWnnLaunches } from "../src/predictors/invwnn/launch.ts";
import { bothStreams } from "../src/predictors/invwnn/streams.ts";
import { linearPredictor } from "../src/predictors/linear.ts";
import { paperAugmentation, strongAugmentation } from "../src/feed/augment.ts";
import { GpuDataset, meanImage } from "../src/feed/gpu-dataset.ts";
import { ImageFeed } from "../src/feed/image-feed.ts";
import { Collector } from "../src/train/collector.ts";
import { NoiseFeed } from "../src/feed/noise-feed.ts";
import { RowFeed } from "../src/feed/row-feed.ts";
import { classification } from "../src/tasks/classification.ts";
import { Sampler } from "../src/train/sampler.ts";
import { Trainer } from "../src/train/trainer.ts";
import { Trajectory } from "../src/weights/trajectory/record.ts";
import { Model } from "../src/nn/model.ts";
import { syntheticDigits } from "../src/data/synthetic.ts";
import { ForgetGradients } from "../src/unlearn/forget-gradients.ts";
import { methods, startMethod } from "../src/unlearn/methods/index.ts";
import { closeGpus, ownGpu, testGpu, tunings } from "./device.ts";
import { winograd } from "./ops/winograd-operation.ts";

const folder = fileURLToPath(new URL("../shaders", import.meta.url));
const files = (readdirSync(folder, { recursive: true }) as string[])
  .filter((file) => file.endsWith(".wgsl"))
  .map((file) => file.replace(/\.wgsl$/, ""))
  .sort();

/** Every file that is part of a kernel compiled here: gathered from what the launches asked for. */
const compiled = new Set<string>();

/** The same with the lanes (shaders/lane) that the kernel had, as in `pool/max lane/f32`. */
const withLanes = new Set<string>();

const watched = new Set<Gpu>();

/** A device of this file alone, whose kernels' lanes are noted. */
async function watchedGpu(tuning: Tuning): Promise<Gpu> {
  const gpu = await ownGpu({ tuning });
  if (watched.has(gpu)) return gpu;
  watched.add(gpu);
  const get = gpu.kernels.get.bind(gpu.kernels);
  gpu.kernels.get = async (id) => {
    const kernel = await get(id);
    const linked = await link(id.shader, id.parts, prelude(id.constants));
    for (const lane of linked.files.filter((file) => file.startsWith("lane/"))) {
      for (const file of linked.files) withLanes.add(`${file} ${lane}`);
    }
    return kernel;
  };
  return gpu;
}

async function compileAll(gpu: Gpu, ids: readonly KernelId[]): Promise<void> {
  await Promise.all(ids.map((id) => gpu.kernels.get(id)));
  gather(gpu);
}

function gather(gpu: Gpu): void {
  gpu.check();
  for (const file of gpu.kernels.files) compiled.add(file);
}

/** Launches of a forward and backward pass over random-shaped inputs, one by one and fused. */
function bothWays(gpu: Gpu, build: (graph: Graph) => { y: Value; wrt: Value[] }): Launch[] {
  const graph = new Graph(gpu);
  const { y, wrt } = build(graph);
  const cotangent = graph.input("cotangent", y.shape);
  const launches = [...graph.forward(), ...graph.backward(y, wrt, { cotangent }).launches];
  return [...launches, ...fuse(launches)];
}

/** A network with every layer the models use, batch norm included. */
const everyLayer: ModelSpec = {
  name: "every layer",
  inputs: [[12, 12, 3]],
  output: [10],
  build(layers: Layers, [x]) {
    let h = layers.batchNorm(
      "norm1",
      layers.conv2d("conv1", x!, { filters: 8, kernel: 3, stride: 2, padding: "same" }),
    );
    h = ops.maxPool(ops.relu(h), { size: 2 });
    h = ops.avgPool(h, { size: 2, stride: 1, padding: 1 });
    h = ops.avgPool(layers.conv2d("conv2", h, { filters: 5, kernel: 3, padding: 1 }), {
      size: 2,
      stride: 1,
    });
    h = ops.maxPool(ops.relu(h), { size: 2, stride: 1, padding: 1 });
    return layers.linear("head", ops.globalAveragePool(h), 10);
  },
};

for (const tuning of tunings) {
  test(`networks, optimisers and feeds compile, forward and backward (${tuning})`, async () => {
    const gpu = await watchedGpu(tuning);
    const specs = [
      everyLayer,
      modelSpec({ name: "small-cnn", hidden: 32 }, [28, 28, 1], 10),
      invWnn(),
    ];
    for (const spec of specs) {
      for (const norm of ["train", "frozen"] as const) {
        const launches = bothWays(gpu, (graph) => {
          const layers = new Layers(graph, new Declarations(), norm);
          const inputs = spec.inputs.map((shape, i) => graph.input(`x${i}`, [6, ...shape]));
          const y = spec.build(layers, inputs);
          return { y, wrt: [...inputs, ...layers.parameters.values()] };
        });
        await compileAll(gpu, launches);
      }
    }
    const shard = (size: number): Value => new Graph(tuning).input("x", [size]);
    const optimizers: OptimizerSettings[] = [
      { name: "adam" },
      { name: "adam", decoupled: true },
      { name: "sgd", momentum: 0.9 },
    ];
    const values = {
      parameters: shard(128),
      gradients: shard(128),
      first: shard(128),
      second: shard(128),
    };
    const rest = { blocks: shard(4), step: shard(8) };
    await compileAll(
      gpu,
      optimizers.map((settings) => optimizerLaunch(settings, { ...values, ...rest })),
    );

    const digits = syntheticDigits(10, 1, "train");
    const data = await GpuDataset.upload(gpu, digits, meanImage(digits));
    for (const augment of [undefined, paperAugmentation, strongAugmentation]) {
      const feed = await ImageFeed.create(data, { batch: 4, items: 10, augment });
      await compileAll(gpu, feed.launches);
    }
    const noisy = await NoiseFeed.create(data, { batch: 4, items: 10 });
    await compileAll(gpu, noisy.launches);
    const unet = modelSpec({ name: "unet", widths: [4, 8], depth: 1 }, [4, 4, 1], 10);
    await Sampler.create(await Model.create(gpu, unet, 1), { count: 4, steps: 1 });
    const rows = await RowFeed.create(gpu, new Float32Array(31), [15, 14, 1, 1], 1);
    await compileAll(gpu, rows.launches);
    const feed = await ImageFeed.create(data, { batch: 4, items: 10 });
    const model = await Model.create(gpu, modelSpec({ name: "small-cnn" }, [28, 28, 1], 10), 1);
    const objective = (graph: Graph) =>
      classification.objective(graph, model, feed, { norm: "train" });
    for (const options of [
      { clipNorm: 1 },
      { accumulate: 2, memory: { activations: "f16" } },
    ] as const) {
      await Trainer.create(model, { feed, objective, optimizer: { name: "adam" }, ...options });
    }
    gather(gpu);
  });

  test(`operations beside the networks compile (${tuning})`, async () => {
    const gpu = await watchedGpu(tuning);
    const launches = bothWays(gpu, (graph) => {
      const a = graph.input("a", [5, 7, 3, 4]);
      const b = graph.input("b", [7, 1, 4]);
      const c = graph.input("c", [5, 7, 3, 4]);
      const odd = graph.input("odd", [5, 3]);
      let y = ops.concat([ops.abs(ops.mul(a, b)), ops.scale(ops.add(a, c), 2)], 1);
      y = ops.add(
        ops.l1Loss(y, ops.leakyRelu(y)),
        ops.l1Norm(ops.mul(odd, graph.input("d", [5, 1])), 0.1),
      );
      const product = ops.matmul(c, ops.permute(a, [0, 1, 3, 2]));
      y = ops.add(y, ops.sum(product));
      y = ops.add(y, ops.sum(ops.add(odd, graph.input("e", [3]))));
      return {
        y: ops.add(y, ops.sum(ops.concat([odd, odd], 1))),
        wrt: [a, b, c, odd],
      };
    });
    await compileAll(gpu, launches);
    for (const channels of [16, 6]) {
      await compileAll(
        gpu,
        bothWays(gpu, (graph) => {
          const x = graph.input("x", [2, 4, 4, channels]);
          const [gamma, beta] = [graph.input("gamma", [channels]), graph.input("beta", [channels])];
          const [noise, weights] = [graph.input("noise", [2]), graph.input("weights", [2])];
          const y = ops.groupNorm(ops.upsample(x), gamma, beta, { groups: 2 });
          const embedding = ops.sinusoidalEmbedding(noise, { size: channels });
          const wide = ops.broadcastTo(ops.reshape(embedding, [2, 1, 1, channels]), y.shape);
          const wrt = [x, gamma, beta, noise];
          // Rows of an odd number, and of whole quads.
          const odd = ops.meanSquaredError(noise, graph.input("t", [2]), weights);
          return { y: ops.add(ops.meanSquaredError(y, wide, weights), odd), wrt };
        }),
      );
    }
    // Layer norm of a few and of many channels, and of a number that is no multiple of 4.
    for (const channels of [4, 13, 768]) {
      await compileAll(
        gpu,
        bothWays(gpu, (graph) => {
          const [x, gamma, beta] = [
            graph.input("x", [6, channels]),
            graph.input("gamma", [channels]),
            graph.input("beta", [channels]),
          ];
          const step = graph.input("step", [8], "u32");
          let y = ops.gelu(ops.layerNorm(x, gamma, beta));
          y = ops.dropout(y, step, { rate: 0.5, salt: 0 });
          y = ops.dropout(y, step, { rate: 0.5, salt: 1, rows: true });
          return { y: ops.gelu(y, { approximate: "tanh" }), wrt: [x, gamma, beta] };
        }),
      );
    }
    for (const channels of [8, 6]) {
      await compileAll(
        gpu,
        bothWays(gpu, (graph) => {
          const q = graph.input("q", [1, 70, channels]);
          const [k, v] = [graph.input("k", [1, 3, channels]), graph.input("v", [1, 3, channels])];
          return { y: ops.attention(q, k, v, { heads: 2 }), wrt: [q, k, v] };
        }),
      );
    }
    // Matrix shapes that pick every tile: wide, skinny, transposed, sliced.
    for (const [m, k, n] of [
      [512, 512, 512],
      [7, 9, 5],
      [64, 1568, 10],
      [4096, 27, 64],
      [3000, 64, 128],
    ] as const) {
      await compileAll(
        gpu,
        bothWays(gpu, (graph) => {
          const [x, w, b] = [
            graph.input("x", [m, k]),
            graph.input("w", [k, n]),
            graph.input("b", [n]),
          ];
          return { y: ops.linear(x, w, b), wrt: [x, w, b] };
        }),
      );
    }
    // Ends of residual branches, with and without a scale that is learnt; those of 6 columns are not stored as quads.
    for (const [channels, learnt] of [
      [8, true],
      [8, false],
      [6, true],
    ] as const) {
      await compileAll(
        gpu,
        bothWays(gpu, (graph) => {
          const [x, w] = [graph.input("x", [6, channels]), graph.input("w", [channels, channels])];
          const gamma = graph.input("gamma", [channels]);
          const step = graph.input("step", [8], "u32");
          const start = ops.gelu(ops.linear(x, w, null));
          const branch = ops.mul(ops.linear(start, w, null), gamma);
          const dropped = ops.dropout(branch, step, { rate: 0.5, salt: 0, rows: true });
          const wrt = [x, ...(learnt ? [w, gamma] : [])];
          return { y: ops.add(ops.add(start, dropped), ops.linear(start, w, null)), wrt };
        }),
      );
    }
    for (const channels of [8, 5]) {
      await compileAll(
        gpu,
        bothWays(gpu, (graph) => {
          const [x, w, b] = [
            graph.input("x", [4, 9, 9, channels]),
            graph.input("w", [3, 3, channels]),
            graph.input("b", [channels]),
          ];
          let y = ops.depthwiseConv2d(ops.pad(x, 1), w, b);
          // Windows that tile the image, and windows that overlap.
          y = ops.maxPool(ops.maxPool(y, { size: 3, stride: 1 }), { size: 2 });
          y = ops.avgPool(y, { size: 2, stride: 1, padding: 1 });
          return { y: ops.sum(ops.globalAveragePool(y)), wrt: [x, w, b] };
        }),
      );
    }
    for (const [cin, cout] of [
      [16, 32],
      [64, 64],
      [3, 5],
    ] as const) {
      await compileAll(
        gpu,
        bothWays(gpu, (graph) => {
          const [x, w, b] = [
            graph.input("x", [8, 16, 16, cin]),
            graph.input("w", [3, 3, cin, cout]),
            graph.input("b", [cout]),
          ];
          return { y: ops.conv2d(x, w, b, { padding: 1 }), wrt: [x, w, b] };
        }),
      );
    }
    for (const [m, cin, cout] of [
      [2, 4, 8],
      [2, 3, 5],
      [3, 4, 8],
      [4, 4, 8],
    ] as const) {
      // Their transforms are the same in either tuning.
      if (tuning === "software") break;
      const c = { x: [1, 4, 4, cin], window: [3, 3], cout } as const;
      await compileAll(
        gpu,
        bothWays(gpu, (graph) => {
          const wrt = [graph.input("x", c.x), graph.input("w", [3, 3, cin, cout])];
          const inputs = [...wrt, graph.input("b", [cout])];
          return { y: graph.apply(winograd(c, m), inputs, null), wrt };
        }),
      );
    }
  });

  test(`unlearning methods compile (${tuning})`, async () => {
    const gpu = await watchedGpu(tuning);
    const digits = syntheticDigits(12, 1, "train");
    const data = await GpuDataset.upload(gpu, digits, meanImage(digits));
    const model = await Model.create(gpu, modelSpec({ name: "small-cnn" }, [28, 28, 1], 10), 1);
    const subset = (first: number) => {
      const items = Uint32Array.from({ length: 6 }, (_, i) => first + i);
      return { data: data.only(items, "part"), items };
    };
    const task = { model, task: classification, forget: subset(0), retain: subset(6), seed: 1 };
    for (const name of methods.names) (await startMethod(name, task, {})).destroy();
    (await startMethod("task-vector", task, { layers: "ranked" })).destroy();
    (await ForgetGradients.create(task, 6)).destroy();
    (await Collector.create(model, classification, data, 8)).destroy();
    gather(gpu);
  });

  test(`predictors compile with every base (${tuning})`, async () => {
    const gpu = await watchedGpu(tuning);
    for (const predictor of [linearPredictor(), await loadPredictor(undefined)]) {
      for (const set of predictor.sets) {
        const bases = Object.keys(baseCode) as (keyof typeof baseCode)[];
        const value = new Value("w", [1000], "f32", "bound");
        const job = {
          ...{ tuning, history: value, predicted: value, weights: {}, workgroupStorage: 16_384 },
          range: { first: 0, count: 1000, stride: 1000, outFirst: 0 },
        };
        await compileAll(
          gpu,
          bases.flatMap((base) => set.launches({ ...job, base })),
        );
      }
    }
    // Both streams, which no shipped set has.
    for (const base of ["oldest", "none"] as const) {
      const value = new Value("w", [1000], "f32", "bound");
      const range = { first: 0, count: 1000, stride: 1000, outFirst: 0 };
      const values = { history: value, predicted: value, weights: {} };
      const job = { tuning, workgroupStorage: 32_768, base, range, ...values };
      await compileAll(gpu, invWnnLaunches(job, { window: 5, pruning: bothStreams, flop: 1 }));
    }
    const steps = ["squares", "unit_of", "direction", "total_of", "length_of", "step_back"];
    for (const GRADIENTS of [false, true]) {
      const clips = { CLIP: GRADIENTS ? 8 : 0, GRADIENT_CLIP: 5 };
      const constants = { WINDOW: 15, HORIZON: 3, ...clips, TENSORS: 3, GRADIENTS };
      await compileAll(
        gpu,
        steps.map((entry) => ({
          ...{ shader: "predict/weighted-steps", entry, constants: { ...constants, BASE: 0 } },
        })),
      );
    }
    const statistics = { WINDOW: 5, SPAN: 4096, TENSORS: 3 };
    const rows = { WINDOW: 5, TAPS: 9, TYPES: 15, WIDTH: 60 };
    await compileAll(gpu, [
      ...["collect", "merge"].map((entry) => ({
        shader: "predict/nino-statistics",
        entry,
        constants: statistics,
      })),
      ...["features", "forecast"].map((entry) => ({
        shader: "predict/nino-rows",
        entry,
        constants: rows,
      })),
      ...["forward", "backward"].map((entry) => ({
        shader: "elementwise/silu",
        parts: [`walk/${entry}`],
        entry,
        constants: { PER: 1 },
      })),
      // What graph/fusion.ts makes of a sum or a batch norm and the ReLU after it.
      {
        shader: "elementwise/relu",
        parts: ["walk/backward-of-sum"],
        entry: "backward",
        constants: { PER: 1, SLOPE: 0 },
      },
      {
        shader: "elementwise/sum",
        parts: ["walk/pair-then", "after/relu"],
        constants: { PER: 1, SLOPE: 0 },
      },
      {
        shader: "norm/batch-norm-forward",
        parts: ["after/relu"],
        entry: "normalise",
        constants: { PER: 4, FACTOR: 32, EPSILON: 1e-5, MOMENTUM: 0.1, AFFINE: true, SLOPE: 0 },
      },
      ...["sums", "input_gradient"].map((entry) => ({
        shader: "norm/batch-norm-backward",
        parts: ["norm/arriving-past-relu"],
        entry,
        constants: { PER: 4, FACTOR: 32, TRAINING: true, AFFINE: true, SLOPE: 0 },
      })),
      { shader: "analysis/one-hot", constants: { B: 3, C: 5 } },
      { shader: "analysis/plane", constants: { PER: 1 } },
      { shader: "analysis/tally-point", constants: { HAS_HITS: true, SETS: 2 } },
      { shader: "edges/gather", constants: { ROWS: 7, WIDTH: 8 } },
      { shader: "edges/segment-sum", constants: { ROWS: 3, WIDTH: 8 } },
      ...["bytes", "floats"].map((values) => ({
        shader: "data/gather-values",
        parts: [`data/stored-${values}`],
        constants: { B: 4, SIZE: 10, C: 5, FIRST: 0, COUNT: 7 },
      })),
    ]);
    for (const BASE of [1, 2]) {
      await compileAll(gpu, [
        { shader: "predict/wnn", constants: { BASE, SCALE_NEWEST: BASE === 1 } },
        { shader: "predict/introspection", constants: { BASE } },
      ]);
    }
    await compileAll(gpu, [{ shader: "predict/check-finite", constants: {} }]);
    const layout = new ArenaLayout([{ name: "w", shape: [9], kind: "fc" }], gpu.maxBinding);
    (await Trajectory.create(gpu, layout.slots, 3, { precision: "f16" })).destroy();
    gather(gpu);
  });
}

test("kernels of mixed precision compile, with matrix units emulated", async () => {
  // Products are made when it is opened.
  const gpu = await ownGpu({ precision: "mixed", matrices: "emulated" });
  await compileAll(gpu, [
    {
      shader: "predict/invwnn-matrices",
      parts: ["matrix/emulated"],
      constants: { WINDOW: 15, BASE: 1, KEEP_VALUE: true, KEEP_DIFFERENCE: true },
    },
    { shader: "optim/unscale", constants: { PER: 1 } },
    { shader: "optim/loss-scale", constants: { GROWTH: 2000, LEAST: 1, MOST: 2 ** 24 } },
  ]);
});

/** Parts in a dialect of Dawn, which `ops/launch/matrices.test.ts` compiles, each with the part that others compile. */
const ofDawn = ["matrix/adapter"];

test("every shader file is compiled by the tests above", async () => {
  assert.equal(
    files.filter((file) => !compiled.has(file)),
    ofDawn,
  );
  for (const file of ofDawn) assert.not.equal(await twinsOf([file]), [file]);
});

test("every shader that leaves its lanes to the launch is compiled with each", async () => {
  const lanes = files.filter((file) => file.startsWith("lane/"));
  const names = new Set(declaredNames(await shaderSource(lanes[0]!)));
  const missing: string[] = [];
  let open = 0;
  for (const file of files) {
    const needs = (await shaderSource(file)).match(/^\/\/! needs .*/gm)?.join(" ") ?? "";
    if (!needs.split(/[\s,]+/).some((name) => names.has(name))) continue;
    open++;
    missing.push(...lanes.map((lane) => `${file} ${lane}`).filter((pair) => !withLanes.has(pair)));
  }
  assert.is(lanes.length, 2);
  assert.ok(open >= 15, `${open} files leave their lanes open`);
  assert.equal(missing, []);
});

test("every shader says what it is, and keeps to the subset both compilers take", async () => {
  for (const file of files) {
    const whole = await shaderSource(file);
    const text = whole.replace(/^(\/\/!.*\n)*/, "");
    assert.match(
      text,
      /^\/\/ .{20}/,
      `${file}: a head comment comes first, after the linker's lines`,
    );
    assert.match(
      text,
      /(Prelude|Constants|Consts)\b/i,
      `${file}: the head comment lists the constants`,
    );
    if (!ofDawn.includes(file)) {
      assert.not.match(text, /^\s*(enable|override)\b/m, `${file}: no enable, no override`);
    }
    if (whole.startsWith("//! part")) continue;
    // What it imports counts too: the buffers of a kernel may stand in one of its parts.
    const { code } = await link(file, [], "", async (name) =>
      (await shaderSource(name)).replace(/^\/\/! needs.*\n/gm, ""),
    );
    const bindings = code.match(/@binding\(\d+\) var<storage/g) ?? [];
    // Where a launch chooses the part that stores its results, it is named.
    const stores = bindings.length > 0 || /^\/\/! needs.*\bput\b/m.test(whole);
    for (const [, entry] of text.matchAll(/@compute[^{]*?fn (\w+)\(/g)) {
      assert.ok(entry !== undefined && stores, file);
    }
  }
});

test("a shader that does not compile is reported with its file and line", async () => {
  const gpu = await testGpu();
  const cache = new KernelCache(gpu.device);
  try {
    // N is missing from the prelude.
    await cache.get({ shader: "elementwise/fill", constants: { VALUE: 1 } });
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /kernel elementwise\/fill does not compile/);
    // Line 8 of the file, not of the text with constants and parts in front.
    if (gpu.adapter.runtime === "node")
      assert.match((error as Error).message, /fill\.wgsl:8:\d+ .*'N'/);
  }
  gpu.check();
});

test("a text that is no WGSL is reported with its file and line; a constant that is no number, by name", async () => {
  const gpu = await testGpu();
  registerShader("own/slip", "//! part\n\n\nfn helper() -> f32 { return 1.0 }\n");
  registerShader(
    "own/slipped",
    "//! import own/slip\n@group(0) @binding(0) var<storage, read_write> y: array<f32>;\n" +
      "@compute @workgroup_size(1) fn main() { y[0] = helper(); }\n",
  );
  const refused = async (id: KernelId, kind: typeof GpuError | typeof UsageError) => {
    const error = await (async () => gpu.kernels.get(id))().catch((cause: unknown) => cause);
    assert.instance(error, kind);
    return (error as Error).message;
  };
  const slipped = { shader: "own/slipped", constants: { A: 1, B: 2 } };
  assert.match(
    await refused(slipped, GpuError),
    /kernel own\/slipped is not WGSL: own\/slip\.wgsl:4 /,
  );
  const fill = { shader: "elementwise/fill", constants: { N: 7, VALUE: Number.NaN } };
  assert.match(
    await refused(fill, UsageError),
    /constant VALUE is NaN: it must be a finite number/,
  );
});

test("a kernel whose part was missing is compiled once the part is registered", async () => {
  const gpu = await testGpu();
  const id = { shader: "own/late", constants: {} };
  const error = await gpu.kernels.get(id).catch((cause: unknown) => cause);
  assert.match((error as Error).message, /no shader part "own\/late"/);
  registerShader(
    "own/late",
    "@group(0) @binding(0) var<storage, read_write> y: array<f32>;\n@compute @workgroup_size(1) fn main() { y[0] = 1.0; }\n",
  );
  assert.is((await gpu.kernels.get(id)).bindings.length, 1);
});

test("an unknown entry or workgroup size is named", () => {
  const code =
    "@group(0) @binding(0) var<storage, read_write> y: array<f32>;\n@compute @workgroup_size(SIDE) fn main() { y[0] = 1.0; }";
  assert.throws(() => reflect(code, "other"), /no compute entry "other"; the shader has: main/);
  assert.throws(
    () => reflect(code, "main").workgroupSize({}),
    /workgroup_size "SIDE" of entry "main"/,
  );
  assert.equal(reflect(code, "main").workgroupSize({ SIDE: 8 }), [8, 1, 1]);
});

test.after(closeGpus);
test.run();
