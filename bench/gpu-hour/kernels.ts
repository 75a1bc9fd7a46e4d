/** Single kernels of whole steps: which there are, each alone on a device, and in other tiles or slices. */
import { dryGpu, limitsOf } from "../../src/gpu/dry.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import type { KernelId } from "../../src/gpu/kernel.ts";
import { coreOf, retile, sizeOf, tileOf } from "../../src/graph/product-tiles.ts";
import { type Launch, Value } from "../../src/graph/value.ts";
import { distinctKernels, type StepKernel } from "../../src/inspect/kernels.ts";
import { conv2dForward, type Conv2dShape, conv2dWeightGrad } from "../../src/ops/launch/conv2d.ts";
import { sliceLength } from "../../src/ops/launch/product.ts";
import { sumSlices } from "../../src/ops/launch/reduce.ts";
import { type NetworkStep, withStep } from "../networks.ts";

/** The distinct kernels of a training step, what takes most arithmetic or memory first; no device is needed. */
export async function stepKernels(
  gpu: Gpu,
  step: NetworkStep,
  flopPerByte: number,
): Promise<StepKernel[]> {
  const dry = await dryGpu(limitsOf(gpu));
  try {
    return await withStep(dry, step, 1, ({ trainer }) => {
      const kernels = distinctKernels(trainer.program);
      const weight = ({ calls, flop, bytes }: StepKernel): number =>
        calls * Math.max(flop, bytes * flopPerByte);
      return Promise.resolve(kernels.sort((a, b) => weight(b) - weight(a)));
    });
  } finally {
    dry.close();
  }
}

/** What the kernel cache knows a launch by. */
export function kernelId({ shader, parts, entry, constants }: Launch): KernelId {
  return {
    shader,
    ...(parts === undefined ? {} : { parts }),
    ...(entry === undefined ? {} : { entry }),
    constants,
  };
}

/** Whether a launch is a product on a GPU, so that its tile can be chosen. */
export function isProduct(launch: Launch): boolean {
  return coreOf(launch) === "gpu";
}

/** A convolution of pictures, or its weight gradient, as it would be with a fourth channel of zeros: read as vec4. */
export function withFourChannels(launch: Launch): Launch | undefined {
  const { shader, constants, bind, flop = 0 } = launch;
  const forward = shader === "conv2d/forward";
  const numbers = constants as Readonly<Record<string, number>>;
  const { M, N, K, H, W, OH, OW, KH, KW, SH, SW, PH, PW } = numbers;
  if (!(forward || shader === "conv2d/weight-grad") || numbers["CIN"] !== 3) return undefined;
  const shape: Conv2dShape = {
    ...{ n: (forward ? M! : K!) / (OH! * OW!), h: H!, w: W!, cin: 4, oh: OH!, ow: OW!, cout: N! },
    ...{ kh: KH!, kw: KW!, strideH: SH!, strideW: SW!, padH: PH!, padW: PW! },
    hasBias: constants["HAS_BIAS"] === true,
  };
  const { n, h, w, kh, kw, cout } = shape;
  const value = (label: string, ...sides: number[]): Value =>
    new Value(label, sides, "f32", "planned");
  const x = value("x", n, h, w, 4);
  if (forward) {
    const weights = value("w", kh, kw, 4, cout);
    const { bias = null, c = null } = bind;
    const product = conv2dForward("gpu", shape);
    return { ...product, bind: { a: x, b: weights, bias, c }, flop: (flop * 4) / 3 };
  }
  const { slices, ...product } = conv2dWeightGrad("gpu", shape);
  const c = value("dw", slices, kh, kw, 4, cout);
  return { ...product, bind: { a: x, b: bind["b"]!, bias: null, c }, flop: (flop * 4) / 3 };
}

/** Whether a product's steps of k are cut into slices that are added up behind it. */
export function isSliced({ shader, bind }: Launch): boolean {
  return shader === "conv2d/weight-grad" && bind["c"] != null;
}

/** A weight gradient in so many slices, with the sum of them: other bits. */
export function inSlices(launch: Launch, slices: number): Launch[] {
  const { m, n, k } = sizeOf(launch);
  const partial = new Value("partial", [slices, m, n], "f32", "planned");
  const sum = new Value("sum", [m, n], "f32", "planned");
  const column_sums = new Value("partial columns", [slices, n], "f32", "planned");
  const product: Launch = retile(
    {
      ...launch,
      constants: { ...launch.constants, PIECES: slices, LONGEST: sliceLength(k, slices, 16) },
      bind: { ...launch.bind, c: partial, ...("column_sums" in launch.bind && { column_sums }) },
    },
    tileOf(launch)!,
  );
  if (slices === 1) return [product];
  return [
    product,
    { ...sumSlices("gpu", m * n, slices), bind: { x: partial, y: sum }, flop: m * n * slices },
  ];
}
