/** Training: one program a (model, feed, objective) triple, replayed for every step of every epoch. */
import { Arena, type Slot } from "../weights/arena.ts";
import type { BufferView, Gpu } from "../gpu/device.ts";
import { DivergedError, GpuError, OutOfMemoryError } from "../errors.ts";
import { elementwise } from "../graph/elementwise.ts";
import { Graph } from "../graph/graph.ts";
import { keepHalf } from "../graph/half-storage.ts";
import { compile, type Program } from "../graph/program.ts";
import { recompute } from "../graph/recompute.ts";
import { type Launch, Value } from "../graph/value.ts";
import type { NormMode } from "../nn/layers.ts";
import type { BuiltModel, Model } from "../nn/model.ts";
import { type CrossEntropyAttrs, softmaxCrossEntropy } from "../ops/index.ts";
import { clipLaunches } from "../optim/clip.ts";
import {
  corrections,
  optimizerLaunch,
  type OptimizerSettings,
  stateArenas,
} from "../optim/index.ts";
import type { ShardValues } from "../optim/optimizer.ts";
import { Random } from "../random.ts";
import { type GpuDataset, ImageFeed } from "../feed/image-feed.ts";
import { passRows, type StepQueue, type StepRow, type Totals } from "../feed/step-queue.ts";

/** Where a step's batch comes from. */
export interface Feed {
  readonly queue: StepQueue;
  readonly launches: readonly Launch[];
  readonly bindings: ReadonlyMap<Value, BufferView>;
}

/** What a step computes from its batch. */
export interface Objective {
  readonly built: BuiltModel;
  /** Mean loss of the rows that count, one element: what totals report. */
  readonly loss: Value;
  /** What to minimise, where that is not the loss itself: its negative for gradient ascent. */
  readonly minimise?: Value;
  /** Logits and labels where accuracy makes sense. */
  readonly classified?: { readonly logits: Value; readonly labels: Value };
}

/** Launches with the buffers they bind, added to the end of a step. */
export interface Extra {
  readonly launches: readonly Launch[];
  readonly bindings: ReadonlyMap<Value, BufferView>;
}

/** Settings of a {@link Trainer}. */
export interface TrainerOptions {
  readonly feed: Feed;
  readonly objective: (graph: Graph) => Objective;
  readonly optimizer: OptimizerSettings;
  /** Another trainer of the same model whose moments and step count this one continues. */
  readonly sharing?: Trainer | undefined;
  /** What else a step does, after the update. */
  readonly after?: Extra | undefined;
  /** Norm of all gradients together above which they are scaled down to it; not clipped by default. */
  readonly clipNorm?: number | undefined;
  /** Factor on the learning rate of a parameter; 0 keeps it as it is. All 1 by default. */
  readonly rate?: ((slot: Slot) => number) | undefined;
  /** Batches of the feed that make one step: their gradients are added before the update. 1 by default. */
  readonly accumulate?: number | undefined;
  /** What is done to save memory. */
  readonly memory?: MemoryOptions | undefined;
}

/** Ways to keep fewer or smaller activations for the backward pass. */
export interface MemoryOptions {
  /** Compute the activations of each stage of the model again instead of keeping them. */
  readonly recompute?: boolean | undefined;
  /** What kept activations are stored as; the forward pass itself stays in float32. */
  readonly activations?: "f32" | "f16" | undefined;
}

/** The objective of a classifier: softmax cross-entropy of images and labels. */
export function classification(
  model: Model,
  feed: ImageFeed,
  norm: NormMode,
  attrs: CrossEntropyAttrs = {},
): (graph: Graph) => Objective {
  return (graph) => {
    const built = model.build(graph, [feed.x], norm, feed.queue.step);
    const loss = softmaxCrossEntropy(graph, built.output, feed.labels, feed.weights, attrs);
    return { built, loss, classified: { logits: built.output, labels: feed.labels } };
  };
}

/** One epoch's input. */
export interface Epoch {
  /** Image numbers in the order of use. */
  readonly order: Uint32Array;
  /** Learning rate, for the epoch or by step within it. */
  readonly learningRate: number | ((step: number) => number);
  /** Seed of the augmentation. */
  readonly seed: number;
  /** Leave out a last batch that is not full (needed where batch norm uses batch statistics). */
  readonly dropLast?: boolean;
}

/** Interruption and progress of long work. */
export interface Watch {
  readonly signal?: AbortSignal | undefined;
  /** Called after each chunk of steps with the steps done and all steps. */
  readonly progress?: ((done: number, total: number) => void) | undefined;
  /** Called after each chunk with the seconds it took: compiling is not among them. */
  readonly spent?: ((seconds: number) => void) | undefined;
}

/** Optimiser state and step count: with the weights, all a training needs to resume to the same bits. */
export interface OptimizerState {
  readonly step: number;
  readonly moments: readonly Map<string, Float32Array>[];
}

/** Gradients, moments and step count of one optimiser. */
interface Store {
  readonly gradients: Arena;
  readonly moments: readonly Arena[];
  step: number;
}

async function createStore(model: Model, optimizer: OptimizerSettings): Promise<Store> {
  const { gpu, parameters } = model;
  const gradients = await Arena.create(gpu, parameters.layout, "gradients");
  const moments: Arena[] = [];
  for (let i = 0; i < stateArenas(optimizer); i++) {
    moments.push(await Arena.create(gpu, parameters.layout, `moment${i + 1}`));
  }
  return { gradients, moments, step: 0 };
}

/** What gradient accumulation adds: the update is a program of its own, after so many batches. */
interface Accumulation {
  readonly update: Program;
  readonly gradients: Arena;
  readonly batches: number;
}

/** Trains a model; see {@link Trainer.create}. */
export class Trainer {
  readonly program: Program;
  readonly #model: Model;
  readonly #options: TrainerOptions;
  readonly #store: Store;
  readonly #blocks: readonly GPUBuffer[];
  readonly #accumulation: Accumulation | undefined;

  private constructor(
    model: Model,
    options: TrainerOptions,
    program: Program,
    parts: { store: Store; blocks: readonly GPUBuffer[]; accumulation: Accumulation | undefined },
  ) {
    this.#model = model;
    this.#options = options;
    this.program = program;
    this.#store = parts.store;
    this.#blocks = parts.blocks;
    this.#accumulation = parts.accumulation;
  }

  /** Builds the graph of a step, derives its backward pass, plans memory and compiles. */
  static async create(model: Model, options: TrainerOptions): Promise<Trainer> {
    const { gpu } = model;
    const { layout } = model.parameters;
    const { feed, optimizer, sharing, after, clipNorm, accumulate = 1 } = options;
    const store = sharing === undefined ? await createStore(model, optimizer) : sharing.#store;
    const { gradients, moments } = store;
    const rate = options.rate ?? (() => 1);
    const blocks = await uploadBlocks(model, rate, optimizer.weightDecay ?? 0);

    const graph = new Graph(gpu.tuning);
    const objective = options.objective(graph);
    const { built, loss } = objective;
    const bindings = new Map<Value, BufferView>([
      ...feed.bindings,
      ...built.bindings,
      ...(after?.bindings ?? []),
    ]);
    // A micro-batch's gradients go to an arena of their own and are added to the step's from there.
    const micro =
      accumulate === 1 ? gradients : await Arena.create(gpu, layout, "micro-batch gradients");
    const targets = new Map<Value, Value>();
    for (const [name, value] of built.parameters) {
      if (rate(layout.slot(name)) === 0) continue;
      const target = new Value(`d ${name}`, value.shape, "f32", "bound");
      targets.set(value, target);
      bindings.set(target, micro.view(name));
    }
    if (targets.size === 0)
      throw new GpuError("training: no parameter is trainable with these settings.");
    const shards = layout.shards.map((floats, shard): ShardValues => {
      const bind = (label: string, view: BufferView, size = floats): Value => {
        const value = new Value(`${label}[${shard}]`, [size], "f32", "bound");
        bindings.set(value, view);
        return value;
      };
      const first = bind("moment1", moments[0]!.shard(shard));
      return {
        parameters: bind("parameters", model.parameters.shard(shard)),
        gradients: bind("gradients", gradients.shard(shard)),
        first,
        second: moments[1] === undefined ? first : bind("moment2", moments[1].shard(shard)),
        blocks: bind(
          "blocks",
          { buffer: blocks[shard]!, offset: 0, size: floats / 8 },
          floats / 32,
        ),
        step: feed.queue.step,
      };
    });
    const { launches: gradientLaunches } = graph.backward(
      objective.minimise ?? loss,
      [...targets.keys()],
      { targets },
    );
    const pass = passLaunches(graph, gradientLaunches, {
      feed: feed.launches,
      counting: tally(feed.queue, objective),
      ...options.memory,
    });
    const update = [
      ...(clipNorm === undefined ? [] : clipLaunches(gpu.tuning, shards, clipNorm)),
      ...shards.map((shard) => optimizerLaunch(optimizer, shard)),
      ...(after?.launches ?? []),
    ];
    const label = `train ${model.spec.name}`;
    if (accumulate === 1) {
      const program = await compile(gpu, [...pass, ...update], { label, bindings });
      return new Trainer(model, options, program, { store, blocks, accumulation: undefined });
    }
    const sums = shards.map(({ gradients: sum, step }, i) => {
      const part = new Value(`micro-batch gradients[${i}]`, sum.shape, "f32", "bound");
      bindings.set(part, micro.shard(i));
      return elementwise(gpu.tuning, { shader: "train/accumulate" }, sum.size, {
        gradients: part,
        step,
        sum,
      });
    });
    const program = await compile(gpu, [...pass, ...sums], { label, bindings });
    const updating = await compile(gpu, update, { label: `update ${model.spec.name}`, bindings });
    const accumulation = { update: updating, gradients: micro, batches: accumulate };
    return new Trainer(model, options, program, { store, blocks, accumulation });
  }

  /** Gradients of the last step. */
  get gradients(): Arena {
    return this.#store.gradients;
  }

  /** Steps taken since the optimiser was made or reset. */
  get step(): number {
    return this.#store.step;
  }

  /** Runs one epoch. @throws DivergedError if a loss was NaN or infinite; the weights are then unusable. */
  async epoch(epoch: Epoch, watch: Watch = {}): Promise<Totals> {
    const { feed, optimizer } = this.#options;
    const { order } = epoch;
    const micro = feed.queue.batch;
    const batch = micro * (this.#accumulation?.batches ?? 1);
    const steps =
      epoch.dropLast === true ? Math.floor(order.length / batch) : Math.ceil(order.length / batch);
    if (steps === 0) {
      throw new GpuError(
        `an epoch of ${order.length} images has no full batch of ${batch}: use a smaller batch.`,
      );
    }
    const seeds = new Random(epoch.seed);
    const { learningRate: rate } = epoch;
    const rows = Array.from({ length: steps }, (_, i): StepRow[] => {
      const all = Math.min(batch, order.length - i * batch);
      const learningRate = typeof rate === "number" ? rate : rate(i);
      return Array.from({ length: Math.ceil(all / micro) }, (_part, index) => {
        const count = Math.min(micro, all - index * micro);
        return {
          rows: count,
          first: i * batch + index * micro,
          seed: seeds.int(2 ** 31),
          learningRate,
          corrections: corrections(optimizer, this.#store.step + i + 1),
          micro: { index, share: count / all },
        };
      });
    });
    feed.queue.load(order, rows.flat());
    await replay(this.#model.gpu, this.#replayed(rows), steps, watch);
    this.#store.step += steps;
    const totals = await feed.queue.read();
    if (totals.badSteps > 0) {
      throw new DivergedError(
        `training: the loss was NaN or infinite in ${totals.badSteps} of ${steps} steps, up to step ` +
          `${this.#store.step}. The weights are unusable now; go back to the last checkpoint with a smaller learning rate.`,
      );
    }
    return totals;
  }

  /** What is replayed step by step: the program, or its micro-batches and then the update. */
  #replayed(rows: readonly (readonly StepRow[])[]): Replayed {
    const accumulation = this.#accumulation;
    if (accumulation === undefined) return this.program;
    let at = 0;
    return {
      run: (count) => {
        for (const parts of rows.slice(at, at + count)) {
          this.program.run(parts.length);
          accumulation.update.run();
        }
        at += count;
      },
    };
  }

  /** Forgets moments and the step count. */
  resetOptimizer(): void {
    for (const arena of this.#store.moments) arena.clear();
    this.#store.step = 0;
  }

  /** Downloads the optimiser's state. */
  async saveState(): Promise<OptimizerState> {
    const moments: Map<string, Float32Array>[] = [];
    for (const arena of this.#store.moments) moments.push(await arena.read());
    return { step: this.#store.step, moments };
  }

  /** Restores {@link saveState}'s result. */
  loadState(state: OptimizerState): void {
    if (state.moments.length !== this.#store.moments.length) {
      throw new GpuError(
        `optimiser "${this.#options.optimizer.name}" keeps ${this.#store.moments.length} moments, the state has ` +
          `${state.moments.length}: it belongs to another optimiser.`,
      );
    }
    state.moments.forEach((moment, i) =>
      moment.forEach((data, name) => this.#store.moments[i]!.write(name, data)),
    );
    this.#store.step = state.step;
  }

  destroy(): void {
    this.program.destroy();
    this.#accumulation?.update.destroy();
    this.#accumulation?.gradients.destroy();
    this.#options.feed.queue.destroy();
    if (this.#options.sharing === undefined) {
      this.gradients.destroy();
      for (const arena of this.#store.moments) arena.destroy();
    }
    this.#model.gpu.free(...this.#blocks);
  }
}

/** Measures loss and accuracy on images of a data set, with running statistics and no augmentation. */
export class Evaluator {
  readonly #gpu: Gpu;
  readonly #queue: StepQueue;
  readonly #program: Program;

  private constructor(gpu: Gpu, queue: StepQueue, program: Program) {
    this.#gpu = gpu;
    this.#queue = queue;
    this.#program = program;
  }

  /**
   * Measures a classifier on images.
   *
   * @param batch images a pass at most; fewer are taken where a value would exceed a binding.
   */
  static async create(model: Model, data: GpuDataset, batch: number): Promise<Evaluator> {
    for (let rows = batch; ; rows = Math.ceil(rows / 2)) {
      const feed = await ImageFeed.create(data, { batch: rows, items: data.count });
      const objective = classification(model, feed, "frozen");
      try {
        return await Evaluator.of(model.gpu, feed, objective, `evaluate ${model.spec.name}`);
      } catch (error) {
        feed.queue.destroy();
        if (!(error instanceof OutOfMemoryError) || rows === 1) throw error;
      }
    }
  }

  /** Measures any objective over a feed. */
  static async of(
    gpu: Gpu,
    feed: Feed,
    objective: (graph: Graph) => Objective,
    label: string,
  ): Promise<Evaluator> {
    const graph = new Graph(gpu.tuning);
    const what = objective(graph);
    const program = await compile(
      gpu,
      [...feed.launches, ...graph.forward(), ...tally(feed.queue, what)],
      {
        label,
        bindings: new Map([...feed.bindings, ...what.built.bindings]),
      },
    );
    return new Evaluator(gpu, feed.queue, program);
  }

  /** Totals over the given examples; the loss is NaN where that of a batch is NaN or infinite. */
  async run(examples: Uint32Array, watch: Watch = {}): Promise<Totals> {
    const { batch } = this.#queue;
    if (examples.length === 0) throw new GpuError("evaluate: nothing to evaluate on.");
    const rows = passRows(examples.length, batch);
    this.#queue.load(examples, rows);
    await replay(this.#gpu, this.#program, rows.length, watch);
    const totals = await this.#queue.read();
    // A mean that leaves the bad batches out would make a broken network look good.
    return totals.badSteps > 0 ? { ...totals, loss: Number.NaN } : totals;
  }

  destroy(): void {
    this.#program.destroy();
    this.#queue.destroy();
  }
}

/** A pass from the images to the gradients; `counting` comes behind the forward launches. */
function passLaunches(
  graph: Graph,
  gradients: readonly Launch[],
  options: MemoryOptions & { feed: readonly Launch[]; counting: readonly Launch[] },
): Launch[] {
  const { feed, counting, activations = "f32" } = options;
  const stages = graph.forwardStages();
  const backward = options.recompute === true ? recompute(feed, stages, gradients) : gradients;
  const forward = [...feed, ...stages.flat(), ...counting];
  if (activations === "f32") return [...forward, ...backward];
  const kept = keepHalf(graph.tuning, forward, backward);
  return [...kept.forward, ...kept.backward];
}

function tally(queue: StepQueue, { loss, classified }: Objective): Launch[] {
  const { step, totals } = queue;
  const launches: Launch[] = [];
  let hits: Value | null = null;
  if (classified !== undefined) {
    const { logits, labels } = classified;
    const [rows, classes] = logits.shape as [number, number];
    hits = new Value("hits", [rows], "u32", "planned");
    const constants = { B: rows, C: classes };
    launches.push({
      shader: "train/hits",
      constants,
      bind: { logits, labels, hits },
      threads: rows,
    });
  }
  const constants = { B: hits?.size ?? 0 };
  launches.push({
    shader: "train/tally",
    constants,
    bind: { loss, hits, step, totals },
    groups: [1, 1, 1],
  });
  return launches;
}

/** Weight decay goes to weights only, not to biases and norm parameters, as is usual. */
async function uploadBlocks(
  model: Model,
  rate: (slot: Slot) => number,
  decay: number,
): Promise<GPUBuffer[]> {
  const { layout } = model.parameters;
  const tables = layout.shards.map((floats) => new Float32Array(floats / 32));
  for (const slot of layout.slots) {
    const decayed = slot.kind === "bias" || slot.kind === "norm" ? 0 : decay;
    const blocks = Math.ceil(slot.size / 64);
    for (let i = slot.offset / 64; i < slot.offset / 64 + blocks; i++) {
      tables[slot.shard]!.set([rate(slot), decayed], 2 * i);
    }
  }
  const sizes = Object.fromEntries(tables.map((table, i) => [`blocks[${i}]`, table.byteLength]));
  const buffers: GPUBuffer[] = Object.values(await model.gpu.allocate(sizes));
  tables.forEach((table, i) => model.gpu.write(buffers[i]!, table));
  return buffers;
}

/** Something that submits so many steps: a program, or several in turn. */
interface Replayed {
  run(times: number): void;
}

/** Time one submit should take: short enough to interrupt and to stay clear of watchdogs. */
const submitMs = 400;

/** Milliseconds a step took when it was last replayed: the next epoch need not begin with short submits. */
const lastStepMs = new WeakMap<Replayed, number>();

/** Replays a program in submits of about {@link submitMs}, waiting for each so that it can be interrupted. */
export async function replay(
  gpu: Gpu,
  program: Replayed,
  steps: number,
  watch: Watch = {},
): Promise<void> {
  const known = lastStepMs.get(program);
  const chunkOf = (left: number, perStep: number): number =>
    Math.max(1, Math.min(left, 256, Math.round(submitMs / perStep)));
  let chunk = known === undefined ? Math.min(steps, 2) : chunkOf(steps, known);
  for (let done = 0; done < steps;) {
    watch.signal?.throwIfAborted();
    const start = performance.now();
    program.run(chunk);
    await gpu.idle();
    const passed = performance.now() - start;
    const perStep = passed / chunk;
    watch.spent?.(passed / 1000);
    done += chunk;
    watch.progress?.(done, steps);
    lastStepMs.set(program, perStep);
    chunk = Math.min(2 * chunk, chunkOf(steps - done, perStep));
  }
}
