/** Images in rows and columns, each with a line under it. */
import { encodePng } from "../data/encode-png.ts";
import type { DecodedImage } from "../data/decoded-image.ts";
import { beginningOf, cutApart } from "./cut-names.ts";
import { type Drawn, drawn, page, schema, wrapped } from "./draw.ts";

/** An image of a grid. */
export interface GridCell {
  readonly image: DecodedImage;
  /** Lines under it. */
  readonly lines: readonly string[];
  /** What it shows, for who cannot see it. */
  readonly description: string;
}

/** Images in rows and columns; every row has a cell for each column. */
export interface ImageGrid {
  readonly title: string;
  readonly subtitle: string;
  /** Each with a line under its name. */
  readonly columns: readonly { readonly name: string; readonly line: string }[];
  readonly rows: readonly {
    readonly lines: readonly string[];
    readonly cells: readonly GridCell[];
  }[];
  /** What colours stand for: texts at both ends, and the colours between, from the first to the last. */
  readonly legend: {
    readonly low: string;
    readonly high: string;
    readonly colours: readonly string[];
  };
}

/** Sizes in pixels. */
const [cell, gap, left, top, line] = [104, 10, 130, 34, 13];

/** Characters of a column's name at most: as many as fit over an image. */
const longestName = 16;

interface Label {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly kind: "name" | "line";
  readonly align: "left" | "center" | "right";
}

/** The Vega-Lite specification of a grid. */
export async function gridSpec({
  title,
  subtitle,
  columns,
  rows,
  legend,
}: ImageGrid): Promise<object> {
  const lines = Math.max(...rows.flatMap(({ cells }) => cells.map((one) => one.lines.length)));
  const high = cell + lines * line + gap;
  const x = (column: number): number => left + column * (cell + gap);
  const y = (row: number): number => top + row * high;
  const width = x(columns.length) - gap;
  const height = y(rows.length) + 30;
  const images: { x: number; y: number; url: string; description: string }[] = [];
  const cut = cutApart(
    columns.map(({ name }) => name),
    longestName,
    (name) => beginningOf(name, longestName),
  );
  const labels: Label[] = columns.flatMap(({ name, line: under }, i) => [
    { x: x(i) + cell / 2, y: 8, text: cut.get(name)!, kind: "name", align: "center" },
    { x: x(i) + cell / 2, y: 8 + line, text: under, kind: "line", align: "center" },
  ]);
  for (const [r, row] of rows.entries()) {
    labels.push(
      ...row.lines.map((text, i): Label => ({
        x: 0,
        y: y(r) + cell / 2 + (i - (row.lines.length - 1) / 2) * (line + 2),
        text,
        kind: i === 0 ? "name" : "line",
        align: "left",
      })),
    );
    for (const [c, { image, lines: under, description }] of row.cells.entries()) {
      const url = `data:image/png;base64,${base64(await encodePng(image))}`;
      images.push({ x: x(c), y: y(r), url, description });
      labels.push(
        ...under.map((text, i): Label => ({
          x: x(c) + cell / 2,
          y: y(r) + cell + 8 + i * line,
          text,
          kind: "line",
          align: "center",
        })),
      );
    }
  }
  const bar = { x: x(0), y: y(rows.length) + 4, width: 2 * cell + gap, height: 10 };
  const slice = bar.width / legend.colours.length;
  const colours = legend.colours.map((colour, i) => ({
    x: bar.x + i * slice,
    // A hair over the next, else rasterisers show the seams.
    x2: Math.min(bar.x + bar.width, bar.x + (i + 1) * slice + 0.5),
    y: bar.y,
    y2: bar.y + bar.height,
    colour,
  }));
  const ends = bar.y + bar.height / 2;
  labels.push({ x: bar.x - 6, y: ends, text: legend.low, kind: "line", align: "right" });
  labels.push({
    x: bar.x + bar.width + 6,
    y: ends,
    text: legend.high,
    kind: "line",
    align: "left",
  });
  const place = (field: string, to: number, reverse: boolean) => ({
    field,
    type: "quantitative",
    axis: null,
    scale: { domain: [0, to], nice: false, zero: false, reverse },
  });
  const [px, py] = [place("x", width, false), place("y", height, true)];
  const texts = (["left", "center", "right"] as const).flatMap((align) =>
    (["name", "line"] as const).map((kind) => ({
      data: { values: labels.filter((one) => one.align === align && one.kind === kind) },
      mark: {
        type: "text",
        align,
        baseline: "middle",
        limit: align === "left" && kind === "name" ? left - 8 : 0,
        fontSize: kind === "name" ? 11 : 10,
        fontWeight: kind === "name" ? "bold" : "normal",
        color: kind === "name" ? "#222222" : "#555555",
      },
      encoding: { x: px, y: py, text: { field: "text", type: "nominal" } },
    })),
  );
  return {
    $schema: schema,
    ...page,
    title: { text: title, subtitle: wrapped(subtitle), anchor: "start" },
    width,
    height,
    layer: [
      {
        data: { values: images },
        mark: {
          type: "image",
          width: cell,
          height: cell,
          align: "left",
          baseline: "top",
          aspect: false,
          // Else renderers blur small images.
          smooth: false,
        },
        encoding: {
          x: px,
          y: py,
          url: { field: "url", type: "nominal" },
          description: { field: "description", type: "nominal" },
        },
      },
      {
        data: { values: colours },
        mark: { type: "rect", strokeWidth: 0 },
        encoding: {
          x: px,
          x2: { field: "x2" },
          y: py,
          y2: { field: "y2" },
          color: { field: "colour", type: "nominal", scale: null },
        },
      },
      {
        // Images may be as light as the ground.
        data: { values: images.map(({ x, y }) => ({ x, y, x2: x + cell, y2: y + cell })) },
        mark: { type: "rect", fillOpacity: 0, stroke: "#bbbbbb", strokeWidth: 0.5 },
        encoding: { x: px, y: py, x2: { field: "x2" }, y2: { field: "y2" } },
      },
      ...texts,
    ],
  };
}

/** Draws a grid of images. @throws UsageError where the packages that draw are not installed. */
export async function imageGrid(grid: ImageGrid): Promise<Drawn> {
  return drawn(await gridSpec(grid));
}

/** Bytes in base64. */
export function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096) {
    text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  }
  return btoa(text);
}
