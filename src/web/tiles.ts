/** Images drawn as small tiles. */
import { later } from "./later.ts";
import type { Images, Picture } from "./messages.ts";

/** An image of 1 or 3 channels at its own size; others by their first channel. */
export function pictureOf(images: Images, place: number): Picture {
  const { height, width, channels, pixels } = images;
  const data = new Uint8ClampedArray(4 * height * width);
  const from = place * height * width * channels;
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 3; c++) {
      data[4 * i + c] = pixels[from + i * channels + (channels === 3 ? c : 0)]!;
    }
    data[4 * i + 3] = 255;
  }
  return { height, width, data };
}

function draw(canvas: HTMLCanvasElement, { height, width, data }: Picture): void {
  Object.assign(canvas, { height, width });
  canvas.getContext("2d")!.putImageData(new ImageData(data, width, height), 0, 0);
}

/** Draws another picture on a tile, soon. */
export function setPicture(element: Element, picture: () => Picture): void {
  const canvas = element.querySelector("canvas")!;
  later(canvas, () => draw(canvas, picture()));
}

/** Words below an image; `wrong` marks them. */
export interface Words {
  readonly text: string;
  readonly wrong: boolean;
}

function line({ text, wrong }: Words): HTMLElement {
  const element = document.createElement("span");
  element.textContent = text;
  element.className = wrong ? "wrong" : "";
  element.dir = "auto";
  return element;
}

/** Puts other words below the image of a tile. */
export function setWords(element: Element, words: readonly Words[]): void {
  while (element.lastElementChild instanceof HTMLSpanElement) element.lastElementChild.remove();
  element.append(...words.map(line));
}

/** An image with words below it; with `onPress` a button that can be pressed in. */
export function tile(
  images: Images,
  place: number,
  words: readonly Words[],
  onPress?: () => void,
): HTMLElement {
  const element = document.createElement(onPress === undefined ? "div" : "button");
  element.className = "tile";
  element.title = images.names[place]!;
  const { height, width } = images;
  const canvas = Object.assign(document.createElement("canvas"), { height, width });
  element.append(canvas, ...words.map(line));
  setPicture(element, () => pictureOf(images, place));
  if (element instanceof HTMLButtonElement) {
    element.type = "button";
    element.setAttribute("aria-pressed", "false");
    element.addEventListener("click", () => onPress!());
  }
  return element;
}
