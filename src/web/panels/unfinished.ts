/** The panel of the run that the browser kept: it goes on after a reload, or is shown again. */
import { engine } from "../client.ts";
import { fail, images, part } from "../dom.ts";
import type { Kept } from "../messages.ts";
import { change, onChange, state } from "../state.ts";
import { follow, nextRun, tell } from "./how.ts";

const whole = part("unfinished", HTMLElement);
const title = part("unfinished-title", HTMLElement);
const says = part("unfinished-says", HTMLElement);
const goOn = part("go-on", HTMLButtonElement);
const discard = part("discard", HTMLButtonElement);

/** What is offered. */
let offered: Kept | undefined;

/** Whether a run that would begin may take the place of one that was left before its end. */
export function mayReplace(): boolean {
  if (whole.hidden || offered === undefined || offered.ended !== undefined) return true;
  return confirm(
    "A run was left before its end, and this browser keeps one run alone. Begin another and lose that one?",
  );
}

function show(kept: Kept): void {
  const { method, images: count, title: set, rounds, of, ended } = kept;
  const what = `${method} on ${images(count)} of “${set}”, ${rounds} of ${of} rounds done`;
  title.textContent = ended === undefined ? "Unfinished work" : "The last run";
  says.textContent =
    ended === undefined
      ? `A run was left before its end: ${what}. It goes on to the same numbers as if it had not been left.`
      : `This browser kept it: ${what}${rounds === of ? "" : `; ${ended}`}.`;
  goOn.textContent = ended === undefined ? "Go on" : "Show it";
  whole.hidden = false;
  offered = kept;
  // A browser goes back to where the page was scrolled to.
  whole.scrollIntoView({ block: "nearest" });
}

async function restore(): Promise<void> {
  if (state().working || offered === undefined) return;
  const id = nextRun();
  // Nothing else may begin while it is fetched.
  change({ working: true });
  tell("Fetching the run…");
  try {
    const past = await engine.restore(offered.key, id);
    if (past === undefined) throw new Error("the run is kept no more: another tab has begun one.");
    const { scene, request, rounds, ended } = past;
    const { method, forget: gone } = request;
    change({ scene, chosen: new Set(gone) });
    const about = { id, method, gone };
    tell("");
    if (ended === undefined) {
      await follow(about, rounds, request.rounds, (...calls) => engine.goOn(...calls));
    } else change({ run: { ...about, rounds } });
  } catch (cause) {
    tell("");
    fail(cause);
  } finally {
    change({ working: false });
  }
}

/** Ties the panel to what there is and what is done. */
export function startUnfinished(): void {
  goOn.addEventListener("click", () => void restore());
  discard.addEventListener("click", () => {
    whole.hidden = true;
    if (offered !== undefined) void engine.discard(offered.key);
  });
  onChange(["working"], () => {
    if (state().working) whole.hidden = true;
  });
}

/** Offers what is kept. */
export async function offerUnfinished(): Promise<void> {
  const kept = await engine.kept();
  if (kept !== undefined && !state().working) show(kept);
}
