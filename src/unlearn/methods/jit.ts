/**
 * JiT, zero-shot unlearning by smoothing (Foster et al., 2024): the network is to answer an image of D_f as it answers
 * the image with noise on it. Minimised is the mean, over images and `copies` of them with noise ξ, of
 * |f(x) - f(x + ξ)| / |ξ|, ξ ~ N(0, σ²) a value, in the form the network sees.
 *
 * As in the published code f(x + ξ) is held fast: only f(x) moves. Departures: the mean over a batch where the code has
 * the sum (its rates are a batch's size smaller), noise that is not clamped to the values that occur, as in the paper's
 * algorithm, and more than one epoch where nothing stops it.
 */
import { z } from "zod";
import { applyOperation, type Operation } from "../../graph/graph.ts";
import type { Value } from "../../graph/value.ts";
import { axisSum } from "../../ops/launch/axis-sum.ts";
import type { Random } from "../../random.ts";
import { stepSettings } from "../arm.ts";
import { defineMethod } from "../method.ts";
import { plainSgd, stepFields, StepSession, stepTrainer } from "../steps.ts";

const perturb: Operation<{ readonly SIGMA: number }> = {
  name: "perturb",
  takes: { x: "f32", step: "u32" },
  shape: ([x]) => x!,
  forward: ({ inputs: [x, step], y, attrs }) => [
    {
      shader: "unlearn/perturb",
      constants: { N: y.size, ...attrs },
      bind: { x: x!, step: step!, y },
      threads: y.size,
    },
  ],
};

/** Squared distance of each row of two batches of images. */
const squaredDistances: Operation<null> = {
  name: "squaredDistances",
  shape: ([a]) => [a![0]!],
  forward: ({ inputs: [a, b], y, tuning, scratch }) => {
    const [rows, N] = [y.size, a!.size];
    const squares = scratch("squares", [rows, N / rows]);
    return [
      {
        shader: "unlearn/squared-difference",
        constants: { N },
        bind: { a: a!, b: b!, y: squares },
        threads: N,
      },
      ...axisSum(tuning, squares, y, { outer: rows, axis: N / rows, inner: 1 }, scratch),
    ];
  },
};

/** See `shaders/unlearn/steepness.wgsl`; it has a gradient in the first logits alone. */
const steepness: Operation<null> = {
  name: "steepness",
  shape: () => [1],
  forward: ({ inputs, y, tuning, scratch }) => {
    const [z, t, squares, weights] = inputs as [Value, Value, Value, Value];
    const [B, C] = z.shape as [number, number];
    const weighted = scratch("weighted", [B]);
    const bind = { z, t, squares, weights, weighted };
    return [
      { shader: "unlearn/steepness", entry: "forward", constants: { B, C }, bind, threads: B },
      ...axisSum(tuning, weighted, y, { outer: 1, axis: B, inner: 1 }, scratch),
    ];
  },
  backward: ({ inputs, dy, dinputs: [dz = null] }) => {
    const [z, t, squares, weights] = inputs as [Value, Value, Value, Value];
    const [B, C] = z.shape as [number, number];
    const bind = { z, t, squares, weights, dloss: dy, dz };
    return [
      { shader: "unlearn/steepness", entry: "backward", constants: { B, C }, bind, threads: B },
    ];
  },
};

/** Batches of images, each as often as there are copies, one after the other. */
function repeated(
  items: Uint32Array,
  { rows, copies }: { readonly rows: number; readonly copies: number },
  random: Random,
): Uint32Array {
  const shuffled = random.shuffle(Uint32Array.from(items));
  const order = new Uint32Array(items.length * copies);
  let at = 0;
  for (let first = 0; first < items.length; first += rows) {
    const batch = shuffled.subarray(first, first + rows);
    for (let copy = 0; copy < copies; copy++, at += batch.length) order.set(batch, at);
  }
  return order;
}

export const jit = defineMethod({
  name: "jit",
  summary: "answer images of D_f as with noise on them (smoothing, zero-shot)",
  reads: "D_f",
  labels: true,
  arms: (context) => [
    {
      name: "jit",
      method: "jit",
      // Fewer copies than published: they are what it costs.
      settings: { ...stepSettings(context), copies: context.tiny ? 2 : 5 },
      trials: [
        { sigma: 0.1, learningRate: 1e-4 },
        { sigma: 0.1, learningRate: 1e-3 },
        { sigma: 0.5, learningRate: 1e-3 },
        { sigma: 0.5, learningRate: 1e-2 },
        { sigma: 1, learningRate: 1e-2 },
      ],
      widens: ["learningRate", "sigma"],
      rounds: Math.min(20, context.rounds.epochs),
    },
  ],
  settings: z.strictObject({
    ...stepFields,
    learningRate: z.number().positive().default(1e-3).describe("the learning rate of its steps"),
    optimizer: plainSgd,
    sigma: z
      .number()
      .positive()
      .default(0.5)
      .describe("deviation of the noise, in the values that the network sees"),
    copies: z.number().int().min(1).default(25).describe("copies with noise of each image a step"),
  }),
  async create(request, { sigma, copies, ...settings }) {
    const { forget, model, seed } = request;
    const { data, items } = forget;
    const rows = Math.min(settings.batch, items.length);
    const batch = rows * copies;
    const length = items.length * copies;
    // A pass has each image once.
    const step = { ...settings, batch, microBatch: settings.microBatch ?? rows };
    const trainer = await stepTrainer(request, data, items, step, {
      longest: length,
      objective: (plain, feed, graph) => {
        const { queue, weights } = feed;
        const [x] = feed.inputs as [Value];
        graph.adopt(x, queue.step);
        const noisy = graph.build(() => applyOperation(perturb, [x, queue.step], { SIGMA: sigma }));
        // A second copy of the network in the graph, whose parameters get no gradient.
        const fast = model.build(graph, [noisy], "frozen");
        const minimise = graph.build(() => {
          const squares = applyOperation(squaredDistances, [x, noisy], null);
          return applyOperation(
            steepness,
            [plain.built.output, fast.output, squares, weights],
            null,
          );
        });
        const bindings = new Map([...plain.built.bindings, ...fast.bindings]);
        return { ...plain, built: { ...plain.built, bindings }, minimise };
      },
    });
    return new StepSession({
      ...settings,
      method: "jit",
      trainer,
      items,
      order: { length, draw: (random) => repeated(items, { rows, copies }, random) },
      batch,
      seed,
    });
  },
});
