/** The part of the panel of what is open that takes images: files that are chosen or dropped. */
import { engine } from "../client.ts";
import { clearErrors, fail, images, part, say } from "../dom.ts";
import { chosenFiles, droppedFiles } from "../dropped.ts";
import type { GivenFile } from "../files.ts";
import type { FileKind, ImageSettings } from "../messages.ts";
import { change, onChange, state } from "../state.ts";
import { openPredictor } from "./how.ts";
import { wasStopped, Work } from "../work.ts";
import { openNetwork } from "./network.ts";

const says = part("images-says", HTMLElement);
const notes = part("images-notes", HTMLElement);
const problem = part("problem", HTMLElement);
const error = part("open-error", HTMLElement);
const opening = new Work("open");
const own = part("own", HTMLDetailsElement);
const inputs = [part("image-files", HTMLInputElement), part("folder-of-images", HTMLInputElement)];
const form = part("image-form", HTMLFormElement);
const most = part("image-most", HTMLInputElement);
const mostTests = part("image-tests", HTMLInputElement);
const held = part("image-held", HTMLInputElement);
const side = part("image-side", HTMLInputElement);
const grey = part("image-grey", HTMLInputElement);
const again = part("image-again", HTMLButtonElement);

/** Some files were opened, so that they can be read again. */
let given = false;

function show(): void {
  const { scene } = state();
  if (scene === undefined) return;
  const { images: all, title, tests, classes, wrong, scenario } = scene;
  const size = `${all.height}×${all.width} ${all.channels === 1 ? "grey" : all.channels === 3 ? "in colour" : `with ${all.channels} channels`}`;
  const mistaken = all.labels.filter((label, place) => label !== all.truth[place]).length;
  const gone = wrong.length === 0 ? "" : `, ${wrong.length} of them to forget by “${scenario}”`;
  const marked = mistaken === 0 ? gone : `, ${mistaken} of them with wrong labels`;
  say(
    says,
    "The images: “",
    title,
    `”, ${images(all.count)} of ${classes.length} classes to learn${marked}, and ${tests} to test on; ${size}.`,
  );
  notes.replaceChildren(
    ...scene.notes.map((text) =>
      Object.assign(document.createElement("li"), { textContent: text }),
    ),
  );
  problem.hidden = scene.problem === undefined;
  problem.textContent = scene.problem ?? "";
}

function refresh(): void {
  const { scene, working } = state();
  const ready = scene !== undefined && !working;
  for (const control of [...inputs, most, mostTests, held, side, grey]) control.disabled = !ready;
  again.disabled = !ready || !given;
}

function settings(): ImageSettings {
  return {
    most: Number(most.value),
    mostTests: Number(mostTests.value),
    side: side.value === "" ? undefined : Number(side.value),
    grey: grey.checked,
    heldBack: Number(held.value) / 100,
  };
}

/** Reads images; without files those that were opened last. @returns whether they are open. */
async function read(files?: readonly GivenFile[]): Promise<boolean> {
  if (!form.reportValidity()) return false;
  clearErrors();
  change({ working: true });
  says.textContent = "Reading the images…";
  try {
    // They may be read again with other settings, should they not be opened now.
    given ||= files !== undefined;
    const scene = await opening.run((told) => engine.openImages(settings(), told, files));
    change({ scene, chosen: new Set(), run: undefined });
    return true;
  } catch (cause) {
    show();
    if (!wasStopped(cause)) fail(cause, error);
    return false;
  } finally {
    change({ working: false });
  }
}

/** Opens images that were chosen. */
function take(files: readonly GivenFile[]): void {
  own.open = true;
  if (files.length > 0) void read(files);
}

/** Files of a network or a predictor, by their names; images are in others. */
const ofWeights = ({ path }: GivenFile): boolean =>
  /\.(safetensors|pt|pth|h5|hdf5|keras|json)$/i.test(path);

/** Takes what was dropped as what it is: images first, so that a network that comes with them meets its own. */
async function takeDropped(data: DataTransfer): Promise<void> {
  const files = await droppedFiles(data);
  if (files.length === 0 || state().scene === undefined) return;
  if (state().working) {
    throw new Error("the page works: drop the files again when it is done.");
  }
  clearErrors();
  own.open = true;
  change({ working: true });
  let kind: FileKind;
  try {
    kind = await engine.kindOf(files);
  } finally {
    change({ working: false });
  }
  if (kind === "images") return void (await read(files));
  const others = files.filter((file) => !ofWeights(file));
  if (others.length > 0 && !(await read(others))) return;
  const weights = files.filter(ofWeights);
  await (kind === "network" ? openNetwork(weights) : openPredictor(weights));
}

/** Ties the panel to what there is and what is done. */
export function startImages(): void {
  onChange(["scene"], show);
  onChange(["scene", "working"], refresh);
  for (const input of inputs) {
    input.addEventListener("change", () => {
      take(chosenFiles(input));
      // The same files may be chosen again, once they were mended.
      input.value = "";
    });
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void read();
  });
  const { body } = document;
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    body.classList.add("dropping");
  });
  document.addEventListener("dragleave", () => body.classList.remove("dropping"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    body.classList.remove("dropping");
    if (event.dataTransfer !== null)
      takeDropped(event.dataTransfer).catch((cause: unknown) => fail(cause, error));
  });
  refresh();
}
