/** Gradients summed over images, without updating anything: of the loss, and what the Fisher information is made of. */
import { Arena } from "../weights/arena.ts";
import { Bound } from "../graph/bound.ts";
import { elementwise } from "../graph/elementwise.ts";
import { Graph } from "../graph/graph.ts";
import { compile } from "../graph/program.ts";
import { type Launch, Value } from "../graph/value.ts";
import type { Tuning } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import { passRows, type StepRow } from "../feed/step-queue.ts";
import type { TaskModel } from "../train/task-trainer.ts";
import { Random } from "../random.ts";
import { replay, type Watch } from "../train/replay.ts";
import type { Subset } from "./method.ts";

/** What is added up over the rows of a pass. */
interface Sum {
  /** Images a step. */
  readonly rows: number;
  /** Rows of the step table. */
  readonly pass: readonly StepRow[];
  readonly squares: boolean;
  /** What is differentiated: the loss; or the logits, with a gradient that launches make of them. */
  readonly of: "loss" | { readonly gradient: (logits: Value, step: Value) => LogitGradient };
}

/** A gradient in logits and what computes it. */
interface LogitGradient {
  readonly value: Value;
  readonly launch: Launch;
}

/**
 * Launches that add the gradients of a pass to sums, both arenas of one layout.
 *
 * @param step the row of the step table, whose number of images a mean's gradient is multiplied by; null: the squares are
 *   added, of passes over one image.
 */
export function addGradients(
  tuning: Tuning,
  bound: Bound,
  { gradients, sums }: { readonly gradients: Arena; readonly sums: Arena },
  step: Value | null,
): Launch[] {
  const kernel = { shader: "unlearn/accumulate", constants: { SQUARES: step === null } };
  return sums.layout.shards.map((floats, shard) =>
    elementwise(tuning, kernel, floats, {
      g: bound.shard(gradients, shard),
      y: bound.shard(sums, shard),
      step,
    }),
  );
}

/** Adds up gradients, or their squares, of the rows of a pass over images, in evaluation mode. */
async function sumOver(
  { model, task }: TaskModel,
  { data, items }: Subset,
  { rows, pass, squares, of }: Sum,
  watch: Watch,
): Promise<Arena> {
  const { gpu, parameters } = model;
  const { layout } = parameters;
  return Owned.during(async (made) => {
    const sums = made.add(await Arena.create(gpu, layout, "summed gradients", "gradients"));
    const needed = new Owned();
    try {
      const feed = needed.add(
        await task.feed(data, { batch: rows, items: Math.max(items.length, rows * pass.length) }),
      );
      const { step } = feed.queue;
      const gradients = needed.add(await Arena.create(gpu, layout, "gradients", "gradients"));
      const graph = new Graph(gpu);
      const { built, loss } = graph.build(() =>
        task.objective(graph, model, feed, { norm: "frozen" }),
      );
      const bound = new Bound();
      const targets = bound.gradients(gradients, built.parameters);
      const logits = of === "loss" ? undefined : of.gradient(built.output, step);
      const backward =
        logits === undefined
          ? graph.backward(loss, [...targets.keys()], { targets })
          : graph.backward(built.output, [...targets.keys()], {
              targets,
              cotangent: logits.value,
            });
      const accumulate = addGradients(
        gpu.tuning,
        bound,
        { gradients, sums },
        squares ? null : step,
      );
      const program = needed.add(
        await compile(
          gpu,
          [
            ...feed.launches,
            ...graph.forward(),
            ...(logits === undefined ? [] : [logits.launch]),
            ...backward.launches,
            ...accumulate,
          ],
          {
            label: `sum of ${squares ? "squares" : "gradients"}`,
            bindings: new Map([...feed.bindings, ...built.bindings, ...bound.bindings]),
          },
        ),
      );
      feed.queue.load(items, pass);
      await replay(gpu, program, pass.length, watch);
    } finally {
      needed.destroy();
    }
    return sums;
  });
}

/**
 * Sums over the images of the gradient of the loss, in evaluation mode.
 *
 * @param of `gradients`: of the gradients (batches of `batch`); `squares`: of each image's squared
 *   gradient, one image a step, since the square of a batch's mean is not the mean of squares.
 * @returns an arena of the parameters' layout; the caller frees it.
 */
export function sumOverImages(
  network: TaskModel,
  subset: Subset,
  of: "gradients" | "squares",
  batch: number,
  watch: Watch = {},
): Promise<Arena> {
  const { length } = subset.items;
  const squares = of === "squares";
  const rows = squares ? 1 : Math.min(batch, length);
  return sumOver(
    network,
    subset,
    { rows, pass: passRows(length, rows), squares, of: "loss" },
    watch,
  );
}

/** Sums of what the Fisher information is the mean of, and how many there are. */
export interface FisherSums {
  /** Of the parameters' layout; the caller frees it. */
  readonly sums: Arena;
  /** What they are divided by: the diagonal is `sums` / `count`. */
  readonly count: number;
}

/**
 * The diagonal Fisher information of a classifier on images, as sums: the mean over images of
 * sum over classes y of p(y) (d log p(y) / dθ)², in evaluation mode. On a network that fits its images the label's
 * own part is next to nothing of it (it falls with (1 - p)², the others' with 1 - p).
 *
 * @param passes backward passes an image. Undefined, or as many as there are classes: one a class, which is exact.
 *   Fewer: each is of sum over y of ±√p(y) log p(y), with random signs, whose squared gradient has the same mean.
 */
export async function fisherSums(
  network: TaskModel,
  subset: Subset,
  passes: number | undefined,
  seed: number,
  watch: Watch = {},
): Promise<FisherSums> {
  const { classes } = subset.data;
  const { length } = subset.items;
  const signs = passes !== undefined && passes < classes;
  const each = signs ? passes : classes;
  const random = new Random(seed).fork("fisher signs");
  const pass = Array.from({ length }, (_image, first) =>
    Array.from({ length: each }, (_pass, k): StepRow => {
      const [whole] = passRows(1, 1);
      // The seed of a row says which class, or which signs.
      return { ...whole!, first, seed: signs ? random.int(2 ** 31) : k };
    }),
  ).flat();
  const gradient = (z: Value, step: Value): LogitGradient => {
    const value = new Value("gradient of log p", z.shape, "f32", "planned");
    const [, C] = z.shape as [number, number];
    const launch = {
      shader: "unlearn/fisher-logits",
      constants: { C, SIGNS: signs },
      bind: { z, step, dz: value },
      threads: C,
    };
    return { value, launch };
  };
  const sums = await sumOver(
    network,
    subset,
    { rows: 1, pass, squares: true, of: { gradient } },
    watch,
  );
  return { sums, count: signs ? length * each : length };
}
