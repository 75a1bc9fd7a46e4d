/** How long a step takes, and a prediction, each said once where a software adapter meets a large network: it may be days to its end. */
import type { Job } from "../runs/job.ts";
import type { SetupConfig } from "../runs/config.ts";
import { duration } from "./duration.ts";

/** Weights above which a software adapter is slow. */
const many = 1e6;

/** Seconds of a prediction that are worth a warning. */
const leastSaid = 30;

/** Times the steps of one piece of work, and its predictions. */
export class StepTime {
  readonly #what: string;
  readonly #runs: number;
  readonly #now: () => number;
  readonly #steps = new Pace();
  readonly #predictions = new Pace();

  /**
   * @param what the network, as its warning says it.
   * @param runs how many times the steps of a progress are run in all: its rounds.
   */
  constructor(what: string, runs: number, now: () => number = () => performance.now()) {
    this.#what = what;
    this.#runs = runs;
    this.#now = now;
  }

  /** One for a job that may be slow, undefined for any other. */
  static of(
    { gpu, model }: Pick<Job<SetupConfig>, "gpu" | "model">,
    runs = 1,
  ): StepTime | undefined {
    const weights = model.slots.reduce((sum, { size }) => sum + size, 0);
    if (!gpu.adapter.software || weights <= many) return undefined;
    const millions = (weights / 1e6).toFixed(1);
    return new StepTime(`${model.spec.name} has ${millions} million weights`, runs);
  }

  /** The warning, once, at the second time that steps are done: before the first one kernels are compiled. */
  at(done: number, total: number): string | undefined {
    const each = this.#steps.of(done, this.#now());
    if (each === undefined) return undefined;
    const steps = total * this.#runs;
    return (
      `warning: ${this.#what} and the adapter is software: a step takes ${each < 10 ? each.toFixed(1) : each.toFixed(0)} s, ` +
      `as measured, and the ${steps} steps ${duration(each * steps)}, without what comes after them. A smaller network, ` +
      "smaller or fewer images or a GPU take less."
    );
  }

  /** What is said of a prediction of all weights, once, at the second time that a part of it is done. */
  predicting(done: number, total: number): string | undefined {
    const each = this.#predictions.of(done, this.#now());
    if (each === undefined || each * total < leastSaid) return undefined;
    const rounds = this.#runs === 1 ? "" : `, in each of at most ${this.#runs} rounds`;
    return (
      `warning: predicting where the weights were takes ${duration(each * total)}, as measured${rounds}. ` +
      "--method linear-rewind and task-vector do without it."
    );
  }
}

/** Seconds that a part of a work takes, from the first two times that it is heard of. */
class Pace {
  #before: { readonly done: number; readonly time: number } | undefined;
  #told = false;

  /** The seconds, once; undefined at all other times. */
  of(done: number, now: number): number | undefined {
    const before = this.#before;
    this.#before = { done, time: now };
    if (this.#told || before === undefined || done <= before.done) return undefined;
    this.#told = true;
    return (now - before.time) / 1000 / (done - before.done);
  }
}
