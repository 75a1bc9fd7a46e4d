/**
 * NiNo as a predictor (Knyazev et al., ICLR 2025): forecasts all weights 1 to 40 snapshots ahead from five.
 *
 * Each tensor is scaled by its mean and deviation over all weights and snapshots. The MLP runs over tiles of
 * weights, the message passing over the whole neural graph in blocks of edges; all of it on the GPU.
 */
import type { BufferView, Gpu } from "../../gpu/device.ts";
import { GpuError } from "../../errors.ts";
import { Graph } from "../../graph/graph.ts";
import { compile, type Dispatch, makeDispatch, type Program } from "../../graph/program.ts";
import { Value } from "../../graph/value.ts";
import type { ModelSpec } from "../../nn/model.ts";
import { type EdgeEnds, sortEdges } from "../../ops/index.ts";
import type { Piece, Trajectory } from "../../weights/trajectory.ts";
import type { JointPlace, Predictor, PreparedJoint } from "../predictor.ts";
import {
  type EdgeBlock,
  ninoEncodings,
  NinoNetwork,
  ninoTypes,
  type NinoWeights,
  ninoWindow,
  rowWidth,
  tapsOf,
} from "./network.ts";
import { edgeType, laplacianEncodings, type NeuralGraph, neuralGraph } from "./neural-graph.ts";

/** Weights of a part of `predict/moments`; weights of a tile of the MLP; edges of a block of the graph. */
const span = 4096;
const tileRows = 16_384;
const blockEdges = 65_536;

/** Steps ahead of each forecast: from `steps` down to 1, `steps^((1 - i / (n - 1))…)` evenly spaced in the root. */
export function ninoSchedule(forecasts: number, steps = 40, power = 2): number[] {
  const high = steps ** (1 / power);
  return Array.from({ length: forecasts }, (_, i) => {
    const root = forecasts === 1 ? high : high + ((1 - high) * i) / (forecasts - 1);
    return Math.round(root ** power);
  });
}

/** The predictor of a checkpoint; the full graph needs to know the model. */
export function ninoPredictor(name: string, weights: NinoWeights, source: string): Predictor {
  return {
    name,
    window: ninoWindow,
    direction: "future",
    reach: `1 to ${weights.steps} snapshots`,
    normalisation: "each tensor: mean subtracted, divided by the standard deviation",
    base: "newest",
    sets: [],
    joint: {
      source,
      parameters: weights.parameters,
      steps: weights.steps,
      prepare: (place) => prepare(weights, place),
    },
  };
}

/** A tensor of the trajectory and its edges. */
interface Tensor {
  readonly index: number;
  readonly firstEdge: number;
  readonly pairs: number;
  readonly type: number;
}

/** A piece of a tensor in a chunk. */
interface Part {
  readonly tensor: Tensor;
  readonly chunk: number;
  readonly piece: Piece;
}

/** Rows of a block: which edges, and where the features and the outputs lie. */
interface Rows {
  readonly first: number;
  readonly count: number;
  readonly rows: BufferView;
  readonly outputs: BufferView;
}

/** What a forecast is made of: dispatches, and the memory that is freed with it. */
class Builder {
  readonly gpu: Gpu;
  readonly place: JointPlace;
  readonly weights: NinoWeights;
  readonly dispatches: Dispatch[] = [];
  readonly owned: GPUBuffer[] = [];
  readonly #words: Uint32Array[] = [];
  #uniforms: GPUBuffer | undefined;
  #unpacked: Dispatch | undefined;

  constructor(weights: NinoWeights, place: JointPlace) {
    this.weights = weights;
    this.place = place;
    this.gpu = place.trajectory.gpu;
  }

  /** Takes memory for the uniforms of at most so many dispatches. */
  async reserve(count: number): Promise<void> {
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    const { uniforms } = await this.gpu.allocate({ uniforms: 256 * count }, usage);
    this.#uniforms = uniforms;
    this.owned.push(uniforms);
  }

  async buffer(label: string, data: Float32Array | Uint32Array): Promise<GPUBuffer> {
    const { [label]: buffer } = await this.gpu.allocate({ [label]: data.byteLength });
    this.gpu.write(buffer!, data);
    this.owned.push(buffer!);
    return buffer!;
  }

  /** A uniform of these words. */
  uniform(...words: readonly number[]): GPUBufferBinding {
    const offset = 256 * this.#words.length;
    const data = Uint32Array.from(words);
    this.#words.push(data);
    this.gpu.write(this.#uniforms!, data, offset);
    return { buffer: this.#uniforms!, offset, size: 48 };
  }

  /** The snapshots of a chunk, unpacked where they are stored in half precision. */
  history(chunk: number): GPUBufferBinding {
    const { buffer, unpack } = this.place.trajectory.chunks[chunk]!;
    if (unpack !== undefined && unpack !== this.#unpacked) {
      this.dispatches.push(unpack);
      this.#unpacked = unpack;
    }
    return { buffer };
  }

  async run(
    entry: "features" | "forecast",
    run: { part: Part; from: number; to: number },
    block: Rows,
    moments: GPUBuffer,
  ): Promise<void> {
    const { part, from, to } = run;
    const { tensor, chunk, piece } = part;
    const { variant } = this.weights;
    const history = this.history(chunk);
    const { stride } = this.place.trajectory.chunks[chunk]!;
    const first = piece.inChunk + from;
    const uniform = this.uniform(
      ...[first, to - from, stride, piece.inSlot + from, tensor.pairs, tensor.firstEdge],
      ...[block.first, block.count, tensor.index, tensor.type],
    );
    const constants = {
      WINDOW: ninoWindow,
      TAPS: tapsOf(variant),
      TYPES: ninoTypes,
      WIDTH: rowWidth(variant),
    };
    const resources = {
      history,
      moments: { buffer: moments },
      run: uniform,
      rows: block.rows,
      outputs: block.outputs,
      predicted: { buffer: this.place.predicted[chunk]! },
    };
    const kernel = { shader: "predict/nino-rows", entry, constants, threads: to - from };
    const bytes = 4 * ninoWindow * (to - from);
    this.dispatches.push(await makeDispatch(this.gpu, kernel, resources, { flop: 0, bytes }));
  }
}

async function prepare(weights: NinoWeights, place: JointPlace): Promise<PreparedJoint> {
  const { trajectory, spec } = place;
  const { plan, gpu } = trajectory;
  const builder = new Builder(weights, place);
  const wiring = weights.variant === "graph" ? wire(spec, trajectory) : undefined;
  const tensors = plan.tracks.map(({ slot, first }, index): Tensor => {
    const edges = wiring?.tensors.find(({ name }) => name === slot.name);
    return {
      index,
      firstEdge: edges?.firstEdge ?? first,
      pairs: edges === undefined ? slot.size : edges.inputs * edges.outputs,
      type: edges?.type ?? edgeType(slot.name, slot.shape.length),
    };
  });
  const parts = trajectory.chunks.flatMap((chunk, c) =>
    plan.pieces(chunk).map((piece) => ({
      tensor: tensors[plan.tracks.indexOf(piece.track)]!,
      chunk: c,
      piece,
    })),
  );
  const edges = wiring?.source.length ?? plan.coordinates;
  const size = weights.variant === "graph" ? blockEdges : tileRows;
  const blocks = Array.from({ length: Math.ceil(edges / size) }, (_, b) => ({
    first: b * size,
    count: Math.min(size, edges - b * size),
  }));
  // Tiles cut each part in pieces; a part of the graph may meet every block. And one for the union.
  const runs = wiring === undefined ? parts.length + blocks.length : parts.length * blocks.length;
  await builder.reserve(parts.length + 2 * runs + 1);
  const network = await NinoNetwork.create(gpu, weights);
  const moments = await addMoments(builder, parts, tensors.length);
  const program =
    wiring === undefined
      ? await addTiles(builder, network, parts, blocks, moments)
      : await addGraph(builder, network, parts, { wiring, blocks, moments });
  return {
    dispatches: builder.dispatches,
    aim: (step) => network.aim(step),
    destroy() {
      program.destroy();
      network.destroy();
      gpu.free(...builder.owned);
    },
  };
}

/** The neural graph, which must have exactly the recorded parameters. */
function wire(spec: ModelSpec | undefined, trajectory: Trajectory): NeuralGraph {
  if (spec === undefined) throw new GpuError("NiNo: the full graph needs to know the model.");
  const wiring = neuralGraph(spec);
  const recorded = new Set(trajectory.plan.tracks.map(({ slot }) => slot.name));
  const missing = wiring.tensors.filter(({ name }) => !recorded.has(name));
  if (missing.length > 0) {
    throw new GpuError(
      `NiNo: the graph of "${spec.name}" needs all parameters recorded; ` +
        `${missing.map(({ name }) => name).join(", ")} ${missing.length === 1 ? "is" : "are"} not.`,
    );
  }
  return wiring;
}

/** Mean and deviation of each tensor. */
async function addMoments(
  builder: Builder,
  parts: readonly Part[],
  tensors: number,
): Promise<GPUBuffer> {
  const { gpu, place } = builder;
  const counts = parts.map(({ piece }) => Math.ceil(piece.length / span));
  // Parts of a tensor lie side by side, whichever chunks its pieces are in.
  const order = parts
    .map((_, i) => i)
    .sort((a, b) => parts[a]!.tensor.index - parts[b]!.tensor.index);
  const starts: number[] = [];
  const table = new Uint32Array(2 * tensors);
  let total = 0;
  for (const i of order) {
    const { index } = parts[i]!.tensor;
    if (table[2 * index + 1] === 0) table[2 * index] = total;
    table[2 * index + 1]! += counts[i]!;
    starts[i] = total;
    total += counts[i]!;
  }
  const known = await builder.buffer("moments of parts", new Float32Array(4 * total));
  const moments = await builder.buffer("moments", new Float32Array(2 * tensors));
  const unused = await builder.buffer("unused", new Float32Array(4));
  const written = await builder.buffer("unused too", new Float32Array(4));
  const tables = await builder.buffer("parts of tensors", table);
  const constants = { WINDOW: ninoWindow, SPAN: span, TENSORS: tensors };
  for (const [i, { chunk, piece }] of parts.entries()) {
    const history = builder.history(chunk);
    const { stride } = place.trajectory.chunks[chunk]!;
    const range = builder.uniform(piece.inChunk, piece.length, stride, starts[i]!);
    builder.dispatches.push(
      await makeDispatch(
        gpu,
        { shader: "predict/moments", entry: "collect", constants, threads: 64 * counts[i]! },
        {
          history,
          range,
          parts: { buffer: known },
          known: { buffer: unused },
          table: { buffer: tables },
          moments: { buffer: written },
        },
        { flop: 4 * ninoWindow * piece.length, bytes: 4 * ninoWindow * piece.length },
      ),
    );
  }
  const merge = { shader: "predict/moments", entry: "merge", constants, threads: tensors };
  const range = builder.uniform(0, 0, 0, 0);
  builder.dispatches.push(
    await makeDispatch(
      gpu,
      merge,
      {
        history: { buffer: unused },
        range,
        parts: { buffer: written },
        known: { buffer: known },
        table: { buffer: tables },
        moments: { buffer: moments },
      },
      { flop: 0, bytes: 16 * total },
    ),
  );
  return moments;
}

/** The MLP, tile after tile through the same buffers. */
async function addTiles(
  builder: Builder,
  network: NinoNetwork,
  parts: readonly Part[],
  blocks: readonly { first: number; count: number }[],
  moments: GPUBuffer,
): Promise<Program> {
  const { gpu } = builder;
  const width = rowWidth("mlp");
  const count = blocks[0]!.count;
  const graph = new Graph(gpu.tuning);
  const rows = graph.input("rows", [count, width]);
  const { output, bindings } = network.mlp(graph, rows);
  const view = {
    buffer: await builder.buffer("rows", new Float32Array(rows.size)),
    offset: 0,
    size: rows.bytes,
  };
  const program = await compile(gpu, graph.forward(), {
    label: "NiNo",
    bindings: bindings.set(rows, view),
    keep: [output],
  });
  for (const block of blocks) {
    const tile = { ...block, rows: view, outputs: program.view(output) };
    const runs = parts.flatMap((part) => {
      const start = part.tensor.firstEdge + part.piece.inSlot;
      const from = Math.max(0, block.first - start);
      const to = Math.min(part.piece.length, block.first + block.count - start);
      return from < to ? [{ part, from, to }] : [];
    });
    for (const run of runs) await builder.run("features", run, tile, moments);
    builder.dispatches.push(...program.dispatches);
    for (const run of runs) await builder.run("forecast", run, tile, moments);
  }
  return program;
}

/** Message passing over all blocks at once. */
async function addGraph(
  builder: Builder,
  network: NinoNetwork,
  parts: readonly Part[],
  {
    wiring,
    blocks,
    moments,
  }: {
    wiring: NeuralGraph;
    blocks: readonly { first: number; count: number }[];
    moments: GPUBuffer;
  },
): Promise<Program> {
  const { gpu } = builder;
  const width = rowWidth("graph");
  const graph = new Graph(gpu.tuning);
  const bound = new Map<Value, BufferView>();
  const bind = async (
    label: string,
    shape: readonly number[],
    data: Float32Array | Uint32Array,
  ): Promise<Value> => {
    const value = graph.input(label, shape, data instanceof Uint32Array ? "u32" : "f32");
    bound.set(value, {
      buffer: await builder.buffer(label, data),
      offset: 0,
      size: data.byteLength,
    });
    return value;
  };
  const ends = async (nodes: Uint32Array): Promise<EdgeEnds> => {
    const { node, starts, order } = sortEdges(nodes, wiring.nodes);
    return {
      node: await bind("node", [node.length], node),
      starts: await bind("starts", [starts.length], starts),
      order: await bind("order", [order.length], order),
    };
  };
  const inputs: EdgeBlock[] = [];
  for (const { first, count } of blocks) {
    inputs.push({
      rows: await bind("rows", [count, width], fixedRows(wiring, first, count)),
      source: await ends(wiring.source.subarray(first, first + count)),
      target: await ends(wiring.target.subarray(first, first + count)),
    });
  }
  const degrees = new Float32Array(wiring.nodes);
  for (const node of wiring.target) degrees[node]!++;
  const shares = await bind(
    "shares",
    [wiring.nodes, 1],
    degrees.map((n) => 1 / n),
  );
  const encodings = await bind(
    "encodings",
    [wiring.nodes, ninoEncodings],
    laplacianEncodings(wiring, ninoEncodings),
  );
  const { outputs, bindings } = network.graph(graph, inputs, encodings, shares);
  const program = await compile(gpu, graph.forward(), {
    label: "NiNo",
    bindings: new Map([...bound, ...bindings]),
    keep: outputs,
  });
  const rows = blocks.map((block, b): Rows => ({
    ...block,
    rows: bound.get(inputs[b]!.rows)!,
    outputs: program.view(outputs[b]!),
  }));
  const each = async (entry: "features" | "forecast"): Promise<void> => {
    for (const part of parts) {
      const { firstEdge, pairs } = part.tensor;
      const { slot } = part.piece.track;
      const taps = Math.ceil(slot.size / pairs / tapsOf("graph"));
      for (const block of rows) {
        const meets =
          firstEdge < block.first + block.count && firstEdge + taps * pairs > block.first;
        const run = { part, from: 0, to: part.piece.length };
        if (meets) await builder.run(entry, run, block, moments);
      }
    }
  };
  await each("features");
  builder.dispatches.push(...program.dispatches);
  await each("forecast");
  return program;
}

/** Rows of a block with those of residual edges and self-loops filled in; the others are zero. */
function fixedRows(wiring: NeuralGraph, first: number, count: number): Float32Array {
  const width = rowWidth("graph");
  const rows = new Float32Array(count * width);
  for (const { type, firstEdge, count: edges, feature } of wiring.fixed) {
    const from = Math.max(first, firstEdge);
    const to = Math.min(first + count, firstEdge + edges);
    for (let edge = from; edge < to; edge++) {
      const row = (edge - first) * width;
      rows.fill(feature, row, row + ninoWindow);
      rows[row + width - ninoTypes + type] = 1;
    }
  }
  return rows;
}
