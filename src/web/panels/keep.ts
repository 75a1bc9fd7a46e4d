/** The panel of what is taken home: the network after a round, and the report. */
import { engine } from "../client.ts";
import { clearError, fail, part, saveAs } from "../dom.ts";
import { change, onChange, type Shown, state } from "../state.ts";
import { wasStopped, Work } from "../work.ts";

const save = part("save", HTMLButtonElement);
const report = part("report", HTMLButtonElement);
const says = part("kept-say", HTMLElement);
const making = new Work("report");

/** Makes a file of what is looked at, and offers it. */
async function offer(
  button: HTMLButtonElement,
  words: string,
  make: (shown: Shown) => Promise<readonly [Uint8Array<ArrayBuffer>, string]>,
): Promise<void> {
  const { shown } = state();
  if (shown === undefined) return;
  clearError();
  button.disabled = true;
  says.textContent = words;
  try {
    const [bytes, name] = await make(shown);
    saveAs(bytes, name);
    says.textContent = `Saved as ${name}.`;
  } catch (cause) {
    const stopped = wasStopped(cause);
    says.textContent = stopped ? "Stopped: no report was made." : "";
    if (!stopped) fail(cause);
  } finally {
    refresh();
  }
}

/** Says where a reload would lose the run. */
function warn(): void {
  const unkept = state().run?.rounds.at(-1)?.unkept;
  if (unkept !== undefined) says.textContent = unkept;
}

/** A report is of runs that have ended. */
function refresh(): void {
  const { run, working } = state();
  save.disabled = run === undefined;
  report.disabled = working || (run?.rounds.length ?? 0) < 2;
}

/** Ties the panel to what there is and what is done. */
export function startKeep(): void {
  onChange(["run", "working"], refresh);
  onChange(["run"], warn);
  save.addEventListener("click", () => {
    void offer(save, "Saving…", async ({ run, round }) => {
      const kept = state().run?.rounds[round]?.round ?? round;
      const when = Number.isInteger(kept) ? "after" : "within";
      return [await engine.checkpoint(run, round), `network-${when}-round-${round}.safetensors`];
    });
  });
  report.addEventListener("click", () => {
    void offer(report, "Measuring, for the report…", async ({ run, beside }) => {
      const runs = beside === undefined ? [run] : [run, beside];
      change({ working: true });
      try {
        const text = await making.run((told) => engine.report(runs, told));
        return [new TextEncoder().encode(text), "report.html"];
      } finally {
        change({ working: false });
      }
    });
  });
  refresh();
}
