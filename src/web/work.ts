/** Work of the engine that shows how far it is, and can be stopped. */
import { proxy } from "comlink";
import { engine } from "./client.ts";
import { part } from "./dom.ts";

/** Whether work ended because it was stopped. */
export function wasStopped(cause: unknown): boolean {
  return cause instanceof Error && cause.name === "AbortError";
}

/** A bar and a button to stop, in a place of the page that is hidden while nothing is under way. */
export class Work {
  readonly #place: HTMLElement;
  readonly #bar: HTMLProgressElement;

  /** @param name of the place; its parts are called after it. */
  constructor(name: string) {
    this.#place = part(`${name}-work`, HTMLElement);
    this.#bar = part(`${name}-bar`, HTMLProgressElement);
    part(`${name}-stop`, HTMLButtonElement).addEventListener("click", () => void engine.cancel());
  }

  /** Does work of the engine, which calls back with the share that is done. */
  async run<T>(work: (onProgress: (share: number) => void) => Promise<T>): Promise<T> {
    // How long the first part takes is not known.
    this.#bar.removeAttribute("value");
    this.#place.hidden = false;
    try {
      return await work(proxy((share: number) => void (this.#bar.value = share)));
    } finally {
      this.#place.hidden = true;
    }
  }
}
