/** Line charts as SVG and PNG: Vega-Lite draws, resvg rasterises with the DejaVu fonts it is given. */
import type * as resvgModule from "@resvg/resvg-wasm";
import { UsageError } from "../errors.ts";
import { readBytes } from "../platform/files.ts";
import { ifInstalled } from "../platform/optional.ts";

/** A curve; `low` and `high` draw a band around it. */
export interface Series {
  readonly name: string;
  readonly points: readonly { x: number; y: number; low?: number; high?: number }[];
}

/** A chart with one x and one y axis. */
export interface LineChart {
  readonly title: string;
  readonly subtitle?: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
  /** Draw x from large to small. */
  readonly reverseX?: boolean;
  /** Draw x by its logarithm. */
  readonly logX?: boolean;
}

/** Okabe and Ito's palette: told apart with any colour vision; dashed from the eighth series on. */
const palette = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"];
const font = "DejaVu Sans";

const schema = "https://vega.github.io/schema/vega-lite/v6.json";

const page = {
  background: "white",
  padding: 12,
  config: {
    font,
    axis: {
      gridColor: "#e4e4e4",
      domainColor: "#888888",
      tickColor: "#888888",
      labelFontSize: 11,
      titleFontSize: 12,
    },
    title: {
      fontSize: 15,
      subtitleFontSize: 11,
      subtitleColor: "#555555",
      subtitlePadding: 4,
      offset: 12,
    },
    legend: { labelFontSize: 11 },
    view: { stroke: null },
  },
};

/** The Vega-Lite specification of a chart: open it in any Vega viewer. */
export function chartSpec(chart: LineChart): object {
  return { $schema: schema, ...page, ...panel(chart, 520, 320) };
}

/** The specification of several charts in one figure, two a row. */
function panelsSpec(title: string, charts: readonly LineChart[]): object {
  const concat = charts.map((chart) => panel(chart, 360, 220));
  // Each chart its own series and axes.
  const resolve = { scale: { color: "independent", strokeDash: "independent" } };
  const head = { text: title, anchor: "start", fontSize: 17, offset: 18 };
  return { $schema: schema, ...page, title: head, concat, columns: 2, spacing: 30, resolve };
}

/** One chart, `width` by `height` pixels inside its axes. */
function panel(chart: LineChart, width: number, height: number): object {
  const values = chart.series.flatMap(({ name, points }) =>
    points.map((point, order) => ({ series: name, order, ...point })),
  );
  const banded = values.some((value) => value.low !== undefined);
  const x = {
    field: "x",
    type: "quantitative",
    title: chart.xLabel,
    scale: {
      ...(chart.logX === true
        ? { type: "log", nice: false }
        : { zero: false, nice: true, ...flat(values.map((value) => value.x)) }),
      reverse: chart.reverseX === true,
    },
    axis: {
      ...(chart.logX === true ? { tickCount: 5 } : {}),
      ...(values.every((value) => Number.isInteger(value.x)) ? { tickMinStep: 1 } : {}),
    },
  };
  const y = {
    field: "y",
    type: "quantitative",
    title: chart.yLabel,
    scale: { zero: false, nice: true, ...flat(values.map((value) => value.y)) },
  };
  const names = chart.series.map((one) => one.name);
  const named = { field: "series", type: "nominal", title: null, sort: names };
  // One curve is named by the chart's title.
  const legend =
    names.length === 1
      ? null
      : {
          orient: "bottom",
          columns: 3,
          labelLimit: 320,
          // Else a banded chart's legend takes the band's pale fill.
          symbolType: "stroke",
          symbolOpacity: 1,
          symbolStrokeWidth: 2,
          symbolSize: 200,
        };
  const range = names.map((_, i) => palette[i % palette.length]);
  const color = { ...named, scale: { domain: names, range }, legend };
  const dashes = names.map((_, i) => (i < palette.length ? [1, 0] : [5, 3]));
  const strokeDash = { ...named, scale: { domain: names, range: dashes }, legend };
  return {
    title: {
      text: chart.title,
      ...(chart.subtitle === undefined ? {} : { subtitle: wrapped(chart.subtitle) }),
      anchor: "start",
    },
    width,
    height,
    data: { values },
    layer: [
      ...(banded
        ? [
            {
              mark: { type: "area", opacity: 0.18 },
              encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color },
            },
          ]
        : []),
      {
        mark: { type: "line", point: { size: 40, filled: true }, strokeWidth: 2 },
        encoding: { x, y, color, strokeDash, order: { field: "order" } },
      },
    ],
  };
}

/** Room above and below a curve that neither rises nor falls: its own range is none. */
function flat(ys: readonly number[]): { domain?: readonly [number, number] } {
  const [low, high] = [Math.min(...ys), Math.max(...ys)];
  return low === high ? { domain: [low - 1, high + 1] } : {};
}

/** Characters of a line under a title at most: a longer one widens the figure past its axes. */
const lineLength = 72;

/** A text in lines, broken at blanks. */
function wrapped(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > lineLength) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

type Rasteriser = typeof resvgModule;
let rasteriser: Promise<Rasteriser> | undefined;

async function resvg(): Promise<Rasteriser> {
  const module = await import("@resvg/resvg-wasm");
  await module.initWasm(
    await readBytes(new URL(import.meta.resolve("@resvg/resvg-wasm/index_bg.wasm"))),
  );
  return module;
}

/** A chart as a drawing, and as an image twice its size in pixels. */
export interface Drawn {
  readonly svg: string;
  readonly png: Uint8Array;
}

/** Draws a chart; undefined where the packages that draw are not installed. */
export function lineChart(chart: LineChart): Promise<Drawn | undefined> {
  return ifInstalled(() => draw(chartSpec(chart)));
}

/** Draws several charts as one figure. @throws UsageError where the packages that draw are not installed. */
export async function linePanels(title: string, charts: readonly LineChart[]): Promise<Drawn> {
  const drawn = await ifInstalled(() => draw(panelsSpec(title, charts)));
  if (drawn !== undefined) return drawn;
  throw new UsageError(
    "charts need optional packages: `npm install vega vega-lite @resvg/resvg-wasm dejavu-fonts-ttf`.",
  );
}

async function draw(spec: object): Promise<Drawn> {
  // Heavy modules: loaded when a chart is drawn.
  const [vega, lite] = await Promise.all([import("vega"), import("vega-lite")]);
  const view = new vega.View(vega.parse(lite.compile(spec as never).spec), {
    renderer: "none",
  });
  const svg = await view.toSVG();
  view.finalize();
  rasteriser ??= resvg();
  const { Resvg } = await rasteriser;
  const names = ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf"];
  // Without fonts the rasteriser leaves out all text, silently.
  const fontBuffers = await Promise.all(
    names.map((name) => readBytes(new URL(import.meta.resolve(`dejavu-fonts-ttf/ttf/${name}`)))),
  );
  const rendered = new Resvg(svg, {
    fitTo: { mode: "zoom", value: 2 },
    font: { fontBuffers, defaultFontFamily: font, sansSerifFamily: font },
  }).render();
  const png = rendered.asPng();
  rendered.free();
  return { svg, png };
}
