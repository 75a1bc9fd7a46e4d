/** The page of `rewind dashboard`: experiments that were submitted to a queue, and their tables as far as they go. */
import { requestProtocol } from "../experiments/request.ts";
import { PlanResults } from "../experiments/run.ts";
import { summariseFinished } from "../experiments/summary.ts";
import { resultRows } from "../experiments/tables.ts";
import type { QueueServer } from "../queue/connection.ts";
import { countWorkers, Flow, submissions } from "../queue/flow.ts";
import type { Store, StoredFolder } from "../queue/stored-folder.ts";
import { type Html, markup } from "../report/html.ts";
import { pageText, paragraph, type Section, table } from "../report/page.ts";

/** A number of things. */
function counted(n: number, one: string): string {
  return `${n} ${one}${n === 1 ? "" : "s"}`;
}

/** An experiment that was submitted, and what was read of it. */
interface Known {
  readonly flow: Flow;
  readonly results: PlanResults;
  readonly folder: StoredFolder;
}

/** Experiments of a queue; what was read of them is kept for the next time that they are shown. */
export class Submissions {
  readonly #server: QueueServer;
  readonly #store: Store;
  readonly #version: string;
  readonly #known = new Map<string, Known>();

  constructor(server: QueueServer, store: Store, version: string) {
    this.#server = server;
    this.#store = store;
    this.#version = version;
  }

  /**
   * The page as it is now.
   *
   * @param board address of the queues themselves.
   */
  async page(board: string): Promise<string> {
    const sections: Section[] = [];
    for (const payload of await submissions(this.#server, this.#version)) {
      const known = this.#known.get(payload.flow) ?? this.#opened(payload);
      this.#known.set(payload.flow, known);
      sections.push(await this.#section(known));
    }
    const workers = await countWorkers(this.#server, this.#version);
    const submitted =
      sections.length === 0 ? "Nothing was submitted yet" : `${sections.length} submitted`;
    return pageText({
      title: "Experiments on the queue",
      summary: [
        `${submitted}; ${counted(workers, "worker")} listen${workers === 1 ? "s" : ""}.`,
        markup`<a href="${board}">The queues themselves</a>, job by job.`,
      ],
      sections,
      ending: "Made by Rewind from the queue and the store. It is read again every few seconds.",
    });
  }

  #opened(payload: Flow["payload"]): Known {
    const folder = this.#store.folder(payload.folder);
    const flow = new Flow(this.#server, payload, folder);
    const results = new PlanResults(requestProtocol(payload.request), flow.plan, {}, folder.path);
    return { flow, results, folder };
  }

  async #section({ flow, results, folder }: Known): Promise<Section> {
    const { request } = flow.payload;
    const protocol = requestProtocol(request);
    const { done, runs, active, delayed, failed } = await flow.state();
    // Submissions of one queue may have stores of their own, and results may have been removed since.
    const here = await folder.has("config.json");
    if (here) await folder.bring(done, { networks: false });
    const finished = await results.finished(new Set(done));
    const { columns, rows } = resultRows(protocol, summariseFinished(protocol, finished));
    const counts = [
      `${done.length} of ${counted(runs, "run")} done`,
      `${active.length} under way`,
      ...(delayed.length === 0 ? [] : [`${delayed.length} to be tried again`]),
      ...(failed.length === 0 ? [] : [`${failed.length} failed`]),
    ];
    const body: Html[] = [
      paragraph(`${flow.payload.flow}, in the store's folder ${folder.shown}.`),
      markup`<p><progress value="${done.length}" max="${runs}" aria-label="runs done"></progress> ${counts.join(", ")}</p>\n`,
      rows.length === 0
        ? paragraph(
            here
              ? "No method has ended on a reported seed yet."
              : "Its results are in another store than this dashboard's.",
          )
        : table(`Mean ± standard deviation over the seeds that are done`, columns, rows),
    ];
    if (active.length > 0) body.push(paragraph(`Under way: ${active.join(", ")}.`));
    if (failed.length > 0) {
      const titles = ["run", "tries", "error"].map((title) => ({ title }));
      const lines = failed.map(({ run, attempts, error }) => [run, String(attempts), error]);
      body.push(table("Runs that failed", titles, lines, "texts"));
    }
    const { name } = protocol.train(0).data;
    return {
      title: `${protocol.title} (${name}), ${counted(request.seeds.length, "seed")}`,
      short: flow.payload.flow,
      body,
    };
  }
}
