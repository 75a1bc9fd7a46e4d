/** `rewind dashboard`: experiments of a queue in a browser, their tables filling up, and the queue itself by bull-board. */
import type { BaseAdapter } from "@bull-board/api/baseAdapter";
import type { Command } from "commander";
import { UsageError } from "../errors.ts";
import { requireInstalled } from "../platform/optional.ts";
import { withoutPassword } from "../platform/address.ts";
import { QueueServer } from "../queue/connection.ts";
import { soon } from "../queue/soon.ts";
import { openStore } from "../queue/store.ts";
import type { Store } from "../queue/stored-folder.ts";
import { Submissions } from "./dashboard-page.ts";
import { example } from "./examples.ts";
import { interruptSignal } from "./interrupt.ts";
import { answer, say } from "./output.ts";
import {
  checkedPlace,
  placeToListen,
  queueAddress,
  queueOption,
  storeOption,
} from "./queue-options.ts";
import { packageVersion } from "./version.ts";

/** What of Node's server is used here. */
interface Listening {
  address(): string | { readonly port: number } | null;
  close(): void;
  closeAllConnections(): void;
}

interface DashboardFlags {
  readonly queue?: string;
  readonly store: string;
  readonly listen: string;
}

/** Seconds after which a browser asks again. */
const refresh = 5;

/** Where bull-board is. */
const board = "/queues";

/** How long the queue may take for a page. */
const askedMs = 20_000;

export function registerDashboard(command: Command): void {
  queueOption(command)
    .addOption(storeOption().makeOptionMandatory())
    .option(
      "--listen <[host:]port>",
      "where browsers find it (host: 127.0.0.1, this machine alone)",
      checkedPlace,
      "3000",
    );
  example(
    command,
    "tables that fill up, at http://127.0.0.1:3000/",
    "rewind dashboard --queue redis://HOST --store /shared/experiments",
  );
  command.action(async (flags: DashboardFlags) => {
    const version = await packageVersion();
    const store = await openStore(flags.store);
    const signal = interruptSignal();
    let queue: QueueServer | undefined;
    try {
      queue = await QueueServer.connect(queueAddress(flags), { say });
      const server = await listen(flags.listen, queue, store, version);
      const { port } = server.address() as { port: number };
      const { host } = placeToListen(flags.listen);
      const name = host.includes(":") ? `[${host}]` : host;
      const address = ["http:", "", `${name}:${port}`, ""].join("/");
      answer(
        { address, queues: `${address.slice(0, -1)}${board}` },
        `${address} shows ${withoutPassword(queueAddress(flags))}; the queues are at ${board}`,
      );
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        signal.addEventListener("abort", () => resolve());
      });
      server.close();
      server.closeAllConnections();
    } finally {
      await queue?.close();
      await store.close();
    }
  });
}

/** Names that a browser on this machine calls it by: another's page can have its own name lead here, and is refused. */
const ownNames = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** bull-board's page asks another host for letters; it is held to what is served here. */
const ownFilesAlone =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/** Serves the page at `/` and bull-board, which only shows, below {@link board}. */
async function listen(
  place: string,
  queue: QueueServer,
  store: Store,
  version: string,
): Promise<Listening> {
  const { host, port } = placeToListen(place);
  const { createBullBoard, BullMQAdapter, HonoAdapter, Hono, serve, serveStatic } =
    await requireInstalled(
      modules,
      `the dashboard needs packages that are not installed: \`npm install ${packages.join(" ")}\`.`,
    );
  const adapter = new HonoAdapter(serveStatic);
  adapter.setBasePath(board);
  const bull = createBullBoard({
    queues: [],
    serverAdapter: adapter,
    options: { uiConfig: { boardTitle: "Rewind" } },
  });
  const shown = new Map<string, BaseAdapter>();
  /** Queues come with the kinds of adapters. */
  const look = async (): Promise<void> => {
    for (const name of await queue.namesOf(version)) {
      if (shown.has(name)) continue;
      const one = new BullMQAdapter(queue.queue(name), { readOnlyMode: true });
      shown.set(name, one);
      bull.addQueue(one);
    }
  };
  const experiments = new Submissions(queue, store, version);
  const app = new Hono();
  app.use(async (context, next) => {
    const { hostname } = new URL(context.req.url);
    const here = ownNames.has(host) || host === "::1";
    if (here && !ownNames.has(hostname)) return context.text(`not for ${hostname}`, 403);
    if (!["GET", "HEAD"].includes(context.req.method)) return context.text("it only shows", 405);
    if (!queue.connected) {
      context.header("refresh", String(refresh));
      return context.text("the connection to the queue is lost; trying again", 503);
    }
    return next();
  });
  app.get("/", async (context) => {
    context.header("refresh", String(refresh));
    const page = await soon(experiments.page(board), askedMs);
    return page === undefined
      ? context.text("the queue does not answer; trying again", 503)
      : context.html(page);
  });
  app.use(`${board}/*`, async (context, next) => {
    await look();
    await next();
    context.header("content-security-policy", ownFilesAlone);
  });
  await look();
  app.route(board, adapter.registerPlugin());
  app.onError((error, context) => {
    say(error.message);
    return context.text(error.message, 500);
  });
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: host, port }, () => {
      resolve(server as Listening);
    });
    server.once("error", ({ message }) => {
      reject(new UsageError(`--listen ${place}: ${message}.`));
    });
  });
}

/** The modules of the dashboard. */
async function modules() {
  const { createBullBoard } = await import("@bull-board/api");
  const { BullMQAdapter } = await import("@bull-board/api/bullMQAdapter");
  const { HonoAdapter } = await import("@bull-board/hono");
  const { Hono } = await import("hono");
  const { serve } = await import("@hono/node-server");
  const { serveStatic } = await import("@hono/node-server/serve-static");
  return { createBullBoard, BullMQAdapter, HonoAdapter, Hono, serve, serveStatic };
}

/** What the dashboard is made with; the two of bull-board must be of one version. */
const packages = [
  "@bull-board/api@9.10.1",
  "@bull-board/ui@9.10.1",
  "@bull-board/hono@9.10.1",
  "@hono/node-server@2.1.9",
  "hono@4.13.19",
] as const;
