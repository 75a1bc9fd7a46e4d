/** Gradients of the loss summed over images, without updating anything. */
import { Arena } from "../weights/arena.ts";
import { Bound } from "../graph/bound.ts";
import { elementwise } from "../graph/elementwise.ts";
import { Graph } from "../graph/graph.ts";
import { compile } from "../graph/program.ts";
import { Owned } from "../gpu/owned.ts";
import { passRows } from "../feed/step-queue.ts";
import type { TaskModel } from "../train/task-trainer.ts";
import { replay, type Watch } from "../train/replay.ts";
import type { Subset } from "./method.ts";

/**
 * Sums over the images of the gradient of the loss, in evaluation mode.
 *
 * @param of `gradients`: of the gradients (batches of `batch`); `squares`: of each image's squared
 *   gradient, one image a step, since the square of a batch's mean is not the mean of squares.
 * @returns an arena of the parameters' layout; the caller frees it.
 */
export async function sumOverImages(
  { model, task }: TaskModel,
  { data, items }: Subset,
  of: "gradients" | "squares",
  batch: number,
  watch: Watch = {},
): Promise<Arena> {
  const { gpu, parameters } = model;
  const { layout } = parameters;
  const rows = of === "squares" ? 1 : Math.min(batch, items.length);
  return Owned.during(async (made) => {
    const sums = made.add(await Arena.create(gpu, layout, "summed gradients", "gradients"));
    const needed = new Owned();
    try {
      const feed = needed.add(await task.feed(data, { batch: rows, items: items.length }));
      const gradients = needed.add(await Arena.create(gpu, layout, "gradients", "gradients"));
      const graph = new Graph(gpu);
      const { built, loss } = graph.build(() =>
        task.objective(graph, model, feed, { norm: "frozen" }),
      );
      const bound = new Bound();
      const targets = bound.gradients(gradients, built.parameters);
      const accumulate = layout.shards.map((floats, shard) =>
        elementwise(
          gpu.tuning,
          { shader: "unlearn/accumulate", constants: { SQUARES: of === "squares" } },
          floats,
          {
            g: bound.shard(gradients, shard),
            y: bound.shard(sums, shard),
            step: of === "squares" ? null : feed.queue.step,
          },
        ),
      );
      const program = needed.add(
        await compile(
          gpu,
          [
            ...feed.launches,
            ...graph.forward(),
            ...graph.backward(loss, [...targets.keys()], { targets }).launches,
            ...accumulate,
          ],
          {
            label: `sum of ${of}`,
            bindings: new Map([...feed.bindings, ...built.bindings, ...bound.bindings]),
          },
        ),
      );
      const pass = passRows(items.length, rows);
      feed.queue.load(items, pass);
      await replay(gpu, program, pass.length, watch);
    } finally {
      needed.destroy();
    }
    return sums;
  });
}
