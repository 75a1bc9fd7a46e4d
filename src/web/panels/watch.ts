/** The panel of what was forgotten: curves, answers after each round, and the network to save. */
import { Chart } from "../chart.ts";
import { engine } from "../client.ts";
import { fail, images, part, saveAs } from "../dom.ts";
import { onChange, type Run, state } from "../state.ts";
import { setWords, tile } from "../tiles.ts";

const whole = part("result", HTMLElement);
const slider = part("round", HTMLInputElement);
const number = part("round-number", HTMLElement);
const says = part("round-says", HTMLElement);
const answers = part("answers", HTMLElement);
const numbers = part("numbers", HTMLElement);
const save = part("save", HTMLButtonElement);
const chart = new Chart(part("chart", HTMLElement));

/** Images whose tiles are shown. */
let shown: Run["gone"] | undefined;

/** Shows the run as it was after a round. */
function showRound(): void {
  const { scene, run } = state();
  const round = run?.rounds[Number(slider.value)];
  if (scene === undefined || run === undefined || round === undefined) return;
  const { images: all, classes } = scene;
  const gone = [...run.gone];
  number.textContent = String(round.round);
  const { classes: said, confidence } = round.answers;
  const old = gone.filter((place, i) => said[i] === all.labels[place]).length;
  const relabelled = gone.filter((place) => all.labels[place] !== all.truth[place]).length;
  const right = gone.filter((place, i) => said[i] === all.truth[place]).length;
  says.textContent =
    `Of ${images(gone.length)} to forget, ${old} still get the label they were trained with` +
    (relabelled > 0 ? `, and ${right} their true class.` : ".");
  for (const [i, place] of gone.entries()) {
    const [answer, label, truth] = [said[i]!, all.labels[place]!, all.truth[place]!];
    setWords(answers.children[i]!, [
      { text: `says “${classes[answer]!}”`, wrong: label !== truth && answer === label },
      { text: `${Math.round(100 * confidence[i]!)} % sure`, wrong: false },
    ]);
  }
}

function row(cells: readonly string[], kind: "th" | "td"): HTMLElement {
  const line = document.createElement("tr");
  for (const text of cells)
    line.append(Object.assign(document.createElement(kind), { textContent: text }));
  return line;
}

/** Draws curves and numbers of the rounds there are. */
function showRounds(): void {
  const { scene, run } = state();
  if (scene === undefined || run === undefined) {
    whole.hidden = true;
    return;
  }
  if (run.gone !== shown) {
    shown = run.gone;
    slider.max = slider.value = "0";
    answers.replaceChildren(...[...shown].map((place) => tile(scene.images, place, [])));
  }
  const last = run.rounds.at(-1);
  if (last === undefined) return;
  const measured = scene.shares.filter(({ name }) => name in last.scores);
  whole.hidden = false;
  chart.show(measured, run.rounds);
  const head = ["round", ...measured.map((metric) => `${metric.text}, %`), "seconds"];
  const rows = run.rounds.map(({ round, scores, seconds }) => [
    String(round),
    ...measured.map(({ name }) => scores[name]!.toFixed(1)),
    seconds.toFixed(1),
  ]);
  numbers.replaceChildren(row(head, "th"), ...rows.map((cells) => row(cells, "td")));
  const follows = slider.value === slider.max;
  slider.max = String(run.rounds.length - 1);
  if (follows) slider.value = slider.max;
  showRound();
}

/** Ties the panel to what there is and what is done. */
export function startWatch(): void {
  onChange(["run"], showRounds);
  slider.addEventListener("input", showRound);
  save.addEventListener("click", () => {
    const round = Number(slider.value);
    engine
      .checkpoint(round)
      .then((bytes) => saveAs(bytes, `network-after-round-${round}.safetensors`))
      .catch(fail);
  });
}
