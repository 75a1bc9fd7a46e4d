/** Feeds rows of a matrix on the GPU, split in column blocks: training of weight predictors. */
import type { BufferView, Gpu } from "../gpu/device.ts";
import { OutOfMemoryError, ShapeError } from "../errors.ts";
import { Owned } from "../gpu/owned.ts";
import { Bound } from "../graph/bound.ts";
import { type Launch, Value } from "../graph/value.ts";
import type { Feed } from "./feed.ts";
import { StepQueue } from "./step-queue.ts";

/** A batch of rows, as one value a column block. Owns its queue and the matrix. */
export class RowFeed implements Feed {
  readonly queue: StepQueue;
  /** One value [batch, width] for each block. */
  readonly blocks: readonly Value[];
  readonly launches: readonly Launch[];
  readonly bindings: ReadonlyMap<Value, BufferView>;
  readonly #gpu: Gpu;
  readonly #rows: GPUBuffer;

  private constructor(
    gpu: Gpu,
    queue: StepQueue,
    buffer: GPUBuffer,
    size: number,
    widths: readonly number[],
  ) {
    this.#gpu = gpu;
    this.#rows = buffer;
    this.queue = queue;
    const { batch, order, step } = queue;
    const stride = widths.reduce((sum, width) => sum + width, 0);
    const bound = new Bound();
    const rows = bound.buffer("rows", buffer, "f32", size);
    this.bindings = new Map([...queue.bindings, ...bound.bindings]);
    this.blocks = widths.map(
      (width, i) => new Value(`block ${i}`, [batch, width], "f32", "planned"),
    );
    let first = 0;
    this.launches = [
      ...queue.launches,
      ...this.blocks.map((y, i): Launch => {
        const width = widths[i]!;
        const place = Uint32Array.of(batch, stride, first, width);
        first += width;
        return {
          shader: "data/gather-rows",
          constants: {},
          bind: { rows, order, step, y },
          uniforms: { place },
          threads: y.size,
        };
      }),
    ];
  }

  /**
   * Uploads a matrix.
   *
   * @param matrix rows of sum(widths) floats.
   * @param widths columns of each block.
   * @throws ShapeError if the matrix has no whole number of rows.
   * @throws OutOfMemoryError if one binding does not hold it.
   */
  static async create(
    gpu: Gpu,
    matrix: Float32Array,
    widths: readonly number[],
    batch: number,
  ): Promise<RowFeed> {
    const stride = widths.reduce((sum, width) => sum + width, 0);
    const items = matrix.length / stride;
    if (!Number.isInteger(items) || items === 0) {
      throw new ShapeError(`row feed: ${matrix.length} floats are not whole rows of ${stride}.`);
    }
    if (matrix.byteLength > gpu.maxBinding) {
      throw new OutOfMemoryError(
        `row feed: ${items} rows of ${stride} floats exceed one binding; use at most ` +
          `${Math.floor(gpu.maxBinding / 4 / stride)} rows.`,
      );
    }
    return Owned.during(async (owned) => {
      const queue = owned.add(await StepQueue.create(gpu, { batch, items, count: items }));
      const { rows } = await gpu.allocate({ rows: matrix.byteLength });
      gpu.write(rows, matrix);
      return new RowFeed(gpu, queue, rows, matrix.length, widths);
    });
  }

  /** Puts other rows in place of the first ones. @throws ShapeError if they are more. */
  refill(matrix: Float32Array): void {
    if (matrix.byteLength > this.#rows.size) {
      throw new ShapeError(
        `row feed: ${matrix.byteLength} bytes are more than the ${this.#rows.size} there is room for.`,
      );
    }
    this.#gpu.write(this.#rows, matrix);
  }

  destroy(): void {
    this.queue.destroy();
    this.#gpu.free(this.#rows);
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
