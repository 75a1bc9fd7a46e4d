/**
 * An experiment as a flow of jobs, and their order.
 *
 * One job stands for the experiment and waits for all others, its children in BullMQ's flow. Children are added when what
 * they need is done: by whoever finishes the last of it, before its own job ends. So the experiment's job never finds all
 * its children done too early, and a worker that dies between the two leaves a job that the next one finds finished and
 * releases again: adding a job of the same name twice adds it once.
 *
 * Redis holds which runs are done in a set of their own; the store holds the results, and where Redis lost everything the
 * same submission fills it again from there.
 */
import type { Job, JobsOptions, Queue } from "bullmq";
import { requestPlan } from "../experiments/parts.ts";
import { placesOf } from "../experiments/places.ts";
import { isWider, type PlannedRun } from "../experiments/plan.ts";
import type { Protocol } from "../experiments/protocol.ts";
import { requestProtocol } from "../experiments/request.ts";
import { PlanResults } from "../experiments/run.ts";
import { resultFile } from "../experiments/trained-network.ts";
import { join } from "../platform/files.ts";
import { FolderInUse } from "../report/folder-lock.ts";
import type { QueueServer } from "./connection.ts";
import { kindOf, queueName, readPayload, type RunPayload } from "./payload.ts";
import type { StoredFolder } from "./stored-folder.ts";

/** Runs of one experiment on a queue. */
export interface FlowState {
  /** Runs in all, and of these done. */
  readonly runs: number;
  readonly done: readonly string[];
  /** Keys of runs that a worker computes, and that wait to be tried again; the others wait for a worker, or for runs. */
  readonly active: readonly string[];
  readonly delayed: readonly string[];
  /** Runs that were tried in vain, each with its last error. */
  readonly failed: readonly {
    readonly run: string;
    readonly error: string;
    readonly attempts: number;
  }[];
  /** Workers that listen. */
  readonly workers: number;
}

/** Names of submissions, by the time that they were first made. */
const flowsKey = (version: string): string => `rewind:flows:${version}`;

/** What was submitted, the last first. @throws DataError for what this version did not write. */
export async function submissions(
  server: QueueServer,
  version: string,
): Promise<readonly RunPayload[]> {
  const names = await server.redis.zrange(flowsKey(version), "0", "-1", "REV");
  const roots = names.map((flow) => server.queue(queueName(version)).getJob(flow));
  const found = (await Promise.all(roots)).filter((root) => root !== undefined);
  return found.map((root) => readPayload(root.data, version));
}

/** Whether a run is finished in the folder of its experiment. */
export async function isFinished(run: PlannedRun, folder: StoredFolder): Promise<boolean> {
  const last = run.kind === "trial" || run.kind === "arm" ? resultFile : "checkpoint.safetensors";
  return folder.has(join(run.key, last));
}

/** All runs that a run needs, and those that these need. */
export function neededBy(plan: readonly PlannedRun[], key: string): readonly PlannedRun[] {
  const needed = new Set([key]);
  // Each stands after those that it needs.
  for (const run of plan.toReversed()) {
    if (needed.has(run.key)) for (const one of run.after) needed.add(one);
  }
  return plan.filter((run) => run.key !== key && needed.has(run.key));
}

/** Milliseconds after which a worker that said nothing is not counted. */
const present = 20_000;

const workersKey = (version: string): string => `rewind:workers:${version}`;

/** Says that a worker listens; it does so again every few seconds. */
export async function announceWorker(
  { redis }: QueueServer,
  version: string,
  worker: string,
): Promise<void> {
  await redis.zadd(workersKey(version), Date.now(), worker);
}

/** Says that a worker has ended. */
export async function withdrawWorker(
  { redis }: QueueServer,
  version: string,
  worker: string,
): Promise<void> {
  await redis.zrem(workersKey(version), worker);
}

/** How many workers listen. */
export async function countWorkers({ redis }: QueueServer, version: string): Promise<number> {
  return redis.zcount(workersKey(version), Date.now() - present, "+inf");
}

/** A submission on its queue. */
export class Flow {
  readonly plan: readonly PlannedRun[];
  readonly payload: RunPayload;
  readonly #protocol: Protocol;
  readonly #server: QueueServer;
  readonly #folder: StoredFolder;

  /**
   * @param payload of any of its jobs.
   * @param folder the experiment's in the store.
   */
  constructor(server: QueueServer, payload: RunPayload, folder: StoredFolder) {
    const { run: _, ...shared } = payload;
    this.payload = shared;
    this.#protocol = requestProtocol(payload.request);
    this.plan = requestPlan(this.#protocol, payload.request);
    this.#server = server;
    this.#folder = folder;
  }

  get #doneKey(): string {
    return `rewind:done:${this.payload.flow}`;
  }

  get #cancelledKey(): string {
    return `rewind:cancelled:${this.payload.flow}`;
  }

  /** The queue of a run: that of the kind of adapter that its network was trained on, or of all. */
  async #queueOf(run: PlannedRun): Promise<string> {
    const { version } = this.payload;
    if (run.kind === "grader" || run.kind === "training") return queueName(version);
    const trained = join(run.group, "trained");
    await this.#folder.bring([trained], { networks: false });
    const place = (await placesOf(join(this.#folder.path, trained))).at(-1);
    if (place === undefined) return queueName(version);
    const kind = await kindOf(place);
    await this.#server.addKind(version, kind);
    return queueName(version, kind);
  }

  /** All queues that runs may wait in. */
  async #allQueues(): Promise<Queue[]> {
    const names = await this.#server.namesOf(this.payload.version);
    return names.map((name) => this.#server.queue(name));
  }

  #jobId(run: string): string {
    return `${this.payload.flow}.${run.replaceAll("/", ".")}`;
  }

  #options(run: string): JobsOptions {
    return {
      jobId: this.#jobId(run),
      priority: this.payload.priority,
      attempts: this.payload.retries.attempts,
      backoff: { type: "exponential", delay: this.payload.retries.delayMs },
    };
  }

  /**
   * Submits the runs, or what is left of them; a submission that is there already goes on, and its failed runs are tried
   * again.
   */
  async submit(): Promise<void> {
    const { redis } = this.#server;
    const { flow, version } = this.payload;
    await redis.del(this.#cancelledKey);
    await redis.zadd(flowsKey(version), "NX", Date.now(), flow);
    await this.#folder.look();
    for (const run of this.plan) {
      if (await isFinished(run, this.#folder)) await redis.sadd(this.#doneKey, run.key);
      else await redis.srem(this.#doneKey, run.key);
    }
    await this.#settle(this.plan);
    const ready = await this.#ready(this.plan);
    const name = queueName(version);
    const done = new Set(await redis.smembers(this.#doneKey));
    const root = await this.#server.queue(name).getJob(flow);
    const ended = (await root?.getState()) === "completed";
    // Results were removed from the store since: the experiment has not ended.
    if (ended && done.size < this.plan.length) await root!.remove();
    if (root === undefined || ended) await this.#forget(() => true);
    else await this.#forget((run) => !done.has(run), ["completed"]);
    const children = await Promise.all(
      ready.map(async (run) => ({
        name: run.key,
        queueName: await this.#queueOf(run),
        data: { ...this.payload, run: run.key },
        opts: this.#options(run.key),
      })),
    );
    if (done.size === this.plan.length && ended) return;
    if ((await this.#server.queue(name).getJob(flow)) === undefined) {
      await this.#server.flows().add({
        name: this.payload.folder,
        queueName: name,
        data: this.payload,
        opts: { jobId: flow },
        children,
      });
    } else {
      for (const run of ready) await this.#add(run);
    }
    for (const job of await this.#jobs(["failed"]))
      await job.retry("failed", { resetAttemptsMade: true });
  }

  /** Removes jobs that have ended, so that runs can be submitted anew under their names. */
  async #forget(
    which: (run: string) => boolean,
    among: readonly string[] = ["completed", "failed"],
  ): Promise<void> {
    for (const job of await this.#jobs(among)) {
      if (job.id !== this.payload.flow && which(job.name)) await job.remove();
    }
  }

  /**
   * Trials that have nothing to try, after what others came to, are done. They are found here, as soon as these are
   * finished, and no worker is asked.
   *
   * @returns whether there are any among these runs.
   */
  async #settle(runs: readonly PlannedRun[]): Promise<boolean> {
    let settled = false;
    const done = new Set(await this.#server.redis.smembers(this.#doneKey));
    const results = new PlanResults(this.#protocol, this.plan, {}, this.#folder.path);
    for (const run of runs) {
      if (!isWider(run) || done.has(run.key)) continue;
      if (!run.after.every((key) => done.has(key))) continue;
      await this.#folder.bring(run.after, { networks: false });
      if (await results.isNeeded(run)) continue;
      await this.#server.redis.sadd(this.#doneKey, run.key);
      done.add(run.key);
      settled = true;
    }
    return settled;
  }

  /** Runs that are not done and whose needs are. */
  async #ready(runs: readonly PlannedRun[]): Promise<PlannedRun[]> {
    const done = new Set(await this.#server.redis.smembers(this.#doneKey));
    return runs.filter(({ key, after }) => !done.has(key) && after.every((one) => done.has(one)));
  }

  async #add(run: PlannedRun): Promise<void> {
    const { flow, version } = this.payload;
    const root = this.#server.queue(queueName(version));
    await this.#server.queue(await this.#queueOf(run)).add(
      run.key,
      { ...this.payload, run: run.key },
      {
        ...this.#options(run.key),
        parent: { id: flow, queue: root.qualifiedName },
      },
    );
  }

  /** Says that a run is finished in the store, and adds the runs that waited for it alone, unless it was cancelled. */
  async finished(key: string): Promise<void> {
    await this.#server.redis.sadd(this.#doneKey, key);
    if (await this.cancelled()) return;
    const waiting = this.plan.filter(({ after }) => after.includes(key));
    // What is settled others wait for, which need not wait for this run.
    const next = (await this.#settle(waiting)) ? this.plan : waiting;
    for (const run of await this.#ready(next)) await this.#add(run);
  }

  #heldKey(run: string): string {
    return `rewind:held:${this.#folder.shown}/${run}`;
  }

  #holder(run: string, worker: string): string {
    return `${this.#jobId(run)} ${worker}`;
  }

  /**
   * Takes a run of a folder that several submissions may share, or keeps it. What a worker that was silent has of the same
   * job is taken over.
   *
   * @param ms it is free after so long without another call.
   * @throws FolderInUse where a worker does it for another submission.
   */
  async hold(run: string, worker: string, ms: number): Promise<void> {
    const { redis } = this.#server;
    const [key, mine] = [this.#heldKey(run), this.#holder(run, worker)];
    while ((await redis.set(key, mine, "PX", ms, "NX")) === null) {
      const holder = await redis.get(key);
      if (holder === null) continue;
      if (!holder.startsWith(this.#holder(run, ""))) {
        throw new FolderInUse(
          `"${run}" in ${this.#folder.shown} is under way for another submission.`,
        );
      }
      await redis.set(key, mine, "PX", ms);
      return;
    }
  }

  /** Gives a run free that a worker has taken, and no other since. */
  async release(run: string, worker: string): Promise<void> {
    const { redis } = this.#server;
    const key = this.#heldKey(run);
    if ((await redis.get(key)) === this.#holder(run, worker)) await redis.del(key);
  }

  /** Jobs of this submission in some states. */
  async #jobs(which: readonly string[]): Promise<Job[]> {
    const jobs: Job[] = [];
    for (const queue of await this.#allQueues()) {
      const ask = (): Promise<Job[]> => queue.getJobs(which as Parameters<Queue["getJobs"]>[0]);
      const found = await this.#server.readable(queue.name, ask);
      jobs.push(
        ...found.filter((job) => (job?.data as RunPayload | undefined)?.flow === this.payload.flow),
      );
    }
    return jobs;
  }

  /** How far it is. */
  async state(): Promise<FlowState> {
    const keys = async (state: string): Promise<string[]> =>
      (await this.#jobs([state])).map(({ name }) => name).sort();
    const failed = await this.#jobs(["failed"]);
    return {
      runs: this.plan.length,
      done: await this.#server.redis.smembers(this.#doneKey),
      active: await keys("active"),
      delayed: await keys("delayed"),
      failed: failed.map((job) => ({
        run: job.name,
        error: job.failedReason ?? "",
        attempts: job.attemptsMade,
      })),
      workers: await countWorkers(this.#server, this.payload.version),
    };
  }

  /**
   * Takes its runs off the queue; what workers compute they leave at once. A new submission goes on.
   *
   * @returns whether it was on the queue, and had not ended.
   */
  async cancel(): Promise<boolean> {
    const { version, flow } = this.payload;
    const submitted = await this.#server.redis.zscore(flowsKey(version), flow);
    const top = await this.#server.queue(queueName(version)).getJob(flow);
    if (submitted === null || (await top?.getState()) === "completed") return false;
    await this.#server.redis.zrem(flowsKey(version), flow);
    await this.#server.redis.set(this.#cancelledKey, "1");
    for (const job of await this.#jobs(["waiting", "prioritized", "delayed", "failed"])) {
      await job.remove().catch(() => undefined);
    }
    await top?.remove().catch(() => undefined);
    return true;
  }

  /** Whether it was cancelled. */
  async cancelled(): Promise<boolean> {
    return (await this.#server.redis.exists(this.#cancelledKey)) === 1;
  }
}
