/** The panel of what is open: the network, from the page or from files. */
import { engine } from "../client.ts";
import { clearErrors, fail, part, saveAs } from "../dom.ts";
import { chosenFiles } from "../dropped.ts";
import type { GivenFile } from "../files.ts";
import type { Scene } from "../messages.ts";
import { change, onChange, state } from "../state.ts";

const says = part("network", HTMLElement);
const error = part("open-error", HTMLElement);
const form = part("network-form", HTMLFormElement);
const file = part("network-file", HTMLInputElement);
const model = part("network-model", HTMLSelectElement);
const prepared = part("network-prepared", HTMLSelectElement);
const again = part("network-again", HTMLButtonElement);
const save = part("network-save", HTMLButtonElement);
const startAgain = part("start-again", HTMLButtonElement);

/** A file was opened, so that it can be read again. */
let given = false;
/** Something was said of a file that was not opened yet. */
let said = false;

function show(): void {
  const { scene } = state();
  if (scene === undefined) return;
  const { adapter, software, network, weights } = scene;
  says.textContent =
    `The network: “${network}”, ${weights.toLocaleString("en")} weights; it sees an image ${scene.prepared}. ` +
    `It runs on ${adapter}` +
    (software ? ", which is no graphics card: a round takes some seconds." : ".");
  if (model.options.length > 0) return;
  const options = (names: readonly string[]): HTMLOptionElement[] => [
    new Option("as the file says", ""),
    ...names.map((name) => new Option(name, name)),
  ];
  model.append(...options(scene.networks.map(({ name }) => name)));
  prepared.append(...options(scene.prepareds));
}

function refresh(): void {
  const { scene, working } = state();
  const ready = scene !== undefined && !working;
  for (const control of [file, model, prepared, save, startAgain]) control.disabled = !ready;
  again.disabled = !ready || !given;
  // Once a run has forgotten something this is not the network to take home.
  save.textContent =
    state().run === undefined
      ? "Save this network"
      : "Save the network as it was before forgetting";
}

/** Opens something, in place of what is open. */
export async function opening(what: string, open: () => Promise<Scene>): Promise<void> {
  clearErrors();
  change({ working: true });
  const before = says.textContent;
  says.textContent = what;
  try {
    const scene = await open();
    change({ scene, chosen: new Set(scene.wrong), run: undefined });
  } catch (cause) {
    says.textContent = before;
    fail(cause, error);
  } finally {
    change({ working: false });
  }
}

/** Opens a network; without files that which was given last. */
export function openNetwork(files?: readonly GivenFile[]): Promise<void> {
  // What was said of the file before says nothing of this one.
  if (files !== undefined && !said) model.value = prepared.value = "";
  const about = { model: model.value || undefined, prepared: prepared.value || undefined };
  return opening("Opening the network…", async () => {
    // It may be read again with more said of it, should it not be opened now.
    given = true;
    const scene = await engine.openNetwork(about, files);
    said = false;
    return scene;
  });
}

/** Opens the network that comes with the page. */
export function openStart(): Promise<void> {
  return opening("Opening the network that comes with this page…", () =>
    engine.open(new URL("../start.safetensors", import.meta.url).href),
  );
}

/** Ties the panel to what there is and what is done. */
export function startNetwork(): void {
  onChange(["scene"], show);
  onChange(["scene", "working", "run"], refresh);
  file.addEventListener("change", () => {
    const files = chosenFiles(file);
    file.value = "";
    if (files.length > 0) void openNetwork(files);
  });
  for (const choice of [model, prepared]) {
    choice.addEventListener("change", () => (said = true));
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void openNetwork();
  });
  startAgain.addEventListener("click", () => void openStart());
  save.addEventListener("click", () => {
    engine
      .network()
      .then((bytes) => saveAs(bytes, `${state().scene!.network}.safetensors`))
      .catch((cause: unknown) => fail(cause, error));
  });
  refresh();
}
