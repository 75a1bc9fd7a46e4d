/** The link that sets the page up again, and the page that a link was opened for. */
import { clearError, fail, part, say } from "../dom.ts";
import { fits, fragmentOf, type Linked, linkedIn, requireKnown } from "../link.ts";
import { change, onChange, state } from "../state.ts";
import { howIsValid, setHow, toldHow } from "./how.ts";

const copy = part("copy-link", HTMLButtonElement);
const says = part("link-says", HTMLElement);
const field = part("link", HTMLInputElement);

/** What the page was opened for, until it is set up. */
let wanted: Linked | undefined;

/** Why the link that the page was opened with is refused, until images are there: they push what was said out of sight. */
let refused: unknown;

function take(): void {
  try {
    wanted = linkedIn(location.hash);
    setUp();
  } catch (cause) {
    refuse(cause);
  }
}

function refuse(cause: unknown): void {
  wanted = undefined;
  says.textContent = "";
  refused = state().scene === undefined ? cause : undefined;
  fail(cause);
}

/** Sets the page up where the images of the link are open. */
function setUp(): void {
  const { scene, working } = state();
  if (wanted === undefined || scene === undefined || working) return;
  if (!fits(wanted, scene)) {
    const { images, count } = wanted;
    say(
      says,
      "This link is for other images, “",
      images,
      `” (${count}): open those, and it is set up.`,
    );
    return;
  }
  const { forget } = wanted;
  requireKnown(wanted, scene);
  setHow(wanted);
  wanted = undefined;
  change({ chosen: new Set(forget) });
  clearError();
  says.textContent = "Set up as the link says.";
}

/** Shows the link of what is chosen now, and copies it where the browser allows that. */
async function give(): Promise<void> {
  const { scene, chosen } = state();
  if (scene === undefined || !howIsValid()) return;
  const forget = [...chosen].sort((a, b) => a - b);
  const linked = { ...toldHow(), images: scene.title, count: scene.images.count, forget };
  const address = new URL(location.href);
  address.hash = fragmentOf(linked);
  field.value = address.href;
  field.parentElement!.hidden = false;
  field.select();
  try {
    await navigator.clipboard.writeText(address.href);
    says.textContent = "Copied. It says what was chosen, and holds no image.";
  } catch {
    says.textContent = "Copy it from the field. It says what was chosen, and holds no image.";
  }
}

/** Ties the panel to what there is and what is done. */
export function startLink(): void {
  onChange(["scene", "chosen", "working"], () => {
    const { scene, chosen, working } = state();
    copy.disabled = scene === undefined || chosen.size === 0 || working;
  });
  onChange(["scene", "working"], () => {
    try {
      if (refused !== undefined) throw refused;
      setUp();
    } catch (cause) {
      refuse(cause);
    }
  });
  copy.addEventListener("click", () => void give());
  addEventListener("hashchange", take);
  copy.disabled = true;
  take();
}
