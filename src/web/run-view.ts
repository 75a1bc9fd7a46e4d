/** A run as it is shown: curves, and the answers to the images to forget after a round. */
import { Chart } from "./chart.ts";
import { counted, images, part } from "./dom.ts";
import type { Picture, Round, Scene } from "./messages.ts";
import type { Run } from "./state.ts";
import { pictureOf, setPicture, setWords, tile } from "./tiles.ts";

/** What helps where a round has changed no answer. */
const unmoved =
  " No answer has changed yet: more rounds, a higher rate or another method may do it; an image that looks like the others " +
  "of its class may keep its answer.";

/** Points that a share of D_r may fall by without a word. */
const mostLost = 5;

/** What helps where other images suffer; nothing where they do not. */
function lostBy({ shares }: Scene, { rounds }: Run, { scores }: Round): string {
  for (const { name, text, ofOthers } of shares) {
    const [before, now] = [rounds[0]!.scores[name], scores[name]];
    if (!ofOthers || before === undefined || now === undefined || before - now < mostLost) continue;
    return (
      ` Other images suffer: ${text} fell by ${(before - now).toFixed(1)} points. An earlier round, a lower rate or another ` +
      "method may do better; the network of each round can be saved."
    );
  }
  return "";
}

/** A round as people say it: of one that was ended on the way, the part that was kept. */
export function roundName({ round }: Round): string {
  const whole = Math.ceil(round);
  return round === whole ? String(round) : `${whole} (its first ${partOf(round)} %)`;
}

/** The part of its last round that a run ended with, in %. */
function partOf(round: number): string {
  const share = 100 * (round - Math.floor(round));
  return share < 10 || share > 99 ? share.toFixed(1) : share.toFixed(0);
}

/** What is said of a round of a run, its last where it has not the one that was asked for. */
function saysOf(scene: Scene, run: Run, at: number, asked: number): string {
  const { images: all } = scene;
  const now = run.rounds[at]!;
  const { answers } = now;
  const gone = [...run.gone];
  const { classes } = answers;
  const old = gone.filter((place, i) => classes[i] === all.labels[place]).length;
  const relabelled = gone.filter((place) => all.labels[place] !== all.truth[place]).length;
  const right = gone.filter((place, i) => classes[i] === all.truth[place]).length;
  return (
    (at < asked ? `After round ${roundName(now)}, its last: of ` : "Of ") +
    `${images(gone.length)} to forget, ${old} still ${old === 1 ? "gets the label it was" : "get the label they were"} trained with` +
    (relabelled > 0 ? `, and ${right} ${right === 1 ? "its" : "their"} true class.` : ".") +
    (at > 0 && at === asked && old === gone.length ? unmoved : "") +
    lostBy(scene, run, now)
  );
}

/** What a run is called. */
export function nameOf({ id, method, gone, rounds }: Run): string {
  return `${id}: ${method}, ${images(gone.length)}, ${counted(Math.max(0, rounds.length - 1), "round")}`;
}

/** The metrics of a run, in the order of tables. */
export function measuredIn({ shares }: Scene, { rounds }: Run): Scene["shares"] {
  return shares.filter(({ name }) => name in (rounds[0]?.scores ?? {}));
}

/** The place of a run in the page: elements whose names begin with a prefix. */
export class RunView {
  readonly #chart: Chart;
  readonly #whole: HTMLElement;
  readonly #title: HTMLElement;
  readonly #says: HTMLElement;
  readonly #answers: HTMLElement;
  #shown: Run["gone"] | undefined;

  constructor(prefix: string) {
    this.#whole = part(`${prefix}run`, HTMLElement);
    this.#title = part(`${prefix}title`, HTMLElement);
    this.#says = part(`${prefix}round-says`, HTMLElement);
    this.#answers = part(`${prefix}answers`, HTMLElement);
    this.#chart = new Chart(part(`${prefix}chart`, HTMLElement));
  }

  /** Shows a run's curves as far as it is, on an axis of `most` rounds; nothing for undefined. */
  show(scene: Scene, run: Run | undefined, most: number): void {
    this.#whole.hidden = run === undefined;
    if (run === undefined) {
      this.#shown = undefined;
      return;
    }
    const { rounds, gone } = run;
    this.#title.textContent = nameOf(run);
    if (gone !== this.#shown) {
      this.#shown = gone;
      this.#answers.replaceChildren(...[...gone].map((place) => tile(scene.images, place, [])));
    }
    const measured = measuredIn(scene, run);
    const last = rounds.at(-1)!;
    const now = measured.map(({ name, text }) => `${text} ${last.scores[name]!.toFixed(1)} %`);
    this.#chart.show({
      x: rounds.map(({ round }) => round),
      ...{ xLabel: "round", yLabel: "%", xRange: [0, Math.max(1, most)], yRange: [0, 100] },
      series: measured.map(({ name, text }) => ({
        label: text,
        y: rounds.map(({ scores }) => scores[name] ?? null),
      })),
      says: `Curves over rounds. After round ${roundName(last)}: ${now.join(", ")}.`,
    });
  }

  /** Shows a run as it was after a round, or after its last. */
  showRound({ images: all, classes, ...scene }: Scene, run: Run, asked: number): void {
    const at = Math.min(asked, run.rounds.length - 1);
    const round = run.rounds[at];
    if (round === undefined) return;
    this.#says.textContent = saysOf({ images: all, classes, ...scene }, run, at, asked);
    const { classes: said, confidence } = round.answers;
    for (const [i, place] of [...run.gone].entries()) {
      const [answer, label, truth] = [said[i]!, all.labels[place]!, all.truth[place]!];
      setWords(this.#answers.children[i]!, [
        { text: `says “${classes[answer]!}”`, wrong: label !== truth && answer === label },
        { text: `${Math.round(100 * confidence[i]!)} % sure`, wrong: false },
      ]);
    }
  }

  /** Draws pictures on its tiles, the first ones where there are fewer; without any the images themselves. */
  draw({ images: all }: Scene, run: Run, pictures: readonly Picture[] = []): void {
    for (const [i, place] of [...run.gone].entries()) {
      setPicture(this.#answers.children[i]!, () => pictures[i] ?? pictureOf(all, place));
    }
  }
}
