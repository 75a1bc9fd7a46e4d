/** `rewind experiment … --queue`: submits the runs of an experiment, shows how they go, and writes what they came to. */
import { DataError, UsageError } from "../errors.ts";
import { readGraderRecord } from "../experiments/grader.ts";
import { copyGraderRecord, copyRun, isUntried } from "../experiments/parts.ts";
import type { PlannedRun } from "../experiments/plan.ts";
import type { Protocol } from "../experiments/protocol.ts";
import type { Reported } from "../experiments/report.ts";
import type { ExperimentRequest } from "../experiments/request.ts";
import { lineOf, PlanResults } from "../experiments/run.ts";
import { join } from "../platform/files.ts";
import type { RunFolder } from "../report/run-folder.ts";
import { withoutPassword } from "../platform/address.ts";
import { QueueServer } from "../queue/connection.ts";
import { Flow, type FlowState } from "../queue/flow.ts";
import { namesOf, refuseCode, usualDelayMs } from "../queue/payload.ts";
import { beginIn, openStore } from "../queue/store.ts";
import type { StoredFolder } from "../queue/stored-folder.ts";
import { interruptSignal } from "./interrupt.ts";
import { answer, say } from "./output.ts";
import { ProgressBar } from "./progress.ts";
import { queueAddress } from "./queue-options.ts";
import { packageVersion } from "./version.ts";

/** What a submission is told besides the experiment. */
export interface SubmitFlags {
  readonly queue?: string;
  readonly store?: string;
  readonly priority: number;
  readonly attempts: number;
  readonly detach?: true;
  readonly cancel?: true;
}

/** What who waits is told at an interruption. */
const waiting = "\nno longer waiting: workers go on, and the same command waits again";

/** How often the queue is asked how far it is. */
const askMs = 1000;

/** What a submission came to, where it was waited for. */
export type Submitted = Omit<Reported, "earlier" | "place">;

/**
 * Submits an experiment, and waits for it unless it is to be left alone.
 *
 * @param begin claims the folder for results, once there is a queue.
 * @returns its results in that folder; undefined where it was not waited for.
 */
export async function submitExperiment(
  protocol: Protocol,
  request: ExperimentRequest,
  config: unknown,
  flags: SubmitFlags,
  begin: () => Promise<RunFolder>,
): Promise<Submitted | undefined> {
  refuseCode(request);
  const address = queueAddress(flags);
  const version = await packageVersion();
  const names = await namesOf(request, config, version);
  const store = await openStore(flags.store!);
  let server: QueueServer | undefined;
  try {
    server = await QueueServer.connect(address, { say });
    const from = store.folder(names.folder);
    const retries = { attempts: flags.attempts, delayMs: usualDelayMs };
    const payload = { version, ...names, request, priority: flags.priority, retries };
    const flow = new Flow(server, payload, from);
    const where = { queue: withoutPassword(address), store: from.shown, runs: flow.plan.length };
    if (flags.cancel === true) {
      if (!(await flow.cancel())) {
        throw new UsageError(
          "--cancel: no such experiment is on the queue, or it has ended; give the options that it was submitted with.",
        );
      }
      answer({ ...where, cancelled: true }, `cancelled; what was done stays in ${from.shown}`);
      return undefined;
    }
    const folder = flags.detach === true ? undefined : await begin();
    await beginIn(from, config);
    await flow.submit();
    if (folder === undefined) {
      answer(
        where,
        `${flow.plan.length} runs on ${where.queue}; the same command without --detach waits for them`,
      );
      return undefined;
    }
    await finished(flow, protocol, from, interruptSignal(waiting));
    for (const run of flow.plan) {
      const { key, kind } = run;
      const networks = kind === "grader";
      await from.bring([key], { networks });
      if (await isUntried(run, from.path)) continue;
      await copyRun(join(from.path, key), join(folder.path, key), { networks });
    }
    await copyGraderRecord(from.path, folder.path);
    const results = new PlanResults(protocol, flow.plan, {}, folder.path);
    return {
      ...{ protocol, request, plan: flow.plan },
      results: await results.arms(),
      tuned: await results.tuned(),
      grader: await readGraderRecord(folder.path),
    };
  } finally {
    await server?.close();
    await store.close();
  }
}

/** Runs that cannot be done because others failed. */
function blockedBy(plan: readonly PlannedRun[], failed: readonly string[]): Set<string> {
  const blocked = new Set(failed);
  for (const { key, after } of plan) if (after.some((one) => blocked.has(one))) blocked.add(key);
  return blocked;
}

/**
 * Waits until every run is finished, and says a line of each.
 *
 * @throws DataError with the errors of those that failed, once no other can go on.
 */
async function finished(
  flow: Flow,
  protocol: Protocol,
  from: StoredFolder,
  signal: AbortSignal,
): Promise<void> {
  const bar = new ProgressBar(protocol.name, true);
  const results = new PlanResults(protocol, flow.plan, {}, from.path);
  const told = new Set<string>();
  const complained = new Set<string>();
  let lonely = false;
  try {
    for (;;) {
      signal.throwIfAborted();
      if (await flow.cancelled()) {
        throw new DataError(
          `the experiment was cancelled; what was done stays in ${from.shown}, and the same command goes on.`,
        );
      }
      const state = await flow.state();
      const done = new Set(state.done);
      await from.bring(state.done, { networks: false });
      for (const run of flow.plan) {
        if (told.has(run.key) || !done.has(run.key)) continue;
        told.add(run.key);
        if (run.kind === "trial" || run.kind === "arm") {
          const result = await results.of(run.key);
          // A trial had nothing to try.
          if (result !== undefined) bar.say(lineOf(protocol, run, result));
        } else bar.say(`${run.key}: trained`);
      }
      for (const { run, error, attempts } of state.failed) {
        if (complained.has(run)) continue;
        complained.add(run);
        bar.say(`${run} failed ${attempts} times: ${error}`);
      }
      if (state.done.length >= flow.plan.length) return;
      requireHope(flow, state);
      if (state.workers === 0 && !lonely) {
        bar.say("no worker listens on this queue: start some with `rewind worker`");
      }
      lonely = state.workers === 0;
      const { active, workers } = state;
      bar.update(
        state.done.length,
        state.runs,
        `${state.done.length}/${state.runs} runs, ${active.length} under way, ${workers} worker${workers === 1 ? "" : "s"}` +
          (state.failed.length === 0 ? "" : `, ${state.failed.length} failed`),
      );
      await new Promise((resolve) => setTimeout(resolve, askMs));
    }
  } finally {
    bar.stop();
  }
}

/** @throws DataError where what is left waits for runs that failed. */
function requireHope({ plan }: Flow, { done, failed, active, delayed }: FlowState): void {
  if (failed.length === 0 || active.length > 0 || delayed.length > 0) return;
  const blocked = blockedBy(
    plan,
    failed.map(({ run }) => run),
  );
  const ended = new Set([...blocked, ...done]);
  if (plan.some(({ key }) => !ended.has(key))) return;
  const lines = failed.map(({ run, error, attempts }) => `  ${run} (${attempts} times): ${error}`);
  throw new DataError(
    `${failed.length} runs failed, and ${plan.length - done.length} are not done:\n${lines.join("\n")}\n` +
      "Run the same command again to try them again.",
  );
}
