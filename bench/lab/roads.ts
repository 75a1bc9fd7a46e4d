/** The roads of the lab: small kernels from the naive one on, one change at a time. */
import { readFileSync } from "node:fs";
import type { Precision, Tuning } from "../../src/gpu/device.ts";
import { convolution, coordinates, heads, type Problem, product } from "./problems.ts";

/** A kernel on the way. */
export interface Step {
  /** Its file below the road's folder, without `.wgsl`. */
  readonly file: string;
  /** What is new in it. */
  readonly change: string;
  /** Rows and columns of the problem's grid that a workgroup makes. */
  readonly tile: readonly [rows: number, columns: number];
  /** Its kernels in the order they run in, where it is not `main` alone: they share the problem's scratch. */
  readonly entries?: readonly string[];
}

/** Another way of the engine's to the same result. */
export interface Other {
  readonly name: string;
  readonly precision?: Precision;
  /** Left out on an adapter that has it anyway. */
  readonly tuning?: Tuning;
}

/** An operation and the kernels on the way to the engine's. */
export interface Road {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Sizes to time on a software adapter and on a GPU, and to test. */
  readonly problems: Readonly<Record<"software" | "gpu" | "test", Problem>>;
  readonly others?: readonly Other[];
}

/** The text of a step's kernel. */
export function shaderOf({ name }: Pick<Road, "name">, { file }: Pick<Step, "file">): string {
  return readFileSync(new URL(`${name}/${file}.wgsl`, import.meta.url), "utf8");
}

const forGpus: Other = { name: "the engine's for GPUs", tuning: "gpu" };

export const roads: readonly Road[] = [
  {
    name: "matmul",
    problems: { software: product(512), gpu: product(4096), test: product(128) },
    steps: [
      { file: "1-one-result", change: "a lane makes one result", tile: [16, 16] },
      { file: "2-shared-tile", change: "lanes share tiles in workgroup memory", tile: [16, 16] },
      { file: "3-four-columns", change: "four columns a lane, read as vec4", tile: [16, 64] },
      { file: "4-four-by-four", change: "4×4 results a lane, in registers", tile: [16, 64] },
      { file: "5-eight-by-sixteen", change: "8×16 results a lane", tile: [64, 64] },
      { file: "6-shared-four-by-four", change: "shared tiles, 4×4 results a lane", tile: [64, 64] },
      {
        ...{ file: "7-shared-eight-by-eight", change: "shared tiles, 8×8 results a lane" },
        tile: [128, 128],
      },
    ],
  },
  {
    name: "conv2d",
    // The side is no multiple of the workgroup's rows; four pixels lie in one row of an image.
    problems: {
      software: convolution(8, 32, 64, 64),
      gpu: convolution(128, 32, 128, 128),
      test: convolution(4, 12, 5, 64),
    },
    steps: [
      { file: "1-one-output", change: "a lane makes one result", tile: [16, 16] },
      { file: "2-tap-outside", change: "the border is looked at once a tap", tile: [16, 16] },
      { file: "3-four-channels", change: "four channels a lane, read as vec4", tile: [16, 64] },
      { file: "4-four-pixels", change: "four pixels × four channels a lane", tile: [16, 64] },
      { file: "5-sixteen-channels", change: "four pixels × 16 channels a lane", tile: [64, 64] },
    ],
    others: [{ name: "precision fast", precision: "fast" }],
  },
  {
    name: "attention",
    // The second stage of PVTv2-B0 at 224²: 28² queries, 7² keys, two heads. In the test queries are no multiple of a
    // lane's or a workgroup's; keys are none of four, and in two blocks.
    problems: {
      software: heads(16, 2, 784, 49, "rolled"),
      gpu: heads(512, 2, 784, 49, "unrolled"),
      test: heads(2, 3, 133, 49, "rolled"),
    },
    steps: [
      {
        ...{ file: "1-three-kernels", change: "three kernels, scores in memory" },
        ...{ tile: [1, 64], entries: ["scores", "softmax", "average"] },
      },
      { file: "2-two-passes", change: "one kernel, keys read twice", tile: [1, 64] },
      { file: "3-one-pass", change: "online softmax, keys read once", tile: [1, 64] },
      { file: "4-vec4", change: "everything as vec4", tile: [1, 64] },
      { file: "5-four-keys", change: "four keys at a time", tile: [1, 64] },
      { file: "6-two-queries", change: "two queries a lane", tile: [1, 128] },
      { file: "7-four-queries", change: "four queries a lane", tile: [1, 256] },
      {
        ...{ file: "8-shared-keys", change: "keys in workgroup memory, two queries a lane" },
        tile: [1, 128],
      },
    ],
    others: [forGpus],
  },
  {
    name: "invwnn",
    // No multiple of a workgroup's coordinates, nor of a lane's.
    problems: {
      software: coordinates(8192, "rolled"),
      gpu: coordinates(200_000, "unrolled"),
      test: coordinates(301, "rolled"),
    },
    steps: [
      { file: "1-one-neuron", change: "a lane makes one coordinate", tile: [1, 64] },
      { file: "2-four-neurons", change: "four neurons at a time, as vec4", tile: [1, 64] },
      { file: "3-four-coordinates", change: "four coordinates a lane", tile: [1, 256] },
      { file: "4-sixteen-neurons", change: "16 neurons × four coordinates", tile: [1, 256] },
      { file: "5-whole-rows", change: "a row of weights written out", tile: [1, 256] },
      { file: "6-shared-activations", change: "a lane makes one neuron of four", tile: [1, 4] },
      { file: "7-shared-eight-by-four", change: "8 neurons × four coordinates", tile: [1, 32] },
    ],
    others: [forGpus],
  },
];
