/** Feeds rows of a matrix on the GPU, split in column blocks: training of weight predictors. */
import type { BufferView, Gpu } from "../gpu/device.ts";
import { GpuError, OutOfMemoryError } from "../errors.ts";
import { type Launch, Value } from "../graph/value.ts";
import { StepQueue } from "./step-queue.ts";

/** A batch of rows, as one value a column block. */
export class RowFeed {
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
    const rows = new Value("rows", [size], "f32", "bound");
    this.bindings = new Map([...queue.bindings, [rows, { buffer, offset: 0, size: 4 * size }]]);
    this.blocks = widths.map(
      (width, i) => new Value(`block ${i}`, [batch, width], "f32", "planned"),
    );
    let first = 0;
    this.launches = [
      ...queue.launches,
      ...this.blocks.map((y, i): Launch => {
        const width = widths[i]!;
        const constants = { B: batch, STRIDE: stride, FIRST: first, WIDTH: width };
        first += width;
        return {
          shader: "data/gather-rows",
          constants,
          bind: { rows, order, step, y },
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
      throw new GpuError(`row feed: ${matrix.length} floats are not whole rows of ${stride}.`);
    }
    if (matrix.byteLength > gpu.maxBinding) {
      throw new OutOfMemoryError(
        `row feed: ${items} rows of ${stride} floats exceed one binding; use at most ` +
          `${Math.floor(gpu.maxBinding / 4 / stride)} rows.`,
      );
    }
    const queue = await StepQueue.create(gpu, { batch, items });
    const { rows } = await gpu.allocate({ rows: matrix.byteLength });
    gpu.write(rows, matrix);
    return new RowFeed(gpu, queue, rows, matrix.length, widths);
  }

  /** Puts other rows in place of the first ones. */
  refill(matrix: Float32Array): void {
    if (matrix.byteLength > this.#rows.size) {
      throw new GpuError(
        `row feed: ${matrix.byteLength} bytes are more than the ${this.#rows.size} there is room for.`,
      );
    }
    this.#gpu.write(this.#rows, matrix);
  }

  destroy(): void {
    this.#gpu.free(this.#rows);
  }
}
