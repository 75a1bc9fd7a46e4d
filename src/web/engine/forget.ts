/** Unlearning: the network is kept after every round. */
import {
  type AfterRound,
  type Gpu,
  load,
  movesOf,
  predict,
  type Progress,
  save,
  type StopReason,
  subset,
  type Tensors,
  unlearn,
} from "../../index.ts";
import type { KeptRunSaid, Request, Restored, Round } from "../messages.ts";
import { type Control, controlled } from "./control.ts";
import { found, type Keeper, keeping } from "./keep.ts";
import { heldPredictor, holdPredictor } from "./network.ts";
import { opened, ready, setOpened } from "./opened.ts";
import { keepRun, type KeptRun, newRun, type Snapshots, snapshotsIn } from "./runs.ts";
import { inOrderOf, sceneOf } from "./scene.ts";

/** Why a run ended, in words. */
const reasons: Readonly<Record<StopReason, string>> = {
  rounds: "all rounds are done",
  "unlearning accuracy": "enough is forgotten",
  "forget share": "enough is forgotten",
  "as unseen": "enough is forgotten",
  "forget loss": "enough is forgotten",
  "test floor": "the test accuracy fell too far",
  seconds: "the time is up",
  diverged: "the weights became infinite",
};

/** Why a run ended; undefined where it did not. */
function endOf({ reason, rounds }: Pick<KeptRun, "reason" | "rounds">): string | undefined {
  if (reason === "forget share" && rounds.length === 1) {
    return "the network knew none of these images to begin with";
  }
  return reason === undefined ? undefined : reasons[reason];
}

/** Share of a run's rounds and of the one under way, from reports of passes over data. */
function passes(onProgress: (share: number) => void): (done: number, total: number) => void {
  return (done, total) => onProgress(total === 0 ? 1 : done / total);
}

/** Called before the first round and after each. */
type OnRound = (round: Round) => void | Promise<void>;
type OnProgress = (share: number) => void;

export function forget(
  request: Request,
  onRound: OnRound,
  onProgress: OnProgress,
): Promise<string> {
  // Whoever stops it at once is heard: nothing is waited for before.
  return controlled(async (control) => {
    const now = await ready();
    const images = inOrderOf(now.images, now.network.info.classes);
    const run = newRun(request, { ...now, images, predictor: heldPredictor() });
    return keeping("run", async (keeper) => {
      control.signal.throwIfAborted();
      await keeper.begin(run);
      return unlearnIn(run, keeper, control, undefined, onRound, onProgress);
    });
  });
}

/** The state that a run goes on from which {@link restore} brought back. */
let goesOnFrom: { readonly run: KeptRun; readonly state: Uint8Array | undefined } | undefined;

export function goOn(onRound: OnRound, onProgress: OnProgress): Promise<string> {
  return controlled(async (control) => {
    if (goesOnFrom === undefined) throw new Error("there is no run to go on with.");
    const { run, state } = goesOnFrom;
    goesOnFrom = undefined;
    return keeping("run", (keeper) => unlearnIn(run, keeper, control, state, onRound, onProgress));
  });
}

export async function restore(key: string, number: number): Promise<Restored | undefined> {
  const past = await found();
  if (past?.key !== key) return undefined;
  const { start, state, ...rest } = past;
  setOpened({ ...start, gpu: (await ready()).gpu });
  holdPredictor(start.predictor);
  const request = { ...past.request, run: number };
  const run = keepRun({ ...rest, request, opened: opened() });
  // Before the end of the first round there is nothing to go on from; one that ended with a part of it has no need to.
  if (state === undefined && run.reason === undefined)
    [run.history, run.rounds, run.states, run.moves].forEach(emptied);
  goesOnFrom = { run, state };
  return { scene: sceneOf(opened()), request, rounds: run.rounds, ended: endOf(run) };
}

function emptied(list: unknown[]): void {
  list.length = 0;
}

/** Unlearns round by round; with a state from there on. */
async function unlearnIn(
  run: KeptRun,
  keeper: Keeper,
  { signal, breathe }: Control,
  resume: Uint8Array | undefined,
  onRound: OnRound,
  onProgress: OnProgress,
): Promise<string> {
  signal.throwIfAborted();
  const { forget, method, settings, rounds, until, land, seed } = run.request;
  const { gpu, images, network } = run.opened;
  const { train, labels, test, sets } = images;
  const model = await load(network.file, { gpu });
  const gone = subset({ ...train, labels }, [...forget]);
  const last = run.states.at(-1);
  let before = last === undefined ? await model.model.save() : await weightsIn(last, gpu);
  /** Adds the network as it is to the run, as it was after a round. */
  const add = async (progress: Progress, recorded: Snapshots | undefined): Promise<Round> => {
    const { round, seconds, scores } = progress;
    const now = await model.model.save();
    run.history.push(progress);
    run.states.push(await save(model));
    run.moves.push(recorded && movesOf(round, model.model.slots, recorded, before, now));
    before = now;
    const { classes, confidence } = await predict(model, gone);
    const said = { round, seconds, scores, answers: { classes, confidence } };
    run.rounds.push(said);
    // One that was stopped before takes no other's place.
    keepRun(run);
    return said;
  };
  /** What the round recorded of which a part is to be kept. */
  let landing: Snapshots | undefined;
  const seen = async (progress: Progress, after?: AfterRound): Promise<void> => {
    const recorded = await snapshotsIn(after?.recording);
    // Not the round itself is the run's, but the part of it that is kept; after a reload it is made again.
    if (after?.lands === true) {
      landing = recorded;
      // No round comes after it that could wait.
      signal.throwIfAborted();
      return;
    }
    const said = await add(progress, recorded);
    await keeper.round(run, await after?.state());
    await onRound({ ...said, unkept: keeper.trouble });
    await breathe();
  };
  try {
    const { history, reason } = await unlearn(
      model,
      {
        ...{ train, labels, forget },
        ...(test.count === 0 ? {} : { test }),
        ...(sets === undefined ? {} : { sets }),
      },
      {
        ...{ method: { method, settings }, seed },
        until: { rounds, forgetShare: until === undefined ? undefined : until / 100, land },
        ...{ onStart: seen, onRound: seen, resume },
        watch: { signal, progress: passes(onProgress) },
      },
    );
    run.reason = reason;
    const landed =
      history.length > run.history.length ? await add(history.at(-1)!, landing) : undefined;
    await keeper.end(run);
    // It is heard before the end is: they come by ports of their own.
    if (landed !== undefined) await onRound({ ...landed, unkept: keeper.trouble });
    return endOf(run)!;
  } finally {
    model.destroy();
  }
}

/** The weights of a checkpoint. */
async function weightsIn(file: Uint8Array, gpu: Gpu): Promise<Tensors> {
  const model = await load(file, { gpu });
  try {
    return await model.model.save();
  } finally {
    model.destroy();
  }
}

export async function keptRun(): Promise<KeptRunSaid | undefined> {
  const past = await found();
  if (past === undefined) return undefined;
  const { key, start, request, rounds, state } = past;
  return {
    ...{ kind: "run", key, of: request.rounds, title: start.images.title },
    method: request.method,
    images: request.forget.length,
    rounds: state === undefined && past.reason === undefined ? 0 : rounds.length - 1,
    ended: endOf(past),
  };
}
