/** WebAssembly codecs of packages, on runtimes where they cannot `fetch` their own files. */
import { readBytes } from "./files.ts";
import { detectRuntime } from "./runtime.ts";

/**
 * The compiled module of a package's .wasm file; undefined in browsers, where (and with bundlers) codecs find
 * their files by themselves.
 */
export async function codecModule(file: string): Promise<WebAssembly.Module | undefined> {
  if (detectRuntime() === "browser") return undefined;
  // Codecs return an ImageData, which Node lacks.
  const scope = globalThis as { ImageData?: unknown };
  scope.ImageData ??= class {
    readonly data: Uint8ClampedArray;
    readonly width: number;
    readonly height: number;
    constructor(data: Uint8ClampedArray, width: number, height: number) {
      this.data = data;
      this.width = width;
      this.height = height;
    }
  };
  return WebAssembly.compile(await readBytes(new URL(import.meta.resolve(file))));
}
