/** Training: the browser keeps it from epoch to epoch. */
import type { Totals } from "../../feed/step-queue.ts";
import { type AfterEpoch, train } from "../../index.ts";
import type { Epoch, KeptTrainingSaid, Learning, RestoredTraining, Scene } from "../messages.ts";
import { type Control, controlled } from "./control.ts";
import { foundTraining, type Keeper, keeping, type KeptTraining } from "./keep.ts";
import { heldPredictor, holdPredictor } from "./network.ts";
import { kept } from "./open.ts";
import { opened, ready, setOpened } from "./opened.ts";
import { sceneOf } from "./scene.ts";

/** Between two epochs that are kept lie so many milliseconds at least: it takes time of its own. */
const keepEveryMs = 2000;

/** Called after each epoch. */
type OnEpoch = (epoch: Epoch, unkept: string | undefined) => void;
type OnProgress = (share: number) => void;

export function learn(
  learning: Learning,
  onEpoch: OnEpoch,
  onProgress: OnProgress,
): Promise<Scene> {
  return controlled(async (control) => {
    const now = { ...(await ready()), predictor: heldPredictor() };
    const training = { key: crypto.randomUUID(), learning, epochs: [], opened: now };
    return keeping("training", async (keeper) => {
      control.signal.throwIfAborted();
      await keeper.beginTraining(training);
      return learnIn(training, keeper, control, undefined, onEpoch, onProgress);
    });
  });
}

/** The state that a training goes on from which {@link restoreTraining} brought back. */
let goesOnFrom:
  { readonly training: KeptTraining; readonly state: Uint8Array | undefined } | undefined;

export function learnOn(onEpoch: OnEpoch, onProgress: OnProgress): Promise<Scene> {
  return controlled(async (control) => {
    if (goesOnFrom === undefined) throw new Error("there is no training to go on with.");
    const { training, state } = goesOnFrom;
    goesOnFrom = undefined;
    return keeping("training", (keeper) =>
      learnIn(training, keeper, control, state, onEpoch, onProgress),
    );
  });
}

export async function restoreTraining(key: string): Promise<RestoredTraining | undefined> {
  const past = await foundTraining();
  if (past?.key !== key) return undefined;
  const { start, state, learning, epochs } = past;
  setOpened({ ...start, gpu: (await ready()).gpu });
  holdPredictor(start.predictor);
  goesOnFrom = { training: { key, learning, epochs: [...epochs], opened: opened() }, state };
  return { scene: sceneOf(opened()), learning, epochs };
}

/** Trains epoch by epoch; with a state from there on. */
async function learnIn(
  training: KeptTraining,
  keeper: Keeper,
  { signal, breathe, held }: Control,
  resume: Uint8Array | undefined,
  onEpoch: OnEpoch,
  onProgress: OnProgress,
): Promise<Scene> {
  signal.throwIfAborted();
  const { learning, epochs } = training;
  const { gpu, images } = training.opened;
  const { train: set, labels } = images;
  const { model, settings, ...how } = learning;
  let last = performance.now();
  const seen = async (
    epoch: number,
    { accuracy, loss }: Totals,
    after: AfterEpoch,
  ): Promise<void> => {
    const said = { epoch, accuracy, loss };
    epochs.push(said);
    if (epoch === learning.epochs || held() || performance.now() - last >= keepEveryMs) {
      await keeper.epoch(training, await after.state());
      last = performance.now();
    }
    onEpoch(said, keeper.trouble);
    await breathe();
  };
  const watch = {
    signal,
    progress: (step: number, steps: number): void => onProgress(step / steps),
  };
  const classifier = await train(
    model,
    { train: set, labels },
    { gpu, network: settings, ...how, onEpoch: seen, resume, watch },
  );
  const network = { ...(await kept(classifier, false)), training: { learning, epochs } };
  setOpened({ ...opened(), network });
  return sceneOf(opened());
}

export async function keptTraining(): Promise<KeptTrainingSaid | undefined> {
  const past = await foundTraining();
  if (past === undefined) return undefined;
  const { key, start, learning, epochs } = past;
  return {
    ...{ kind: "training", key, title: start.images.title, network: learning.model },
    ...{ epochs: epochs.length, of: learning.epochs },
    ended: epochs.length === learning.epochs ? "all epochs are done" : undefined,
  };
}
