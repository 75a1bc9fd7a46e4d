/** Charts of lines. */
import UPlot from "uplot";
import { later } from "./later.ts";

/** Colours that are told apart with any colour vision, by how light the page is (after Okabe and Ito). */
const palettes = {
  light: ["#0072b2", "#c05200", "#007f5f", "#a8518a", "#7a5c00"],
  dark: ["#6fb7ec", "#ff9e57", "#4fcca6", "#e5a0cb", "#e8c65a"],
} as const;
const dashes = [[], [8, 4], [2, 3], [10, 3, 2, 3], [4, 4]] as const;
const height = 260;

/** What a chart shows. */
export interface Lines {
  readonly x: readonly number[];
  readonly xLabel: string;
  readonly yLabel: string;
  /** Ends of the axes, where they do not follow from the values. */
  readonly xRange?: readonly [number, number];
  readonly yRange?: readonly [number, number];
  readonly series: readonly {
    readonly label: string;
    /** A value for each x; null where there is none. */
    readonly y: readonly (number | null)[];
  }[];
  /** The same in words, for who cannot see it. */
  readonly says: string;
}

/** A chart in its place; it follows the place's width, and how light the page is. */
export class Chart {
  readonly #place: HTMLElement;
  readonly #dark = matchMedia("(prefers-color-scheme: dark)");
  #plot: UPlot | undefined;
  #lines: Lines | undefined;

  constructor(place: HTMLElement) {
    this.#place = place;
    place.setAttribute("role", "img");
    new ResizeObserver(() => this.#plot?.setSize({ width: place.clientWidth, height })).observe(
      place,
    );
    this.#dark.addEventListener("change", () => this.show(this.#lines));
  }

  /** Draws anew, soon: there are few values. */
  show(lines: Lines | undefined): void {
    this.#lines = lines;
    if (lines !== undefined) this.#place.setAttribute("aria-label", lines.says);
    later(this, () => this.#draw());
  }

  #draw(): void {
    const lines = this.#lines;
    this.#plot?.destroy();
    this.#plot = undefined;
    if (lines === undefined) return;
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
    const series = lines.series.map(({ label }, i): UPlot.Series => ({
      label,
      stroke: colours[i % colours.length]!,
      dash: [...dashes[i % dashes.length]!],
      width: 2,
      points: { show: true, size: 6 },
    }));
    const { x, xLabel, yLabel, xRange, yRange } = lines;
    const options: UPlot.Options = {
      ...{ width: this.#place.clientWidth, height },
      // The slider says the values of a round, for all.
      legend: { live: false },
      scales: {
        x: { time: false, ...(xRange && { range: [...xRange] as [number, number] }) },
        y: yRange === undefined ? {} : { range: [...yRange] as [number, number] },
      },
      axes: [
        { ...axis, label: xLabel, incrs: [1, 2, 5, 10, 20, 50, 100] },
        { ...axis, label: yLabel, size: 60 },
      ],
      series: [{ label: xLabel }, ...series],
    };
    this.#plot = new UPlot(options, [[...x], ...lines.series.map(({ y }) => [...y])], this.#place);
  }
}
