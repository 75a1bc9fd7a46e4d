/** The panel of how it forgets: method and rounds, and the run under way. */
import { proxy } from "comlink";
import { engine } from "../client.ts";
import { clearError, fail, part } from "../dom.ts";
import { chosenFiles } from "../dropped.ts";
import { Fields } from "../fields.ts";
import type { GivenFile } from "../files.ts";
import type { Request, Round } from "../messages.ts";
import { roundName } from "../run-view.ts";
import { change, onChange, type Run, state } from "../state.ts";
import { wasStopped } from "../work.ts";

const says = {
  state: part("state", HTMLElement),
  method: part("method-says", HTMLElement),
};
const form = part("how", HTMLFormElement);
const method = part("method", HTMLSelectElement);
const most = part("rounds", HTMLInputElement);
const until = part("until", HTMLInputElement);
const land = part("land", HTMLInputElement);
const seed = part("seed", HTMLInputElement);
const details = part("method-details", HTMLDetailsElement);
const fields = new Fields(part("method-fields", HTMLElement), form);
const predictorRow = part("predictor-row", HTMLElement);
const predictorFile = part("predictor-file", HTMLInputElement);
const start = part("start", HTMLButtonElement);
const pause = part("pause", HTMLButtonElement);
const cancel = part("cancel", HTMLButtonElement);
const progress = part("progress", HTMLProgressElement);

/** A run is under way. */
let running = false;
/** It is told to pause after a round. */
let pausing = false;
const soon = "It pauses after this round.";

function refresh(): void {
  const { scene, chosen, working } = state();
  const ready = scene !== undefined && !working;
  for (const control of [method, most, seed, predictorFile]) control.disabled = !ready;
  until.disabled = !ready || !hasLevels();
  land.disabled = !ready || !canLand();
  fields.disabled = !ready;
  start.disabled = !ready || chosen.size === 0 || scene.problem !== undefined;
  for (const control of [pause, cancel, progress]) control.hidden = !running;
}

/** Whether the method that is chosen can end at a level: one that begins anew would at once. */
function hasLevels(): boolean {
  return state().scene?.methods[method.selectedIndex]?.lands === true;
}

/** Whether the method that is chosen can end on the level that is asked for. */
function canLand(): boolean {
  return hasLevels() && until.value !== "";
}

/** Offers the methods there are. */
function show(): void {
  method.replaceChildren(
    ...(state().scene?.methods ?? []).map(({ name }) => new Option(name, name)),
  );
  showMethod();
}

/** What a method does, and its settings. */
function showMethod(): void {
  const chosen = state().scene?.methods[method.selectedIndex];
  says.method.textContent = chosen?.text ?? "";
  fields.show(chosen?.fields ?? []);
  details.hidden = chosen === undefined || chosen.fields.length === 0;
  predictorRow.hidden = fields.control("predictor") === undefined;
  refresh();
}

/** How it is to forget: the method, its settings that are not as usual, when it ends, and the seed. */
type How = Pick<Request, "method" | "settings" | "rounds" | "until" | "land" | "seed">;

/** What the form says. */
export function toldHow(): How {
  return {
    ...{ method: method.value, settings: fields.values },
    rounds: Number(most.value),
    ...(canLand() && { until: Number(until.value), land: land.checked }),
    seed: Number(seed.value),
  };
}

/** Whether all that the form says is right; shows what is not. */
export function howIsValid(): boolean {
  return form.reportValidity();
}

/** Fills the form in. */
export function setHow({ method: name, settings, rounds, seed: drawn, ...ends }: How): void {
  method.value = name;
  until.value = ends.until === undefined ? "" : String(ends.until);
  land.checked = ends.land ?? ends.until === undefined;
  showMethod();
  fields.fill(settings);
  details.open = Object.keys(settings).length > 0;
  [most.value, seed.value] = [String(rounds), String(drawn)];
}

/** Takes a predictor from files, for a method that has one. */
export async function openPredictor(files: readonly GivenFile[]): Promise<void> {
  clearError();
  change({ working: true });
  try {
    const { path, name } = await engine.openPredictor(files);
    const taker = state().scene!.methods.findIndex(({ fields: own }) =>
      own.some((field) => field.name === "predictor"),
    );
    // Settings that were given stay.
    if (fields.control("predictor") === undefined) {
      method.selectedIndex = taker;
      showMethod();
    }
    fields.control("predictor")!.value = path;
    details.open = true;
    says.state.textContent = `The predictor is ${name}.`;
  } catch (cause) {
    fail(cause);
  } finally {
    change({ working: false });
  }
}

/** Runs that were begun. */
let begun = 0;

/** A number for a run that begins. */
export function nextRun(): number {
  return ++begun;
}

/** What a run calls as it goes on. */
type Calls = readonly [onRound: (round: Round) => void, onProgress: (share: number) => void];

/** Shows a run from its start to its end. @param past its rounds so far, where it goes on; @param last those it may have. */
export async function follow(
  about: Omit<Run, "rounds">,
  past: readonly Round[],
  last: number,
  work: (...calls: Calls) => Promise<string>,
): Promise<void> {
  const rounds = [...past];
  const before = state().run;
  const told = (share: number): void => {
    const next = Math.min(rounds.length, last);
    const now = rounds.length === 0 ? "Measuring…" : `Round ${next} of ${last}…`;
    says.state.textContent = pausing ? soon : now;
    progress.value = Math.min(1, (Math.max(0, rounds.length - 1) + share) / last);
  };
  clearError();
  pause.textContent = "Pause";
  [running, pausing] = [true, false];
  change({ working: true, run: { ...about, rounds: past } });
  told(0);
  try {
    const reason = await work(
      proxy((round: Round) => {
        rounds.push(round);
        change({ run: { ...about, rounds: [...rounds] } });
        told(0);
        if (pausing) says.state.textContent = `Paused after round ${roundName(round)}.`;
      }),
      proxy(told),
    );
    says.state.textContent = `Done: ${reason}.`;
  } catch (cause) {
    const stopped = wasStopped(cause);
    const nothing = rounds.length === 0;
    const done = nothing ? " before anything was done" : ": what the rounds before have done stays";
    says.state.textContent = stopped ? `Stopped${done}.` : "";
    if (!stopped) fail(cause);
    // What was looked at before is looked at again.
    if (nothing) change({ run: before });
  } finally {
    running = false;
    // Where it failed while it was held, what comes next is not.
    void engine.pause(false);
    change({ working: false });
  }
}

/** Says what is done. */
export function tell(text: string): void {
  says.state.textContent = text;
}

async function forget(may: () => boolean): Promise<void> {
  if (state().working || !may()) return;
  const gone = Uint32Array.from([...state().chosen].sort((a, b) => a - b));
  const how = toldHow();
  const about = { id: nextRun(), method: how.method, gone };
  await follow(about, [], how.rounds, (...calls) =>
    engine.forget({ ...how, run: about.id, forget: gone }, ...calls),
  );
}

/** Ties the panel to what there is and what is done. @param may whether a run may begin now. */
export function startHow(may: () => boolean): void {
  onChange(["scene"], show);
  onChange(["scene", "chosen", "working"], refresh);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void forget(may);
  });
  // A field that is out of sight cannot say what is wrong with it.
  details.addEventListener("invalid", () => (details.open = true), true);
  cancel.addEventListener("click", () => void engine.cancel());
  pause.addEventListener("click", () => {
    pausing = !pausing;
    pause.textContent = pausing ? "Go on" : "Pause";
    says.state.textContent = pausing ? soon : "It goes on…";
    void engine.pause(pausing);
  });
  method.addEventListener("change", showMethod);
  until.addEventListener("input", refresh);
  predictorFile.addEventListener("change", () => {
    const files = chosenFiles(predictorFile);
    predictorFile.value = "";
    if (files.length > 0) void openPredictor(files);
  });
  refresh();
}
