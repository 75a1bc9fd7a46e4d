/** The panel of what must go: training images as tiles that are clicked, and ways to choose many at once. */
import { engine } from "../client.ts";
import { clearError, fail, images, part } from "../dom.ts";
import { chosenFiles } from "../dropped.ts";
import type { GivenFile } from "../files.ts";
import { change, onChange, state } from "../state.ts";
import { tile } from "../tiles.ts";
import { wasStopped, Work } from "../work.ts";

/** Images that are shown at first, and more at a time. */
const shownAtOnce = 120;

const says = part("chosen", HTMLElement);
const red = part("choose-red", HTMLElement);
const choose = {
  wrong: part("choose-wrong", HTMLButtonElement),
  class: part("choose-class", HTMLSelectElement),
  none: part("choose-none", HTMLButtonElement),
  files: part("choose-files", HTMLInputElement),
};
const finding = new Work("find");
const grid = part("images", HTMLElement);
const more = part("more", HTMLButtonElement);

/** Tiles by the place of their image. */
const tiles = new Map<number, HTMLElement>();

/** What stands in controls follows from what is chosen and what runs. */
function refresh(): void {
  const { scene, chosen, working } = state();
  const ready = scene !== undefined && !working;
  for (const control of Object.values(choose)) control.disabled = !ready;
  if (scene?.wrong.length === 0) choose.wrong.disabled = true;
  for (const [place, element] of tiles) {
    element.setAttribute("aria-pressed", String(chosen.has(place)));
    (element as HTMLButtonElement).disabled = !ready;
  }
  if (scene === undefined) return;
  const { scenario } = scene;
  const relabelled = [...scene.wrong].some(
    (place) => scene.images.labels[place] !== scene.images.truth[place],
  );
  red.hidden = !relabelled;
  choose.wrong.textContent =
    relabelled || scenario === undefined ? "Images with wrong labels" : `Images of “${scenario}”`;
  const all = scene.images.count;
  says.textContent =
    chosen.size === 0
      ? "Nothing is chosen."
      : `${images(chosen.size)} of ${all} ${chosen.size === 1 ? "is" : "are"} chosen.`;
}

function press(place: number): void {
  const chosen = new Set(state().chosen);
  if (!chosen.delete(place)) chosen.add(place);
  change({ chosen });
}

/** Puts one tile on the way of the Tab key, which passes the others by; arrow keys go to them. */
function putOnTheWay(one: HTMLElement): void {
  for (const element of tiles.values()) element.tabIndex = element === one ? 0 : -1;
}

/** Where a key goes to from a tile; undefined for keys that go nowhere. */
function goal(key: string, from: number, all: readonly HTMLElement[]): number | undefined {
  const top = all[0]!.offsetTop;
  const below = all.findIndex(({ offsetTop }) => offsetTop !== top);
  const columns = below < 0 ? all.length : below;
  const forward = getComputedStyle(grid).direction === "rtl" ? -1 : 1;
  const steps: Readonly<Record<string, number>> = {
    ArrowRight: forward,
    ArrowLeft: -forward,
    ArrowDown: columns,
    ArrowUp: -columns,
    Home: -from,
    End: all.length - 1 - from,
  };
  const step = steps[key];
  return step === undefined ? undefined : from + step;
}

function onKey(event: KeyboardEvent): void {
  const all = [...tiles.values()];
  const from = all.indexOf(event.target as HTMLElement);
  const to = from < 0 ? undefined : goal(event.key, from, all);
  if (to === undefined) return;
  event.preventDefault();
  all[to]?.focus();
}

/** Adds tiles: those to forget by what was made wrong come first. */
function showMore(): void {
  const { images: all, wrong, classes } = state().scene!;
  const first = new Set(wrong);
  const order = [
    ...wrong,
    ...Array.from({ length: all.count }, (_, i) => i).filter((i) => !first.has(i)),
  ];
  for (const place of order.slice(tiles.size, tiles.size + shownAtOnce)) {
    const [label, truth] = [all.labels[place]!, all.truth[place]!];
    const words = [{ text: `“${classes[label]!}”`, wrong: label !== truth }];
    const element = tile(all, place, words, () => press(place));
    tiles.set(place, element);
    element.tabIndex = tiles.size === 1 ? 0 : -1;
    grid.append(element);
  }
  more.hidden = tiles.size >= all.count;
  refresh();
}

/** Chooses the images of files, besides those that are chosen. */
async function find(files: readonly GivenFile[]): Promise<void> {
  clearError();
  change({ working: true });
  says.textContent = "Looking for the images of the files…";
  try {
    const { places, others } = await finding.run((told) => engine.findImages(files, told));
    change({ working: false, chosen: new Set([...state().chosen, ...places]) });
    const missing =
      others === 0
        ? ""
        : ` ${images(others)} of the files ${others === 1 ? "is" : "are"} not among these.`;
    says.textContent += ` ${images(places.length)} of the files ${places.length === 1 ? "was" : "were"} found.${missing}`;
  } catch (cause) {
    change({ working: false });
    if (!wasStopped(cause)) fail(cause);
  }
}

/** Shows the images of what was opened. */
function show(): void {
  const { scene } = state();
  tiles.clear();
  grid.replaceChildren();
  const options = (scene?.classes ?? []).map((name) => new Option(name, name));
  choose.class.replaceChildren(new Option("choose…", ""), ...options);
  if (scene !== undefined) showMore();
}

/** Ties the panel to what there is and what is done. */
export function startChoose(): void {
  onChange(["scene"], show);
  onChange(["scene", "chosen", "working"], refresh);
  grid.addEventListener("keydown", onKey);
  grid.addEventListener("focusin", ({ target }) => putOnTheWay(target as HTMLElement));
  choose.wrong.addEventListener("click", () => change({ chosen: new Set(state().scene!.wrong) }));
  choose.files.addEventListener("change", () => {
    const files = chosenFiles(choose.files);
    choose.files.value = "";
    if (files.length > 0) void find(files);
  });
  choose.none.addEventListener("click", () => change({ chosen: new Set() }));
  choose.class.addEventListener("change", () => {
    const label = choose.class.selectedIndex - 1;
    if (label < 0) return;
    const { labels } = state().scene!.images;
    change({ chosen: new Set([...labels.keys()].filter((place) => labels[place] === label)) });
  });
  more.addEventListener("click", showMore);
  refresh();
}
