/** Values over a plane, with paths in it. */
import { type Drawn, drawn, extent, page, palette, schema, wrapped } from "./draw.ts";

/** A place of the plane. */
export interface PlanePlace {
  readonly a: number;
  readonly b: number;
}

/** Values over a plane: on a grid (squares around its places), or at places anywhere (dots). */
export interface PlanePanel {
  readonly title: string;
  /** What the colours stand for. */
  readonly label: string;
  readonly places: readonly (PlanePlace & { readonly value: number })[];
  /** Distance from a place of the grid to the next; absent: dots. */
  readonly cell?: { readonly a: number; readonly b: number };
}

/** Panels beside each other, the same paths over each. */
export interface PlaneChart {
  readonly title: string;
  readonly subtitle: string;
  readonly labels: { readonly a: string; readonly b: string };
  readonly panels: readonly PlanePanel[];
  readonly paths: readonly { readonly name: string; readonly points: readonly PlanePlace[] }[];
}

/** Sides of a panel in pixels. */
const side = 340;

/** The Vega-Lite specification of panels over a plane. */
export function planeSpec({ title, subtitle, labels, panels, paths }: PlaneChart): object {
  const names = paths.map(({ name }) => name);
  const steps = paths.flatMap(({ name, points }) =>
    points.map(({ a, b }, order) => ({ path: name, order, a, b })),
  );
  const edge = panels.flatMap(({ places, cell = { a: 0, b: 0 } }) =>
    places.flatMap(({ a, b }) => [
      { a: a - cell.a / 2, b: b - cell.b / 2 },
      { a: a + cell.a / 2, b: b + cell.b / 2 },
    ]),
  );
  const axis = (name: "a" | "b") => {
    const domain = extent([...edge, ...steps].map((place) => place[name]));
    return {
      field: name,
      type: "quantitative",
      title: labels[name],
      scale: { domain, nice: false, zero: false },
      axis: { grid: false },
    };
  };
  const [x, y] = [axis("a"), axis("b")];
  const range = names.map((_, i) => palette[i % palette.length]);
  const color = {
    field: "path",
    type: "nominal",
    title: null,
    sort: names,
    scale: { domain: names, range },
  };
  const order = { field: "order" };
  const detail = { field: "path", type: "nominal" };
  // One for all panels, under the first: colours are the same in each.
  const legend = {
    orient: "bottom",
    columns: 3,
    symbolType: "stroke",
    symbolStrokeWidth: 3,
    symbolSize: 200,
  };
  const hconcat = panels.map((panel, i) => {
    const { cell } = panel;
    const values = panel.places.map(({ a, b, value }) => ({
      ...{ a, b, value },
      ...(cell && {
        a1: a - cell.a / 2,
        a2: a + cell.a / 2,
        b1: b - cell.b / 2,
        b2: b + cell.b / 2,
      }),
    }));
    const fill = {
      field: "value",
      type: "quantitative",
      title: panel.label,
      scale: { scheme: "viridis", zero: false, nice: false },
      legend: { orient: "right", gradientLength: 200 },
    };
    const ground =
      cell === undefined
        ? {
            mark: { type: "circle", size: 36, opacity: 0.9, aria: false },
            encoding: { x, y, color: fill },
          }
        : {
            mark: { type: "rect", strokeWidth: 0, aria: false },
            encoding: {
              x: { ...x, field: "a1" },
              x2: { field: "a2" },
              y: { ...y, field: "b1" },
              y2: { field: "b2" },
              color: fill,
            },
          };
    return {
      title: { text: panel.title, anchor: "start", fontSize: 13 },
      width: side,
      height: side,
      resolve: { scale: { color: "independent" } },
      layer: [
        { data: { values }, ...ground },
        // A white edge, so that paths stand out from any ground.
        {
          data: { values: steps },
          mark: { type: "line", stroke: "white", strokeWidth: 5, opacity: 0.9 },
          encoding: { x, y, order, detail },
        },
        {
          data: { values: steps },
          mark: { type: "circle", color: "white", size: 60, opacity: 1 },
          encoding: { x, y },
        },
        {
          data: { values: steps },
          mark: { type: "line", strokeWidth: 2.5 },
          encoding: { x, y, order, color: { ...color, legend: i === 0 ? legend : null } },
        },
        {
          data: { values: steps },
          mark: { type: "circle", size: 26, opacity: 1 },
          encoding: { x, y, color: { ...color, legend: null } },
        },
        {
          data: { values: [{ a: 0, b: 0 }] },
          mark: {
            type: "circle",
            size: 150,
            color: "#d00000",
            stroke: "white",
            strokeWidth: 2,
            opacity: 1,
          },
          encoding: { x, y },
        },
      ],
    };
  });
  return {
    $schema: schema,
    ...page,
    title: { text: title, subtitle: wrapped(subtitle), anchor: "start" },
    hconcat,
    spacing: 30,
  };
}

/** Draws panels over a plane. @throws UsageError where the packages that draw are not installed. */
export function planeChart(chart: PlaneChart): Promise<Drawn> {
  return drawn(planeSpec(chart));
}
