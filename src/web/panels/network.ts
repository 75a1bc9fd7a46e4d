/** The panel of what is open: the network and its images. */
import { engine } from "../client.ts";
import { fail, part } from "../dom.ts";
import { change, onChange, state } from "../state.ts";

const says = part("network", HTMLElement);

function show(): void {
  const { scene } = state();
  if (scene === undefined) return;
  const { adapter, software, network, weights, images } = scene;
  says.textContent =
    `“${network}”, ${weights.toLocaleString("en")} weights, trained on ${images.count} drawn digits, ` +
    `${scene.wrong.length} of them with wrong labels. It runs on ${adapter}` +
    (software ? ", which is no graphics card: a round takes some seconds." : ".");
}

/** Ties the panel to what there is and what is done. */
export function startNetwork(): void {
  onChange(["scene"], show);
}

/** Opens the network that comes with the page. */
export async function openStart(): Promise<void> {
  try {
    const scene = await engine.open(new URL("../start.safetensors", import.meta.url).href);
    change({ scene, chosen: new Set(scene.wrong) });
  } catch (cause) {
    says.textContent = "No network is open.";
    fail(cause);
  }
}
