/** A decoder of a package, loaded and compiled at its first file, and started anew after a file it could not read. */
import { codecModule } from "../platform/codecs.ts";
import type { DecodedImage } from "./decoded-image.ts";

/** Starts a decoder with its compiled module; in browsers, where it finds that by itself, without. */
type Start = (
  module: WebAssembly.Module | undefined,
  options: { printErr: (message: string) => void },
) => Promise<unknown>;

/** What a package of a decoder exports. */
interface Decoder {
  readonly init: (...given: never[]) => Promise<unknown>;
  readonly default: (bytes: ArrayBuffer) => Promise<DecodedImage>;
}

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
  readonly #load: () => Promise<Decoder>;
  #module: Promise<WebAssembly.Module | undefined> | undefined;
  #ready: Promise<unknown> | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #complaint = "";

  /** @param file the .wasm file, as its package exports it. @param load imports the package. */
  constructor(file: string, load: () => Promise<Decoder>) {
    this.#file = file;
    this.#load = load;
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
    const { init, default: decode } = await this.#load();
    this.#module ??= codecModule(this.#file);
    const printErr = (message: string): void => {
      this.#complaint ||= message;
    };
    // The declared types of `init` miss the compiled module it takes as its first argument.
    const start = init as unknown as Start;
    await (this.#ready ??= start(await this.#module, { printErr }));
    this.#complaint = "";
    try {
      const { height, width, data } = await decode(bytes);
      return { image: { height, width, data }, complaint: this.#complaint };
    } catch (cause) {
      // A decoder that gives up keeps the memory it had, and after some dozen files has none left.
      this.#ready = undefined;
      throw new CodecError(this.#complaint, cause);
    }
  }
}
