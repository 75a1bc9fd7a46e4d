/** Networks and images small enough to compute what a method does by hand, in float64. */
import type { Gpu } from "../../src/gpu/device.ts";
import { Model, type ModelSpec } from "../../src/nn/model.ts";
import { flatten, relu } from "../../src/ops/index.ts";
import { Random } from "../../src/random.ts";
import { GpuDataset } from "../../src/feed/gpu-dataset.ts";
import { classification } from "../../src/tasks/classification.ts";
import type { UnlearnRequest } from "../../src/unlearn/method.ts";

/** Weights by name: `head.weight` is [inputs, classes]. */
export type Weights = Map<string, Float64Array>;

/** A network on random images of which the first `forget` are D_f. */
export interface Tiny {
  readonly model: Model;
  readonly data: GpuDataset;
  readonly request: UnlearnRequest;
  readonly classes: number;
  readonly pixels: Uint8Array;
  readonly mean: Float32Array;
  /** Labels of the images; {@link GpuDataset.setLabels} on `data` needs a change here too. */
  readonly labels: Uint16Array;
  destroy(): void;
}

/** Softmax regression, or with one hidden layer of ReLUs. */
function network(side: number, classes: number, hidden: number): ModelSpec {
  return {
    name: `tiny(${side}, ${hidden}, ${classes})`,
    inputs: [[side, side, 1]],
    output: [classes],
    build: (layers, [x]) => {
      let h = flatten(x!);
      if (hidden > 0) h = relu(layers.linear("hidden", h, hidden));
      return layers.linear("head", h, classes);
    },
  };
}

export async function tiny(
  gpu: Gpu,
  options: { side: number; classes: number; count: number; forget: number; hidden?: number },
): Promise<Tiny> {
  const { side, classes, count, forget, hidden = 0 } = options;
  const random = new Random(5);
  const size = side * side;
  // A third each black, white and between: steps must stop at both ends.
  const pixels = Uint8Array.from({ length: count * size }, () =>
    [0, 255, random.int(256)].at(random.int(3))!,
  );
  const labels = Uint16Array.from({ length: count }, () => random.int(classes));
  const mean = Float32Array.from({ length: size }, () => random.float());
  const names = Array.from({ length: classes }, (_, c) => `class ${c}`);
  const images = {
    name: "tiny",
    classes: names,
    height: side,
    width: side,
    channels: 1,
  } as const;
  const data = await GpuDataset.upload(gpu, { ...images, count, pixels, labels }, mean);
  const model = await Model.create(gpu, network(side, classes, hidden), 1);
  const items = Uint32Array.from({ length: count }, (_, i) => i);
  const part = (name: string, of: Uint32Array) => ({ data: data.only(of, name), items: of });
  return {
    model,
    data,
    request: {
      model,
      task: classification,
      forget: part("D_f", items.slice(0, forget)),
      retain: part("D_r", items.slice(forget)),
      seed: 7,
    },
    classes,
    pixels,
    mean,
    labels,
    destroy: () => {
      data.destroy();
      model.destroy();
    },
  };
}

export async function weightsOf({ parameters }: Model): Promise<Weights> {
  const read = await parameters.read();
  return new Map([...read].map(([name, data]) => [name, Float64Array.from(data)]));
}

export function setWeights({ parameters }: Model, weights: Weights): void {
  for (const [name, data] of weights) parameters.write(name, Float32Array.from(data));
}

/** An image as the network sees it. */
export function image({ pixels, mean }: Tiny, n: number): number[] {
  return Array.from(mean, (average, i) => pixels[n * mean.length + i]! / 255 - average);
}

/** Logits of a softmax regression. */
export function logits(weights: Weights, x: readonly number[]): number[] {
  const [w, b] = [weights.get("head.weight")!, weights.get("head.bias")!];
  return Array.from(b, (bias, c) => x.reduce((sum, v, i) => sum + v * w[i * b.length + c]!, bias));
}

export function softmax(z: readonly number[], temperature = 1): number[] {
  const top = Math.max(...z);
  const powers = z.map((v) => Math.exp((v - top) / temperature));
  const total = powers.reduce((sum, v) => sum + v, 0);
  return powers.map((v) => v / total);
}

/** The largest one's place, `without` left out. */
export function argmax(values: readonly number[], without = -1): number {
  return values.reduce((best, v, i) => (i !== without && !(v <= values[best]!) ? i : best), -1);
}

/** Gradient of a mean over images in a softmax regression's weights; `dz`: of one image's term in its logits. */
export function gradient(
  of: Tiny,
  items: Uint32Array,
  dz: (n: number, x: readonly number[]) => readonly number[],
): Weights {
  const { classes, mean } = of;
  const [w, b] = [new Float64Array(mean.length * classes), new Float64Array(classes)];
  for (const n of items) {
    const x = image(of, n);
    dz(n, x).forEach((d, c) => {
      x.forEach((v, i) => (w[i * classes + c]! += (d * v) / items.length));
      b[c]! += d / items.length;
    });
  }
  return new Map([
    ["head.weight", w],
    ["head.bias", b],
  ]);
}

/** weights + factor · step. */
export function moved(weights: Weights, step: Weights, factor: number): Weights {
  return new Map(
    [...weights].map(([name, data]) => [
      name,
      data.map((v, i) => v + factor * step.get(name)![i]!),
    ]),
  );
}
