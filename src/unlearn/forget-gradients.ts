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
import { addGradients } from "./gradients.ts";
import type { UnlearnRequest } from "./method.ts";

/**
 * Sums over D_f of two gradients, in evaluation mode: of the loss, and with the cotangent p - m on the logits, m the
 * softmax without the label: towards what the network would name if not the label (the runner-up, softly). One forward
 * and two backward passes. Owns three arenas of the parameters' layout.
 */
export class ForgetGradients {
  /** Of the loss, and towards the runner-up. */
  readonly arenas: readonly [own: Arena, runnerUp: Arena];
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
   * @throws UsageError for a network without labels.
   */
  static async create(
    { model, task, forget }: Pick<UnlearnRequest, "model" | "task" | "forget">,
    batch: number,
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
      const cotangent = new Value("towards the runner-up", logits.shape, "f32", "planned");
      const [B, C] = logits.shape as [number, number];
      const wrt = [...targets.keys()];
      /** A backward pass, whose gradients are added up. */
      const summed = (launches: readonly Launch[], sums: Arena): Launch[] => [
        ...launches,
        ...addGradients(gpu.tuning, bound, { gradients, sums }, feed.queue.step),
      ];
      const program = owned.add(
        await compile(
          gpu,
          [
            ...feed.launches,
            ...graph.forward(),
            ...summed(graph.backward(loss, wrt, { targets }).launches, own),
            {
              shader: "unlearn/runner-up",
              constants: { B, C },
              bind: { z: logits, labels: feed.labels, weights: feed.weights, dz: cotangent },
              threads: B,
            },
            ...summed(graph.backward(logits, wrt, { targets, cotangent }).launches, runnerUp),
          ],
          {
            label: "gradients on D_f",
            bindings: new Map([...feed.bindings, ...built.bindings, ...bound.bindings]),
          },
        ),
      );
      const { queue } = feed;
      return new ForgetGradients([own, runnerUp], { gpu, owned, program, queue, items });
    });
  }

  /** Computes both at the weights as they are. */
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
