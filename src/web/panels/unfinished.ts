/** The panel of the run or the training that the browser kept: it goes on after a reload, or is opened again. */
import { engine } from "../client.ts";
import { clearError, fail, images, part, say } from "../dom.ts";
import type { Kept } from "../messages.ts";
import { change, onChange, state } from "../state.ts";
import { follow, nextRun, tell } from "./how.ts";
import { learnOn } from "./learn.ts";

const whole = part("unfinished", HTMLElement);
const title = part("unfinished-title", HTMLElement);
const says = part("unfinished-says", HTMLElement);
const goOn = part("go-on", HTMLButtonElement);
const discard = part("discard", HTMLButtonElement);

/** What is offered, also while other work hides it. */
let offered: Kept | undefined;

/** Whether what would begin may take the place of what was left before its end. */
export function mayReplace(): boolean {
  if (offered === undefined || offered.ended !== undefined) return true;
  return confirm(
    `A ${offered.kind} was left before its end, and this browser keeps one run or training alone. Begin another and lose that one?`,
  );
}

/** What was kept, before the name of its images and after it. */
function wordsOf(kept: Kept): readonly [string, string] {
  if (kept.kind === "training") {
    return [`${kept.network} on “`, `”, ${kept.epochs} of ${kept.of} epochs done`];
  }
  const { method, images: count, rounds, of } = kept;
  return [`${method} on ${images(count)} of “`, `”, ${rounds} of ${of} rounds done`];
}

function show(kept: Kept): void {
  const { kind, title: set, ended } = kept;
  const [before, after] = wordsOf(kept);
  title.textContent = ended === undefined ? "Unfinished work" : `The last ${kind}`;
  if (ended === undefined) {
    const goes = "It goes on to the same numbers as if it had not been left.";
    say(says, `A ${kind} was left before its end: ${before}`, set, `${after}. ${goes}`);
  } else {
    const why = kept.kind === "training" || kept.rounds === kept.of ? "" : `; ${ended}`;
    say(says, `This browser kept it: ${before}`, set, `${after}${why}.`);
  }
  const again = kind === "run" ? "Show it" : "Open it";
  goOn.textContent = ended === undefined ? "Go on" : again;
  whole.hidden = state().working;
  offered = kept;
}

/** Shows it again after other work, unless that has taken its place. */
async function showAgain(): Promise<void> {
  const kept = await engine.kept();
  if (kept === undefined || offered === undefined) return;
  if (kept.key === offered.key) show(kept);
  else offered = undefined;
}

/** Says why it is not to be had. */
function refuse(kind: Kept["kind"]): never {
  throw new Error(`another tab works on the ${kind}, or it is kept no more.`);
}

async function restore(): Promise<void> {
  if (state().working || offered === undefined) return;
  const { kind, key } = offered;
  // Nothing else may begin while it is fetched.
  change({ working: true });
  tell(`Fetching the ${kind}…`);
  try {
    const there = await (kind === "run" ? restoreRun(key) : restoreTraining(key));
    if (!there) refuse(kind);
  } catch (cause) {
    tell("");
    fail(cause);
  } finally {
    change({ working: false });
  }
}

/** @returns whether it was there. */
async function restoreRun(key: string): Promise<boolean> {
  const id = nextRun();
  const past = await engine.restore(key, id);
  if (past === undefined) return false;
  offered = undefined;
  const { scene, request, rounds, ended } = past;
  const { method, forget: gone } = request;
  change({ scene, chosen: new Set(gone) });
  const about = { id, method, gone };
  tell("");
  if (ended === undefined) {
    await follow(about, rounds, request.rounds, (...calls) => engine.goOn(...calls));
  } else change({ run: { ...about, rounds } });
  return true;
}

/** @returns whether it was there. */
async function restoreTraining(key: string): Promise<boolean> {
  const past = await engine.restoreTraining(key);
  if (past === undefined) return false;
  offered = undefined;
  const { scene, ...training } = past;
  change({ scene, chosen: new Set(scene.wrong), run: undefined });
  tell("");
  await learnOn(training);
  return true;
}

async function forgo(): Promise<void> {
  if (offered === undefined) return;
  clearError();
  try {
    if (!(await engine.discard(offered.key))) refuse(offered.kind);
    whole.hidden = true;
    offered = undefined;
  } catch (cause) {
    fail(cause);
  }
}

/** Ties the panel to what there is and what is done. */
export function startUnfinished(): void {
  goOn.addEventListener("click", () => void restore());
  discard.addEventListener("click", () => void forgo());
  onChange(["working"], () => {
    if (state().working) whole.hidden = true;
    else if (offered !== undefined) void showAgain();
  });
}

/** Offers what is kept. */
export async function offerUnfinished(): Promise<void> {
  const kept = await engine.kept();
  if (kept === undefined) return;
  show(kept);
  // A browser goes back to where the page was scrolled to.
  whole.scrollIntoView({ block: "nearest" });
}
