/** What the engine has open: a device, images, and a network. */
import type { CheckpointInfo } from "../../io/checkpoint.ts";
import type { Corrupted } from "../../scenarios/scenario.ts";
import type { Dataset, Gpu } from "../../index.ts";
import type { GivenFile } from "../files.ts";

/** Images with the labels that a network learns them with, and others to test it on. */
export interface OpenImages extends Corrupted {
  /** What they are called. */
  readonly title: string;
  /** They came with the page. */
  readonly ofPage: boolean;
  /** May be empty. */
  readonly test: Dataset;
  /** What is to be said of their files, a sentence each. */
  readonly notes: readonly string[];
}

/** A network. */
export interface OpenNetwork {
  /** As a checkpoint. */
  readonly file: Uint8Array<ArrayBuffer>;
  readonly info: CheckpointInfo;
  readonly weights: number;
  /** It came with the page, and learnt the images that did. */
  readonly ofPage: boolean;
}

/** What is open. */
export interface Opened {
  readonly gpu: Gpu;
  readonly images: OpenImages;
  readonly network: OpenNetwork;
  /** Files of a predictor that was given. */
  readonly predictor?: readonly GivenFile[];
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
