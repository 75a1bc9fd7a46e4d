/** What a worker's device does: runs of experiments, one after the other, in the folders of the store. */
import { UsageError } from "../errors.ts";
import { drawingOf } from "../experiments/diffusion.ts";
import { openGrader } from "../experiments/grader.ts";
import { requestPlan } from "../experiments/parts.ts";
import { graderOf, requestProtocol } from "../experiments/request.ts";
import { PlanResults, PlanRunner } from "../experiments/run.ts";
import type { Environment } from "../experiments/trained-network.ts";
import type { Gpu } from "../gpu/device.ts";
import { Owned } from "../gpu/owned.ts";
import { trainSchema } from "../runs/config.ts";
import type { Watch } from "../train/replay.ts";
import { neededBy } from "./flow.ts";
import type { RunPayload } from "./payload.ts";
import type { StoredFolder } from "./stored-folder.ts";

/** Does runs on one device; what the last one had on the device stays for the next. */
export class DeviceWork {
  readonly #gpu: Gpu;
  #kept: { readonly flow: string; readonly runner: PlanRunner; readonly owned: Owned } | undefined;
  #watch: Watch = {};

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /**
   * Does the run of a job in the experiment's folder, or finds that it is done. One process at a time does a run.
   *
   * @returns a line about it.
   * @throws DataError where another process works on it.
   */
  async do(payload: RunPayload, folder: StoredFolder, watch: Watch): Promise<string> {
    const protocol = requestProtocol(payload.request);
    trainSchema.parse(protocol.train(0));
    const plan = requestPlan(protocol, payload.request);
    const run = plan.find(({ key }) => key === payload.run);
    if (run === undefined) {
      throw new UsageError(`the experiment of the job has no run "${payload.run}".`);
    }
    const held = await folder.hold(run.key);
    this.#watch = watch;
    let said = `${run.key} is done`;
    let ended = false;
    try {
      const needed = neededBy(plan, run.key);
      const large = needed.filter(({ kind }) => kind === "training" || kind === "grader");
      const keys = (runs: typeof needed): string[] => runs.map(({ key }) => key);
      await folder.bring(keys(large), { networks: true });
      await folder.bring(keys(needed), { networks: false });
      const runner = await this.#runner(payload, folder.path, (line) => (said = line));
      await runner.do(run);
      ended = true;
    } catch (error) {
      // What an aborted or failed run leaves on the device is not gone on from.
      this.destroy();
      throw error;
    } finally {
      await held.release(ended && (run.kind === "training" || run.kind === "grader"));
    }
    return said;
  }

  async #runner(
    { flow, request }: RunPayload,
    out: string,
    log: (line: string) => void,
  ): Promise<PlanRunner> {
    this.#say = log;
    if (this.#kept?.flow === flow) return this.#kept.runner;
    this.destroy();
    const protocol = requestProtocol(request);
    const plan = requestPlan(protocol, request);
    // One object for all runs: each is told its own.
    const watch = this.#told();
    const plain: Environment = { gpu: this.#gpu, out, watch, log: (line) => this.#say(line) };
    const owned = new Owned();
    try {
      const asked = graderOf(protocol, request);
      const opened = asked && (await openGrader(asked, plain, owned));
      const judging = opened && { grader: opened.grader, drawing: drawingOf(request.size) };
      const results = new PlanResults(protocol, plan, {}, out);
      const environment = { ...plain, ...(judging && { judging }) };
      const runner = owned.add(new PlanRunner(protocol, results, environment));
      this.#kept = { flow, runner, owned };
      return runner;
    } catch (error) {
      owned.destroy();
      throw error;
    }
  }

  #say: (line: string) => void = () => undefined;

  /** A watch that is that of the run under way. */
  #told(): Watch {
    // oxlint-disable-next-line typescript/no-this-alias
    const work = this;
    return {
      get signal() {
        return work.#watch.signal;
      },
      phase: (phase) => work.#watch.phase?.(phase),
      progress: (done, total) => work.#watch.progress?.(done, total),
      addSeconds: (seconds) => work.#watch.addSeconds?.(seconds),
    };
  }

  destroy(): void {
    this.#kept?.owned.destroy();
    this.#kept = undefined;
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
