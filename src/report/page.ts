/**
 * One page of HTML that needs nothing else: no script, no file, no address. It may be read offline, printed, on a phone
 * and by keyboard, light and dark.
 */
import { type LineChart, lineColours, plainChart } from "../figures/plot.ts";
import { Html, markup, named, type Part, visible } from "./html.ts";
import { pageStyle } from "./page-style.ts";
import type { Cell, Column } from "./table.ts";
import { fixed, type Setting } from "./written-numbers.ts";

/** A part of a page with a heading. */
export interface Section {
  readonly title: string;
  /** What it is called in the list of contents, where that is shorter. */
  readonly short?: string;
  readonly body: readonly Html[];
  readonly parts?: readonly Section[];
}

/** A page. */
export interface Page {
  readonly title: string;
  /** What came out, in a sentence or two. */
  readonly summary: readonly Part[];
  readonly sections: readonly Section[];
  /** What its last line says; that of a file where nothing is given. */
  readonly ending?: string;
}

/** The last line of a page that is a file. */
const alone =
  "Made by Rewind. This page holds all it needs: no script, no file beside it, no address.";

/** A drawing with its numbers. */
export interface Figure {
  readonly title: string;
  /** Drawn by this program, not read from a file; absent where the packages that draw are not installed. */
  readonly svg?: string | undefined;
  readonly caption: string;
  readonly legend?: Html | undefined;
  /** The numbers it shows. */
  readonly table?: Html | undefined;
}

/** A text in which a number stays in one line with its deviation and its unit. */
export function inOneLine(text: string): string {
  return text
    .replaceAll(" ± ", "\u00A0±\u00A0")
    .replaceAll(/(?<=\d) (?=(?:%|s|nats|points|[KMG]iB)(?![\p{L}\d]))/gu, "\u00A0");
}

/** Texts of parts, with numbers in one line; what is HTML already stays as it is. */
function lines(part: Part): Part {
  if (typeof part === "string") return inOneLine(part);
  return Array.isArray(part) ? (part as readonly Part[]).map(lines) : part;
}

/** A table; cells of the kind `texts` are long, and broken where there is no room. */
export function table(
  caption: string,
  columns: readonly Column[],
  rows: readonly (readonly (Cell | Html)[])[],
  kind?: "texts",
): Html {
  const cell = (value: Cell | Html, { decimals = 1 }: Column): Part =>
    value instanceof Html
      ? value
      : typeof value === "string"
        ? inOneLine(value)
        : fixed(value, decimals);
  const head = columns.map(({ title }) =>
    title === "" ? markup`<td></td>` : markup`<th scope="col">${title}</th>`,
  );
  const body = rows.map((row) => {
    const cells = columns.map((column, i) => {
      const text = cell(row[i], column);
      return i === 0 ? markup`<th scope="row">${text}</th>` : markup`<td>${text}</td>`;
    });
    return markup`<tr>${cells}</tr>\n`;
  });
  return markup`<div class="scroll" role="group" aria-label="${caption}" tabindex="0"><table${new Html(kind === undefined ? "" : ` class="${kind}"`)}><caption>${caption}</caption><thead><tr>${head}</tr></thead><tbody>
${body}</tbody></table></div>\n`;
}

/** A setting's name, which is broken, if at all, in front of a dot or a capital. */
function settingName(name: string): Html {
  const pieces = name.split(/(?=\.)|(?<=\p{Ll})(?=\p{Lu})/u);
  return markup`<code>${pieces.map((piece, i) => (i === 0 ? piece : markup`<wbr>${piece}`))}</code>`;
}

/** Settings by name. */
export function settingsTable(caption: string, settings: readonly Setting[]): Html {
  return table(
    caption,
    [{ title: "setting" }, { title: "value" }],
    settings.map(({ name, value }) => [settingName(name), named(value)]),
    "texts",
  );
}

/** A paragraph. */
export function paragraph(...parts: readonly Part[]): Html {
  return markup`<p>${lines(parts)}</p>\n`;
}

/** A figure with what it shows in words, and its numbers below it. */
export function figure({ title, svg, caption, legend, table: numbers }: Figure): Html {
  const drawing =
    svg === undefined
      ? paragraph("(No chart: the optional packages that draw are not installed.)")
      : inline(svg, title, caption);
  return markup`<figure class="chart">${drawing}${legend}<figcaption>${caption}</figcaption></figure>\n${numbers}`;
}

/** An image that is read, not looked at in passing: as wide as it needs to be, within a box that scrolls. */
export function picture({
  title,
  source,
  caption,
  table: numbers,
}: {
  readonly title: string;
  /** An address that holds the image. */
  readonly source: string;
  readonly caption: string;
  readonly table?: Html | undefined;
}): Html {
  return markup`<figure class="picture"><div class="scroll" role="group" aria-label="${title}" tabindex="0"><img src="${source}" alt="${title}"></div><figcaption>${caption}</figcaption></figure>\n${numbers}`;
}

/** A drawing as a part of a page: without a ground of its own, named for who cannot see it. */
function inline(svg: string, title: string, description: string): Html {
  const plain = visible(svg)
    .replaceAll(/ (?:role|aria-[a-z]+|xmlns(?::xlink)?|version)="[^"]*"/g, "")
    .replace(/(<svg[^>]*>)<rect [^>]*fill="white"[^>]*\/>/, "$1");
  const names = markup`<title>${title}</title><desc>${description}</desc>`;
  const label = markup`<svg role="img" aria-label="${title}" `;
  return new Html(
    plain.replace(/<svg ([^>]*)>/, (_, rest: string) => `${label.text}${rest}>${names.text}`),
  );
}

/** A chart with a legend that wraps. */
export async function chartFigure(chart: LineChart, caption: string, numbers: Html): Promise<Html> {
  const shown = {
    ...chart,
    series: chart.series.map((one) => ({ ...one, name: visible(one.name) })),
  };
  const colours = lineColours(shown.series.length);
  const keys = shown.series.map(({ name }, i) => {
    const { colour, dashes } = colours[i]!;
    return markup`<li><svg viewBox="0 0 30 8" aria-hidden="true"><line x1="0" y1="4" x2="30" y2="4" stroke="${colour}" stroke-width="3" stroke-dasharray="${dashes.join(" ")}"></line></svg>${named(name)}</li>`;
  });
  const legend = keys.length < 2 ? undefined : markup`<ul class="legend">${keys}</ul>\n`;
  const svg = await plainChart(shown);
  return figure({ title: chart.title, svg, caption, legend, table: numbers });
}

/** A few numbers that are read first. */
export function facts(
  all: readonly { readonly name: string; readonly value: string; readonly note?: string }[],
): Html {
  const boxes = all.map(
    ({ name, value, note }) =>
      markup`<div><dt>${name}</dt><dd>${inOneLine(value)}${note === undefined ? undefined : markup` <small>${note}</small>`}</dd></div>\n`,
  );
  return markup`<dl class="facts">\n${boxes}</dl>\n`;
}

function heading(level: number, id: string, title: string): Html {
  const tag = new Html(`h${level}`);
  return markup`<${tag} id="${id}">${named(title)}</${tag}>\n`;
}

function sectionHtml(section: Section, id: string, level: number): Html {
  const parts = (section.parts ?? []).map((part, i) =>
    sectionHtml(part, `${id}-${i + 1}`, level + 1),
  );
  // Landmarks are the page's parts alone: those of several runs have the same names.
  const label = level === 2 ? markup` aria-labelledby="${id}"` : undefined;
  return markup`<section${label}>\n${heading(level, id, section.title)}${section.body}${parts}</section>\n`;
}

/** What every page begins with. */
const opening = new Html(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
`);

/** Whether bytes are a page. */
export function isPage(bytes: Uint8Array): boolean {
  return new TextDecoder().decode(bytes.subarray(0, opening.text.length)) === opening.text;
}

/** A page as the text of a file; the same page gives the same bytes. */
export function pageText({ title, summary, sections, ending = alone }: Page): string {
  const ids = sections.map((_, i) => `part-${i + 1}`);
  const contents = sections.map(
    ({ title: own, short = own }, i) => markup`<li><a href="#${ids[i]}">${named(short)}</a></li>\n`,
  );
  return markup`${opening}<title>${title}</title>
<style>${new Html(pageStyle)}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header>
<h1>${named(title)}</h1>
${summary.map((part) => markup`<p class="lead">${lines(part)}</p>\n`)}</header>
<nav aria-label="Contents"><ul>
${contents}</ul></nav>
<main id="content">
${sections.map((section, i) => sectionHtml(section, ids[i]!, 2))}</main>
<footer><p>${ending}</p></footer>
</body>
</html>
`.text;
}
