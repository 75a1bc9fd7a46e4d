/** `rewind worker`: does runs of experiments that wait on a queue. */
import { type ChildProcess, fork } from "node:child_process";
import type { Command } from "commander";
import type { Job } from "bullmq";
import { DataError, GpuError } from "../errors.ts";
import type { Place } from "../experiments/places.ts";
import { withoutPassword } from "../platform/address.ts";
import { absolutePath, exists, join, requireWritable } from "../platform/files.ts";
import { QueueServer } from "../queue/connection.ts";
import { announceWorker, Flow, withdrawWorker } from "../queue/flow.ts";
import { kindOf, queueName, readPayload, type RunPayload } from "../queue/payload.ts";
import { isBucket, openStore } from "../queue/store.ts";
import type { Store, StoredFolder } from "../queue/stored-folder.ts";
import { FolderInUse } from "../report/folder-lock.ts";
import { type DeviceFlags, deviceOptions } from "./device-options.ts";
import { example } from "./examples.ts";
import { interruptSignal } from "./interrupt.ts";
import { answer, say } from "./output.ts";
import { integer, number } from "./parse.ts";
import { ProgressBar } from "./progress.ts";
import { checkedPlace, queueAddress, queueOption, storeOption } from "./queue-options.ts";
import { packageVersion } from "./version.ts";
import { WorkerMetrics } from "./worker-metrics.ts";
import type { Asked, Told } from "./worker-process.ts";

interface WorkerFlags extends DeviceFlags {
  readonly queue?: string;
  readonly store: string;
  readonly silence: number;
  readonly idle?: number;
  readonly runs?: number;
  readonly metrics?: string;
}

/** What a worker says at an interruption. */
const givingBack = "\nsaving the run under way and giving it back to the queue";

/** Pause before the queue is asked again where nothing waits. */
const pauseMs = 1000;

/** A worker says so often that it listens. */
const announceMs = 5000;

/** A run whose folder another process works in is tried again after this pause. */
const busyMs = 10_000;

/** How often a run may be left by workers that ended without a word. */
const mostStalls = 20;

export function registerWorker(command: Command): void {
  queueOption(command).addOption(storeOption().makeOptionMandatory());
  command
    .option(
      "--silence <seconds>",
      "after so long without a word from a worker its run is given to another",
      number({ from: 1, to: 3600 }),
      30,
    )
    .option(
      "--idle <seconds>",
      "end where nothing was to do for so long (default: never)",
      number({ from: 0 }),
    )
    .option(
      "--metrics <[host:]port>",
      "numbers for Prometheus at http://HOST:PORT/metrics (host: 127.0.0.1)",
      checkedPlace,
    )
    .option("--runs <n>", "end after so many runs (default: never)", integer(1));
  example(
    command,
    "runs of experiments from a queue, until it is stopped",
    "rewind worker --queue redis://HOST --store /shared/experiments",
  );
  deviceOptions(command).action(async (flags: WorkerFlags) => {
    const version = await packageVersion();
    const store = await openStore(flags.store);
    // A store that cannot be written would use up the tries of its runs.
    if (!isBucket(flags.store)) await requireWritable(join(absolutePath(flags.store), ".worker"));
    const signal = interruptSignal(givingBack);
    const device = new DeviceProcess(flags, store.mirror);
    let server: QueueServer | undefined;
    let metrics: WorkerMetrics | undefined;
    try {
      server = await QueueServer.connect(queueAddress(flags), { say });
      const place = await device.place();
      say(`adapter: ${place.adapter}; queue: ${withoutPassword(queueAddress(flags))}`);
      const kind = await kindOf(place);
      if (flags.metrics !== undefined) {
        const names = [queueName(version, kind), queueName(version)];
        const queues = names.map((name) => server!.queue(name));
        metrics = await WorkerMetrics.listen(flags.metrics, place.adapter, async () => {
          const counts = queues.map((queue) => queue.getJobCountByTypes("waiting", "prioritized"));
          return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
        });
      }
      const loop = new Loop(server, store, device, version, kind, flags, metrics);
      const { done, failed } = await loop.run(signal);
      answer({ done, failed }, `${done} runs done, ${failed} failed`);
    } finally {
      metrics?.close();
      device.end();
      await server?.close();
      await store.close();
    }
  });
}

/** A run that did not end well. */
class RunFailed extends Error {
  readonly why: Extract<Told, { kind: "failed" }>["why"];

  constructor(message: string, why: RunFailed["why"]) {
    super(message);
    this.why = why;
  }
}

/** The process that has the device; another is started where it ends. */
class DeviceProcess {
  readonly #flags: DeviceFlags;
  readonly #store: Extract<Asked, { kind: "open" }>["store"];
  #child: ChildProcess | undefined;
  #place: Promise<Place> | undefined;
  /** The kind of device that it had first. */
  #kind: string | undefined;
  #hear: (told: Told) => void = () => undefined;

  constructor({ adapter, defaultLimits, precision, store }: WorkerFlags, mirror?: string) {
    this.#store = { place: store, ...(mirror === undefined ? {} : { mirror }) };
    this.#flags = {
      adapter,
      ...(defaultLimits === undefined ? {} : { defaultLimits }),
      ...(precision === undefined ? {} : { precision }),
    };
  }

  /**
   * Starts it, where it does not run.
   *
   * @returns what device it has.
   * @throws GpuError where it has none, or one of another kind than before.
   */
  async place(): Promise<Place> {
    this.#place ??= this.#started();
    const place = await this.#place;
    const kind = await kindOf(place);
    this.#kind ??= kind;
    if (kind === this.#kind) return place;
    throw new GpuError(
      `the process with the device ended, and the next one has another kind of device: ${place.adapter}.`,
    );
  }

  #started(): Promise<Place> {
    // The built file or the source, as this one is.
    const [ending] = /\.[jt]s$/.exec(import.meta.url)!;
    const child = fork(new URL(`./worker-process${ending}`, import.meta.url), {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.#child = child;
    return new Promise((resolve, reject) => {
      const fail = (message: string): void => {
        if (this.#child === child) this.#child = this.#place = undefined;
        reject(new GpuError(message));
        this.#hear({ kind: "failed", message, why: "broken" });
      };
      child.on("message", (told: Told) => {
        if (told.kind === "opened") resolve(told.place);
        else if (told.kind === "failed" && told.why === "broken") {
          fail(told.message);
          child.kill("SIGKILL");
        } else this.#hear(told);
      });
      child.on("error", ({ message }) => fail(message));
      child.on("exit", (code, by) => {
        if (this.#child === child) {
          fail(`the process with the device ended (${by ?? `exit code ${code}`}).`);
        }
      });
      this.#ask({ kind: "open", flags: this.#flags, store: this.#store });
    });
  }

  #ask(asked: Asked): void {
    this.#child?.send(asked, () => undefined);
  }

  /** Does a run. @throws RunFailed saying why it did not end; DeviceGone where there is nothing to do it on. */
  async do(
    payload: RunPayload,
    signal: AbortSignal,
    hear: (told: Extract<Told, { kind: "progress" }>) => void,
  ): Promise<Extract<Told, { kind: "ended" }>> {
    await this.place().catch(({ message }: Error) => {
      throw new DeviceGone(message);
    });
    const stop = (): void => this.#ask({ kind: "stop" });
    signal.addEventListener("abort", stop);
    try {
      return await new Promise((resolve, reject) => {
        this.#hear = (told) => {
          if (told.kind === "progress") hear(told);
          else if (told.kind === "ended") resolve(told);
          else if (told.kind === "failed") reject(new RunFailed(told.message, told.why));
        };
        this.#ask({ kind: "do", payload });
        if (signal.aborted) stop();
      });
    } finally {
      signal.removeEventListener("abort", stop);
      this.#hear = () => undefined;
    }
  }

  /** Ends it at once. */
  end(): void {
    const child = this.#child;
    this.#child = this.#place = undefined;
    child?.kill("SIGKILL");
  }
}

/** A run is none for this worker, or cannot begin now: it goes back to the queue, and costs no try. */
class PutBack extends Error {}

/** The worker's device is not there any more. */
class DeviceGone extends GpuError {}

/** Why a run is left. */
type Reason = "interrupted" | "lost" | "cancelled";

/** Takes jobs and does them, one at a time. */
class Loop {
  readonly #server: QueueServer;
  readonly #store: Store;
  readonly #device: DeviceProcess;
  readonly #version: string;
  readonly #flags: WorkerFlags;
  readonly #metrics: WorkerMetrics | undefined;
  /** Jobs for this kind of adapter first, then those that any kind may do. */
  readonly #sources: readonly ReturnType<QueueServer["worker"]>[];
  readonly #token = crypto.randomUUID();
  readonly #folders = new Map<string, StoredFolder>();
  /** Experiments that are left to other workers or wait for their store, and jobs that another process works on, which were told of. */
  readonly #told = new Set<string>();
  #done = 0;
  #failed = 0;

  constructor(
    server: QueueServer,
    store: Store,
    device: DeviceProcess,
    version: string,
    kind: string,
    flags: WorkerFlags,
    metrics: WorkerMetrics | undefined,
  ) {
    this.#metrics = metrics;
    this.#server = server;
    this.#store = store;
    this.#device = device;
    this.#version = version;
    this.#flags = flags;
    const silence = flags.silence * 1000;
    this.#sources = [queueName(version, kind), queueName(version)].map((name) =>
      server.worker(name, {
        lockDuration: silence,
        stalledInterval: silence,
        maxStalledCount: mostStalls,
      }),
    );
  }

  async run(signal: AbortSignal): Promise<{ readonly done: number; readonly failed: number }> {
    for (const source of this.#sources) await source.startStalledCheckTimer();
    const announce = (): void => {
      announceWorker(this.#server, this.#version, this.#token).catch(() => undefined);
    };
    announce();
    const announcing = setInterval(announce, announceMs);
    try {
      await this.#listen(signal);
    } finally {
      clearInterval(announcing);
      await withdrawWorker(this.#server, this.#version, this.#token).catch(() => undefined);
    }
    return { done: this.#done, failed: this.#failed };
  }

  async #listen(signal: AbortSignal): Promise<void> {
    const { idle = Infinity, runs = Infinity } = this.#flags;
    let since = performance.now();
    // Jobs that were put back since then: where one of them comes again, nothing else is to be done.
    const back = new Set<string | undefined>();
    while (!signal.aborted && this.#done + this.#failed < runs) {
      const job = await this.#next();
      if (job !== undefined && (await this.#do(job, signal))) {
        since = performance.now();
        back.clear();
        continue;
      }
      const nothing = job === undefined || back.has(job.id);
      if (nothing && performance.now() - since >= idle * 1000) break;
      if (job === undefined) await pause(pauseMs, signal);
      else back.add(job.id);
    }
  }

  async #next(): Promise<Job | undefined> {
    for (const source of this.#sources) {
      const ask = async (): Promise<Job | undefined> =>
        (await source.getNextJob(this.#token, { block: false })) as Job | undefined;
      const job = await this.#server.readable(source.name, ask);
      if (job !== undefined) return job;
    }
    return undefined;
  }

  /** Does a job. @returns whether it did: false where the job was put back. */
  async #do(job: Job, interrupted: AbortSignal): Promise<boolean> {
    const left = new AbortController();
    let reason: Reason | undefined;
    const leave = (why: Reason): void => {
      reason ??= why;
      left.abort();
    };
    const interrupt = (): void => leave("interrupted");
    interrupted.addEventListener("abort", interrupt);
    const bar = new ProgressBar(job.name, true);
    let renewing: ReturnType<typeof setInterval> | undefined;
    let valid = false;
    let release: (() => Promise<void>) | undefined;
    try {
      const payload = readPayload(job.data, this.#version);
      const folder = this.#folder(payload.folder);
      const flow = new Flow(this.#server, payload, folder);
      valid = true;
      if (payload.run === undefined) {
        await this.#complete(job, "done");
        return true;
      }
      this.#requirePrecision(payload);
      await this.#requireHere(payload.folder, folder);
      // It could not be taken off the queue while another run was under way.
      if (await flow.cancelled()) {
        leave("cancelled");
        throw new RunFailed("cancelled", "stopped");
      }
      const hold = this.#holding(flow, payload.run);
      await hold?.take();
      release = hold?.release;
      renewing = this.#renew(job, flow, { leave, keep: hold?.take });
      const ended = await this.#device.do(payload, left.signal, ({ phase, done, total, taken }) => {
        this.#metrics?.taken(taken);
        bar.update(done, total, phase === "steps" ? "" : phase);
      });
      this.#metrics?.taken(ended.taken);
      await flow.finished(payload.run);
      await this.#complete(job, ended.line);
      this.#done++;
      this.#metrics?.count("done");
      bar.say(ended.line);
      return true;
    } catch (error) {
      const [failure, final] = [error as Error, !valid];
      return await this.#left(job, failure, { reason, final }).catch((later: Error) => {
        // The queue has given the run to another, and takes no word of this worker on it.
        if (!/missing lock|lock mismatch/i.test(later.message)) throw later;
        return true;
      });
    } finally {
      clearInterval(renewing);
      await release?.();
      interrupted.removeEventListener("abort", interrupt);
      bar.stop();
    }
  }

  /** The folder of an experiment; the same for all its runs, as it knows what it has. */
  #folder(name: string): StoredFolder {
    const folder = this.#folders.get(name) ?? this.#store.folder(name);
    this.#folders.set(name, folder);
    return folder;
  }

  /** @throws PutBack where the experiment asks for another precision than this worker's device has. */
  #requirePrecision({ folder, request }: RunPayload): void {
    const asked = request.precision ?? "exact";
    const { precision = "exact" } = this.#flags;
    if (asked === precision) return;
    this.#once(
      folder,
      `"${folder}" asks for --precision ${asked}, and this worker has ${precision}: it is left to workers with that`,
    );
    throw new PutBack();
  }

  /** @throws PutBack where the experiment was submitted with another store, or the store does not answer. */
  async #requireHere(name: string, folder: StoredFolder): Promise<void> {
    const { store } = this.#flags;
    try {
      if (await folder.has("config.json")) {
        // What is told of the store is told again when it is away again.
        this.#told.delete(name);
        return;
      }
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      this.#once(name, `${error.message} Runs wait until the store answers.`);
      throw new PutBack();
    }
    const away = !isBucket(store) && !(await exists(absolutePath(store)));
    this.#once(
      name,
      away
        ? `the store "${store}" is not there any more: runs wait until it is back`
        : `"${name}" is not in this worker's store: it is left to workers of the store that it was submitted with`,
    );
    throw new PutBack();
  }

  /** Says a line, once for each experiment or job. */
  #once(about: string, line: string): void {
    if (!this.#told.has(about)) say(line);
    this.#told.add(about);
  }

  async #complete(job: Job, line: string): Promise<void> {
    await job.moveToCompleted(line, this.#token, false);
  }

  /** How a run is held for its submission, and given free: in a bucket, as a folder has a lock of its own. */
  #holding(flow: Flow, run: string): Record<"take" | "release", () => Promise<void>> | undefined {
    const { store, silence } = this.#flags;
    if (!isBucket(store)) return undefined;
    return {
      take: () => flow.hold(run, this.#token, silence * 1000),
      release: () => flow.release(run, this.#token),
    };
  }

  /** Says to the queue that the run goes on; leaves it where it was given to another, or is not wanted any more. */
  #renew(
    job: Job,
    flow: Flow,
    run: {
      readonly leave: (why: Reason) => void;
      readonly keep: (() => Promise<void>) | undefined;
    },
  ): ReturnType<typeof setInterval> {
    const { leave, keep } = run;
    const silence = this.#flags.silence * 1000;
    let asking = false;
    return setInterval(() => {
      if (asking) return;
      asking = true;
      void (async () => {
        try {
          if ((await job.extendLock(this.#token, silence)) !== 1) leave("lost");
          else if (await flow.cancelled()) leave("cancelled");
          else await keep?.();
        } catch (error) {
          const { message } = error as Error;
          if (error instanceof FolderInUse || /lock|job/i.test(message)) leave("lost");
        } finally {
          asking = false;
        }
      })();
    }, silence / 3);
  }

  /**
   * What becomes of a job whose run did not end.
   *
   * @param told `final`: it says what cannot be done, which does not change by trying it again.
   * @returns whether a try of it was made: false where the job was put back.
   * @throws DeviceGone where it was put back since there is no device.
   */
  async #left(
    job: Job,
    error: Error,
    { reason, final }: { reason: Reason | undefined; final: boolean },
  ): Promise<boolean> {
    if (error instanceof DeviceGone) {
      await job.moveToWait(this.#token);
      throw error;
    }
    const busy = error instanceof FolderInUse ? "busy" : "error";
    const why = error instanceof RunFailed ? error.why : busy;
    if (reason === "lost" || why === "lost") {
      say(`${job.name}: it was silent for too long, and another worker has it now`);
      return true;
    }
    if (reason === "interrupted" && why === "stopped") {
      await job.moveToWait(this.#token);
      return true;
    }
    if (reason === "cancelled") {
      say(`${job.name}: cancelled`);
      await job.moveToFailed(this.#server.final("cancelled"), this.#token, false);
      return true;
    }
    if (error instanceof PutBack) {
      await job.moveToDelayed(Date.now() + pauseMs, this.#token);
      return false;
    }
    if (why === "busy") {
      this.#once(job.id!, `${job.name}: ${error.message} It is tried again.`);
      await job.moveToDelayed(Date.now() + busyMs, this.#token);
      return false;
    }
    this.#failed++;
    this.#metrics?.count("failed");
    say(`${job.name}: ${error.message}`);
    await job.moveToFailed(final ? this.#server.final(error.message) : error, this.#token, false);
    return true;
  }
}

/** Waits, or until it is aborted. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      // A worker waits for days: what listens must not pile up.
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}
