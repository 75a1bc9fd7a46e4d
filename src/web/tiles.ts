/** Images drawn as small tiles. */
import type { Images } from "./messages.ts";

/** Draws an image of 1 or 3 channels at its own size; others by their first channel. */
function drawn(images: Images, place: number): HTMLCanvasElement {
  const { height, width, channels, pixels } = images;
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { height, width });
  const data = new ImageData(width, height);
  const from = place * height * width * channels;
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 3; c++) {
      data.data[4 * i + c] = pixels[from + i * channels + (channels === 3 ? c : 0)]!;
    }
    data.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d")!.putImageData(data, 0, 0);
  return canvas;
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
  element.append(drawn(images, place), ...words.map(line));
  if (element instanceof HTMLButtonElement) {
    element.type = "button";
    element.setAttribute("aria-pressed", "false");
    element.addEventListener("click", () => onPress!());
  }
  return element;
}
