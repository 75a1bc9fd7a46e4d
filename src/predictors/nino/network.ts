/**
 * NiNo's networks (Knyazev et al., ICLR 2025): weights, and how their graphs are built.
 *
 * `mlp` looks at each weight alone, `graph` passes messages over the neural graph. Rows of features end
 * with a one-hot code of the edge's type, so that the type's embedding is part of the first layer.
 */
import { Arena, ArenaLayout } from "../../weights/arena.ts";
import type { BufferView, Gpu } from "../../gpu/device.ts";
import { Owned } from "../../gpu/owned.ts";
import { ShapeError } from "../../errors.ts";
import { Bound } from "../../graph/bound.ts";
import type { Value } from "../../graph/value.ts";
import type { Tensors } from "../../nn/model.ts";
import { add, type EdgeEnds, gather, linear, mul, segmentSum, silu } from "../../ops/index.ts";
import { transpose } from "../transpose.ts";
import { edgeTaps } from "./neural-graph.ts";

/** Snapshots, embeddings of types, and components of Laplacian encodings. */
export const ninoWindow = 5;
export const ninoTypes = 15;
export const ninoEncodings = 8;

/** Message layers that reach the output; the published third one feeds nothing. */
const layers = [0, 1] as const;

/** A checkpoint, in our layout: kernels [in, out]. */
export interface NinoWeights {
  readonly variant: "mlp" | "graph";
  readonly hidden: number;
  /** Future snapshots it predicts: 40 in the published ones. */
  readonly steps: number;
  /** Trained numbers of the checkpoint. */
  readonly parameters: number;
  /** All but the last layer. */
  readonly tensors: Tensors;
  /** Last layer: row (tap, step - 1) of the published weight, and its bias. */
  readonly last: { readonly weight: Float32Array; readonly bias: Float32Array };
}

/** Features of a row: taps · snapshots, and the code of its type. */
export function rowWidth(variant: NinoWeights["variant"]): number {
  return tapsOf(variant) * ninoWindow + ninoTypes;
}

/** Taps of a row. */
export function tapsOf(variant: NinoWeights["variant"]): number {
  return variant === "mlp" ? 1 : edgeTaps;
}

/**
 * Weights from the published checkpoints' tensors (`nino_mlp.pt`, `nino_mlp_h32.pt`, `nino_no_posw.pt`).
 *
 * @throws ShapeError naming a tensor that is missing or has another shape.
 */
export function ninoWeights(published: Tensors): NinoWeights {
  const take = (name: string, shape: readonly number[]): Float32Array => {
    const tensor = published.get(name);
    if (tensor?.shape.join() !== shape.join()) {
      const found = tensor === undefined ? "is missing" : `is [${tensor.shape.join(", ")}]`;
      throw new ShapeError(
        `NiNo checkpoint: "${name}" ${found}, [${shape.join(", ")}] is needed. nino_mlp.pt, nino_mlp_h32.pt and ` +
          "nino_no_posw.pt are served.",
      );
    }
    return tensor.data;
  };
  if (published.has("wte_pos_enc_layer.weight")) {
    throw new ShapeError(
      "NiNo checkpoint: it has word-position encodings, which no vision network uses; take nino_no_posw.pt.",
    );
  }
  const hidden = published.get("layer_embed.weight")?.shape[1] ?? 0;
  const variant = published.has("gnn.convs.0.lin.weight") ? "graph" : "mlp";
  const square = [hidden, hidden];
  const tensors: Tensors = new Map();
  const put = (name: string, data: Float32Array, rows: number): void => {
    tensors.set(`${name}.weight`, {
      shape: [data.length / rows, rows],
      data: transpose(data, rows, data.length / rows),
    });
  };
  const bias = (name: string, from: string): void => {
    tensors.set(`${name}.bias`, { shape: [hidden], data: take(`${from}.bias`, [hidden]) });
  };
  const dense = (name: string, from: string): void => {
    put(name, take(`${from}.weight`, square), hidden);
    bias(name, from);
  };
  const inputs = tapsOf(variant) * ninoWindow;
  const projected = transpose(take("edge_proj.fc.0.weight", [hidden, inputs]), hidden, inputs);
  const embedding = take("layer_embed.weight", [ninoTypes, hidden]);
  const project = new Float32Array(projected.length + embedding.length);
  project.set(projected);
  project.set(embedding, projected.length);
  tensors.set("project.weight", { shape: [inputs + ninoTypes, hidden], data: project });
  bias("project", "edge_proj.fc.0");
  if (variant === "mlp") {
    for (const i of [0, 1, 2]) dense(`mlp${i}`, `edge_mlp.fc.${2 * i}`);
  } else {
    put("nodes", take("node_proj.fc.0.weight", [hidden, ninoEncodings]), hidden);
    bias("nodes", "node_proj.fc.0");
    for (const i of layers) {
      const from = `gnn.convs.${i}`;
      const encoder = take(`${from}.edge_encoder.weight`, [2 * hidden, hidden]);
      const encoderBias = take(`${from}.edge_encoder.bias`, [2 * hidden]);
      for (const [part, name] of ["scale", "shift"].entries()) {
        const size = hidden * hidden;
        put(`conv${i}.${name}`, encoder.subarray(part * size, (part + 1) * size), hidden);
        const data = encoderBias.subarray(part * hidden, (part + 1) * hidden);
        tensors.set(`conv${i}.${name}.bias`, { shape: [hidden], data });
      }
      for (const [name, source, parts] of [
        ["pre", "pre_nns.0.0", ["target", "source"]],
        ["post", "post_nns.0.0", ["own", "mean"]],
      ] as const) {
        const both = transpose(
          take(`${from}.${source}.weight`, [hidden, 2 * hidden]),
          hidden,
          2 * hidden,
        );
        parts.forEach((part, half) => {
          const size = hidden * hidden;
          const data = both.slice(half * size, (half + 1) * size);
          tensors.set(`conv${i}.${name}.${part}.weight`, { shape: square, data });
        });
        bias(`conv${i}.${name}`, `${from}.${source}`);
      }
      dense(`conv${i}.lin`, `${from}.lin`);
      for (const name of ["lin_e", "lin_s", "lin_t", "lin1"]) {
        dense(`update${i}.${name}`, `gnn.edge_update.${i}.${name}`);
      }
    }
    dense("out", "edge_out.fc.0");
  }
  const end = variant === "mlp" ? "edge_mlp.fc.6" : "edge_out.fc.2";
  const outputs = published.get(`${end}.bias`)?.shape[0] ?? 0;
  const last = {
    weight: take(`${end}.weight`, [outputs, hidden]),
    bias: take(`${end}.bias`, [outputs]),
  };
  const parameters = [...published.values()].reduce((sum, { data }) => sum + data.length, 0);
  return { variant, hidden, steps: outputs / tapsOf(variant), parameters, tensors, last };
}

/** Rows of features with their ends. */
export interface EdgeBlock {
  /** [edges, {@link rowWidth}] */
  readonly rows: Value;
  readonly source: EdgeEnds;
  readonly target: EdgeEnds;
}

/** A network's weights on a device. Owns their arena. */
export class NinoNetwork {
  readonly weights: NinoWeights;
  readonly #arena: Arena;

  private constructor(weights: NinoWeights, arena: Arena) {
    this.weights = weights;
    this.#arena = arena;
  }

  /** Uploads the weights; {@link aim} chooses the step. */
  static async create(gpu: Gpu, weights: NinoWeights): Promise<NinoNetwork> {
    const taps = tapsOf(weights.variant);
    const specs = [...weights.tensors].map(([name, { shape }]) => ({ name, shape }));
    specs.push({ name: "head.weight", shape: [weights.hidden, taps] });
    specs.push({ name: "head.bias", shape: [taps] });
    const layout = new ArenaLayout(
      specs.map((spec) => ({ ...spec, kind: "fc" as const })),
      gpu.maxBinding,
    );
    return Owned.during(async (owned) => {
      const arena = owned.add(await Arena.create(gpu, layout, "NiNo"));
      for (const [name, { data }] of weights.tensors) arena.write(name, data);
      const network = new NinoNetwork(weights, arena);
      network.aim(1);
      return network;
    });
  }

  /** Makes step 1 … {@link NinoWeights.steps} the one that is predicted. */
  aim(step: number): void {
    const { hidden, steps, variant, last } = this.weights;
    if (!Number.isInteger(step) || step < 1 || step > steps) {
      throw new ShapeError(`NiNo predicts 1 to ${steps} steps ahead, not ${step}.`);
    }
    const taps = tapsOf(variant);
    const weight = new Float32Array(hidden * taps);
    const bias = new Float32Array(taps);
    for (let tap = 0; tap < taps; tap++) {
      const row = tap * steps + step - 1;
      bias[tap] = last.bias[row]!;
      for (let i = 0; i < hidden; i++) weight[i * taps + tap] = last.weight[row * hidden + i]!;
    }
    this.#arena.write("head.weight", weight);
    this.#arena.write("head.bias", bias);
  }

  /** Values of a graph for the weights, and where they lie. */
  #bind(): {
    value: (name: string) => Value;
    dense: (x: Value, name: string, bias?: boolean) => Value;
    bindings: Map<Value, BufferView>;
  } {
    const values = new Map<string, Value>();
    const bound = new Bound();
    const value = (name: string): Value => {
      let known = values.get(name);
      if (known === undefined) {
        known = bound.tensor(this.#arena, this.#arena.layout.slot(name));
        values.set(name, known);
      }
      return known;
    };
    const dense = (x: Value, name: string, bias = true): Value =>
      linear(x, value(`${name}.weight`), bias ? value(`${name}.bias`) : null, name);
    return { value, dense, bindings: bound.bindings };
  }

  /** The MLP on rows of features: [n, 20] → what is added to the scaled newest value [n, 1]. */
  mlp(rows: Value): { output: Value; bindings: Map<Value, BufferView> } {
    const { dense, bindings } = this.#bind();
    let h = dense(rows, "project");
    for (const i of [0, 1, 2]) h = silu(dense(h, `mlp${i}`));
    return { output: dense(h, "head"), bindings };
  }

  /**
   * Message passing over blocks of edges.
   *
   * @param encodings [nodes, 8]; @param shares 1 / (edges that end at the node) [nodes, 1].
   * @returns by block what is added to the scaled newest values [edges, 9].
   */
  graph(
    blocks: readonly EdgeBlock[],
    encodings: Value,
    shares: Value,
  ): { outputs: Value[]; bindings: Map<Value, BufferView> } {
    const { value, dense, bindings } = this.#bind();
    let x = dense(encodings, "nodes");
    let edges = blocks.map(({ rows }) => dense(rows, "project"));
    for (const i of layers) {
      const toTarget = linear(x, value(`conv${i}.pre.target.weight`), value(`conv${i}.pre.bias`));
      const fromSource = dense(x, `conv${i}.pre.source`, false);
      const sums = blocks.map(({ source, target }, b) => {
        const met = add(gather(toTarget, target), gather(fromSource, source));
        const scaled = mul(met, dense(edges[b]!, `conv${i}.scale`));
        const message = add(scaled, dense(edges[b]!, `conv${i}.shift`));
        return segmentSum(message, target);
      });
      const mean = mul(
        sums.reduce((a, b) => add(a, b)),
        shares,
      );
      const joined = add(
        linear(x, value(`conv${i}.post.own.weight`), value(`conv${i}.post.bias`)),
        dense(mean, `conv${i}.post.mean`, false),
      );
      x = silu(dense(joined, `conv${i}.lin`));
      const atSource = dense(x, `update${i}.lin_s`);
      const atTarget = dense(x, `update${i}.lin_t`);
      edges = blocks.map(({ source, target }, b) => {
        const ends = add(gather(atSource, source), gather(atTarget, target));
        const h = silu(add(dense(edges[b]!, `update${i}.lin_e`), ends));
        return dense(h, `update${i}.lin1`);
      });
    }
    const outputs = edges.map((edge) => dense(silu(dense(edge, "out")), "head"));
    return { outputs, bindings };
  }

  destroy(): void {
    this.#arena.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
