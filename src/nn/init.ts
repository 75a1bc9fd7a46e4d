/** Weight initialisers: seeded, on the host, once per training. */
import { count, type Shape } from "../shape.ts";
import type { Random } from "../random.ts";

/** Fills a tensor of a shape. */
export type Initialiser = (shape: Shape, random: Random) => Float32Array;

/** Inputs and outputs of one unit: conv weights are [KH, KW, Cin, Cout], linear ones [in, out]. */
export function fans(shape: Shape): { fanIn: number; fanOut: number } {
  const taps = count(shape.slice(0, -2));
  return { fanIn: taps * (shape.at(-2) ?? 1), fanOut: taps * (shape.at(-1) ?? 1) };
}

/** Every value the same. */
export function constant(value: number): Initialiser {
  return (shape) => new Float32Array(count(shape)).fill(value);
}

/** Normal with variance 2 / fan-in (He et al. 2015, for layers before a ReLU). */
export const heNormal: Initialiser = (shape, random) => {
  const deviation = Math.sqrt(2 / fans(shape).fanIn);
  return Float32Array.from({ length: count(shape) }, () => deviation * random.normal());
};

/** Settings of {@link varianceScaling}, with Keras' names. */
export interface VarianceScaling {
  readonly scale: number;
  readonly mode: "fan_in" | "fan_out" | "fan_avg";
  readonly distribution: "normal" | "uniform";
}

/** Variance scale / fan: uniform on ±sqrt(3 scale / fan), or normal of that variance. */
export function varianceScaling({ scale, mode, distribution }: VarianceScaling): Initialiser {
  return (shape, random) => {
    const { fanIn, fanOut } = fans(shape);
    const fan = { fan_in: fanIn, fan_out: fanOut, fan_avg: (fanIn + fanOut) / 2 }[mode];
    const variance = scale / fan;
    const draw =
      distribution === "normal"
        ? () => Math.sqrt(variance) * random.normal()
        : () => Math.sqrt(3 * variance) * (2 * random.float() - 1);
    return Float32Array.from({ length: count(shape) }, draw);
  };
}

/** Glorot and Bengio 2010, uniform: Keras' default for dense kernels. */
export const glorotUniform: Initialiser = varianceScaling({
  scale: 1,
  mode: "fan_avg",
  distribution: "uniform",
});

/** Normal around 0, redrawn beyond two deviations: what vision transformers start from. */
export function truncatedNormal(deviation: number): Initialiser {
  return (shape, random) =>
    Float32Array.from({ length: count(shape) }, () => {
      let z: number;
      do z = random.normal();
      while (Math.abs(z) > 2);
      return deviation * z;
    });
}
