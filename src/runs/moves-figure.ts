/** The figure of how a run's rounds moved the weights, and its numbers as a table. */
import { csvFormatRows } from "d3-dsv";
import {
  histogramBins,
  histogramStep,
  type LayerMoves,
  type RoundMoves,
} from "../analysis/moves.ts";
import type { Drawn } from "../figures/draw.ts";
import { type LineChart, linePanels, type Series } from "../figures/plot.ts";
import { roundNumber } from "../report/report.ts";

/** Layers that are shown with a histogram, and single weights. */
const shownLayers = 4;

/** Where the weight that a round sets is drawn, in epochs before the oldest snapshot. */
const setPlace = -2;

/** The largest layers, in the network's order. */
function largest(layers: readonly LayerMoves[]): LayerMoves[] {
  const drifted = layers.filter(({ drift }) => drift > 0);
  const sizes = drifted.map(({ size }) => size).sort((a, b) => b - a);
  const least = sizes[Math.min(shownLayers, sizes.length) - 1] ?? 0;
  return drifted.filter(({ size }) => size >= least).slice(0, shownLayers);
}

/** A line a layer over the rounds. */
function overRounds(
  rounds: readonly RoundMoves[],
  names: readonly string[],
  value: (layer: LayerMoves) => number | null,
): Series[] {
  return names.map((name) => ({
    name,
    points: rounds.flatMap(({ round, layers }) => {
      const layer = layers.find((one) => one.name === name);
      const y = layer === undefined ? null : value(layer);
      return y === null ? [] : [{ x: round, y }];
    }),
  }));
}

/** A histogram as a line: share of the weights in each bin, %. */
function histogramLine(name: string, bins: readonly number[], size: number): Series {
  const middle = (histogramBins - 1) / 2;
  return {
    name,
    points: bins.map((count, i) => ({ x: (i - middle) * histogramStep, y: (100 * count) / size })),
  };
}

/** The figure as data: charts, two a row. */
export function movesCharts(rounds: readonly RoundMoves[]): LineChart[] {
  const last = rounds.at(-1)!;
  const shown = largest(last.layers);
  const names = shown.map(({ name }) => name);
  const charts: LineChart[] = [
    {
      title: "How far: length of the move / the drift",
      xLabel: "round",
      yLabel: "move / drift",
      series: overRounds(rounds, names, ({ move, drift }) => (drift === 0 ? null : move / drift)),
    },
    {
      title: "Which way: cosine of move and drift",
      xLabel: "round",
      yLabel: "cosine (-1: straight back)",
      series: overRounds(rounds, names, ({ cosine }) => cosine),
    },
  ];
  for (const { name, size, histogram } of shown) {
    charts.push({
      title: `${name}: changes in round ${roundNumber(last.round)}`,
      xLabel: "change / root mean square of the drift",
      yLabel: "weights (%)",
      series: [
        histogramLine("drift", histogram.drift, size),
        histogramLine("move", histogram.move, size),
      ],
      dots: false,
    });
  }
  for (const { layer, index, quantile, history, after } of last.coordinates) {
    if (!names.includes(layer)) continue;
    const drifts = quantile === 0.5 ? "median drift" : `${100 * quantile} % drift less`;
    charts.push({
      title: `${layer}[${index}]: ${drifts}`,
      xLabel: "epoch of the fine-tuning; left of it: what the round set",
      yLabel: "weight",
      series: [
        { name: "snapshots", points: history.map((y, x) => ({ x, y })) },
        { name: "set by the round", points: [{ x: setPlace, y: after }] },
      ],
    });
  }
  return charts;
}

/** Draws the figure. @throws UsageError where the packages that draw are not installed. */
export function movesFigure(name: string, rounds: readonly RoundMoves[]): Promise<Drawn> {
  return linePanels(`How the rounds of ${name} moved the weights`, movesCharts(rounds));
}

/** A line a layer and round. */
export function movesCsv(rounds: readonly RoundMoves[]): string {
  const head = [
    "round",
    "layer",
    "kind",
    "weights",
    "length of the drift",
    "length of the move",
    "cosine",
  ];
  const rows = rounds.flatMap(({ round, layers }) =>
    layers.map(({ name, kind, size, drift, move, cosine }) =>
      [round, name, kind, size, drift, move, cosine ?? ""].map(String),
    ),
  );
  return `${csvFormatRows([head, ...rows])}\n`;
}

/** What is said of a last round of which a part was taken; empty where all are whole. */
export function landedText(rounds: readonly RoundMoves[]): string {
  const { round } = rounds.at(-1)!;
  if (Number.isInteger(round)) return "";
  return `Round ${roundNumber(round)} is the part of round ${Math.ceil(round)} up to where the run landed.`;
}

/** Over all layers together: how far and which way each round moved. */
export function movesTotals(rounds: readonly RoundMoves[]): {
  readonly round: number;
  readonly drift: number;
  readonly move: number;
  readonly cosine: number | null;
}[] {
  return rounds.map(({ round, layers }) => {
    const length = (of: (layer: LayerMoves) => number): number =>
      Math.sqrt(layers.reduce((sum, layer) => sum + of(layer) ** 2, 0));
    const [drift, move] = [length((one) => one.drift), length((one) => one.move)];
    const product = layers.reduce((sum, one) => sum + (one.cosine ?? 0) * one.drift * one.move, 0);
    return { round, drift, move, cosine: drift * move === 0 ? null : product / (drift * move) };
  });
}
