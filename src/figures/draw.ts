/** What all figures share: Vega-Lite draws, resvg rasterises with the DejaVu fonts it is given. */
import type * as resvgModule from "@resvg/resvg-wasm";
import { readBytes } from "../platform/files.ts";
import { requireInstalled } from "../platform/optional.ts";

/** Okabe and Ito's palette: told apart with any colour vision; dashed from the eighth series on, dotted from the fifteenth. */
export const palette: readonly string[] = [
  "#0072B2",
  "#D55E00",
  "#009E73",
  "#CC79A7",
  "#E69F00",
  "#56B4E9",
  "#000000",
];
const font = "DejaVu Sans";

export const schema: string = "https://vega.github.io/schema/vega-lite/v6.json";

/** Ground, fonts and axes. */
export const page: {
  readonly config: { readonly axis: object } & Readonly<Record<string, unknown>>;
} & Readonly<Record<string, unknown>> = {
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

/** Characters of a line under a title at most: a longer one widens the figure past its axes. */
const lineLength = 72;

/** A text in lines, broken at blanks. @param most characters of a line. */
export function wrapped(text: string, most: number = lineLength): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > most) lines.push(word);
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

/** Draws a figure. @throws UsageError where the packages that draw are not installed. */
export function drawn(spec: object): Promise<Drawn> {
  return requireInstalled(
    () => draw(spec),
    "charts need optional packages: `npm install vega vega-interpreter vega-lite @resvg/resvg-wasm dejavu-fonts-ttf`.",
  );
}

/**
 * A drawing of Vega without what is not seen: digits past the hundredth of a pixel, values that are those of SVG anyway, and
 * labels of single marks, which are hundreds; the numbers stand in a table or a file beside the figure.
 */
export function slimmed(svg: string): string {
  const seen = svg.replaceAll(
    /<path class="foreground" aria-hidden="true" d="" display="none"\/>/g,
    "",
  );
  return seen.replaceAll(/<(?:path|line|rect|g|text)\b[^>]*>/g, (tag) =>
    tag
      .replaceAll(/ (?:d|transform|x|y|x2|y2|width|height)="[^"]*"/g, (attribute) =>
        attribute.replaceAll(/-?\d+\.\d{3,}(?:e-\d+)?/g, (digits) => String(+(+digits).toFixed(2))),
      )
      .replaceAll(/ (?:opacity="1"|stroke-dasharray="1,0"|fill-opacity="1")/g, "")
      .replace(
        / (?:aria-label="[^"]*" )?role="graphics-symbol" aria-roledescription="(?:point|circle|(?:line|area|rect|symbol) mark)"/,
        "",
      ),
  );
}

/** A Vega-Lite specification as SVG. */
export async function drawSvg(spec: object): Promise<string> {
  // Heavy modules: loaded when a chart is drawn.
  const [vega, lite, { expressionInterpreter: expr }] = await Promise.all([
    import("vega"),
    import("vega-lite"),
    import("vega-interpreter"),
  ]);
  // Interpreted, and not made functions of text, which a page's policy may refuse.
  const parsed = vega.parse(lite.compile(spec as never).spec, undefined, { ast: true } as never);
  const view = new vega.View(parsed, { renderer: "none", expr } as never);
  const svg = await view.toSVG();
  view.finalize();
  return slimmed(svg);
}

/** Draws a Vega-Lite specification. */
export async function draw(spec: object): Promise<Drawn> {
  const svg = await drawSvg(spec);
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

/** The smallest and the largest of values, however many. */
export function extent(values: readonly number[]): readonly [number, number] {
  return values.reduce(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Infinity, -Infinity],
  );
}
