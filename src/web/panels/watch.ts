/** The panel of what was forgotten: curves and answers after each round, of a run and of one beside it. */
import { engine } from "../client.ts";
import { clearError, fail, part } from "../dom.ts";
import type { Scene } from "../messages.ts";
import { measuredIn, nameOf, roundName, RunView } from "../run-view.ts";
import { change, onChange, type Run, state } from "../state.ts";

const whole = part("result", HTMLElement);
const slider = part("round", HTMLInputElement);
const number = part("round-number", HTMLElement);
const numbers = part("numbers", HTMLElement);
const beside = part("beside", HTMLSelectElement);
const besideChoice = part("beside-choice", HTMLElement);
const maps = { on: part("maps", HTMLInputElement), say: part("maps-say", HTMLElement) };
const [view, otherView] = [new RunView(""), new RunView("other-")];

/** Pixels of an image with a map over it, a side at least. */
const mapSide = 84;

/** Runs that a run may stand beside: as many as the engine keeps with it. */
const mostEarlier = 3;
let earlier: readonly Run[] = [];
/** What was shown last. */
let [scene, run]: [Scene | undefined, Run | undefined] = [undefined, undefined];

const other = (): Run | undefined => earlier.find(({ id }) => String(id) === beside.value);
const rounds = (of: Run | undefined): number => Math.max(0, (of?.rounds.length ?? 0) - 1);
const chosenRound = (): number => Number(slider.value);

function row(cells: readonly string[], kind: "th" | "td"): HTMLElement {
  const line = document.createElement("tr");
  for (const text of cells)
    line.append(Object.assign(document.createElement(kind), { textContent: text }));
  return line;
}

function table(of: Run): HTMLElement[] {
  const measured = measuredIn(scene!, of);
  return [
    row(["round", ...measured.map((metric) => `${metric.text}, %`), "seconds"], "th"),
    ...of.rounds.map((round) =>
      row(
        [
          roundName(round),
          ...measured.map(({ name }) => round.scores[name]!.toFixed(1)),
          round.seconds.toFixed(1),
        ],
        "td",
      ),
    ),
  ];
}

/** Shows the runs as they were after the round of the slider. */
function showRound(): void {
  if (scene === undefined || run === undefined) return;
  const round = chosenRound();
  const of = run.rounds[round];
  const name = of === undefined ? String(round) : roundName(of);
  number.textContent = name;
  slider.setAttribute("aria-valuetext", `round ${name}`);
  view.showRound(scene, run, round);
  if (other() !== undefined) otherView.showRound(scene, other()!, round);
  const shown = { run: run.id, round: Math.min(round, rounds(run)), beside: other()?.id };
  change({ shown });
  void showMaps();
}

/** Draws curves and numbers of the rounds there are. */
function showRounds(): void {
  if (scene === undefined || run === undefined) return;
  const most = Math.max(rounds(run), rounds(other()));
  view.show(scene, run, most);
  otherView.show(scene, other(), most);
  numbers.replaceChildren(...table(run));
  const follows = slider.value === slider.max;
  slider.max = String(most);
  if (follows) slider.value = slider.max;
  showRound();
}

function offerEarlier(): void {
  const before = beside.value;
  beside.replaceChildren(
    new Option("nothing", ""),
    ...earlier.map((one) => new Option(nameOf(one), String(one.id))),
  );
  beside.value = earlier.some(({ id }) => String(id) === before) ? before : "";
  besideChoice.hidden = earlier.length === 0;
}

/** Follows the run: one that another follows may stand beside it. */
function follow(): void {
  const now = state();
  if (now.scene !== scene) {
    [scene, earlier] = [now.scene, []];
    offerEarlier();
  } else if (run !== undefined && now.run !== undefined && now.run.id !== run.id) {
    const { id } = now.run;
    if (run.rounds.length > 0) earlier = [run, ...earlier].slice(0, mostEarlier);
    // One that is gone back to stands not beside itself.
    earlier = earlier.filter((one) => one.id !== id);
    offerEarlier();
    slider.max = slider.value = "0";
  }
  run = now.run;
  whole.hidden = scene === undefined || run === undefined || run.rounds.length === 0;
  if (!whole.hidden) showRounds();
}

/** Whether maps are being made; they are made again where the slider has moved meanwhile. */
let drawing = false;

/** Draws maps over the images where they are wanted. */
async function showMaps(): Promise<void> {
  if (drawing) return;
  drawing = true;
  for (;;) {
    const key = mapsKey();
    try {
      await drawMaps();
    } catch (cause) {
      // The images themselves come next.
      maps.on.checked = false;
      fail(cause);
    }
    if (mapsKey() === key) break;
  }
  drawing = false;
}

const mapsKey = (): string =>
  maps.on.checked ? [run?.id, beside.value, slider.value].join() : "none";

/** What is drawn; undefined where that was not done to its end. */
let drawn: string | undefined = "none";

async function drawMaps(): Promise<void> {
  const key = mapsKey();
  if (scene === undefined || run === undefined || key === drawn) return;
  drawn = undefined;
  const round = chosenRound();
  maps.say.textContent = key === "none" ? "" : "Drawing…";
  const pairs = [
    [view, run],
    [otherView, other()],
  ] as const;
  let weights = "";
  for (const [shown, one] of pairs) {
    if (one === undefined) continue;
    if (key === "none") {
      shown.draw(scene, one);
      continue;
    }
    const seen = await engine.maps(one.id, Math.min(round, rounds(one)), mapSide);
    // Meanwhile other images may stand there, or other runs; those come next.
    if (mapsKey() !== key) return;
    weights = seen.weights === "head" ? "Class activation maps" : "Grad-CAM maps";
    shown.draw(scene, one, seen.pictures);
  }
  drawn = key;
  maps.say.textContent =
    key === "none"
      ? ""
      : `${weights} of the answer below each image: dark violet least, yellow most.`;
}

/** Ties the panel to what there is and what is done. */
export function startWatch(): void {
  onChange(["run", "scene"], follow);
  slider.addEventListener("input", showRound);
  beside.addEventListener("change", showRounds);
  maps.on.addEventListener("change", () => {
    clearError();
    void showMaps();
  });
}
