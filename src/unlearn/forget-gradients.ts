/** Gradients on D_f that a predictor reads beside a trajectory, computed anew each round. */
import { UsageError } from "../errors.ts";
import { passRows } from "../feed/step-queue.ts";
import { ImageFeed } from "../feed/image-feed.ts";
import type { StepQueue } from "../feed/step-queue.ts";
import type { Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import { Bound } from "../graph/bound.ts";
import { Graph } from "../graph/graph.ts";
import { compile, type Program } from "../graph/program.ts";
import { type Launch, Value } from "../graph/value.ts";
import { replay, type Watch } from "../train/replay.ts";
import { Arena } from "../weights/arena.ts";
import type { Weighting } from "../predictors/predictor.ts";
import { addGradients } from "./gradients.ts";
import type { UnlearnRequest } from "./method.ts";

/**
 * Sums over D_f of two gradients, in evaluation mode: of the loss, and with the cotangent p - m on the logits, m the
 * softmax without the label: towards what the network would name if not the label (the runner-up, softly). Where images
 * count by how far they are forgotten, a third is the second's with 1 - p of the label as each image's weight. One forward
 * pass, and a backward pass for each. Owns an arena of the parameters' layout for each, and one more.
 */
export class ForgetGradients {
  /** Of the loss, towards the runner-up, and the latter weighted. */
  readonly arenas: readonly [own: Arena, runnerUp: Arena, ...weighted: Arena[]];
  readonly #gpu: Gpu;
  readonly #owned: Owned;
  readonly #program: Program;
  readonly #queue: StepQueue;
  readonly #items: Uint32Array;

  private constructor(
    arenas: ForgetGradients["arenas"],
    {
      gpu,
      owned,
      program,
      queue,
      items,
    }: {
      readonly gpu: Gpu;
      readonly owned: Owned;
      readonly program: Program;
      readonly queue: StepQueue;
      readonly items: Uint32Array;
    },
  ) {
    this.arenas = arenas;
    this.#gpu = gpu;
    this.#owned = owned;
    this.#program = program;
    this.#queue = queue;
    this.#items = items;
  }

  /**
   * @param batch images a pass at most.
   * @param weighting how images count in the gradient towards the runner-up.
   * @throws UsageError for a network without labels.
   */
  static async create(
    { model, task, forget }: Pick<UnlearnRequest, "model" | "task" | "forget">,
    batch: number,
    weighting: Weighting = "even",
  ): Promise<ForgetGradients> {
    const { gpu, parameters } = model;
    const { layout } = parameters;
    const { data, items } = forget;
    const rows = Math.min(batch, items.length);
    return Owned.during(async (owned) => {
      const arena = async (label: string): Promise<Arena> =>
        owned.add(await Arena.create(gpu, layout, label, "gradients"));
      const own = await arena("gradients of the loss on D_f");
      const runnerUp = await arena("gradients towards the runner-up");
      const weighted =
        weighting === "forgotten" ? [await arena("weighted gradients towards the runner-up")] : [];
      const gradients = await arena("gradients of a pass");
      const feed = owned.add(await task.feed(data, { batch: rows, items: items.length }));
      if (!(feed instanceof ImageFeed)) {
        throw new UsageError(
          `this predictor works on labels, and a network of ${task.name} has none: choose another.`,
        );
      }
      const graph = new Graph(gpu);
      const { built, loss } = graph.build(() =>
        task.objective(graph, model, feed, { norm: "frozen" }),
      );
      const bound = owned.add(new Bound());
      const targets = bound.gradients(gradients, built.parameters);
      const logits = built.output;
      const [B, C] = logits.shape as [number, number];
      const wrt = [...targets.keys()];
      /** A backward pass, whose gradients are added up. */
      const summed = (launches: readonly Launch[], sums: Arena): Launch[] => [
        ...launches,
        ...addGradients(gpu.tuning, bound, { gradients, sums }, feed.queue.step),
      ];
      /** The gradient towards the runner-up, added up. */
      const towards = (sums: Arena, FORGOTTEN: boolean): Launch[] => {
        const cotangent = new Value("towards the runner-up", logits.shape, "f32", "planned");
        return [
          {
            shader: "unlearn/runner-up",
            constants: { B, C, FORGOTTEN },
            bind: { z: logits, labels: feed.labels, weights: feed.weights, dz: cotangent },
            threads: B,
          },
          ...summed(graph.backward(logits, wrt, { targets, cotangent }).launches, sums),
        ];
      };
      const program = owned.add(
        await compile(
          gpu,
          [
            ...feed.launches,
            ...graph.forward(),
            ...summed(graph.backward(loss, wrt, { targets }).launches, own),
            ...towards(runnerUp, false),
            ...weighted.flatMap((sums) => towards(sums, true)),
          ],
          {
            label: "gradients on D_f",
            bindings: new Map([...feed.bindings, ...built.bindings, ...bound.bindings]),
          },
        ),
      );
      const { queue } = feed;
      return new ForgetGradients([own, runnerUp, ...weighted], {
        gpu,
        owned,
        program,
        queue,
        items,
      });
    });
  }

  /** Computes them at the weights as they are. */
  async run(watch: Watch = {}): Promise<void> {
    for (const arena of this.arenas) arena.clear();
    const pass = passRows(this.#items.length, this.#queue.batch);
    this.#queue.load(this.#items, pass);
    await replay(this.#gpu, this.#program, pass.length, watch);
  }

  destroy(): void {
    this.#owned.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
