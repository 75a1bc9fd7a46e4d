/** Training: one program a (model, feed, objective) triple, replayed for every step of every epoch. */
import { DivergedError, UsageError } from "../errors.ts";
import type { Batches } from "../feed/feed.ts";
import type { StepRow, Totals } from "../feed/step-queue.ts";
import type { BufferView } from "../gpu/device.ts";
import { Owned, type Owner } from "../gpu/owned.ts";
import { Bound } from "../graph/bound.ts";
import { elementwise } from "../graph/elementwise.ts";
import { Graph } from "../graph/graph.ts";
import { compile, type Program } from "../graph/program.ts";
import type { Launch, Value } from "../graph/value.ts";
import type { Model } from "../nn/model.ts";
import { clipLaunches } from "../optim/clip.ts";
import { corrections, optimizerLaunch, type OptimizerSettings } from "../optim/index.ts";
import { Random } from "../random.ts";
import type { Objective } from "../tasks/task.ts";
import { Arena, type Slot } from "../weights/arena.ts";
import { type MemorySettings, passLaunches } from "./memory.ts";
import { OptimizerArenas, type OptimizerState } from "./optimizer-arenas.ts";
import { replay, type Replayed, type Watch } from "./replay.ts";
import { shardValues } from "./shards.ts";
import { tally } from "./tally.ts";

/** Launches with the buffers they bind. */
export interface BoundLaunches {
  readonly launches: readonly Launch[];
  readonly bindings: ReadonlyMap<Value, BufferView>;
}

/** Settings of a {@link Trainer}. */
export interface TrainerOptions {
  /** Stays the caller's, unless it is `owned` too. */
  readonly feed: Batches;
  readonly objective: (graph: Graph) => Objective;
  readonly optimizer: OptimizerSettings;
  /** Another trainer of the same model whose moments and step count this one continues. */
  readonly sharing?: Trainer | undefined;
  /** What else a step does, after the update. */
  readonly after?: BoundLaunches | undefined;
  /** Norm of all gradients together above which they are scaled down to it; not clipped by default. */
  readonly clipNorm?: number | undefined;
  /** Factor on the learning rate of a parameter; 0 keeps it as it is. All 1 by default. */
  readonly rate?: ((slot: Slot) => number) | undefined;
  /** Batches of the feed that make one step: their gradients are added before the update. 1 by default. */
  readonly accumulate?: number | undefined;
  /** Examples a step, where the last of its batches is shorter. Default: `accumulate` whole ones. */
  readonly batch?: number | undefined;
  /** What is done to save memory. */
  readonly memory?: Pick<MemorySettings, "recompute" | "activations"> | undefined;
  /** Freed with the trainer, or where it cannot be made. */
  readonly owned?: readonly Owner[] | undefined;
}

/** One epoch's input. */
export interface Epoch {
  /** Numbers of examples in the order of use. */
  readonly order: Uint32Array;
  /** Learning rate, for the epoch or by step within it. */
  readonly learningRate: number | ((step: number) => number);
  /** Seed of the augmentation. */
  readonly seed: number;
  /** Leave out a last batch that is not full (needed where batch norm uses batch statistics). */
  readonly dropLast?: boolean;
  /** Encodes what comes behind the last step, into its submit: the snapshot of a trajectory. */
  readonly after?: ((encoder: GPUCommandEncoder) => void) | undefined;
}

/** What gradient accumulation adds: the update is a program of its own, after so many examples. */
interface Accumulation {
  readonly update: Program;
  /** Examples a step. */
  readonly batch: number;
}

/** Trains a model; see {@link Trainer.create}. Owns its programs, and its optimiser's state unless that is shared. */
export class Trainer {
  readonly program: Program;
  readonly #model: Model;
  readonly #feed: Batches;
  readonly #optimizer: OptimizerSettings;
  readonly #arenas: OptimizerArenas;
  readonly #accumulation: Accumulation | undefined;
  readonly #owned: Owned;

  private constructor(
    model: Model,
    feed: Batches,
    parts: {
      optimizer: OptimizerSettings;
      arenas: OptimizerArenas;
      program: Program;
      accumulation?: Accumulation;
      owned: Owned;
    },
  ) {
    this.#model = model;
    this.#feed = feed;
    this.#optimizer = parts.optimizer;
    this.#arenas = parts.arenas;
    this.program = parts.program;
    this.#accumulation = parts.accumulation;
    this.#owned = parts.owned;
  }

  /**
   * Builds the graph of a step, derives its backward pass, plans memory and compiles.
   *
   * @throws UsageError if no parameter is trained, or clipping has no positive norm.
   * @throws OutOfMemoryError if memory or a binding is too small.
   */
  static create(model: Model, options: TrainerOptions): Promise<Trainer> {
    return Owned.during(async (owned) => {
      for (const part of options.owned ?? []) owned.add(part);
      return Trainer.#make(model, options, owned);
    });
  }

  static async #make(model: Model, options: TrainerOptions, owned: Owned): Promise<Trainer> {
    const { gpu, parameters } = model;
    const { layout } = parameters;
    const { feed, optimizer, sharing, after, clipNorm, accumulate = 1, rate = () => 1 } = options;
    const arenas =
      sharing === undefined
        ? owned.add(await OptimizerArenas.create(model, optimizer))
        : sharing.#arenas;
    const bound = owned.add(new Bound());
    const shards = await shardValues(bound, model, arenas, {
      optimizer,
      rate,
      step: feed.queue.step,
    });
    // A micro-batch's gradients go to an arena of their own and are added to the step's from there.
    const micro =
      accumulate === 1
        ? arenas.gradients
        : owned.add(await Arena.create(gpu, layout, "micro-batch gradients", "gradients"));

    const graph = new Graph(gpu);
    const objective = graph.build(() => options.objective(graph));
    const { built, loss, minimise = loss } = objective;
    const trained = [...built.parameters].filter(([name]) => rate(layout.slot(name)) !== 0);
    const { lossScale } = arenas;
    const targets = bound.gradients(micro, new Map(trained));
    if (targets.size === 0) {
      throw new UsageError("training: no parameter is trainable with these settings.");
    }
    const pass = passLaunches(
      graph,
      {
        feed: feed.launches,
        totals: tally(feed.queue, objective),
        backward: graph.backward(minimise, [...targets.keys()], {
          targets,
          ...(lossScale && { cotangent: lossScale.cotangent, scaled: true }),
        }).launches,
      },
      options.memory ?? {},
    );
    const update = [
      ...(lossScale?.launches(shards) ?? []),
      ...(clipNorm === undefined ? [] : clipLaunches(gpu.tuning, shards, clipNorm)),
      ...shards.map((shard) => optimizerLaunch(optimizer, shard)),
      ...(after?.launches ?? []),
    ];
    const parts = { optimizer, arenas, owned };
    const program = async (what: string, launches: readonly Launch[]): Promise<Program> => {
      const bindings = new Map([
        ...feed.bindings,
        ...built.bindings,
        ...(after?.bindings ?? []),
        ...bound.bindings,
        ...(lossScale?.bound.bindings ?? []),
      ]);
      const label = `${what} ${model.spec.name}`;
      const purpose = "activations and their gradients";
      return owned.add(await compile(gpu, launches, { label, bindings, purpose }));
    };
    if (accumulate === 1) {
      const whole = await program("train", [...pass, ...update]);
      return new Trainer(model, feed, { ...parts, program: whole });
    }
    const sums = shards.map(({ gradients: sum, step }, i) =>
      elementwise(gpu.tuning, { shader: "train/accumulate" }, sum.size, {
        gradients: bound.view(`micro-batch gradients[${i}]`, micro.shard(i)),
        step,
        sum,
      }),
    );
    return new Trainer(model, feed, {
      ...parts,
      program: await program("train", [...pass, ...sums]),
      accumulation: {
        update: await program("update", update),
        batch: options.batch ?? accumulate * feed.queue.batch,
      },
    });
  }

  /** Gradients of the last step. */
  get gradients(): Arena {
    return this.#arenas.gradients;
  }

  /** Steps taken since the optimiser was made or reset. */
  get step(): number {
    return this.#arenas.step;
  }

  /**
   * Runs one epoch.
   *
   * @throws DivergedError if a loss was NaN or infinite; the weights are then unusable.
   * @throws UsageError if there is no batch in it.
   */
  async epoch(epoch: Epoch, watch: Watch = {}): Promise<Totals> {
    const { queue } = this.#feed;
    const { order } = epoch;
    const batch = this.#accumulation?.batch ?? queue.batch;
    const steps =
      epoch.dropLast === true ? Math.floor(order.length / batch) : Math.ceil(order.length / batch);
    if (steps === 0) {
      throw new UsageError(
        `an epoch of ${order.length} examples has no full batch of ${batch}: use a smaller batch.`,
      );
    }
    const rows = this.#rowsOf(epoch, steps, batch);
    queue.load(order, rows.flat());
    await replay(this.#model.gpu, this.#replayed(rows), steps, watch, epoch.after);
    this.#arenas.step += steps;
    const totals = await queue.read();
    if (totals.badSteps > 0) {
      throw new DivergedError(
        `training: the loss was NaN or infinite in ${totals.badSteps} of ${steps} steps, up to step ` +
          `${this.step}. The weights are unusable now; go back to the last checkpoint with a smaller learning rate.`,
      );
    }
    return totals;
  }

  /** Rows of the step table: those of each step's micro-batches. */
  #rowsOf({ order, seed, learningRate }: Epoch, steps: number, batch: number): StepRow[][] {
    const micro = this.#feed.queue.batch;
    const seeds = new Random(seed);
    return Array.from({ length: steps }, (_, i) => {
      const all = Math.min(batch, order.length - i * batch);
      const rate = typeof learningRate === "number" ? learningRate : learningRate(i);
      const factors = corrections(this.#optimizer, this.step + i + 1);
      return Array.from({ length: Math.ceil(all / micro) }, (_part, index): StepRow => {
        const count = Math.min(micro, all - index * micro);
        return {
          rows: count,
          first: i * batch + index * micro,
          seed: seeds.int(2 ** 31),
          learningRate: rate,
          corrections: factors,
          micro: { index, share: count / all },
        };
      });
    });
  }

  /** What is replayed step by step: the program, or its micro-batches and then the update. */
  #replayed(rows: readonly (readonly StepRow[])[]): Replayed {
    const accumulation = this.#accumulation;
    if (accumulation === undefined) return this.program;
    let at = 0;
    return {
      run: (count, after) => {
        const last = at + count;
        for (; at < last; at++) {
          this.program.run(rows[at]!.length);
          accumulation.update.run(1, at === last - 1 ? after : undefined);
        }
      },
    };
  }

  /** Forgets moments and the step count. */
  resetOptimizer(): void {
    this.#arenas.reset();
  }

  /** Downloads the optimiser's state. */
  saveState(): Promise<OptimizerState> {
    return this.#arenas.save();
  }

  /** Restores {@link saveState}'s result. */
  loadState(state: OptimizerState): void {
    this.#arenas.load(state);
  }

  destroy(): void {
    this.#owned.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
