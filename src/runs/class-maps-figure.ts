/** The figure of class activation maps, and its numbers as files. */
import { csvFormatRows } from "d3-dsv";
import { type Drawn } from "../figures/draw.ts";
import { cutApart, endOf, withoutEnding } from "../figures/cut-names.ts";
import { type GridCell, type ImageGrid, imageGrid } from "../figures/image-grid.ts";
import { css, enlargedImage, overlaid, viridis } from "../figures/overlay.ts";
import type {
  DrawnMaps,
  Explained,
  ImageShare,
  MapsOfRuns,
  NetworkMaps,
  Shares,
} from "./class-maps.ts";

/** Whose map is drawn. */
const explainedTexts: Readonly<Record<Explained, string>> = {
  answer: "the network's answer, which stands below",
  own: "the image's own class",
  trained: "the class the image was trained as",
};

/** Characters of an image's name at most: as many as fit beside a row. */
const longestName = 12;

/** What images are called beside their rows: their numbers, or the ends of their names, and what tells those apart. */
export function calledOf(images: readonly string[]): ReadonlyMap<string, string> {
  return cutApart(images, longestName, (image) =>
    /^\d+$/.test(image)
      ? `image ${image}`
      : endOf(withoutEnding(image.split("/").at(-1)!), longestName),
  );
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;

/** The figure as data: what stands where. */
export function mapsGrid({ data, pictures, stored }: DrawnMaps): ImageGrid {
  const { rows, networks, explained, weights, signature, image } = data;
  const called = calledOf(rows.map(({ image: name }) => name));
  const colours = Array.from({ length: 64 }, (_, i) => css(viridis(i / 63)));
  return {
    title: "What the network looks at",
    subtitle:
      `${weights === "head" ? "Class activation maps" : "Grad-CAM maps"} of ${explainedTexts[explained]}; each from its least to its ` +
      "largest value." +
      (signature === null
        ? ""
        : ` Above: share of the positive values of all ${data.forget} maps of D_f that lies on the signature and ` +
          `${signature.margin} pixels around it (${percent(signature.area)} of the area).`),
    columns: [
      { name: "image", line: "" },
      ...networks.map((network) => ({ name: network.name, line: lineOf(network) })),
    ],
    rows: rows.map((row, i) => {
      const picture = { ...stored, channels: image.channels, pixels: pictures[i]! };
      const own = enlargedImage(picture, 1);
      const cells: GridCell[] = row.seen.map(({ answer, confidence, map, mapOf }, c) => ({
        image: overlaid(own, map, data.map),
        lines: [`${answer} (${percent(confidence)})`],
        description: `${networks[c]!.name}: map of class ${mapOf}, answer ${answer}`,
      }));
      const plain = { image: own, lines: [], description: `image ${row.image}, ${row.form}` };
      const trained = row.form === "as trained on" && row.trainedAs !== row.class;
      return {
        lines: [
          called.get(row.image)!,
          row.form,
          `class ${row.class}`,
          ...(trained ? [`trained as ${row.trainedAs}`] : []),
        ],
        cells: [plain, ...cells],
      };
    }),
    legend: { low: "least", high: "largest value", colours },
  };
}

/** The line under a network's name: how much of its maps lies on the signature. */
function lineOf({ onSignature }: NetworkMaps): string {
  const trained = onSignature.find(({ form }) => form === "as trained on");
  const mean = trained?.shares.mean ?? null;
  return mean === null ? "" : `${percent(mean)} on signature`;
}

/** Draws the figure. @throws UsageError where the packages that draw are not installed. */
export function mapsFigure(maps: DrawnMaps): Promise<Drawn> {
  return imageGrid(mapsGrid(maps));
}

/** The share of every image, a line each; empty where it has no positive value. */
export function mapsCsv(shares: readonly ImageShare[]): string {
  const head = ["network", "images", "image", "answer", "confidence", "share on the signature"];
  const rows = shares.map(({ network, form, image, answer, confidence, share }) => [
    network,
    form,
    image,
    answer,
    confidence.toFixed(6),
    Number.isNaN(share) ? "" : share.toFixed(6),
  ]);
  return `${csvFormatRows([head, ...rows])}\n`;
}

/** Shares by network as columns and rows of a table. */
export function mapsTable({ networks, signature }: MapsOfRuns):
  | {
      readonly columns: readonly string[];
      readonly rows: readonly (readonly string[])[];
    }
  | undefined {
  if (signature === null) return undefined;
  const text = ({ mean, deviation, n }: Shares): string =>
    mean === null ? "–" : `${(100 * mean).toFixed(1)} ± ${(100 * deviation!).toFixed(1)} (${n})`;
  return {
    columns: ["network", ...networks[0]!.onSignature.map(({ form }) => `D_f ${form}, % (images)`)],
    rows: networks.map(({ name, onSignature }) => [
      name,
      ...onSignature.map(({ shares }) => text(shares)),
    ]),
  };
}
