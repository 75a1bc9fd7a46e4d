/** A decoder of a package, compiled once and started anew after a file it could not read. */
import { codecModule } from "../platform/codecs.ts";
import type { DecodedImage } from "./decoded-image.ts";

/** Starts a decoder with its compiled module; in browsers, where it finds that by itself, without. */
type Start = (
  module: WebAssembly.Module | undefined,
  options: { printErr: (message: string) => void },
) => Promise<unknown>;

/** A decoder that could not read a file; `complaint`: the first thing it said, which may be nothing. */
export class CodecError extends Error {
  readonly complaint: string;

  constructor(complaint: string, cause: unknown) {
    super(complaint, { cause });
    this.complaint = complaint;
  }
}

/** A decoder in WebAssembly. */
export class Codec {
  readonly #file: string;
  readonly #start: Start;
  readonly #decode: (bytes: ArrayBuffer) => Promise<DecodedImage>;
  #module: Promise<WebAssembly.Module | undefined> | undefined;
  #ready: Promise<unknown> | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #complaint = "";

  /** @param file the .wasm file, as its package exports it. @param start the package's `init`. */
  constructor(file: string, start: unknown, decode: (bytes: ArrayBuffer) => Promise<DecodedImage>) {
    this.#file = file;
    // The declared types of `init` miss the compiled module it takes as its first argument.
    this.#start = start as Start;
    this.#decode = decode;
  }

  /**
   * Decodes a file, one at a time. What the decoder says last goes with it: it speaks through the console, which is
   * no place for a library to write.
   *
   * @throws CodecError if it cannot.
   */
  decode(bytes: ArrayBuffer): Promise<{ image: DecodedImage; complaint: string }> {
    const work = this.#last.then(() => this.#run(bytes));
    this.#last = work.catch(() => undefined);
    return work;
  }

  async #run(bytes: ArrayBuffer): Promise<{ image: DecodedImage; complaint: string }> {
    this.#module ??= codecModule(this.#file);
    const printErr = (message: string): void => {
      this.#complaint ||= message;
    };
    await (this.#ready ??= this.#start(await this.#module, { printErr }));
    this.#complaint = "";
    try {
      const { height, width, data } = await this.#decode(bytes);
      return { image: { height, width, data }, complaint: this.#complaint };
    } catch (cause) {
      // A decoder that gives up keeps the memory it had, and after some dozen files has none left.
      this.#ready = undefined;
      throw new CodecError(this.#complaint, cause);
    }
  }
}
