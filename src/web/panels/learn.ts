/** The panel that trains a network on the images, after something was made wrong with them. */
import { proxy } from "comlink";
import { engine } from "../client.ts";
import { clearError, fail, part } from "../dom.ts";
import { Fields } from "../fields.ts";
import type { Epoch, Learning, RestoredTraining, Scene, Settable } from "../messages.ts";
import { change, onChange, state } from "../state.ts";
import { wasStopped } from "../work.ts";
import { opening } from "./network.ts";

const error = part("open-error", HTMLElement);
const wrong = {
  form: part("wrong-form", HTMLFormElement),
  name: part("scenario", HTMLSelectElement),
  seed: part("scenario-seed", HTMLInputElement),
  says: part("scenario-says", HTMLElement),
  fields: new Fields(part("scenario-fields", HTMLElement)),
  apply: part("wrong-apply", HTMLButtonElement),
};
const whole = part("learn", HTMLDetailsElement);
const form = part("learn-form", HTMLFormElement);
const model = part("learn-model", HTMLSelectElement);
const epochs = part("learn-epochs", HTMLInputElement);
const batch = part("learn-batch", HTMLInputElement);
const rate = part("learn-rate", HTMLInputElement);
const seed = part("learn-seed", HTMLInputElement);
const fields = new Fields(part("learn-fields", HTMLElement));
const start = part("learn-start", HTMLButtonElement);
const pause = part("learn-pause", HTMLButtonElement);
const cancel = part("learn-cancel", HTMLButtonElement);
const progress = part("learn-progress", HTMLProgressElement);
const says = part("learn-state", HTMLElement);

/** A training is under way. */
let running = false;
/** It was told to end. */
let stopping = false;
/** Why a reload would lose it; undefined where it would not. */
let unkept: string | undefined;

function refresh(): void {
  const { scene, working } = state();
  const disabled = scene === undefined || working;
  const controls = [wrong.name, wrong.seed, wrong.apply, model, epochs, batch, rate, seed, start];
  for (const control of controls) control.disabled = disabled;
  wrong.fields.disabled = fields.disabled = disabled;
  for (const control of [pause, cancel, progress]) control.hidden = !running;
}

const names = (all: readonly Settable[]): HTMLOptionElement[] =>
  all.map(({ name }) => new Option(name, name));

/** Offers what there is, once: that does not change with what is opened. */
function show(): void {
  const { scene } = state();
  if (scene === undefined || model.options.length > 0) return;
  wrong.name.append(new Option("none: as their files have them", ""), ...names(scene.scenarios));
  model.append(...names(scene.networks));
  showScenario();
  showModel();
}

function showScenario(): void {
  const chosen = state().scene!.scenarios.find(({ name }) => name === wrong.name.value);
  wrong.says.textContent = chosen?.text ?? "";
  wrong.fields.show(chosen?.fields ?? []);
}

function showModel(): void {
  fields.show(state().scene!.networks.find(({ name }) => name === model.value)?.fields ?? []);
}

function makeWrong(): Promise<void> {
  const name = wrong.name.value;
  const scenario = { ...wrong.fields.values, name, seed: Number(wrong.seed.value) };
  return opening("Changing the images…", () =>
    engine.makeWrong(name === "" ? undefined : scenario),
  );
}

/** Fills the form in. */
function setLearning(learning: Learning): void {
  whole.open = true;
  model.value = learning.model;
  showModel();
  fields.fill(learning.settings);
  epochs.value = String(learning.epochs);
  batch.value = String(learning.batch);
  rate.value = String(learning.learningRate);
  seed.value = String(learning.seed);
}

/** What a training calls as it goes on. */
type Calls = readonly [
  onEpoch: (epoch: Epoch, unkept: string | undefined) => void,
  onProgress: (share: number) => void,
];

/** Goes on with a training that was kept. */
export function learnOn({
  learning,
  epochs: past,
}: Omit<RestoredTraining, "scene">): Promise<void> {
  setLearning(learning);
  return follow(learning, past, (...calls) => engine.learnOn(...calls));
}

async function learn(may: () => boolean): Promise<void> {
  if (state().working || !may()) return;
  const learning = {
    ...{ model: model.value, settings: fields.values, batch: Number(batch.value) },
    ...{ epochs: Number(epochs.value), learningRate: Number(rate.value), seed: Number(seed.value) },
  };
  await follow(learning, [], (...calls) => engine.learn(learning, ...calls));
}

/** Shows a training from its start to its end. @param past its epochs so far, where it goes on. */
async function follow(
  { epochs: all }: Learning,
  past: readonly Epoch[],
  work: (...calls: Calls) => Promise<Scene>,
): Promise<void> {
  clearError(error);
  const knownAfter = ({ accuracy, loss }: Epoch): string =>
    ` It knows ${accuracy.toFixed(1)} % of the images; loss ${loss.toFixed(3)}.`;
  let known = past.length === 0 ? "" : knownAfter(past.at(-1)!);
  const lost = (): string => (unkept === undefined ? "" : ` ${unkept}`);
  const tell = (share: number): void => {
    progress.value = share;
    if (stopping || pause.textContent !== "Pause") return;
    const epoch = Math.min(all, Math.floor(share * all) + 1);
    says.textContent = `Epoch ${epoch} of ${all}.${known}${lost()}`;
  };
  pause.textContent = "Pause";
  [running, stopping, unkept] = [true, false, undefined];
  change({ working: true });
  tell(past.length / all);
  try {
    const scene = await work(
      proxy((epoch: Epoch, trouble: string | undefined) => {
        known = knownAfter(epoch);
        unkept = trouble;
        if (pause.textContent === "Pause" || stopping) return;
        says.textContent = `Paused after epoch ${epoch.epoch}.${known}${lost()}`;
      }),
      proxy(tell),
    );
    change({ scene, chosen: new Set(scene.wrong), run: undefined });
    says.textContent = `Done.${known}${lost()}`;
  } catch (cause) {
    const stopped = wasStopped(cause);
    says.textContent = stopped ? "Stopped: the network that was open before stays." : "";
    if (!stopped) fail(cause, error);
  } finally {
    running = false;
    // Where it failed while it was held, what comes next is not.
    void engine.pause(false);
    change({ working: false });
  }
}

/** Ties the panel to what there is and what is done. @param may whether a training may begin now. */
export function startLearn(may: () => boolean): void {
  onChange(["scene"], show);
  onChange(["scene", "working"], refresh);
  wrong.name.addEventListener("change", showScenario);
  model.addEventListener("change", showModel);
  wrong.form.addEventListener("submit", (event) => {
    event.preventDefault();
    void makeWrong();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void learn(may);
  });
  cancel.addEventListener("click", () => {
    stopping = true;
    says.textContent = "Stopping…";
    void engine.cancel();
  });
  // Where it is not kept, whoever reloads the page is asked.
  addEventListener("beforeunload", (event) => {
    if (running && unkept !== undefined) event.preventDefault();
  });
  pause.addEventListener("click", () => {
    const paused = pause.textContent === "Pause";
    pause.textContent = paused ? "Go on" : "Pause";
    if (paused) says.textContent = "It pauses after this epoch.";
    void engine.pause(paused);
  });
  refresh();
}
