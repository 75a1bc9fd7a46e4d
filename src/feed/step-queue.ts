/**
 * How a step finds its batch without the host.
 *
 * An epoch is an order list (numbers of images or rows) and a step table, both uploaded once; each step
 * takes the next row of the table. Running totals are added on the GPU and read once at the end.
 */
import type { BufferView, Gpu } from "../gpu/device.ts";
import { requireCount, ShapeError, UsageError } from "../errors.ts";
import { Bound } from "../graph/bound.ts";
import type { Launch, Value } from "../graph/value.ts";

/** One row of the step table. */
export interface StepRow {
  /** Rows of the batch that count; the rest is padding with weight 0. */
  readonly rows: number;
  /** First position in the order list. */
  readonly first: number;
  readonly seed: number;
  readonly learningRate: number;
  readonly corrections: readonly [number, number];
  /** Number of the micro-batch in its step, and its share of the step's rows; 0 and 1 where a step is whole. */
  readonly micro?: { readonly index: number; readonly share: number };
}

/** What a pass over some examples adds up to. */
export interface Totals {
  /** Mean loss; cross-entropy in nats for classification. */
  readonly loss: number;
  /** Share of examples that were hits, in %; 0 where the task counts none. */
  readonly accuracy: number;
  readonly correct: number;
  readonly rows: number;
  readonly steps: number;
  /** Steps whose loss was NaN or infinite. */
  readonly badSteps: number;
}

/** Which examples may be used, and what they are called in the error about any other. */
export interface Permit {
  readonly name: string;
  readonly has: (example: number) => boolean;
}

/** Rows that pass once over `count` examples, without learning rate or randomness. */
export function passRows(count: number, batch: number): StepRow[] {
  return Array.from({ length: Math.ceil(count / batch) }, (_, i) => ({
    rows: Math.min(batch, count - i * batch),
    first: i * batch,
    seed: 0,
    learningRate: 0,
    corrections: [1, 1],
  }));
}

const stepWords = 8;

type QueueBuffers = Record<"order" | "table" | "cursor" | "step" | "totals", GPUBuffer>;

/** What a queue is made for. */
interface QueueOptions {
  /** Examples a row of the step table: a step, or one of its passes. */
  readonly batch: number;
  /** Examples a step of several rows, the last of which may be shorter. Default: a row. */
  readonly step?: number | undefined;
  /** The longest order list of an epoch. */
  readonly items: number;
  /** Examples there are. */
  readonly count: number;
  readonly permit?: Permit | undefined;
}

/** The most rows that an epoch takes. */
function tableRows({ batch, step = batch, items }: QueueOptions): number {
  return Math.floor(items / step) * Math.ceil(step / batch) + Math.ceil((items % step) / batch);
}

/** Order list, step table, cursor and totals of one program. Owns their buffers. */
export class StepQueue {
  readonly batch: number;
  readonly order: Value;
  /** The current row: see `shaders/train/next-step.wgsl`. */
  readonly step: Value;
  readonly totals: Value;
  readonly launches: readonly Launch[];
  readonly bindings: ReadonlyMap<Value, BufferView>;
  readonly #gpu: Gpu;
  readonly #buffers: QueueBuffers;
  readonly #items: number;
  readonly #count: number;
  readonly #permit: Permit | undefined;

  private constructor(gpu: Gpu, options: QueueOptions, buffers: QueueBuffers) {
    const { batch, items } = options;
    this.#permit = options.permit;
    this.#gpu = gpu;
    this.#buffers = buffers;
    this.#items = items;
    this.#count = options.count;
    this.batch = batch;
    const bound = new Bound();
    const bind = (label: keyof QueueBuffers, words: number): Value =>
      bound.buffer(label, buffers[label], "u32", words);
    this.order = bind("order", items);
    this.step = bind("step", stepWords);
    this.totals = bind("totals", stepWords);
    const table = bind("table", tableRows(options) * stepWords);
    const cursor = bind("cursor", 1);
    this.launches = [
      {
        shader: "train/next-step",
        constants: {},
        bind: { table, cursor, step: this.step },
        groups: [1, 1, 1],
      },
    ];
    this.bindings = bound.bindings;
  }

  /** @throws UsageError, before anything is allocated, for a batch or a length that is no integer of 1 or more. */
  static async create(gpu: Gpu, options: QueueOptions): Promise<StepQueue> {
    const { batch, items } = options;
    requireCount("batch", batch);
    requireCount("items", items);
    const buffers = await gpu.allocate({
      order: 4 * items,
      table: 4 * stepWords * tableRows(options),
      cursor: 4,
      step: 4 * stepWords,
      totals: 4 * stepWords,
    });
    return new StepQueue(gpu, options, buffers);
  }

  /**
   * Uploads an epoch: which examples in which order, and one row a step. Resets the totals.
   *
   * @throws ShapeError if the order is too long.
   * @throws UsageError if it names an example that may not be used.
   */
  load(order: Uint32Array, rows: readonly StepRow[]): void {
    if (order.length > this.#items) {
      throw new ShapeError(
        `a step queue for ${this.#items} examples got an order of ${order.length}.`,
      );
    }
    const beyond = order.find((example) => example >= this.#count);
    if (beyond !== undefined) {
      throw new UsageError(`there is no example ${beyond}: they are 0 to ${this.#count - 1}.`);
    }
    const permit = this.#permit;
    const other = permit === undefined ? undefined : order.find((example) => !permit.has(example));
    if (other !== undefined) {
      throw new UsageError(
        `image ${other} is not part of ${permit!.name}, the only data that may be used here.`,
      );
    }
    const words = new Uint32Array(rows.length * stepWords);
    const floats = new Float32Array(words.buffer);
    rows.forEach((row, i) => {
      const { index, share } = row.micro ?? { index: 0, share: 1 };
      words.set([row.rows, row.first, row.seed >>> 0, index], i * stepWords);
      floats.set([row.learningRate, ...row.corrections, share], i * stepWords + 4);
    });
    this.#gpu.write(this.#buffers.order, order);
    this.#gpu.write(this.#buffers.table, words);
    this.#gpu.write(this.#buffers.cursor, new Uint32Array(1));
    this.#gpu.write(this.#buffers.totals, new Uint32Array(stepWords));
  }

  /** Reads the totals since {@link load}: the only read-back of an epoch (32 bytes). */
  async read(): Promise<Totals> {
    const { totals } = this.#buffers;
    const [bytes] = await this.#gpu.read({ buffer: totals, offset: 0, size: totals.size });
    const words = new Uint32Array(bytes!);
    const rows = words[2]!;
    return {
      loss: new Float32Array(bytes!)[0]! / Math.max(1, rows),
      accuracy: (100 * words[1]!) / Math.max(1, rows),
      correct: words[1]!,
      rows,
      steps: words[3]!,
      badSteps: words[4]!,
    };
  }

  destroy(): void {
    this.#gpu.free(...Object.values(this.#buffers));
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
