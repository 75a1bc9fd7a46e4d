/** What outlives a reload: the last run or training with all that it needs to go on, in the browser's IndexedDB. */
import { createStore, get, getMany, promisifyRequest, setMany, type UseStore } from "idb-keyval";
import type { Progress, RoundMoves, StopReason } from "../../index.ts";
import type { Epoch, Learning, Request, Round } from "../messages.ts";
import type { Opened } from "./opened.ts";
import type { KeptRun } from "./runs.ts";

/** A run but for its states, which lie beside it: one is added a round. */
interface RunRecord {
  readonly version: 4;
  readonly key: string;
  readonly request: Request;
  readonly history: readonly Progress[];
  readonly rounds: readonly Round[];
  readonly moves: readonly (RoundMoves | undefined)[];
  readonly reason: StopReason | undefined;
}

/** A training, from epoch to epoch. */
export interface KeptTraining {
  /** What no other training or run is called, in this tab or another. */
  readonly key: string;
  readonly learning: Learning;
  readonly epochs: Epoch[];
  /** What it started from. */
  readonly opened: Opened;
}

/** A training but for its state, which lies beside it. */
interface TrainingRecord extends Pick<KeptTraining, "key" | "learning"> {
  readonly version: 1;
  /** Those before the state. */
  readonly epochs: readonly Epoch[];
}

/** What a run or a training started from. */
type Start = Omit<Opened, "gpu">;

const lockName = "rewind run";
/** A run has one of the first two, a training the other. */
const [runKey, trainingKey, startKey, stateKey] = ["run", "training", "start", "state"];
const roundKey = (round: number): string => `round ${round}`;

let store: UseStore | undefined;
const place = (): UseStore => (store ??= createStore("rewind page", "last run"));

function recordOf({ key, request, history, rounds, moves, reason }: KeptRun): RunRecord {
  return { version: 4, key, request, history, rounds, moves, reason };
}

function trainingRecordOf({ key, learning, epochs }: KeptTraining): TrainingRecord {
  return { version: 1, key, learning, epochs };
}

/** Why nothing can be kept, in words. */
function whyOf(cause: unknown): string {
  // A transaction that is given up has no error of its own.
  const { name, message } = (cause ?? { message: "it gave up writing" }) as DOMException;
  if (name === "QuotaExceededError") return "its storage is full";
  if (name === "SecurityError" || name === "InvalidStateError") {
    return "it allows this page no storage";
  }
  return message;
}

/** What is kept. */
type KindOfWork = "run" | "training";

/** Keeps a run or a training as it goes on. */
export class Keeper {
  readonly #kind: KindOfWork;
  #trouble: string | undefined;

  constructor(kind: KindOfWork, trouble?: string) {
    this.#kind = kind;
    this.#trouble = trouble;
  }

  /** Why a reload would lose it; undefined where it would not. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Keeps what a run starts from, in place of what was kept before, which stays where that fails. */
  begin(run: KeptRun): Promise<void> {
    return this.#begin(run.opened, runKey, recordOf(run));
  }

  /** The same for a training. */
  beginTraining(training: KeptTraining): Promise<void> {
    return this.#begin(training.opened, trainingKey, trainingRecordOf(training));
  }

  #begin(opened: Opened, key: string, record: object): Promise<void> {
    const { gpu: _, ...start } = opened;
    return this.#try("a reload would lose it", "nothing", () =>
      place()("readwrite", (kept) => {
        kept.clear();
        kept.put(start, startKey);
        kept.put(record, key);
        return promisifyRequest(kept.transaction);
      }),
    );
  }

  /** Keeps a training after an epoch; all of it or nothing. What was kept before stays. */
  async epoch(training: KeptTraining, state: Uint8Array): Promise<void> {
    await this.#try("a reload would go back to an earlier epoch", "no more", () =>
      setMany(
        [
          [trainingKey, trainingRecordOf(training)],
          [stateKey, state],
        ],
        place(),
      ),
    );
  }

  /** Keeps what the last round added; all of it or nothing. What was kept before stays. */
  async round(run: KeptRun, state: Uint8Array | undefined): Promise<void> {
    const last = run.rounds.length - 2;
    const back = last < 0 ? "begin anew" : `go back to round ${last}`;
    await this.#try(`a reload would ${back}`, "no more", () =>
      setMany(
        [
          [runKey, recordOf(run)],
          [roundKey(run.rounds.length - 1), run.states.at(-1)],
          [stateKey, state],
        ],
        place(),
      ),
    );
  }

  /** The run has ended by a rule: nothing is left to go on with. */
  async end(run: KeptRun): Promise<void> {
    await this.#try("a reload would go on with it", "not the end", () =>
      setMany(
        [
          [runKey, recordOf(run)],
          // A part of a round, with which it ended, was not kept before.
          [roundKey(run.rounds.length - 1), run.states.at(-1)],
        ],
        place(),
      ),
    );
  }

  /** Writes, and where that fails says how much is kept, why, and what a reload would do. */
  async #try(reload: string, kept: string, work: () => Promise<void>): Promise<void> {
    if (this.#trouble !== undefined) return;
    try {
      await work();
    } catch (cause) {
      this.#trouble = `This browser keeps ${kept} of the ${this.#kind} (${whyOf(cause)}): ${reload}.`;
    }
  }
}

/** Does work with a keeper, which keeps nothing while another tab keeps its own run. */
export function keeping<T>(kind: KindOfWork, work: (keeper: Keeper) => Promise<T>): Promise<T> {
  return navigator.locks.request(lockName, { ifAvailable: true }, (lock) =>
    work(
      new Keeper(
        kind,
        lock === null
          ? "Another tab keeps its own run: a reload of this one would lose what runs here."
          : undefined,
      ),
    ),
  ) as Promise<T>;
}

/** A training that was kept, and what it started from. */
interface FoundTraining extends TrainingRecord {
  readonly start: Start;
  /** State after its last epoch, to go on from. */
  readonly state: Uint8Array | undefined;
}

/** Reads what is kept; undefined where another tab works on it. */
async function read<T>(reading: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    const { held = [] } = await navigator.locks.query();
    return held.some(({ name }) => name === lockName) ? undefined : await reading();
  } catch {
    // Where nothing can be kept nothing was.
    return undefined;
  }
}

/** The training that is kept, unless another tab works on it. */
export function foundTraining(): Promise<FoundTraining | undefined> {
  return read(async () => {
    const record = await get<TrainingRecord>(trainingKey, place());
    if (record?.version !== 1) return undefined;
    const [start, state] = await getMany<unknown>([startKey, stateKey], place());
    if (start === undefined) return undefined;
    return { ...record, start: start as Start, state: state as Uint8Array | undefined };
  });
}

/** A run that was kept, and what it started from. */
export interface Found extends Omit<KeptRun, "opened"> {
  readonly start: Start;
  /** State after its last round, to go on from. */
  readonly state: Uint8Array | undefined;
}

/** The run that is kept, unless another tab works on it. */
export function found(): Promise<Found | undefined> {
  return read(async () => {
    const record = await get<RunRecord>(runKey, place());
    if (record?.version !== 4) return undefined;
    const { key, request, history, rounds, moves, reason } = record;
    const [start, state, ...states] = await getMany<unknown>(
      [startKey, stateKey, ...rounds.map((_, round) => roundKey(round))],
      place(),
    );
    if (start === undefined || states.includes(undefined)) return undefined;
    return {
      ...{ key, request, history: [...history], rounds: [...rounds], moves: [...moves] },
      states: states as Uint8Array<ArrayBuffer>[],
      ...(reason !== undefined && { reason }),
      start: start as Start,
      state: state as Uint8Array | undefined,
    };
  });
}

/** Keeps a run or a training no more; what another tab has begun meanwhile stays. @returns false where another tab works. */
export async function discard(key: string): Promise<boolean> {
  try {
    return (await navigator.locks.request(lockName, { ifAvailable: true }, async (lock) => {
      if (lock !== null) await clear(key);
      return lock !== null;
    })) as boolean;
  } catch {
    // Where there is no storage nothing is kept.
    return true;
  }
}

function clear(key: string): Promise<void> {
  return place()("readwrite", async (kept) => {
    for (const name of [runKey, trainingKey]) {
      const record = (await promisifyRequest(kept.get(name))) as { key: string } | undefined;
      if (record?.key === key) kept.clear();
    }
    return promisifyRequest(kept.transaction);
  });
}
