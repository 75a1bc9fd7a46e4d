/** Curves over rounds. */
import UPlot from "uplot";
import type { Named, Round } from "./messages.ts";

/** Colours that are told apart with any colour vision, by how light the page is (after Okabe and Ito). */
const palettes = {
  light: ["#0072b2", "#c05200", "#007f5f", "#a8518a", "#7a5c00"],
  dark: ["#6fb7ec", "#ff9e57", "#4fcca6", "#e5a0cb", "#e8c65a"],
} as const;
const dashes = [[], [8, 4], [2, 3], [10, 3, 2, 3], [4, 4]] as const;
const height = 260;

/** A chart of what rounds have in %. */
export class Chart {
  readonly #place: HTMLElement;
  readonly #dark = matchMedia("(prefers-color-scheme: dark)");
  #plot: UPlot | undefined;
  #metrics: readonly Named[] = [];
  #rounds: readonly Round[] = [];

  constructor(place: HTMLElement) {
    this.#place = place;
    place.setAttribute("role", "img");
    new ResizeObserver(() => this.#plot?.setSize({ width: place.clientWidth, height })).observe(
      place,
    );
    this.#dark.addEventListener("change", () => this.show(this.#metrics, this.#rounds));
  }

  /** Draws anew: a run has few rounds. */
  show(metrics: readonly Named[], rounds: readonly Round[]): void {
    [this.#metrics, this.#rounds] = [metrics, rounds];
    this.#plot?.destroy();
    this.#plot = undefined;
    if (rounds.length === 0) return;
    const style = getComputedStyle(document.documentElement);
    const [ink, grid] = (["ink", "line"] as const).map((name) =>
      style.getPropertyValue(`--${name}`),
    ) as [string, string];
    const colours = palettes[this.#dark.matches ? "dark" : "light"];
    const axis: UPlot.Axis = {
      stroke: ink,
      grid: { stroke: grid, width: 1 },
      ticks: { stroke: grid },
    };
    const series = metrics.map((metric, i): UPlot.Series => ({
      label: metric.text,
      stroke: colours[i % colours.length]!,
      dash: [...dashes[i % dashes.length]!],
      width: 2,
      points: { show: true, size: 6 },
    }));
    const options: UPlot.Options = {
      ...{ width: this.#place.clientWidth, height },
      // The slider says the values of a round, for all.
      legend: { live: false },
      scales: { x: { time: false }, y: { range: [0, 100] } },
      axes: [
        { ...axis, label: "round", incrs: [1, 2, 5, 10] },
        { ...axis, label: "%" },
      ],
      series: [{ label: "round" }, ...series],
    };
    const columns = metrics.map(({ name }) => rounds.map(({ scores }) => scores[name] ?? null));
    this.#plot = new UPlot(options, [rounds.map(({ round }) => round), ...columns], this.#place);
    const last = rounds.at(-1)!;
    const now = metrics.map(
      (metric) => `${metric.text} ${(last.scores[metric.name] ?? 0).toFixed(1)} %`,
    );
    this.#place.setAttribute(
      "aria-label",
      `Curves over rounds. After round ${last.round}: ${now.join(", ")}.`,
    );
  }
}
