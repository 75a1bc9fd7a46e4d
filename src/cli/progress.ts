/** Progress on stderr: a bar on a terminal, plain lines every few seconds otherwise. */
import cliProgress from "cli-progress";
import type { Watch } from "../train/replay.ts";
import { isQuiet, say } from "./output.ts";

/** Milliseconds between two plain lines. */
const plainLineEveryMs = 10_000;

/** A time as people say it: "45 s", "3 min 20 s", "2 h 5 min". */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** How far a task is, from its start to its end: it never goes back. */
export class Course {
  readonly #now: () => number;
  #start: { time: number; share: number } | undefined;
  #share = 0;
  #advances = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** The share that is done, 0 to 1. */
  get share(): number {
    return this.#share;
  }

  /**
   * A share that is done. Time counts from the second one that is larger: a task that goes on where it was interrupted
   * has not done the first, and kernels are compiled before the second.
   */
  reach(share: number): void {
    const before = this.#share;
    this.#share = Math.max(before, Math.min(1, share));
    if (this.#share > before && this.#advances < 2) {
      this.#advances++;
      if (this.#advances === 2) this.#start = { time: this.#now(), share: this.#share };
    }
  }

  /** What is left, at the speed since the start: "3 min 20 s left"; empty where that is not known yet. */
  left(): string {
    if (this.#start === undefined) return "";
    const done = this.#share - this.#start.share;
    const seconds = (this.#now() - this.#start.time) / 1000;
    if (done <= 0 || seconds < 1) return "";
    return `${duration((seconds / done) * (1 - this.#share))} left`;
  }
}

/** A task whose progress is shown. */
export class ProgressBar {
  readonly #label: string;
  readonly #course = new Course();
  readonly #bar: cliProgress.SingleBar | undefined;
  #shown = false;
  #lastLine = -Infinity;

  /** @param passing whether it leaves nothing on the terminal: what needs {@link say}. */
  constructor(label: string, passing = false) {
    this.#label = label;
    if (isQuiet() || !process.stderr.isTTY) return;
    this.#bar = new cliProgress.SingleBar(
      {
        format: `${label} [{bar}] {percentage} %{note}`,
        stream: process.stderr,
        hideCursor: true,
        barsize: 24,
        clearOnComplete: passing,
      },
      cliProgress.Presets.shades_classic,
    );
  }

  /** Shows `done` of `total`, with an optional note such as the loss. */
  update(done: number, total: number, note = ""): void {
    this.#course.reach(done / total);
    const { share } = this.#course;
    const parts = [note, this.#course.left()].filter((part) => part !== "");
    const said = parts.map((part) => `, ${part}`).join("");
    if (this.#bar === undefined) return this.#line(share, said);
    const shown = Math.floor(share * 1000);
    if (!this.#shown) this.#bar.start(1000, shown, { note: said });
    this.#shown = true;
    this.#bar.update(shown, { note: said });
  }

  #line(share: number, said: string): void {
    const now = performance.now();
    if (now - this.#lastLine < plainLineEveryMs) return;
    this.#lastLine = now;
    say(`${this.#label}: ${Math.floor(100 * share)} %${said}`);
  }

  /** A line that stays, above a passing bar. */
  say(line: string): void {
    this.stop();
    say(line);
  }

  stop(): void {
    if (this.#shown) this.#bar?.stop();
    this.#shown = false;
  }
}

/** Does work under a bar, which stops however the work ends. */
async function under<T>(bar: ProgressBar, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    bar.stop();
  }
}

/** Runs work under a bar that says its share. */
export function withProgress<T>(
  label: string,
  signal: AbortSignal,
  work: (watch: Watch) => Promise<T>,
): Promise<T> {
  const bar = new ProgressBar(label);
  return under(bar, () => work({ signal, progress: (done, total) => bar.update(done, total) }));
}

/** Runs a training of so many epochs under a bar that says which epoch, and the loss of the one before. */
export function withEpochs<T>(
  label: string,
  epochs: number,
  signal: AbortSignal,
  work: (watch: Watch, onEpoch: (line: object) => void) => Promise<T>,
): Promise<T> {
  const bar = new ProgressBar(label);
  let loss = "";
  const watch: Watch = {
    signal,
    progress(done, total) {
      const epoch = Math.min(epochs, Math.floor((done / total) * epochs) + 1);
      bar.update(done, total, `epoch ${epoch}/${epochs}${loss}`);
    },
  };
  return under(bar, () =>
    work(watch, (line) => {
      const { loss: value } = line as { loss?: number };
      if (value !== undefined) loss = `, loss ${value.toPrecision(3)}`;
    }),
  );
}

/** Runs an unlearning of at most so many rounds under a bar that says which round, and the loss on D_f after the one before. */
export function withRounds<T>(
  label: string,
  rounds: number,
  signal: AbortSignal,
  work: (
    watch: Watch,
    onRound: (progress: {
      readonly round: number;
      readonly scores: { readonly [score: string]: number };
    }) => void,
  ) => Promise<T>,
): Promise<T> {
  const bar = new ProgressBar(label);
  let done = 0;
  let loss = "";
  const show = (share: number): void => {
    const round = Math.min(rounds, done + 1);
    bar.update(done + share, rounds, `round ${round}/${rounds}${loss}`);
  };
  return under(bar, () =>
    work({ signal, progress: (steps, total) => show(steps / total) }, (progress) => {
      done = progress.round;
      const { forgetLoss } = progress.scores;
      if (forgetLoss !== undefined) loss = `, loss on D_f ${forgetLoss.toPrecision(3)}`;
      show(0);
    }),
  );
}

/**
 * Runs an experiment of so many runs under a bar that says which run, and which step of the round, training or scores
 * it is at. A line is logged at the end of each.
 */
export function withRuns<T>(
  label: string,
  runs: number,
  signal: AbortSignal,
  work: (told: { readonly watch: Watch; readonly log: (line: string) => void }) => Promise<T>,
): Promise<T> {
  const bar = new ProgressBar(label, true);
  let done = 0;
  const show = (part: string): void =>
    bar.update(done, runs, `run ${Math.min(runs, done + 1)}/${runs}${part}`);
  const progress = (steps: number, total: number): void => show(`, step ${steps}/${total}`);
  return under(bar, () =>
    work({
      watch: { signal, progress },
      log(line) {
        done++;
        bar.say(line);
        show("");
      },
    }),
  );
}
