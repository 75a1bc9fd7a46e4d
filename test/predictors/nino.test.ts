// NiNo against the published golden vectors and float64 networks written here from the papers' formulas.
import { existsSync, readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { modelSpec } from "../../models/index.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { defaultLimits, dryGpu } from "../../src/gpu/dry.ts";
import { Graph } from "../../src/graph/graph.ts";
import { compile } from "../../src/graph/program.ts";
import { readTorch } from "../../src/io/torch-pt.ts";
import { Model, type Tensors } from "../../src/nn/model.ts";
import {
  NinoNetwork,
  ninoWeights,
  ninoWindow,
  rowWidth,
} from "../../src/predictors/nino/network.ts";
import {
  edgeType,
  laplacianEncodings,
  type NeuralGraph,
  neuralGraph,
} from "../../src/predictors/nino/neural-graph.ts";
import { ninoPredictor, ninoSchedule } from "../../src/predictors/nino/predictor.ts";
import { reversedPredictor } from "../../src/predictors/predictor.ts";
import { Rewinder } from "../../src/predictors/rewinder.ts";
import { Random } from "../../src/random.ts";
import { Trajectory } from "../../src/weights/trajectory/record.ts";
import { checkOwnership } from "../check-ownership.ts";
import { closeGpus, testGpu } from "../device.ts";
import { sharedFile, skip } from "../shared.ts";

// ---- The networks in float64, from tensors as PyTorch names and stores them. ----

/** x · Wᵀ + b, W [out, in]. */
function dense(tensors: Tensors, name: string, x: readonly number[]): number[] {
  const weight = tensors.get(`${name}.weight`)!;
  const bias = tensors.get(`${name}.bias`)!.data;
  const inputs = weight.shape[1]!;
  assert.is(x.length, inputs, name);
  return Array.from(bias, (b, o) =>
    x.reduce((sum, v, i) => sum + v * weight.data[o * inputs + i]!, b),
  );
}

const silu = (x: readonly number[]): number[] => x.map((v) => v / (1 + Math.exp(-v)));
const plus = (a: readonly number[], b: readonly number[]): number[] => a.map((v, i) => v + b[i]!);

function embedding(tensors: Tensors, type: number): number[] {
  const { data, shape } = tensors.get("layer_embed.weight")!;
  return [...data.subarray(type * shape[1]!, (type + 1) * shape[1]!)];
}

/** What is added to the newest scaled value, for every step. */
function mlp(tensors: Tensors, states: readonly number[], type: number): number[] {
  let h = plus(dense(tensors, "edge_proj.fc.0", states), embedding(tensors, type));
  for (const i of [0, 2, 4]) h = silu(dense(tensors, `edge_mlp.fc.${i}`, h));
  return dense(tensors, "edge_mlp.fc.6", h);
}

/** The same for each edge of a graph: [9 taps × steps]. `features`: [edges][45], by edge. */
function messages(
  tensors: Tensors,
  { source, target, nodes }: NeuralGraph,
  types: readonly number[],
  features: readonly (readonly number[])[],
  encodings: ArrayLike<number>,
): number[][] {
  let x = Array.from({ length: nodes }, (_, n) =>
    dense(
      tensors,
      "node_proj.fc.0",
      Array.from({ length: 8 }, (_, k) => encodings[n * 8 + k]!),
    ),
  );
  let e = features.map((row, i) =>
    plus(dense(tensors, "edge_proj.fc.0", row), embedding(tensors, types[i]!)),
  );
  const hidden = x[0]!.length;
  for (const i of [0, 1]) {
    const conv = `gnn.convs.${i}`;
    const sums = x.map(() => ({ count: 0, sum: Array.from({ length: hidden }, () => 0) }));
    e.forEach((edge, j) => {
      const both = dense(tensors, `${conv}.pre_nns.0.0`, [...x[target[j]!]!, ...x[source[j]!]!]);
      const code = dense(tensors, `${conv}.edge_encoder`, edge);
      const at = sums[target[j]!]!;
      at.count++;
      both.forEach((v, c) => (at.sum[c]! += code[c]! * v + code[hidden + c]!));
    });
    x = x.map((own, n) => {
      const mean = sums[n]!.sum.map((v) => v / sums[n]!.count);
      return silu(
        dense(tensors, `${conv}.lin`, dense(tensors, `${conv}.post_nns.0.0`, [...own, ...mean])),
      );
    });
    e = e.map((edge, j) => {
      const update = `gnn.edge_update.${i}`;
      const ends = plus(
        dense(tensors, `${update}.lin_s`, x[source[j]!]!),
        dense(tensors, `${update}.lin_t`, x[target[j]!]!),
      );
      return dense(
        tensors,
        `${update}.lin1`,
        silu(plus(dense(tensors, `${update}.lin_e`, edge), ends)),
      );
    });
  }
  return e.map((edge) =>
    dense(tensors, "edge_out.fc.2", silu(dense(tensors, "edge_out.fc.0", edge))),
  );
}

// ---- Material. ----

/** Random tensors with the published names and shapes, activations of about one. */
function randomCheckpoint(variant: "mlp" | "graph", hidden: number, seed: number): Tensors {
  const random = new Random(seed);
  const tensors: Tensors = new Map();
  const put = (name: string, outputs: number, inputs: number): void => {
    const scale = Math.sqrt(3 / inputs);
    const draw = (length: number, size: number): Float32Array =>
      Float32Array.from({ length }, () => size * (2 * random.float() - 1));
    tensors.set(`${name}.weight`, {
      shape: [outputs, inputs],
      data: draw(outputs * inputs, scale),
    });
    if (name !== "layer_embed") {
      tensors.set(`${name}.bias`, { shape: [outputs], data: draw(outputs, 0.2) });
    }
  };
  put("layer_embed", 15, hidden);
  put("edge_proj.fc.0", hidden, variant === "mlp" ? 5 : 45);
  if (variant === "mlp") {
    for (const i of [0, 2, 4]) put(`edge_mlp.fc.${i}`, hidden, hidden);
    put("edge_mlp.fc.6", 40, hidden);
    return tensors;
  }
  put("node_proj.fc.0", hidden, 8);
  for (const i of [0, 1, 2]) {
    put(`gnn.convs.${i}.edge_encoder`, 2 * hidden, hidden);
    put(`gnn.convs.${i}.pre_nns.0.0`, hidden, 2 * hidden);
    put(`gnn.convs.${i}.post_nns.0.0`, hidden, 2 * hidden);
    put(`gnn.convs.${i}.lin`, hidden, hidden);
  }
  for (const i of [0, 1]) {
    for (const name of ["lin_e", "lin_s", "lin_t", "lin1"]) {
      put(`gnn.edge_update.${i}.${name}`, hidden, hidden);
    }
  }
  put("edge_out.fc.0", hidden, hidden);
  put("edge_out.fc.2", 360, hidden);
  return tensors;
}

const published = (file: string): Tensors | undefined => {
  const path = sharedFile(`reference/published-predictors/nino/${file}`);
  return existsSync(path) ? readTorch(readFileSync(path), file).tensors : undefined;
};
if (published("nino_mlp.pt") === undefined) skip("reference: the published NiNo checkpoints");

function near(what: string, got: number, want: number, allowed: number): void {
  const error = Math.abs(got - want);
  assert.ok(error <= allowed, `${what}: ${got}, want ${want}, off by ${error}, allowed ${allowed}`);
}

/** A small network whose weights drift over five snapshots, and what a checkpoint forecasts for them. */
async function forecast(
  gpu: Gpu,
  checkpoint: Tensors,
  spec: ReturnType<typeof modelSpec>,
  step: number,
): Promise<{
  histories: Map<string, Float32Array>;
  after: Map<string, Float32Array>;
  model: Model;
}> {
  const model = await Model.create(gpu, spec, 3);
  const trajectory = await Trajectory.create(gpu, model.slots, ninoWindow);
  const random = new Random(11);
  const start = await model.parameters.read();
  const drift = new Map(
    [...start].map(([name, data]) => [name, Float32Array.from(data, () => random.float() - 0.5)]),
  );
  for (let k = 0; k < ninoWindow; k++) {
    for (const [name, data] of start) {
      const speed = drift.get(name)!;
      model.parameters.write(
        name,
        data.map((v, i) => v + 0.02 * k * speed[i]! + 0.002 * (random.float() - 0.5)),
      );
    }
    trajectory.record(model.parameters);
  }
  const predictor = ninoPredictor("nino", ninoWeights(checkpoint), "test");
  const rewinder = await Rewinder.create(trajectory, predictor, spec);
  rewinder.aim(step);
  await rewinder.apply(model.parameters);
  const histories = await trajectory.read();
  const after = await model.parameters.read();
  rewinder.destroy();
  trajectory.destroy();
  return { histories, after, model };
}

/** Mean and unbiased deviation of a tensor's histories, and the scaled histories by weight. */
function scaled(history: Float32Array): { mean: number; deviation: number; states: number[][] } {
  const mean = history.reduce((sum, v) => sum + v, 0) / history.length;
  const squares = history.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  const deviation = Math.sqrt(squares / (history.length - 1));
  const size = history.length / ninoWindow;
  const states = Array.from({ length: size }, (_, i) =>
    Array.from(
      { length: ninoWindow },
      (_, k) => (history[k * size + i]! - mean) / (deviation + 1e-6),
    ),
  );
  return { mean, deviation, states };
}

const small = modelSpec({ name: "small-cnn", filters: [3, 5], hidden: 6 }, [8, 8, 2], 4);

// ---- Tests. ----

test("the horizon shrinks as in the paper", () => {
  assert.equal(ninoSchedule(10), [40, 33, 26, 21, 16, 11, 8, 5, 3, 1]);
  assert.equal(ninoSchedule(1), [40]);
});

test("published MLPs give the golden residuals of every case", async () => {
  const gpu = await testGpu({ defaultLimits: true });
  for (const file of ["nino_mlp", "nino_mlp_h32"]) {
    const tensors = published(`${file}.pt`);
    if (tensors === undefined) return;
    const { cases } = JSON.parse(
      readFileSync(sharedFile(`reference/golden/${file}.json`), "utf8"),
    ) as { cases: { edgeType: number; scaledStates: number[]; residuals: number[] }[] };
    assert.is(cases.length, 32);
    const weights = ninoWeights(tensors);
    const network = await NinoNetwork.create(gpu, weights);
    const graph = new Graph(gpu);
    const width = rowWidth("mlp");
    const rows = graph.input("rows", [cases.length, width]);
    const { output, bindings } = network.mlp(rows);
    const { buffer } = await gpu.allocate({ buffer: rows.bytes });
    const data = new Float32Array(rows.size);
    cases.forEach(({ edgeType: type, scaledStates }, i) => {
      data.set(scaledStates, i * width);
      data[i * width + ninoWindow + type] = 1;
    });
    gpu.write(buffer, data);
    bindings.set(rows, { buffer, offset: 0, size: rows.bytes });
    const program = await compile(gpu, graph.forward(), { label: file, bindings, keep: [output] });
    for (let step = 1; step <= 40; step++) {
      network.aim(step);
      program.run();
      const got = await gpu.readFloats(program.view(output));
      cases.forEach(({ residuals }, i) => {
        const want = residuals[step - 1]!;
        // The promise of a float32 implementation; sums of 128 terms of about one where states are large.
        const size = Math.max(1, ...cases[i]!.scaledStates.map(Math.abs));
        near(`${file} case ${i} step ${step}`, got[i]!, want, 1e-6 * size + 1e-4 * Math.abs(want));
      });
    }
    assert.throws(() => network.aim(41), /1 to 40 steps ahead, not 41/);
    program.destroy();
    network.destroy();
    gpu.free(buffer);
  }
});

test("the MLP forecasts every weight of a network from its tensor's moments", async () => {
  for (const maxBinding of [undefined, 4096]) {
    const gpu = await testGpu(maxBinding === undefined ? {} : { maxBinding });
    const checkpoint = randomCheckpoint("mlp", 12, 1);
    if (maxBinding !== undefined) {
      // Tiles do not fit such bindings, and say so.
      let message = "";
      await forecast(gpu, checkpoint, small, 7).catch((error: Error) => (message = error.message));
      assert.match(message, /one binding of this adapter holds/);
      continue;
    }
    const { histories, after, model } = await forecast(gpu, checkpoint, small, 7);
    for (const { name, shape } of model.slots) {
      const { mean, deviation, states } = scaled(histories.get(name)!);
      states.forEach((h, i) => {
        const added = mlp(checkpoint, h, edgeType(name, shape.length))[6]!;
        const want = (h[4]! + added) * deviation + mean;
        // Scaled values of about three through five layers of float32.
        near(
          `${name}[${i}]`,
          after.get(name)![i]!,
          want,
          2e-5 * deviation * (1 + Math.abs(added)) + 1e-7,
        );
      });
    }
    model.destroy();
  }
});

test("a small network's neural graph has the nodes and edges of its layers", () => {
  const { nodes, source, target, tensors, fixed } = neuralGraph(small);
  // 2 channels; 3 neurons and a bias's node; 5 and 1; 6 and 1; 4 and 1.
  assert.is(nodes, 2 + 4 + 6 + 7 + 5);
  assert.equal(
    tensors.map(({ name, type, inputs, outputs, taps }) => [name, type, inputs, outputs, taps]),
    [
      ["conv1.weight", 3, 2, 3, 9],
      ["conv1.bias", 2, 1, 3, 1],
      ["conv2.weight", 3, 3, 5, 9],
      ["conv2.bias", 2, 1, 5, 1],
      ["hidden.weight", 1, 20, 6, 1],
      ["hidden.bias", 2, 1, 6, 1],
      ["head.weight", 1, 6, 4, 1],
      ["head.bias", 2, 1, 4, 1],
    ],
  );
  // conv1: input 1 to filter 2 is edge 1 · 3 + 2, from node 1 to node 2 + 2.
  assert.equal([source[5], target[5]], [1, 4]);
  // After 2 × 2 positions of conv2's 5 filters (nodes 6 to 10), row 7 of the dense layer is filter 2.
  const hidden = tensors.find(({ name }) => name === "hidden.weight")!;
  assert.is(source[hidden.firstEdge + 7 * 6], 6 + 2);
  assert.equal(fixed, [{ type: 13, feature: 2, firstEdge: source.length - nodes, count: nodes }]);
  assert.ok([...source.subarray(-nodes)].every((n, i) => n === i && target.at(i - nodes) === i));
});

test("branches are joined by residual edges; attention is refused by name", () => {
  const { fixed, tensors } = neuralGraph(modelSpec({ name: "resnet18-cifar" }, [32, 32, 3], 10));
  // Eight blocks: 64, 128, 256, 512 neurons twice each.
  assert.is(fixed.find(({ type }) => type === 10)!.count, 2 * (64 + 128 + 256 + 512));
  assert.ok(tensors.some(({ name, type }) => name.endsWith(".gamma") && type === 4));
  assert.throws(
    () => neuralGraph(modelSpec({ name: "pvt-v2-b0" }, [32, 32, 3], 10)),
    /only convolutional networks are served\. Use nino_mlp\.pt/,
  );
});

test("Laplacian encodings are eigenvectors of the smallest eigenvalues but the first", () => {
  const wiring = neuralGraph(small);
  const { nodes, source, target } = wiring;
  const encodings = laplacianEncodings(wiring, 8);
  const near1 = Array.from({ length: nodes }, () => new Set<number>());
  source.forEach((from, e) => {
    if (from === target[e]) return;
    near1[from]!.add(target[e]!);
    near1[target[e]!]!.add(from);
  });
  const values: number[] = [];
  for (let k = 0; k < 8; k++) {
    const v = Array.from({ length: nodes }, (_, n) => encodings[n * 8 + k]!);
    const applied = v.map(
      (own, n) =>
        own -
        [...near1[n]!].reduce(
          (sum, m) => sum + v[m]! / Math.sqrt(near1[n]!.size * near1[m]!.size),
          0,
        ),
    );
    const value = applied.reduce((sum, a, n) => sum + a * v[n]!, 0);
    values.push(value);
    near("length", Math.hypot(...v), 1, 1e-6);
    applied.forEach((a, n) => near(`L v ${k}[${n}]`, a, value * v[n]!, 1e-6));
  }
  // The smallest eigenvalue of a connected graph is 0, and its vector is left out.
  assert.ok(values[0]! > 1e-3);
  // Equal ones come in any order.
  assert.ok(values.every((value, k) => k === 0 || value >= values[k - 1]! - 1e-6));
});

for (const name of ["random", "nino_no_posw.pt"] as const) {
  test(`message passing forecasts every weight of a network (${name})`, async () => {
    const gpu = await testGpu();
    const checkpoint = name === "random" ? randomCheckpoint("graph", 8, 2) : published(name);
    if (checkpoint === undefined) return;
    const step = 5;
    const { histories, after, model } = await forecast(gpu, checkpoint, small, step);
    const wiring = neuralGraph(small);
    const edges = wiring.source.length;
    const features = Array.from({ length: edges }, () => Array.from({ length: 45 }, () => 0));
    const types = Array.from({ length: edges }, () => 13);
    features.slice(-wiring.nodes).forEach((row) => row.fill(2, 0, 5));
    const moments = new Map([...histories].map(([key, history]) => [key, scaled(history)]));
    // A kernel [3, 3, in, out] is read tap by tap for each pair of neurons.
    const places = wiring.tensors.flatMap(({ name: key, type, firstEdge, inputs, outputs, taps }) =>
      Array.from({ length: inputs * outputs * taps }, (_, i) => {
        const edge = firstEdge + (i % (inputs * outputs));
        return { key, type, edge, tap: Math.floor(i / (inputs * outputs)), i };
      }),
    );
    for (const { key, type, edge, tap, i } of places) {
      types[edge] = type;
      moments.get(key)!.states[i]!.forEach((v, k) => (features[edge]![5 * tap + k] = v));
    }
    const encodings = laplacianEncodings(wiring, 8);
    const outputs = messages(checkpoint, wiring, types, features, encodings);
    for (const { key, edge, tap, i } of places) {
      const { mean, deviation, states } = moments.get(key)!;
      const added = outputs[edge]![40 * tap + step - 1]!;
      const want = (states[i]![4]! + added) * deviation + mean;
      // The promise of a float32 implementation: 1e-6 and 1e-4 of what is added to the weight.
      const allowed = 1e-6 + 1e-4 * Math.abs(deviation * added);
      near(`${key}[${i}]`, after.get(key)![i]!, want, allowed);
    }
    model.destroy();
  });
}

for (const variant of ["mlp", "graph"] as const) {
  test(`${variant} shown time backwards is the forecast of the snapshots in reverse`, async () => {
    const gpu = await testGpu();
    const model = await Model.create(gpu, small, 3);
    const start = await model.parameters.read();
    const forecaster = ninoPredictor("nino", ninoWeights(randomCheckpoint(variant, 8, 7)), "test");
    const ends: Map<string, Float32Array>[] = [];
    for (const reversed of [false, true]) {
      const trajectory = await Trajectory.create(gpu, model.slots, ninoWindow, { reversed });
      for (let k = 0; k < ninoWindow; k++) {
        const moment = reversed ? k : ninoWindow - 1 - k;
        for (const [name, data] of start) {
          model.parameters.write(
            name,
            data.map((v, i) => v + 0.01 * moment * Math.sin(i + moment)),
          );
        }
        trajectory.record(model.parameters);
      }
      const predictor = reversed ? reversedPredictor(forecaster) : forecaster;
      assert.is(predictor.base, reversed ? "oldest" : "newest");
      const rewinder = await Rewinder.create(trajectory, predictor, small);
      rewinder.aim(4);
      await rewinder.apply(model.parameters);
      ends.push(await model.parameters.read());
      rewinder.destroy();
      trajectory.destroy();
    }
    assert.equal(ends[1], ends[0]);
    for (const [name, data] of start) assert.not.equal(ends[0]!.get(name), data, name);
    model.destroy();
  });
}

test("a forecast that needs the model or all parameters says so", async () => {
  const gpu = await testGpu();
  const model = await Model.create(gpu, small, 1);
  const predictor = ninoPredictor("nino", ninoWeights(randomCheckpoint("graph", 8, 2)), "test");
  const failing = async (
    slots: Model["slots"],
    spec: typeof small | undefined,
  ): Promise<string> => {
    const trajectory = await Trajectory.create(gpu, slots, ninoWindow);
    let message = "";
    await Rewinder.create(trajectory, predictor, spec).catch((e: Error) => (message = e.message));
    trajectory.destroy();
    return message;
  };
  assert.match(await failing(model.slots, undefined), /needs to know the model/);
  assert.match(await failing(model.slots.slice(1), small), /conv1\.weight is not/);
  const broken = randomCheckpoint("graph", 8, 2);
  broken.delete("gnn.convs.1.lin.bias");
  assert.throws(() => ninoWeights(broken), /"gnn\.convs\.1\.lin\.bias" is missing/);
  model.destroy();
});

// Memory is counted on a device that makes nothing by the code that makes it on a real one.
checkOwnership(
  async (memory?: number) => {
    const gpu = await dryGpu({ ...defaultLimits, memory });
    const model = await Model.create(gpu, small, 1);
    return { gpu, trajectory: await Trajectory.create(gpu, model.slots, ninoWindow) };
  },
  Object.fromEntries(
    (["mlp", "graph"] as const).map((variant) => [
      `rewinder of NiNo's ${variant}`,
      ({ trajectory }: { readonly trajectory: Trajectory }): Promise<Rewinder> => {
        const weights = ninoWeights(randomCheckpoint(variant, 16, 1));
        return Rewinder.create(trajectory, ninoPredictor("nino", weights, "test"), small);
      },
    ]),
  ),
);

test.after(closeGpus);
test.run();
