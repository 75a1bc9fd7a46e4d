/** Drawing that need not be done at once: it is done in short tasks of its own, and the page answers in between. */

/** Milliseconds of a task, unless one drawing takes longer. */
const span = 8;
const waiting = new Map<object, () => void>();

function go(): void {
  const until = performance.now() + span;
  try {
    for (const [place, draw] of waiting) {
      waiting.delete(place);
      draw();
      if (performance.now() >= until) break;
    }
  } finally {
    if (waiting.size > 0) setTimeout(go);
    else delete document.documentElement.dataset["drawing"];
  }
}

/** Draws in a place soon; what waits to be drawn there is dropped. The document's element has `data-drawing` meanwhile. */
export function later(place: object, draw: () => void): void {
  if (waiting.size === 0) {
    setTimeout(go);
    document.documentElement.dataset["drawing"] = "";
  }
  waiting.delete(place);
  waiting.set(place, draw);
}
