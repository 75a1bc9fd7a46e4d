/** Line charts. */
import { ifInstalled } from "../platform/optional.ts";
import {
  draw,
  drawSvg,
  type Drawn,
  drawn,
  extent,
  page,
  palette,
  schema,
  wrapped,
} from "./draw.ts";

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

/** Pixels that the drawing reckons with for a sign of an axis's title, 0.8 of its size: of 12, and of 14 in plain charts. */
const [signOfTitle, signOfPlainTitle] = [9.6, 11.2];

/** Pixels of a name in a legend at most, of one of its signs, and of what stands around it. */
const [widestName, signOfName, besideName] = [320, 7.2, 40] as const;

/** Columns of a legend that is about as wide as its chart, three at most. */
function legendColumns(names: readonly string[], width: number): number {
  const longest = Math.max(...names.map((name) => name.length));
  const each = Math.min(widestName, longest * signOfName) + besideName;
  return Math.max(1, Math.min(3, Math.floor((width + besideName) / each)));
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
  const labels = pointLabels(values, width, height, chart.reverseX === true);
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
    // A longer title would take room above the chart.
    title: wrapped(chart.yLabel, Math.floor(height / (keyed ? signOfTitle : signOfPlainTitle))),
    scale: { zero: false, nice: true, ...flat(values.map((value) => value.y)) },
  };
  const names = chart.series.map((one) => one.name);
  const columns = legendColumns(names, width);
  const named = { field: "series", type: "nominal", title: null, sort: names };
  // One curve is named by the chart's title.
  const legend =
    names.length === 1 || !keyed
      ? null
      : {
          orient: "bottom",
          columns,
          labelLimit: columns === 1 ? width : widestName,
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
              mark: {
                ...{ type: "text", fontSize: 11, color: "#555555" },
                align: { expr: "datum.align" },
                dx: { expr: "datum.dx" },
                dy: { expr: "datum.dy" },
              },
              encoding: { x, y, text: { field: "label", type: "nominal" } },
            },
          ]
        : []),
    ],
  };
}

/** Pixels that a label takes: a sign is so wide and high, a line so high, and so much lies between two. */
const [signWidth, signHeight, lineHeight, gap] = [7, 8, 13, 4];

/** A point as charts have it. */
interface Point {
  readonly series: string;
  readonly order: number;
  readonly x: number;
  readonly y: number;
  readonly label?: string;
}

/** Where a label lies to the point that it is of: its side, and pixels to the right and down. */
interface Place {
  readonly align: "left" | "center" | "right";
  readonly dx: number;
  readonly dy: number;
}

/** A label of one point or of several that lie together. */
interface Label extends Place {
  readonly x: number;
  readonly y: number;
  readonly label: string;
}

/** Pixels from a point up to the middle of its label, and aside where it gives way to a curve. */
const [rise, aside] = [10, 6];
const above: Place = { align: "center", dx: 0, dy: -rise };
const below: Place = { ...above, dy: rise + lineHeight - 4 };
/** Pixels that a label may stand from its point at most. */
const farthest = 3 * lineHeight;

/** Pixels to the right and up. */
type Spot = readonly [right: number, up: number];

/** Whether a line goes through a box. */
function meets(
  [from, to]: readonly [Spot, Spot],
  [left, right, low, high]: readonly [left: number, right: number, low: number, high: number],
): boolean {
  // The part of the line, 0 to 1, that is within the box's columns and its rows.
  let [start, end] = [0, 1];
  for (const [at, least, most] of [
    [0, left, right],
    [1, low, high],
  ] as const) {
    const [begin, way] = [from[at], to[at] - from[at]];
    if (way === 0 && (begin < least || begin > most)) return false;
    if (way === 0) continue;
    const [one, other] = [(least - begin) / way, (most - begin) / way];
    start = Math.max(start, Math.min(one, other));
    end = Math.min(end, Math.max(one, other));
  }
  return start <= end;
}

/**
 * The labels of points; those that would lie over each other are one, above all of their points: "0–3" where the curve
 * stays there from one to the other, else "0, 3". Where the curve comes from above or goes there they give way to it.
 *
 * @param width pixels between the ends of the x axis, and `height` of the y axis.
 * @param reversed x is drawn from large to small.
 */
export function pointLabels(
  points: readonly Point[],
  width: number,
  height: number,
  reversed = false,
): readonly Label[] {
  const pixels = (values: readonly number[], length: number): ((value: number) => number) => {
    const [low, high] = extent(values);
    const span = high - low;
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
  const [lowest, first] = [
    extent(points.map(({ y }) => up(y)))[0],
    extent(points.map(({ x }) => (reversed ? -right(x) : right(x))))[0],
  ];
  /** Where a point lies, pixels to the right and up. */
  const spot = ({ x, y }: Pick<Point, "x" | "y">): Spot => [reversed ? -right(x) : right(x), up(y)];
  const placed = groups.map((group) => {
    const label = text(group);
    const half = (label.length * signWidth) / 2;
    const x = group.reduce((sum, point) => sum + point.x, 0) / group.length;
    const y = Math.max(...group.map((point) => point.y));
    const [middleX, foot] = spot({ x, y });
    const fromHere = (point: Point): Spot => {
      const [across, climb] = spot(point);
      return [across - middleX, climb - foot];
    };
    const own = new Set(group.map(({ series }) => series));
    const lines = points
      .filter(({ series }) => own.has(series))
      .flatMap((from) =>
        points
          .filter(({ series, order }) => series === from.series && order === from.order + 1)
          .map((to) => [fromHere(from), fromHere(to)] as const),
      );
    const free = ({ align, dx, dy }: Place): boolean => {
      const shift = align === "center" ? -half : align === "left" ? 0 : -2 * half;
      const [left, reach] = [dx + shift, signHeight / 2 + 1];
      const box = [left - 2, left + 2 * half + 2, -dy - reach, reach - dy] as const;
      return lines.every((line) => !meets(line, box));
    };
    const atAxis = middleX - first < half;
    const room = foot - lowest > rise + lineHeight;
    // How steeply its curve climbs from it, on either side.
    const slopes = lines.flatMap(([from, to]) => {
      const ends = [from, to].map(([across, climb]) => Math.hypot(across, climb));
      const [near, far] = ends[0]! < ends[1]! ? [from, to] : [to, from];
      const climb = far[1] - near[1];
      return Math.min(...ends) < rise && climb > 0 ? [climb / (far[0] - near[0])] : [];
    });
    const widest = Math.max(0, ...slopes.map(Math.abs));
    const lifted = widest * (half + 2) + signHeight / 2 + 2;
    /** Pixels aside where its curve has risen past a label that stands on the axis. */
    const past = (side: 1 | -1): number =>
      Math.max(
        aside,
        ...slopes.map((slope) => (slope * side > 0 ? (2 * signHeight) / (slope * side) + 3 : 0)),
      );
    // What stands on the axis would lie across it.
    const centred = (place: Place): Place => (atAxis ? { ...place, align: "left" } : place);
    const places: readonly (Place | false)[] = [
      centred(above),
      { align: "left", dx: aside, dy: -rise - 3 },
      !atAxis && { align: "right", dx: -aside, dy: -rise - 3 },
      room && centred(below),
      !atAxis && lifted <= farthest && { ...above, dy: -lifted },
      past(1) <= farthest && { align: "left", dx: past(1), dy: -7 },
      !atAxis && past(-1) <= farthest && { align: "right", dx: -past(-1), dy: -7 },
    ];
    const place = places.find((one): one is Place => one !== false && free(one));
    return { x, y, label, ...(place ?? centred(above)) };
  });
  /** The middle of a label, pixels to the right and up. */
  const middle = ({ x, y, label, align, dx, dy }: Label): Spot => {
    const half = (label.length * signWidth) / 2;
    const shift = align === "center" ? 0 : align === "left" ? half : -half;
    const [across, climb] = spot({ x, y });
    return [across + dx + shift, climb - dy];
  };
  const overlap = (one: Label, other: Label): boolean => {
    const [[x, y], [otherX, otherY]] = [middle(one), middle(other)];
    const reach = ((one.label.length + other.label.length) * signWidth) / 2;
    return Math.abs(x - otherX) < reach && Math.abs(y - otherY) < lineHeight;
  };
  // One that would give way to a curve and lie over another label stays where it was.
  return placed.map((label) =>
    (label.dx !== 0 || label.dy < -rise) &&
    placed.some((other) => other !== label && overlap(label, other))
      ? { ...label, ...above }
      : label,
  );
}

/** Dashes of curves with the first colours, those that take the colours again, and again. */
const dashed = [
  [1, 0],
  [5, 3],
  [1.5, 2.5],
  [8, 2, 1.5, 2],
] as const;

/** Colours and dashes of a chart's curves, in their order: no two of the first 28 look alike. */
export function lineColours(
  count: number,
): readonly { readonly colour: string; readonly dashes: readonly number[] }[] {
  return Array.from({ length: count }, (_, i) => ({
    colour: palette[i % palette.length]!,
    dashes: dashed[Math.floor(i / palette.length) % dashed.length]!,
  }));
}

/** Room above and below a curve that neither rises nor falls: its own range is none. */
function flat(ys: readonly number[]): { domain?: readonly [number, number] } {
  const [low, high] = extent(ys);
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
