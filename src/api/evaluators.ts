/** Evaluators of the data sets of a run. */
import type { GpuDataset } from "../feed/gpu-dataset.ts";
import { Graph } from "../graph/graph.ts";
import { planMemory } from "../graph/memory-plan.ts";
import { rewrite } from "../graph/rewrite.ts";
import { Value } from "../graph/value.ts";
import type { Model } from "../nn/model.ts";
import type { Task } from "../tasks/task.ts";
import { Evaluator } from "../train/evaluator.ts";
import { passOver } from "../train/memory.ts";

/** An evaluator on loan. */
export interface LentEvaluator extends Pick<Evaluator, "run"> {
  /** Gives it back. */
  done(): void;
}

/** Examples a pass when evaluating, at most and for all sets of a run; larger only costs memory. */
const evaluationBatch = 256;
/** Bytes of activations up to which evaluators are held, so as not to make them every time. */
const heldBytes = 128 * 2 ** 20;

/** Bytes of a model's activations when evaluating a batch. */
function evaluationBytes(model: Model, rows: number): number {
  const graph = new Graph(model.gpu);
  const inputs = model.spec.inputs.map(
    (shape, i) => new Value(`input ${i}`, [rows, ...shape], "f32", "planned"),
  );
  model.build(graph, inputs, "frozen");
  return planMemory(rewrite(graph.forward()).steps).bytes;
}

/**
 * Lends evaluators. They are held from one loan to the next where that takes little memory and nothing else
 * needs it: activations of a large batch of a large network, often more than those of a training step, would
 * stand in training's way.
 */
export class Evaluators {
  readonly #model: Model;
  readonly #task: Task;
  readonly #batch: number;
  readonly #held = new Map<GpuDataset, Evaluator>();

  private constructor(model: Model, task: Task, batch: number) {
    this.#model = model;
    this.#task = task;
    this.#batch = batch;
  }

  /** Makes those of some data sets at once, if they may be held. */
  static async create(model: Model, task: Task, sets: readonly GpuDataset[]): Promise<Evaluators> {
    const batch = passOver(Math.max(...sets.map(({ count }) => count)), evaluationBatch);
    const evaluators = new Evaluators(model, task, batch);
    if (sets.length * evaluationBytes(model, batch) <= heldBytes) {
      for (const on of sets) {
        evaluators.#held.set(on, await evaluators.#make(on));
        model.gpu.spare.add(evaluators);
      }
    }
    return evaluators;
  }

  #make(on: GpuDataset): Promise<Evaluator> {
    return Evaluator.create(this.#model, this.#task, on, this.#batch);
  }

  /** The evaluator of a data set; call `done` when it has measured. */
  async lend(on: GpuDataset): Promise<LentEvaluator> {
    const held = this.#held.get(on);
    const used = held ?? (await this.#make(on));
    const done = (): void => (held === undefined ? used.destroy() : undefined);
    return { run: used.run.bind(used), done };
  }

  /** Frees what is held; others are made when they are needed. */
  destroy(): void {
    this.#model.gpu.spare.delete(this);
    for (const one of this.#held.values()) one.destroy();
    this.#held.clear();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
