/** The panel of how weights move: those of a layer while a round fine-tunes on D_f, and what the round made of them. */
import { Chart } from "../chart.ts";
import { engine } from "../client.ts";
import { fail, part } from "../dom.ts";
import type { CoordinateHistory, RoundMoves } from "../../index.ts";
import { onChange, state } from "../state.ts";

const whole = part("paths", HTMLDetailsElement);
const layer = part("layer", HTMLSelectElement);
const says = part("paths-say", HTMLElement);
const place = part("paths-chart", HTMLElement);
const chart = new Chart(place);

/** Where what the round set is drawn, in snapshots before the first: InvWNN predicts three back. */
const setPlace = -3;

let moves: RoundMoves | undefined;

/** A weight's way: snapshots, and what the round set, as changes against what it was before. */
function way({ before, history, after }: CoordinateHistory): (number | null)[] {
  return [after - before, ...history.map((value) => value - before)];
}

function show(): void {
  const mine = (moves?.coordinates ?? []).filter((one) => one.layer === layer.value);
  place.hidden = mine.length === 0;
  if (mine.length === 0) {
    chart.show(undefined);
    return;
  }
  const window = mine[0]!.history.length;
  const about = moves!.layers.find(({ name }) => name === layer.value)!;
  const cosine = about.cosine === null ? "" : `, cosine ${about.cosine.toFixed(2)}`;
  says.textContent =
    `Round ${Math.ceil(moves!.round)} fine-tunes on the images to forget and takes ${window} snapshots, 0 to ${window - 1}. ` +
    `At ${setPlace} stands what it then set each weight to. The whole layer drifted by ${about.drift.toPrecision(3)} ` +
    `and was moved by ${about.move.toPrecision(3)}${cosine}.`;
  chart.show({
    x: [setPlace, ...Array.from({ length: window }, (_, i) => i)],
    xLabel: `snapshot; at ${setPlace}: set by the round`,
    yLabel: "change",
    series: mine.map((one) => ({
      label: `weight ${one.index} (${one.quantile === 0.5 ? "median drift" : "drifts most"})`,
      y: way(one),
    })),
    says: mine
      .map(({ index, before, history, after }) => {
        const drift = (history.at(-1)! - before).toPrecision(2);
        return `Weight ${index} drifts by ${drift}, and is set to ${(after - before).toPrecision(2)} from where it was.`;
      })
      .join(" "),
  });
}

async function ask(): Promise<void> {
  const { shown } = state();
  if (shown === undefined || !whole.open) return;
  try {
    const got = await engine.moves(shown.run, shown.round);
    const now = state().shown;
    // The slider has moved meanwhile.
    if (now?.run !== shown.run || now.round !== shown.round) return;
    moves = got;
  } catch (cause) {
    fail(cause);
    return;
  }
  const names = [...new Set((moves?.coordinates ?? []).map((one) => one.layer))];
  const before = layer.value;
  layer.replaceChildren(...names.map((name) => new Option(name, name)));
  layer.value = names.includes(before) ? before : (names[0] ?? "");
  layer.disabled = names.length === 0;
  says.textContent =
    shown.round === 0
      ? "Before the first round no weight has moved: choose a later one."
      : "This method records no snapshots.";
  show();
}

/** Ties the panel to what there is and what is done. */
export function startPaths(): void {
  onChange(["shown"], () => void ask());
  whole.addEventListener("toggle", () => void ask());
  layer.addEventListener("change", show);
}
