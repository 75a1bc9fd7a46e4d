/** Runs as the engine keeps them, so that going back to any round is instant. */
import {
  classMaps,
  load,
  type Progress,
  type Recording,
  type RoundMoves,
  type StopReason,
  subset,
} from "../../index.ts";
import { enlargedImage, overlaid } from "../../figures/overlay.ts";
import { storedSize } from "../../data/dataset.ts";
import type { Maps, Request, Round } from "../messages.ts";
import { type Opened, ready } from "./opened.ts";

/** Snapshots of each recorded parameter. */
export type Snapshots = Awaited<ReturnType<Recording["read"]>>;

/** Runs that are kept: the last and those that it may stand beside. */
const mostRuns = 4;

/** Images whose maps are drawn at most. */
const mostMaps = 120;

/** Bytes of snapshots that are read back to follow weights in them, at most. */
const mostHistory = 2 ** 28;

/** A run, round by round, that before the first among them. */
export interface KeptRun {
  /** What no other run is called, in this tab or another. */
  readonly key: string;
  readonly request: Request;
  /** What it started from. */
  readonly opened: Opened;
  readonly history: Progress[];
  readonly rounds: Round[];
  /** Checkpoints. */
  readonly states: Uint8Array<ArrayBuffer>[];
  /** What rounds did to the weights, for methods that record it. */
  readonly moves: (RoundMoves | undefined)[];
  reason?: StopReason;
}

const runs = new Map<number, KeptRun>();

/** A run that has not begun. */
export function newRun(request: Request, opened: Opened): KeptRun {
  return {
    key: crypto.randomUUID(),
    request,
    opened,
    history: [],
    rounds: [],
    states: [],
    moves: [],
  };
}

/** Keeps a run in place of the oldest. */
export function keepRun(run: KeptRun): KeptRun {
  runs.set(run.request.run, run);
  for (const old of [...runs.keys()].slice(0, -mostRuns)) runs.delete(old);
  return run;
}

/** @throws where there is no such run. */
export function runOf(number: number): KeptRun {
  const run = runs.get(number);
  if (run === undefined) throw new Error(`run ${number} is kept no more.`);
  return run;
}

function stateOf(number: number, round: number): Uint8Array<ArrayBuffer> {
  const state = runOf(number).states[round];
  if (state === undefined) throw new Error(`there is no state of round ${round}.`);
  return state;
}

export async function checkpoint(run: number, round: number): Promise<Uint8Array<ArrayBuffer>> {
  return stateOf(run, round);
}

/** The snapshots that a round recorded; undefined where it recorded none, or too much to read. */
export async function snapshotsIn(
  recording: Recording | undefined,
): Promise<Snapshots | undefined> {
  if (recording === undefined || recording.bytes > mostHistory) return undefined;
  return recording.read();
}

export async function moves(run: number, round: number): Promise<RoundMoves | undefined> {
  return runOf(run).moves[round];
}

/** Maps of the network's answers to the images to forget, over the images. */
export async function maps(number: number, round: number, side: number): Promise<Maps> {
  const { opened, request, rounds } = runOf(number);
  const { train } = opened.images;
  const gone = subset(train, request.forget.slice(0, mostMaps));
  const { answers } = rounds[round]!;
  // The run's own device may be lost since.
  const { gpu } = await ready();
  const model = await load(stateOf(number, round), { gpu });
  try {
    const classes = answers.classes.slice(0, mostMaps);
    const seen = await classMaps(model, gone, { classes });
    const { channels, count, pixels } = gone;
    const [image, map] = [pixels.length / count, seen.height * seen.width];
    const pictures = Array.from({ length: count }, (_, i) => {
      const own = pixels.subarray(i * image, (i + 1) * image);
      const enlarged = enlargedImage({ ...storedSize(gone), channels, pixels: own }, side);
      const { height, width, data } = overlaid(
        enlarged,
        seen.maps.subarray(i * map, (i + 1) * map),
        seen,
      );
      return { height, width, data: data as Uint8ClampedArray<ArrayBuffer> };
    });
    return { weights: seen.weights, pictures };
  } finally {
    model.destroy();
  }
}
