/** Progress on stderr: a bar on a terminal, plain lines every few seconds otherwise. */
import cliProgress from "cli-progress";
import type { Watch } from "../train/replay.ts";

const plainLineEveryMs = 10_000;

/** A task whose progress is shown. */
export class ProgressBar {
  readonly #bar: cliProgress.SingleBar;
  #started = false;

  constructor(label: string) {
    this.#bar = new cliProgress.SingleBar(
      {
        format: `${label} [{bar}] {percentage} % {note} ({duration_formatted}, {eta_formatted} left)`,
        stream: process.stderr,
        noTTYOutput: true,
        notTTYSchedule: plainLineEveryMs,
        hideCursor: true,
        etaBuffer: 50,
      },
      cliProgress.Presets.shades_classic,
    );
  }

  /** Shows `done` of `total`, with an optional note such as the loss. */
  update(done: number, total: number, note = ""): void {
    if (!this.#started) {
      this.#bar.start(total, 0, { note });
      this.#started = true;
    }
    this.#bar.setTotal(total);
    this.#bar.update(done, { note });
  }

  stop(): void {
    if (this.#started) this.#bar.stop();
    this.#started = false;
  }
}

/** Runs work under a bar; the bar goes away however the work ends. */
export async function withProgress<T>(
  label: string,
  signal: AbortSignal,
  work: (watch: Watch) => Promise<T>,
): Promise<T> {
  const bar = new ProgressBar(label);
  try {
    return await work({ signal, progress: (done, total) => bar.update(done, total) });
  } finally {
    bar.stop();
  }
}
