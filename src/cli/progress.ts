/** Progress on stderr: a bar on a terminal, plain lines every few seconds otherwise. */
import cliProgress from "cli-progress";
import type { Scores } from "../metrics/metric.ts";
import type { Phase, Watch } from "../train/replay.ts";
import { duration } from "./duration.ts";
import { isQuiet, say } from "./output.ts";
import type { StepTime } from "./step-time.ts";

/** Milliseconds between two plain lines. */
const plainLineEveryMs = 10_000;

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

/** Signs of a bar. */
const barWidth = 24;
const { barCompleteChar, barIncompleteChar } = cliProgress.Presets.shades_classic;

/** What a bar shows. */
interface Shown {
  /** Words before the bar. */
  readonly label: string;
  /** 0 to 1. */
  readonly share: number;
  /** Words after it, which begin with a comma. */
  readonly said: string;
}

/** The line of a bar. */
function barLine({ label, share, said }: Shown): string {
  const full = Math.round(share * barWidth);
  const bar = barCompleteChar!.repeat(full) + barIncompleteChar!.repeat(barWidth - full);
  return `${label} [${bar}] ${Math.floor(100 * share)} %${said}`;
}

/** A task whose progress is shown. */
export class ProgressBar {
  readonly #label: string;
  readonly #passing: boolean;
  readonly #course = new Course();
  readonly #bar: cliProgress.SingleBar | undefined;
  #shown = false;
  #lastLine = -Infinity;
  /** A process that ends under the bar gives the terminal its cursor and its lines back. */
  readonly #restore = (): void => this.#bar?.stop();

  /** @param passing whether it leaves nothing on the terminal: what needs {@link say}. */
  constructor(label: string, passing = false) {
    this.#label = label;
    this.#passing = passing;
    if (isQuiet() || !process.stderr.isTTY) return;
    this.#bar = new cliProgress.SingleBar(
      {
        format: (_options, _params, shown: Shown) => barLine(shown),
        stream: process.stderr,
        hideCursor: true,
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
    const shown: Shown = { label: this.#label, share, said };
    if (this.#bar === undefined) return this.#line(shown);
    // The bar's own count decides nothing: its line is that of `shown`.
    if (!this.#shown) {
      this.#bar.start(1, 0, shown);
      process.once("exit", this.#restore);
    }
    this.#shown = true;
    this.#bar.update(0, shown);
  }

  #line({ label, share, said }: Shown): void {
    const now = performance.now();
    if (now - this.#lastLine < plainLineEveryMs) return;
    this.#lastLine = now;
    say(`${label}: ${Math.floor(100 * share)} %${said}`);
  }

  /** A line that stays. The bar begins anew below it, and leaves nothing above. */
  say(line: string): void {
    if (this.#shown) this.#clear();
    say(line);
  }

  #clear(): void {
    this.stop();
    // A bar that does not pass has ended its line, which goes: up a line, and that cleared.
    if (this.#bar !== undefined && !this.#passing) process.stderr.write("\u001B[1A\u001B[2K");
  }

  /** As {@link say}, where there is something to say. */
  warn(line: string | undefined): void {
    if (line !== undefined) this.say(line);
  }

  stop(): void {
    process.off("exit", this.#restore);
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

/** Runs work under a bar that says its share; `passing`: it leaves nothing on the terminal. */
export function withProgress<T>(
  label: string,
  signal: AbortSignal,
  work: (watch: Watch) => Promise<T>,
  passing = false,
): Promise<T> {
  const bar = new ProgressBar(label, passing);
  return under(bar, () => work({ signal, progress: (done, total) => bar.update(done, total) }));
}

/**
 * Runs a training of so many epochs under a bar that says which epoch, and the loss of the one before.
 *
 * @param time says how long a step takes, where that is to be said.
 */
export function withEpochs<T>(
  label: string,
  epochs: number,
  signal: AbortSignal,
  work: (watch: Watch, onEpoch: (line: object) => void) => Promise<T>,
  time?: StepTime,
): Promise<T> {
  const bar = new ProgressBar(label);
  let loss = "";
  const watch: Watch = {
    signal,
    progress(done, total) {
      bar.warn(time?.at(done, total));
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

/** Where in a round each phase begins, as a share of it, and how much of it that is: steps take most of the time, as a rule. */
const phaseShares: Readonly<Record<Phase, readonly [number, number]>> = {
  preparing: [0, 0],
  steps: [0, 0.9],
  predicting: [0.9, 0.05],
  measuring: [0.95, 0.05],
};

/** What a task is at besides its steps, and how far that is: ", predicting 40 %". */
function aside(phase: Phase, done?: number, total = 1): string {
  if (phase === "steps") return "";
  return `, ${phase}${done === undefined ? "" : ` ${Math.floor((100 * done) / total)} %`}`;
}

/**
 * Runs an unlearning of at most so many rounds under a bar that says which round, what it is at besides its steps, and the
 * loss on D_f after the one before.
 *
 * @param about what is said besides: how long a step takes, and of the network before the first round.
 */
export function withRounds<T>(
  label: string,
  rounds: number,
  signal: AbortSignal,
  work: (
    watch: Watch,
    onRound: (progress: { readonly round: number; readonly scores: Scores }) => void,
  ) => Promise<T>,
  about: {
    readonly time?: StepTime | undefined;
    readonly before?: (scores: Scores) => string | undefined;
  } = {},
): Promise<T> {
  const bar = new ProgressBar(label);
  let done = 0;
  /** Share of the round that is done. */
  let within = 0;
  let loss = "";
  let phase: Phase = "steps";
  const show = (what: string): void =>
    bar.update(
      done + within,
      rounds,
      `round ${Math.min(rounds, done + 1)}/${rounds}${what}${loss}`,
    );
  const watch: Watch = {
    signal,
    phase(next) {
      phase = next;
      show(aside(phase));
    },
    progress(steps, total) {
      if (phase === "steps") bar.warn(about.time?.at(steps, total));
      if (phase === "predicting") bar.warn(about.time?.predicting(steps, total));
      const [from, share] = phaseShares[phase];
      // What is measured before the first step is no part of a round.
      if (phase === "steps" || within > 0) {
        within = Math.max(within, from + (share * steps) / total);
      }
      show(aside(phase, steps, total));
    },
  };
  return under(bar, () =>
    work(watch, (progress) => {
      done = progress.round;
      if (done === 0) bar.warn(about.before?.(progress.scores));
      const { forgetLoss } = progress.scores;
      if (forgetLoss !== undefined) loss = `, loss on D_f ${forgetLoss.toPrecision(3)}`;
      [within, phase] = [0, "steps"];
      show("");
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
  work: (told: {
    readonly watch: Watch;
    readonly log: (line: string) => void;
    readonly added: () => void;
  }) => Promise<T>,
): Promise<T> {
  const bar = new ProgressBar(label, true);
  let done = 0;
  let all = runs;
  const show = (part: string): void =>
    bar.update(done, all, `run ${Math.min(all, done + 1)}/${all}${part}`);
  let phase: Phase = "steps";
  const watch: Watch = {
    signal,
    phase(next) {
      phase = next;
      show(aside(phase));
    },
    progress: (steps, total) =>
      show(phase === "steps" ? `, step ${steps}/${total}` : aside(phase, steps, total)),
  };
  return under(bar, () =>
    work({
      watch,
      log(line) {
        done++;
        bar.say(line);
        show("");
      },
      added: () => void all++,
    }),
  );
}
