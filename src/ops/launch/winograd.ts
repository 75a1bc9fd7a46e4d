/** Launches of convolutions by Winograd's algorithm (shaders/winograd), for 3×3 windows that move by one. */
import type { KernelChoice, Precision, Tuning } from "../../gpu/device.ts";
import { elementwise } from "../../graph/elementwise.ts";
import { foldGroups } from "../../graph/grid.ts";
import type { Launch, UnboundLaunch, Value } from "../../graph/value.ts";
import type { Shape } from "../../shape.ts";
import type { Conv2dShape } from "./conv2d.ts";
import { lanePart } from "./lanes.ts";
import {
  chooseTile,
  planProduct,
  type Product,
  productGpu,
  productSoftware,
  sliceLength,
} from "./product.ts";
import { sumOfSlices } from "./sliced.ts";
import { ceilDiv, columnQuads } from "./tiles.ts";

/** Rows and columns of the outputs that one tile makes: F(2×2, 3×3), F(3×3, 3×3) or F(4×4, 3×3). */
export type WinogradTile = 2 | 3 | 4;

/** What a convolution's launches compute. */
export type Direction = "forward" | "inputGrad" | "weightGrad";

/** Where the launches are to run and get temporaries. */
export interface LaunchContext {
  readonly tuning: Tuning;
  scratch(label: string, shape: Shape): Value;
  /** Bytes of a temporary at most, where one image needs no more; 64 MiB by default. */
  readonly mostBytes?: number;
}

/**
 * Bytes of a temporary at most: half of what every adapter binds. Larger batches are done in parts, of so many images each that
 * nothing but the sizes decides, as the parts of a weight gradient are sums of their own.
 */
const mostBytes = 64 * 2 ** 20;

/** Numbers added or multiplied by the transform of one line, which is done (rows in + rows out) times. */
const lineFlop = {
  inputs: { 2: 4, 3: 13, 4: 26 },
  weights: { 2: 5, 3: 9, 4: 13 },
  outputGrads: { 2: 2, 3: 7, 4: 15 },
  outputs: { 2: 4, 3: 9, 4: 16 },
  weightGrads: { 2: 6, 3: 11, 4: 19 },
} as const;

/** What is transformed; the order is that of KIND in winograd/from-image. */
const kinds = ["inputs", "weights", "outputGrads"] as const;

/** Places where the products of a tile are: (m + 2)². */
function positions(m: WinogradTile): number {
  return (m + 2) ** 2;
}

/** An image as the transforms see it; see winograd/tiles. */
interface Image {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly across: number;
  readonly down: number;
  /** Tiles in all. */
  readonly count: number;
  /** Number of the first image of these. */
  readonly first: number;
  readonly step: number;
  readonly top: number;
  readonly left: number;
}

/** A batch of images, or a part of one. */
interface Part {
  readonly first: number;
  readonly images: number;
}

function tilesOf(
  shape: Conv2dShape,
  m: WinogradTile,
): { readonly across: number; readonly down: number } {
  return { across: ceilDiv(shape.ow, m), down: ceilDiv(shape.oh, m) };
}

/** The images of a convolution's inputs, or of its outputs. */
function imagesOf(
  shape: Conv2dShape,
  m: WinogradTile,
  { first, images }: Part,
  which: "inputs" | "outputs",
): Image {
  const { across, down } = tilesOf(shape, m);
  const cut = { across, down, count: images * across * down, first, step: m };
  return which === "inputs"
    ? {
        ...cut,
        height: shape.h,
        width: shape.w,
        channels: shape.cin,
        top: shape.padH,
        left: shape.padW,
      }
    : { ...cut, height: shape.oh, width: shape.ow, channels: shape.cout, top: 0, left: 0 };
}

/** Weights [3, 3, cin, cout] as an image of one tile. */
function weightImage(channels: number): Image {
  return {
    ...{ height: 3, width: 3, channels, across: 1, down: 1, count: 1, first: 0 },
    ...{ step: 1, top: 0, left: 0 },
  };
}

/** Launch of a transform; `vec4` where a lane is four channels. Bindings: source, result, bias. */
function transform(
  name: "from-image" | "to-image",
  m: WinogradTile,
  image: Image,
  constants: Readonly<Record<string, number | boolean>>,
  vec4: boolean,
): UnboundLaunch {
  const channels = image.channels / (vec4 ? 4 : 1);
  const { height, width, across, down, count, first, step, top, left } = image;
  const tiles = [height, width, channels, across, down, count, first, step, top, left];
  return {
    shader: `winograd/${name}`,
    parts: [`winograd/f${m}`, lanePart(vec4)],
    constants,
    uniforms: { tiles: Uint32Array.from(tiles) },
    groups: foldGroups(ceilDiv(count * channels, 64)),
  };
}

/** Launch of the transform of inputs, weights or output gradients. Bindings: source, result [positions, …]. */
function fromImage(
  m: WinogradTile,
  kind: (typeof kinds)[number],
  image: Image,
  turned = false,
): UnboundLaunch & { readonly flop: number } {
  const [IN, OUT] = [{ inputs: m + 2, weights: 3, outputGrads: m }[kind], m + 2];
  const constants = { KIND: kinds.indexOf(kind), TURNED: turned, IN, OUT };
  const flop = image.count * image.channels * (IN + OUT) * lineFlop[kind][m];
  const vec4 = !turned && image.channels % 4 === 0;
  return { ...transform("from-image", m, image, constants, vec4), flop };
}

/** Launch of the transform to outputs or weight gradients. Bindings: source [positions, …], result, bias. */
function toImage(
  m: WinogradTile,
  kind: "outputs" | "weightGrads",
  image: Image,
  hasBias: boolean,
): UnboundLaunch & { readonly flop: number } {
  const weights = kind === "weightGrads";
  const [IN, OUT] = [m + 2, weights ? 3 : m];
  const constants = { WEIGHTS: weights, HAS_BIAS: hasBias, IN, OUT };
  const flop = image.count * image.channels * (IN + OUT) * lineFlop[kind][m];
  return { ...transform("to-image", m, image, constants, image.channels % 4 === 0), flop };
}

/** Bytes of the larger temporary of one image. */
function imageBytes(shape: Conv2dShape, m: WinogradTile): number {
  const { across, down } = tilesOf(shape, m);
  return 4 * positions(m) * across * down * Math.max(shape.cin, shape.cout);
}

/** The parts that a batch is cut into so that no temporary has more bytes than `most`: as even as can be. */
export function winogradParts(shape: Conv2dShape, m: WinogradTile, most = mostBytes): Part[] {
  const count = ceilDiv(shape.n, Math.max(1, Math.floor(most / imageBytes(shape, m))));
  const begin = (part: number): number => Math.floor((part * shape.n) / count);
  return Array.from({ length: count }, (_, part) => ({
    first: begin(part),
    images: begin(part + 1) - begin(part),
  }));
}

/** Sizes of the products of a tile's positions: [m, run] times [run, n] each. */
interface Sizes {
  readonly m: number;
  readonly n: number;
  readonly run: number;
  readonly copies: number;
}

/** The product of every position, in slices of k. */
function products(
  tuning: Tuning,
  { m, n, run, copies }: Sizes,
  transA: boolean,
  slices: number,
): Product {
  const quads = n % 4 === 0;
  return {
    shader: "winograd/product",
    constants: { TRANS_A: transA, HAS_BIAS: false },
    sizes: {
      ...{ m, n, k: copies * run, run, pieces: copies * slices },
      ...{
        longest: sliceLength(run, slices, tuning === "software" ? 1 : 16),
        stepB: n,
        columnB: 1,
      },
    },
    vec4: { a: tuning === "gpu" && (transA ? m : run) % 4 === 0, b: quads, c: quads },
  };
}

/** Launch of the products in one piece each. Bindings: a [copies, m, run], b [copies, run, n], bias, c [copies, m, n]. */
function wholeProducts(tuning: Tuning, sizes: Sizes): UnboundLaunch {
  const { m, n, run, copies } = sizes;
  const product = products(tuning, sizes, false, 1);
  return tuning === "software"
    ? productSoftware(product, columnQuads(n, copies * m * n * run, product.vec4.b ? 4 : 2))
    : productGpu(product, chooseTile(m, n, copies));
}

/** Launches of y = conv(x, w) (+ bias), or of the input gradient where the weights are `turned`. */
function apply(
  { tuning, scratch, mostBytes: most }: LaunchContext,
  shape: Conv2dShape,
  m: WinogradTile,
  turned: boolean,
  { x, w, bias, y }: Readonly<Record<"x" | "w" | "y", Value>> & { readonly bias: Value | null },
): Launch[] {
  const { cin, cout } = shape;
  const copies = positions(m);
  const kernels = scratch("winograd weights", [copies, cin, cout]);
  // Turned weights are one image for each channel that k runs over.
  const image = turned ? { ...weightImage(cout), count: cin } : weightImage(cin * cout);
  const launches: Launch[] = [
    { ...fromImage(m, "weights", image, turned), bind: { source: w, result: kernels } },
  ];
  for (const part of winogradParts(shape, m, most)) {
    const inputs = imagesOf(shape, m, part, "inputs");
    const { count } = inputs;
    const patches = scratch("winograd inputs", [copies, count, cin]);
    const sums = scratch("winograd outputs", [copies, count, cout]);
    launches.push(
      { ...fromImage(m, "inputs", inputs), bind: { source: x, result: patches } },
      {
        ...wholeProducts(tuning, { m: count, n: cout, run: cin, copies }),
        bind: { a: patches, b: kernels, bias: null, c: sums },
        flop: 2 * copies * count * cin * cout,
      },
      {
        ...toImage(m, "outputs", imagesOf(shape, m, part, "outputs"), bias !== null),
        bind: { source: sums, result: y, bias },
      },
    );
  }
  return launches;
}

/** Launches of y = conv(x, w) + bias in tiles of m × m outputs; the bias may be null. */
export function winogradForward(
  context: LaunchContext,
  shape: Conv2dShape,
  m: WinogradTile,
  values: Readonly<Record<"x" | "w" | "y", Value>> & { readonly bias: Value | null },
): Launch[] {
  return apply(context, shape, m, false, values);
}

/** The convolution that the input gradient is: of the output's gradient, by weights that are turned and transposed. */
export function inputGradShape(shape: Conv2dShape): Conv2dShape {
  const { h, w, cin, oh, ow, cout, padH, padW } = shape;
  return {
    ...shape,
    ...{ h: oh, w: ow, cin: cout, oh: h, ow: w, cout: cin },
    ...{ padH: 2 - padH, padW: 2 - padW, hasBias: false },
  };
}

/** Launches of dx, the input gradient, in tiles of m × m of its pixels. */
export function winogradInputGrad(
  context: LaunchContext,
  shape: Conv2dShape,
  m: WinogradTile,
  { dy, w, dx }: Readonly<Record<"dy" | "w" | "dx", Value>>,
): Launch[] {
  return apply(context, inputGradShape(shape), m, true, { x: dy, w, bias: null, y: dx });
}

/** Slices of a weight gradient's tiles, and the product. */
function slicedProducts(tuning: Tuning, sizes: Sizes): UnboundLaunch & { readonly slices: number } {
  const { m, n, run, copies } = sizes;
  if (tuning === "software") {
    const vt = columnQuads(n, copies * m * n * run, n % 4 === 0 ? 4 : 2);
    const lanes = copies * ceilDiv(m, 8) * ceilDiv(n, 4 * vt);
    const slices = Math.max(1, Math.min(ceilDiv(run, 16), ceilDiv(512, lanes)));
    return { ...productSoftware(products(tuning, sizes, true, slices), vt), slices };
  }
  const most = Math.max(1, Math.floor(run / 256));
  const { tile, slices } = planProduct(m, n, run, most, copies);
  return { ...productGpu(products(tuning, sizes, true, slices), tile), slices };
}

/** Launches of dw, the weight gradient, in tiles of m × m outputs. */
export function winogradWeightGrad(
  { tuning, scratch, mostBytes: most }: LaunchContext,
  shape: Conv2dShape,
  m: WinogradTile,
  { x, dy, dw }: Readonly<Record<"x" | "dy" | "dw", Value>>,
): Launch[] {
  const { cin, cout } = shape;
  const copies = positions(m);
  const launches: Launch[] = [];
  const parts = winogradParts(shape, m, most);
  let total: Value | undefined;
  for (const [index, part] of parts.entries()) {
    const inputs = imagesOf(shape, m, part, "inputs");
    const { count } = inputs;
    const patches = scratch("winograd inputs", [copies, count, cin]);
    const gradients = scratch("winograd output gradients", [copies, count, cout]);
    const sums = scratch("winograd weight gradients", [copies, cin, cout]);
    const alone = parts.length === 1;
    const own = alone ? dw : scratch("winograd part", dw.shape);
    const bind = { a: patches, b: gradients, bias: null };
    launches.push(
      { ...fromImage(m, "inputs", inputs), bind: { source: x, result: patches } },
      {
        ...fromImage(m, "outputGrads", imagesOf(shape, m, part, "outputs")),
        bind: { source: dy, result: gradients },
      },
      ...sumOfSlices(
        tuning,
        slicedProducts(tuning, { m: cin, n: cout, run: count, copies }),
        bind,
        { name: "c", value: sums },
        scratch,
        2 * copies * count * cin * cout,
      ),
      {
        ...toImage(m, "weightGrads", weightImage(cin * cout), false),
        bind: { source: sums, result: own, bias: null },
      },
    );
    if (total !== undefined) {
      const y = index === parts.length - 1 ? dw : scratch("winograd total", dw.shape);
      const kernel = { shader: "elementwise/sum", parts: ["walk/pair"] };
      launches.push(elementwise(tuning, kernel, dw.size, { a: total, b: own, y }));
      total = y;
    } else total = own;
  }
  return launches;
}

/**
 * What adapters do in a second: multiply-adds of a large product, bytes to and from memory, and how long a launch takes
 * beside its work. `gpu` is what product.ts plans with; `software` is two cores of llvmpipe, whose memory is rated at half
 * of what it copies, as every lane of a transform asks for its own.
 */
const speeds: Readonly<
  Record<Tuning, { readonly multiplyAdds: number; readonly bytes: number; readonly launch: number }>
> = {
  gpu: { multiplyAdds: 17e12, bytes: 4.2e12, launch: 4e-6 },
  software: { multiplyAdds: 5e9, bytes: 4e9, launch: 1e-4 },
};

/** Seconds that a layer takes directly, below which a software adapter compiles other kernels for longer than they save. */
const leastSeconds: Readonly<Record<Tuning, number>> = { gpu: 0, software: 5e-3 };

/** Times that a layer has to be faster by the estimate than by direct sums. */
const leastGain = 1.15;

/**
 * Tiles to choose from; none in halves, whose rounding errors they would enlarge. F(4×4) takes a software adapter ten seconds a kernel to compile, and is no
 * faster there.
 */
const candidates: Readonly<Record<Precision, Readonly<Record<Tuning, readonly WinogradTile[]>>>> = {
  exact: { gpu: [], software: [] },
  fast: { gpu: [2, 3, 4], software: [2, 3] },
  mixed: { gpu: [], software: [] },
};

/** Seconds by Winograd's algorithm: the products, and every temporary written and read once. */
function estimate(
  tuning: Tuning,
  shape: Conv2dShape,
  m: WinogradTile,
  direction: Direction,
): number {
  const { n, h, w, cin, oh, ow, cout } = shape;
  const { multiplyAdds, bytes, launch } = speeds[tuning];
  const copies = positions(m);
  const { across, down } = tilesOf(shape, m);
  const tiles = n * across * down;
  const images = n * (h * w * cin + oh * ow * cout);
  // Those of a weight gradient are written as sums of slices as well.
  const weights = (9 + copies * (direction === "weightGrad" ? 4 : 2)) * cin * cout;
  const moved = 4 * (images + 2 * copies * tiles * (cin + cout) + weights);
  const launches = (direction === "weightGrad" ? 5 : 3) * winogradParts(shape, m).length + 1;
  return (copies * tiles * cin * cout) / multiplyAdds + moved / bytes + launches * launch;
}

/**
 * The tile that a convolution is best done in, by its sizes alone; undefined where direct sums are to be kept: for other
 * windows and strides, and where no tile is 1.15 times as fast by the estimate.
 */
export function winogradTile(
  { tuning, precision }: KernelChoice,
  shape: Conv2dShape,
  direction: Direction,
): WinogradTile | undefined {
  const { n, oh, ow, cin, cout, kh, kw, strideH, strideW } = shape;
  if (kh !== 3 || kw !== 3 || strideH !== 1 || strideW !== 1) return undefined;
  const { multiplyAdds, launch } = speeds[tuning];
  const direct = (9 * n * oh * ow * cin * cout) / multiplyAdds + launch;
  if (direct < leastSeconds[tuning]) return undefined;
  // The tiles of an input gradient are of the input's pixels.
  const made = direction === "inputGrad" ? inputGradShape(shape) : shape;
  let best: WinogradTile | undefined;
  let least = direct / leastGain;
  for (const m of candidates[precision][tuning]) {
    if (imageBytes(made, m) > mostBytes) continue;
    const seconds = estimate(tuning, made, m, direction);
    if (seconds <= least) [best, least] = [m, seconds];
  }
  return best;
}
