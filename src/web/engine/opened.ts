/** What the engine has open: a device, images, and a network. */
import type { CheckpointInfo } from "../../io/checkpoint.ts";
import type { Split } from "../../data/source.ts";
import type { Corrupted } from "../../scenarios/scenario.ts";
import { acquireDevice, type Dataset, type Gpu } from "../../index.ts";
import type { GivenFile } from "../files.ts";
import type { Epoch, Learning } from "../messages.ts";

/** Images with the labels that a network learns them with, and others to test it on. */
export interface OpenImages extends Corrupted {
  /** What they are called. */
  readonly title: string;
  /** They came with the page. */
  readonly ofPage: boolean;
  /** The images as their files have them, before anything was made wrong. */
  readonly clean: Pick<Split, "train" | "test">;
  /** What was made wrong with them; undefined where they are as their files have them. */
  readonly scenario: string | undefined;
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
  /** How it was trained in the page; undefined where it was not. */
  readonly training?:
    { readonly learning: Learning; readonly epochs: readonly Epoch[] } | undefined;
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

/** Another device on its way: all who wait for one get the same. */
let another: Promise<Gpu> | undefined;

/** What is open, on another device where that was lost: images and networks are kept in memory. */
export async function ready(): Promise<Opened> {
  if (opened().gpu.lost !== undefined) {
    another ??= acquireDevice().finally(() => (another = undefined));
    const gpu = await another;
    // Meanwhile something else may have been opened.
    setOpened({ ...opened(), gpu });
  }
  return opened();
}

export function setOpened(next: Opened): void {
  now = next;
}
