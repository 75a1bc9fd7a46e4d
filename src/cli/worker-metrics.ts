/** Numbers of a worker for Prometheus: `rewind worker --metrics`. */
import { createServer, type Server } from "node:http";
import { UsageError } from "../errors.ts";
import { requireInstalled } from "../platform/optional.ts";
import { placeToListen } from "./queue-options.ts";
import { soon } from "../queue/soon.ts";
import type { Taken } from "./worker-process.ts";

/** How long the queue may take to say its depth; Prometheus waits ten seconds. */
const askedMs = 2000;

/** The numbers, and the server that tells them. */
export class WorkerMetrics {
  readonly #server: Server;
  readonly #count: WorkerMetrics["count"];
  readonly #taken: WorkerMetrics["taken"];

  private constructor(
    server: Server,
    count: WorkerMetrics["count"],
    taken: WorkerMetrics["taken"],
  ) {
    this.#server = server;
    this.#count = count;
    this.#taken = taken;
  }

  /**
   * Listens on `[HOST:]PORT`, on this machine alone where no host is said.
   *
   * @param waiting how many jobs wait that this worker could do.
   * @throws UsageError where the package is not installed, or the port is taken.
   */
  static async listen(
    place: string,
    adapter: string,
    waiting: () => Promise<number>,
  ): Promise<WorkerMetrics> {
    const { Counter, Gauge, Registry } = await requireInstalled(
      () => import("prom-client"),
      "--metrics needs the package prom-client, which is not installed: `npm install prom-client`.",
    );
    const registry = new Registry();
    registry.setDefaultLabels({ adapter });
    const registers = [registry];
    const runs = new Counter({
      name: "rewind_runs_total",
      help: "runs that this worker has ended: done, or failed at a try",
      labelNames: ["outcome"],
      registers,
    });
    for (const outcome of ["done", "failed"]) runs.inc({ outcome }, 0);
    const counter = (name: string, help: string) => new Counter({ name, help, registers });
    const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
    const steps = counter("rewind_steps_total", "steps of trainings and methods");
    const seconds = counter("rewind_step_seconds_total", "seconds that these steps took");
    const memory = gauge("rewind_device_bytes", "bytes on the device at most, since it was opened");
    const depth = gauge(
      "rewind_queue_depth",
      "jobs that wait for a worker of this kind; NaN where the queue is away",
    );
    const server = createServer((request, response) => {
      if (request.url !== "/metrics") {
        response.writeHead(404).end();
        return;
      }
      const told = async (): Promise<string> => {
        // Where the queue is away its depth is not known.
        depth.set((await soon(waiting(), askedMs)) ?? NaN);
        return registry.metrics();
      };
      told().then(
        (text) => response.writeHead(200, { "content-type": registry.contentType }).end(text),
        () => response.writeHead(503).end(),
      );
    });
    const { host, port } = placeToListen(place);
    await new Promise<void>((resolve, reject) => {
      server.once("error", ({ message }) =>
        reject(new UsageError(`--metrics ${place}: ${message}.`)),
      );
      server.listen(port, host, resolve);
    });
    return new WorkerMetrics(
      server,
      (outcome) => runs.inc({ outcome }),
      (more) => {
        steps.inc(more.steps);
        seconds.inc(more.seconds);
        memory.set(more.gpuBytes);
      },
    );
  }

  /** Counts what a run has taken since it was last told. */
  taken(more: Taken): void {
    this.#taken(more);
  }

  /** Counts a run. */
  count(outcome: "done" | "failed"): void {
    this.#count(outcome);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
