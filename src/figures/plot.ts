/** Line charts. */
import { ifInstalled } from "../platform/optional.ts";
import { draw, drawSvg, type Drawn, drawn, page, palette, schema, wrapped } from "./draw.ts";

export type { Drawn } from "./draw.ts";

/** A curve; `low` and `high` draw a band around it. */
export interface Series {
  readonly name: string;
  readonly points: readonly {
    x: number;
    y: number;
    low?: number;
    high?: number;
    /** What is written above the point. */
    label?: string;
  }[];
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
  /** False where points are read off lines between measurements: no dot then says that something was measured there. */
  readonly dots?: boolean;
}

/** The Vega-Lite specification of a chart: open it in any Vega viewer. */
export function chartSpec(chart: LineChart): object {
  return { $schema: schema, ...page, ...panel(chart, 520, 320) };
}

/** The specification of several charts in one figure, two a row. */
function panelsSpec(title: string, charts: readonly LineChart[]): object {
  const concat = charts.map((chart) => panel(chart, 360, 220, 12));
  // Each chart its own series and axes.
  const resolve = { scale: { color: "independent", strokeDash: "independent" } };
  const head = { text: title, anchor: "start", fontSize: 17, offset: 18 };
  return { $schema: schema, ...page, title: head, concat, columns: 2, spacing: 30, resolve };
}

/**
 * One chart, `width` by `height` pixels inside its axes; a panel's title is small, as long ones widen it.
 *
 * @param keyed with a legend, where there are several curves.
 */
function panel(
  chart: LineChart,
  width: number,
  height: number,
  titleSize?: number,
  keyed = true,
): Record<string, unknown> {
  const values = chart.series.flatMap(({ name, points }) =>
    points.map((point, order) => ({ series: name, order, ...point })),
  );
  const labels = pointLabels(values, width, height);
  const leftmost = (chart.reverseX === true ? Math.max : Math.min)(...labels.map(({ x }) => x));
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
    names.length === 1 || !keyed
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
  const colours = lineColours(names.length);
  const range = colours.map(({ colour }) => colour);
  const color = { ...named, scale: { domain: names, range }, legend };
  const dashes = colours.map((one) => one.dashes);
  const strokeDash = { ...named, scale: { domain: names, range: dashes }, legend };
  return {
    title: {
      text: chart.title,
      ...(chart.subtitle === undefined ? {} : { subtitle: wrapped(chart.subtitle) }),
      anchor: "start",
      ...(titleSize === undefined ? {} : { fontSize: titleSize }),
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
        mark: {
          type: "line",
          ...(chart.dots === false ? {} : { point: { size: 40, filled: true } }),
          strokeWidth: 2,
        },
        encoding: { x, y, color, strokeDash, order: { field: "order" } },
      },
      ...(labels.length > 0
        ? [
            {
              data: { values: labels },
              // The first in reading may stand on the axis, and would lie across it.
              mark: {
                ...{ type: "text", dy: -10, fontSize: 11, color: "#555555" },
                align: { expr: `datum.x === ${leftmost} ? "left" : "center"` },
              },
              encoding: { x, y, text: { field: "label", type: "nominal" } },
            },
          ]
        : []),
    ],
  };
}

/** Pixels that a label takes: a sign is so wide, a line so high, and so much lies between two. */
const [signWidth, lineHeight, gap] = [7, 13, 4];

/** A point as charts have it. */
interface Point {
  readonly series: string;
  readonly order: number;
  readonly x: number;
  readonly y: number;
  readonly label?: string;
}

/**
 * The labels of points; those that would lie over each other are one, above all of their points: "0–3" where the curve
 * stays there from one to the other, else "0, 3".
 *
 * @param width pixels between the ends of the x axis, and `height` of the y axis.
 */
export function pointLabels(
  points: readonly Point[],
  width: number,
  height: number,
): readonly { readonly x: number; readonly y: number; readonly label: string }[] {
  const pixels = (values: readonly number[], length: number): ((value: number) => number) => {
    const span = Math.max(...values) - Math.min(...values);
    return (value) => (span === 0 ? 0 : (value * length) / span);
  };
  const right = pixels(
    points.map(({ x }) => x),
    width,
  );
  const up = pixels(
    points.map(({ y }) => y),
    height,
  );
  const meet = (one: Point, other: Point, signs: number): boolean =>
    Math.abs(right(one.x) - right(other.x)) < (signs * signWidth) / 2 + gap &&
    Math.abs(up(one.y) - up(other.y)) < lineHeight;
  /** Whether a curve stays at a label from one of its points to another. */
  const stays = (from: Point, to: Point): boolean =>
    points
      .filter(
        ({ series, order }) => series === from.series && order > from.order && order < to.order,
      )
      .every((between) => meet(from, between, 1));
  const text = (group: readonly Point[]): string => {
    const runs: Point[][] = [];
    for (const point of group) {
      const [run, last] = [runs.at(-1), runs.at(-1)?.at(-1)];
      if (last?.series === point.series && stays(last, point)) run!.push(point);
      else runs.push([point]);
    }
    return runs
      .map((run) =>
        run.at(-1)!.order - run[0]!.order > 1
          ? `${run[0]!.label}–${run.at(-1)!.label}`
          : run.map(({ label }) => label).join(", "),
      )
      .join(", ");
  };
  let groups = points.filter(({ label }) => label !== undefined).map((point) => [point]);
  for (;;) {
    const apart: Point[][] = [];
    for (const group of groups) {
      const near = apart.find((other) =>
        meet(other[0]!, group[0]!, text(other).length + text(group).length),
      );
      if (near === undefined) apart.push(group);
      else near.push(...group);
      near?.sort((one, other) => one.order - other.order);
    }
    if (apart.length === groups.length) break;
    groups = apart;
  }
  return groups.map((group) => ({
    x: group.reduce((sum, { x }) => sum + x, 0) / group.length,
    y: Math.max(...group.map(({ y }) => y)),
    label: text(group),
  }));
}

/** Colours and dashes of a chart's curves, in their order. */
export function lineColours(
  count: number,
): readonly { readonly colour: string; readonly dashes: readonly number[] }[] {
  return Array.from({ length: count }, (_, i) => ({
    colour: palette[i % palette.length]!,
    dashes: i < palette.length ? [1, 0] : [5, 3],
  }));
}

/** Room above and below a curve that neither rises nor falls: its own range is none. */
function flat(ys: readonly number[]): { domain?: readonly [number, number] } {
  const [low, high] = [Math.min(...ys), Math.max(...ys)];
  return low === high ? { domain: [low - 1, high + 1] } : {};
}

/** Draws a chart; undefined where the packages that draw are not installed. */
export function lineChart(chart: LineChart): Promise<Drawn | undefined> {
  return ifInstalled(() => draw(chartSpec(chart)));
}

/**
 * A chart's axes and curves alone, small enough for a phone: its title and legend stand in the page around it. Undefined
 * where the packages that draw are not installed.
 */
export function plainChart(chart: LineChart): Promise<string | undefined> {
  const { title: _, ...rest } = panel(chart, 400, 250, undefined, false);
  const config = {
    ...page.config,
    axis: { ...page.config.axis, labelFontSize: 13, titleFontSize: 14 },
  };
  return ifInstalled(() => drawSvg({ $schema: schema, ...page, padding: 4, config, ...rest }));
}

/** Draws several charts as one figure. @throws UsageError where the packages that draw are not installed. */
export function linePanels(title: string, charts: readonly LineChart[]): Promise<Drawn> {
  return drawn(panelsSpec(title, charts));
}
