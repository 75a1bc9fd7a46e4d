/**
 * What can go wrong, as classes a caller can catch. Every message says what, where, and what to do.
 *
 * Messages name settings in backticks, as a caller writes them: `batch`, `batch=32 microBatch=8`, and
 * `settings.batch=16` for those of an unlearning method. The command line turns them into flags.
 */

/** Characters of a message at most: lists of tensors that are missing are long. */
const longestMessage = 20_000;

/** What steers a terminal or hides in a line, but for line ends and the joiners of scripts and emoji. */
const unseen = /(?![\n\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Text that names of files and tensors can stand in, as a terminal may show it: of a long one beginning and end. */
export function printable(text: string, longest: number = longestMessage): string {
  const short =
    text.length > longest
      ? `${text.slice(0, longest / 2)} … ${text.slice(text.length - longest / 2)}`
      : text;
  return short.replace(unseen, "\u{fffd}");
}

/** What the caller asked for cannot be: an unknown name, a setting out of its range, settings that exclude each other. */
export class UsageError extends Error {
  override name = "UsageError";

  constructor(message: string, options?: ErrorOptions) {
    super(printable(message), options);
  }
}

/** @throws UsageError naming the setting, unless it is an integer of 1 or more. */
export function requireCount(setting: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new UsageError(`${setting} must be an integer of at least 1, got ${value}.`);
  }
}

/** A file or data set that is missing, damaged or not what it should be; the message names it. */
export class DataError extends Error {
  override name = "DataError";

  constructor(message: string, options?: ErrorOptions) {
    super(printable(message), options);
  }
}

/** A failed GPU call: no adapter, a shader that does not compile, a validation error. */
export class GpuError extends Error {
  override name = "GpuError";
}

/** The device is gone (driver reset, watchdog, `destroy`). Nothing on it can be read any more. */
export class DeviceLostError extends GpuError {
  override name = "DeviceLostError";
}

/** An allocation the device refused, or a value that is larger than one of its bindings. */
export class OutOfMemoryError extends GpuError {
  override name = "OutOfMemoryError";
  /** Bytes of buffers there is memory for, if that is what was missing. */
  readonly memory: number | undefined;

  constructor(message: string, options: ErrorOptions & { memory?: number } = {}) {
    super(message, options);
    this.memory = options.memory;
  }
}

/** Shapes that do not fit an operation; the message names the operation and both shapes. */
export class ShapeError extends RangeError {
  override name = "ShapeError";
}

/** Numbers that became NaN or infinite: the weights in memory cannot be used any more. */
export class DivergedError extends Error {
  override name = "DivergedError";
}
