/** The page: what is shown, and what the person who looks at it does. The work is the engine's. */
import { proxy, type Remote, wrap } from "comlink";
import { Chart } from "./chart.ts";
import type { Engine, Round, Scene } from "./messages.ts";
import { setWords, tile } from "./tiles.ts";

/** Images that are shown at first, and more at a time. */
const shownAtOnce = 120;

/** An element of the page. @throws where the page has none of this kind by that name. */
function part<E extends HTMLElement>(id: string, kind: new () => E): E {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`the page has no ${kind.name} "${id}"`);
}

const said = {
  network: part("network", HTMLElement),
  chosen: part("chosen", HTMLElement),
  state: part("state", HTMLElement),
  error: part("error", HTMLElement),
  method: part("method-says", HTMLElement),
  round: part("round-says", HTMLElement),
};
const choose = {
  wrong: part("choose-wrong", HTMLButtonElement),
  class: part("choose-class", HTMLSelectElement),
  none: part("choose-none", HTMLButtonElement),
};
const how = {
  form: part("how", HTMLFormElement),
  method: part("method", HTMLSelectElement),
  rounds: part("rounds", HTMLInputElement),
  start: part("start", HTMLButtonElement),
  pause: part("pause", HTMLButtonElement),
  cancel: part("cancel", HTMLButtonElement),
  progress: part("progress", HTMLProgressElement),
};
const seen = {
  whole: part("result", HTMLElement),
  slider: part("round", HTMLInputElement),
  number: part("round-number", HTMLElement),
  answers: part("answers", HTMLElement),
  numbers: part("numbers", HTMLElement),
  save: part("save", HTMLButtonElement),
};
const grid = part("images", HTMLElement);
const more = part("more", HTMLButtonElement);
const chart = new Chart(part("chart", HTMLElement));

const worker = new Worker(new URL("./engine.ts", import.meta.url), { type: "module" });
const engine: Remote<Engine> = wrap<Engine>(worker);

let scene: Scene | undefined;
/** Tiles by the place of their image. */
const tiles = new Map<number, HTMLElement>();
const chosen = new Set<number>();
let rounds: Round[] = [];
/** Images of the run that is shown, in the order of its answers. */
let gone: Uint32Array<ArrayBuffer> = new Uint32Array();
let working = false;

/** What went wrong, in words, and what can be done. */
function fail(cause: unknown): void {
  const message = cause instanceof Error ? cause.message : String(cause);
  said.error.textContent = message.replace(/^./, (first) => first.toUpperCase());
  said.error.hidden = false;
}

const images = (count: number): string => `${count} image${count === 1 ? "" : "s"}`;

/** What stands in controls follows from what is chosen and what runs. */
function refresh(): void {
  const ready = scene !== undefined && !working;
  for (const control of [choose.wrong, choose.class, choose.none, how.method, how.rounds]) {
    control.disabled = !ready;
  }
  how.start.disabled = !ready || chosen.size === 0;
  how.pause.hidden = how.cancel.hidden = !working;
  how.progress.hidden = !working;
  for (const [place, element] of tiles) {
    element.setAttribute("aria-pressed", String(chosen.has(place)));
    (element as HTMLButtonElement).disabled = !ready;
  }
  if (scene === undefined) return;
  const all = scene.images.count;
  said.chosen.textContent =
    chosen.size === 0 ? "Nothing is chosen." : `${images(chosen.size)} of ${all} are chosen.`;
}

function setChosen(places: Iterable<number>): void {
  chosen.clear();
  for (const place of places) chosen.add(place);
  refresh();
}

/** Adds tiles: those with wrong labels come first. */
function showMore(): void {
  const { images: all, wrong, classes } = scene!;
  const first = new Set(wrong);
  const order = [
    ...wrong,
    ...Array.from({ length: all.count }, (_, i) => i).filter((i) => !first.has(i)),
  ];
  for (const place of order.slice(tiles.size, tiles.size + shownAtOnce)) {
    const [label, truth] = [all.labels[place]!, all.truth[place]!];
    const words = [{ text: `“${classes[label]!}”`, wrong: label !== truth }];
    const element = tile(all, place, words, () => {
      if (!chosen.delete(place)) chosen.add(place);
      refresh();
    });
    tiles.set(place, element);
    grid.append(element);
  }
  more.hidden = tiles.size >= all.count;
  refresh();
}

/** Shows the run as it was after a round. */
function showRound(): void {
  const { images: all, classes } = scene!;
  const round = rounds[Number(seen.slider.value)];
  if (round === undefined) return;
  seen.number.textContent = String(round.round);
  const { classes: answers, confidence } = round.answers;
  const old = [...gone].filter((place, i) => answers[i] === all.labels[place]).length;
  const relabelled = [...gone].filter((place) => all.labels[place] !== all.truth[place]).length;
  const right = [...gone].filter((place, i) => answers[i] === all.truth[place]).length;
  said.round.textContent =
    `Of ${images(gone.length)} to forget, ${old} still get the label they were trained with` +
    (relabelled > 0 ? `, and ${right} their true class.` : ".");
  for (const [i, place] of gone.entries()) {
    const [answer, label, truth] = [answers[i]!, all.labels[place]!, all.truth[place]!];
    setWords(seen.answers.children[i]!, [
      { text: `says “${classes[answer]!}”`, wrong: label !== truth && answer === label },
      { text: `${Math.round(100 * confidence[i]!)} % sure`, wrong: false },
    ]);
  }
}

/** Draws curves and numbers of the rounds there are. */
function showRounds(): void {
  const last = rounds.at(-1)!;
  const measured = scene!.shares.filter(({ name }) => name in last.scores);
  seen.whole.hidden = false;
  chart.show(measured, rounds);
  const head = ["round", ...measured.map((metric) => `${metric.text}, %`), "seconds"];
  const rows = rounds.map(({ round, scores, seconds }) => [
    String(round),
    ...measured.map(({ name }) => scores[name]!.toFixed(1)),
    seconds.toFixed(1),
  ]);
  const row = (cells: readonly string[], kind: "th" | "td"): HTMLElement => {
    const line = document.createElement("tr");
    for (const text of cells)
      line.append(Object.assign(document.createElement(kind), { textContent: text }));
    return line;
  };
  seen.numbers.replaceChildren(row(head, "th"), ...rows.map((cells) => row(cells, "td")));
  const follows = seen.slider.value === seen.slider.max;
  seen.slider.max = String(rounds.length - 1);
  if (follows) seen.slider.value = seen.slider.max;
  showRound();
}

async function forget(): Promise<void> {
  [working, rounds] = [true, []];
  gone = Uint32Array.from([...chosen].sort((a, b) => a - b));
  seen.slider.max = seen.slider.value = "0";
  seen.answers.replaceChildren(...[...gone].map((place) => tile(scene!.images, place, [])));
  said.error.hidden = true;
  how.pause.textContent = "Pause";
  const most = Number(how.rounds.value);
  const state = (share: number): void => {
    const next = Math.min(rounds.length, most);
    said.state.textContent = rounds.length === 0 ? "Measuring…" : `Round ${next} of ${most}…`;
    how.progress.value = Math.min(1, (Math.max(0, rounds.length - 1) + share) / most);
  };
  refresh();
  state(0);
  try {
    const reason = await engine.forget(
      { forget: gone, method: how.method.value, rounds: most },
      proxy((round: Round) => {
        rounds.push(round);
        showRounds();
        state(0);
      }),
      proxy(state),
    );
    said.state.textContent = `Done: ${reason}.`;
  } catch (cause) {
    const stopped = cause instanceof Error && cause.name === "AbortError";
    said.state.textContent = stopped ? "Stopped: what the rounds before have done stays." : "";
    if (!stopped) fail(cause);
  } finally {
    working = false;
    refresh();
  }
}

function save(bytes: Uint8Array<ArrayBuffer>, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes]));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

choose.wrong.addEventListener("click", () => setChosen(scene!.wrong));
choose.none.addEventListener("click", () => setChosen([]));
choose.class.addEventListener("change", () => {
  const label = choose.class.selectedIndex - 1;
  if (label < 0) return;
  setChosen(
    [...scene!.images.labels.keys()].filter((place) => scene!.images.labels[place] === label),
  );
});
more.addEventListener("click", showMore);
how.form.addEventListener("submit", (event) => {
  event.preventDefault();
  void forget();
});
how.cancel.addEventListener("click", () => void engine.cancel());
how.pause.addEventListener("click", () => {
  const paused = how.pause.textContent === "Pause";
  how.pause.textContent = paused ? "Go on" : "Pause";
  said.state.textContent = paused ? "It pauses after this round." : "";
  void engine.pause(paused);
});
how.method.addEventListener("change", () => {
  said.method.textContent = scene!.methods[how.method.selectedIndex]!.text;
});
seen.slider.addEventListener("input", showRound);
seen.save.addEventListener("click", () => {
  const round = Number(seen.slider.value);
  engine
    .checkpoint(round)
    .then((bytes) => save(bytes, `network-after-round-${round}.safetensors`))
    .catch(fail);
});

async function open(): Promise<void> {
  try {
    scene = await engine.open(new URL("./start.safetensors", import.meta.url).href);
  } catch (cause) {
    said.network.textContent = "No network is open.";
    return fail(cause);
  }
  const { adapter, software, network, weights, classes, images: all } = scene;
  said.network.textContent =
    `“${network}”, ${weights.toLocaleString("en")} weights, trained on ${all.count} drawn digits, ` +
    `${scene.wrong.length} of them with wrong labels. It runs on ${adapter}` +
    (software ? ", which is no graphics card: a round takes some seconds." : ".");
  how.method.append(...scene.methods.map(({ name }) => new Option(name, name)));
  how.method.dispatchEvent(new Event("change"));
  choose.class.append(new Option("choose…", ""), ...classes.map((name) => new Option(name, name)));
  setChosen(scene.wrong);
  showMore();
}

refresh();
void open();
