/** What the engine has open: a device, images, and a network. */
import type { Gpu } from "../../index.ts";
import type { StartImages } from "../start.ts";

/** What is open. */
export interface Opened {
  readonly gpu: Gpu;
  readonly images: StartImages;
  /** The network as it was opened, as a checkpoint. */
  readonly file: Uint8Array<ArrayBuffer>;
}

let now: Opened | undefined;

/** What is open; undefined before anything is. */
export function ifOpened(): Opened | undefined {
  return now;
}

/** @throws where nothing is open. */
export function opened(): Opened {
  if (now === undefined) throw new Error("no network is open yet.");
  return now;
}

export function setOpened(next: Opened): void {
  now = next;
}
