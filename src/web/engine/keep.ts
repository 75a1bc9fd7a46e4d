/** What outlives a reload: the last run with all that it needs to go on, in the browser's IndexedDB. */
import { createStore, get, getMany, promisifyRequest, setMany, type UseStore } from "idb-keyval";
import type { Progress, RoundMoves, StopReason } from "../../index.ts";
import type { Request, Round } from "../messages.ts";
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

/** What a run started from. */
type Start = Omit<Opened, "gpu">;

const lockName = "rewind run";
const [runKey, startKey, stateKey] = ["run", "start", "state"];
const roundKey = (round: number): string => `round ${round}`;

let store: UseStore | undefined;
const place = (): UseStore => (store ??= createStore("rewind page", "last run"));

function recordOf({ key, request, history, rounds, moves, reason }: KeptRun): RunRecord {
  return { version: 4, key, request, history, rounds, moves, reason };
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

/** Keeps a run as it goes on. */
export class Keeper {
  #trouble: string | undefined;

  constructor(trouble?: string) {
    this.#trouble = trouble;
  }

  /** Why a reload would lose the run; undefined where it would not. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Keeps what a run starts from, in place of the run before, which stays where that fails. */
  async begin(run: KeptRun): Promise<void> {
    const { gpu: _, ...start } = run.opened;
    await this.#try("a reload would lose it", "nothing", () =>
      place()("readwrite", (kept) => {
        kept.clear();
        kept.put(start, startKey);
        kept.put(recordOf(run), runKey);
        return promisifyRequest(kept.transaction);
      }),
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
      setMany([[runKey, recordOf(run)]], place()),
    );
  }

  /** Writes, and where that fails says how much is kept, why, and what a reload would do. */
  async #try(reload: string, kept: string, work: () => Promise<void>): Promise<void> {
    if (this.#trouble !== undefined) return;
    try {
      await work();
    } catch (cause) {
      this.#trouble = `This browser keeps ${kept} of the run (${whyOf(cause)}): ${reload}.`;
    }
  }
}

/** Does work with a keeper, which keeps nothing while another tab keeps its own run. */
export function keeping<T>(work: (keeper: Keeper) => Promise<T>): Promise<T> {
  return navigator.locks.request(lockName, { ifAvailable: true }, (lock) =>
    work(
      new Keeper(
        lock === null
          ? "Another tab keeps its own run: a reload of this one would lose what runs here."
          : undefined,
      ),
    ),
  ) as Promise<T>;
}

/** A run that was kept, and what it started from. */
export interface Found extends Omit<KeptRun, "opened"> {
  readonly start: Start;
  /** State after its last round, to go on from. */
  readonly state: Uint8Array | undefined;
}

/** The run that is kept, unless another tab works on it. */
export async function found(): Promise<Found | undefined> {
  try {
    const { held = [] } = await navigator.locks.query();
    if (held.some(({ name }) => name === lockName)) return undefined;
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
  } catch {
    // Where nothing can be kept nothing was.
    return undefined;
  }
}

/** Keeps a run no more; one that another tab has begun meanwhile stays. */
export async function discard(key: string): Promise<void> {
  try {
    await place()("readwrite", async (kept) => {
      const record = (await promisifyRequest(kept.get(runKey))) as RunRecord | undefined;
      if (record?.key === key) kept.clear();
      return promisifyRequest(kept.transaction);
    });
  } catch {
    // Where there is no storage nothing is kept.
  }
}
