/** How long a step takes, said once where a software adapter meets a large network: it may be days to its end. */
import type { Job } from "../runs/job.ts";
import type { SetupConfig } from "../runs/config.ts";
import { duration } from "./duration.ts";

/** Weights above which a software adapter is slow. */
const many = 1e6;

/** Times the steps of one piece of work. */
export class StepTime {
  readonly #what: string;
  readonly #runs: number;
  readonly #now: () => number;
  #before: { readonly done: number; readonly time: number } | undefined;
  #told = false;

  /**
   * @param what the network, as its warning says it.
   * @param runs how many times the steps of a progress are run in all.
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
    const [now, before] = [this.#now(), this.#before];
    this.#before = { done, time: now };
    if (this.#told || before === undefined || done <= before.done) return undefined;
    this.#told = true;
    const step = (now - before.time) / 1000 / (done - before.done);
    const steps = total * this.#runs;
    return (
      `warning: ${this.#what} and the adapter is software: a step takes ${step < 10 ? step.toFixed(1) : step.toFixed(0)} s, ` +
      `as measured, and the ${steps} steps ${duration(step * steps)}. A smaller network, smaller or fewer images ` +
      "or a GPU take less."
    );
  }
}
