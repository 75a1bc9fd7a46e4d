/** D_f in a report: what a network answers to its images, before and after. */
import { markdownTable } from "./table.ts";

/** The likeliest class of an image, and its probability (0 to 1). */
export interface Answer {
  readonly class: string;
  readonly confidence: number;
}

/** An image of D_f before and after. */
export interface ImageAnswers {
  readonly image: string;
  /** Its class, and the one it was trained as where that is another. */
  readonly class: string;
  readonly trainedAs?: string;
  readonly before: Answer;
  readonly after: Answer;
}

/** The images of a class in D_f. */
export interface ClassAnswers {
  /** As they were trained. */
  readonly class: string;
  readonly images: number;
  /** How many were answered with that class. */
  readonly before: number;
  readonly after: number;
}

/** D_f in a report. */
export interface Forgotten {
  /** Names of some, those that were named on their own first. */
  readonly images: readonly string[];
  /** Answers to these. */
  readonly answers: readonly ImageAnswers[];
  readonly classes: readonly ClassAnswers[];
  /** Images in D_f. */
  readonly count: number;
  /** Other training images that are copies of one in it. */
  readonly copies: number;
}

/** Which images were forgotten, and what the network answers to them. */
export function forgottenLines({ answers, classes, count, copies }: Forgotten): string[] {
  const answer = ({ class: name, confidence }: Answer): string =>
    `${inCell(name)} (${(100 * confidence).toFixed(1)} %)`;
  const relabelled = answers.some(({ trainedAs }) => trainedAs !== undefined);
  const columns = ["image", "class", ...(relabelled ? ["trained as"] : []), "before", "after"];
  const more = count > answers.length ? ` forget.json names ${count - answers.length} more.` : "";
  return [
    "## D_f, image by image",
    "",
    `The network's answer and its probability.${more}`,
    "",
    markdownTable(
      columns.map((title) => ({ title })),
      answers.map(({ image, class: own, trainedAs, before, after }) => [
        `\`${inCell(image)}\``,
        inCell(own),
        ...(relabelled ? [inCell(trainedAs ?? own)] : []),
        answer(before),
        answer(after),
      ]),
    ),
    "",
    markdownTable(
      ["class, as trained", "images", "so answered before", "after"].map((title) => ({
        title,
        decimals: 0,
      })),
      classes.map(({ class: name, images: of, before, after }) => [
        inCell(name),
        of,
        before,
        after,
      ]),
    ),
    "",
    ...(copies === 0
      ? []
      : [`${copies} other training images are copies of images in D_f: they were kept.`, ""]),
  ];
}

/** A text of a user as it stands in a cell of a table. */
function inCell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll(/[\r\n]+/g, " ");
}
