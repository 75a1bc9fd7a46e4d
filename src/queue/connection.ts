/** The connection to Redis, and BullMQ's classes on it; both packages are loaded here, when a queue is used. */
import type * as BullMq from "bullmq";
import type { FlowProducer, Queue, QueueOptions, Worker, WorkerOptions } from "bullmq";
import type { Redis, RedisOptions } from "ioredis";
import { DataError, UsageError } from "../errors.ts";
import { withoutPassword } from "../platform/address.ts";
import { requireInstalled } from "../platform/optional.ts";
import { queueName } from "./payload.ts";

/** What a queue says of its connection. */
export interface QueueNotes {
  /** A line for people. */
  readonly say: (line: string) => void;
}

/** @throws UsageError for what is no address of Redis. */
function checkAddress(address: string): void {
  if (/^rediss?:\/\/\S+$/i.test(address) && URL.canParse(address)) return;
  throw new UsageError(
    `"${withoutPassword(address)}" is no queue: it is redis://[USER:PASSWORD@]HOST[:PORT], or rediss:// with TLS.`,
  );
}

/** Redis with the queues on it. */
export class QueueServer {
  readonly redis: Redis;
  readonly #bull: typeof BullMq;
  readonly #queues = new Map<string, Queue>();
  #flows: FlowProducer | undefined;
  readonly #open: { close(): Promise<void> }[] = [];

  private constructor(bull: typeof BullMq, redis: Redis) {
    this.#bull = bull;
    this.redis = redis;
  }

  /**
   * Connects.
   *
   * @throws UsageError where the packages are not installed, DataError where the server does not answer or refuses.
   */
  static async connect(address: string, { say }: QueueNotes): Promise<QueueServer> {
    checkAddress(address);
    const [bull, { Redis }] = await requireInstalled(
      () => Promise.all([import("bullmq"), import("ioredis")]),
      "a queue needs the packages bullmq and ioredis, which are not installed: `npm install bullmq ioredis`.",
    );
    await probe(Redis, address);
    const redis = new Redis(address, {
      ...persistent,
      // A lost connection is no end: commands wait, and are sent when it is back.
      maxRetriesPerRequest: null,
    });
    let lost = false;
    redis.on("error", ({ message }: Error) => {
      if (!lost)
        say(`the connection to ${withoutPassword(address)} is lost (${message}); trying again`);
      lost = true;
    });
    redis.on("ready", () => {
      if (lost) say(`the connection to ${withoutPassword(address)} is back`);
      lost = false;
    });
    await redis.ping();
    return new QueueServer(bull, redis);
  }

  /** What every class of BullMQ is told. */
  get #shared(): QueueOptions {
    return { connection: this.redis as unknown as QueueOptions["connection"] };
  }

  /** A queue; the same name gives the same object. */
  queue(name: string): Queue {
    const queue = this.#queues.get(name) ?? this.#kept(new this.#bull.Queue(name, this.#shared));
    this.#queues.set(name, queue);
    return queue;
  }

  /** Whether there is a connection now. */
  get connected(): boolean {
    return this.redis.status === "ready";
  }

  /** Names of the queues of a version: the one of all, and those of the kinds of adapters that there were. */
  async namesOf(version: string): Promise<readonly string[]> {
    const kinds = await this.redis.smembers(kindsKey(version));
    return [queueName(version), ...kinds.sort().map((kind) => queueName(version, kind))];
  }

  /** Says that there is a kind of adapter. */
  async addKind(version: string, kind: string): Promise<void> {
    await this.redis.sadd(kindsKey(version), kind);
  }

  flows(): FlowProducer {
    this.#flows ??= this.#kept(new this.#bull.FlowProducer(this.#shared));
    return this.#flows;
  }

  /** A worker that is asked for its jobs: nothing runs by itself. */
  worker(name: string, options: Partial<WorkerOptions>): Worker {
    const worker = new this.#bull.Worker(name, null, {
      ...this.#shared,
      ...options,
      autorun: false,
    });
    return this.#kept(worker);
  }

  /**
   * Asks queues for jobs. What is no JSON in a job, which no program of ours writes, is replaced by what is refused as not
   * valid when a worker takes it; the queue is then asked again.
   *
   * @param name of one of the version's queues.
   */
  async readable<T>(name: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      await this.#mend(name);
      return ask();
    }
  }

  /** Replaces what is no JSON in a queue's jobs. */
  async #mend(name: string): Promise<void> {
    const { redis } = this;
    for (const key of await redis.keys(`${this.queue(name).toKey("")}*`)) {
      if ((await redis.type(key)) !== "hash") continue;
      for (const [field, instead] of jobFields) {
        const text = await redis.hget(key, field);
        if (text !== null && !isJson(text)) await redis.hset(key, field, instead);
      }
    }
  }

  /** The error after which a job is not tried again. */
  final(message: string): Error {
    return new this.#bull.UnrecoverableError(message);
  }

  /** What BullMQ says of a lost connection is said once, by the connection itself. */
  #kept<T extends { close(): Promise<void>; on(event: "error", to: () => void): unknown }>(
    one: T,
  ): T {
    one.on("error", () => {});
    this.#open.push(one);
    return one;
  }

  /** Closes everything; a server that is away is not waited for. */
  async close(): Promise<void> {
    const closing = Promise.all(this.#open.splice(0).map((one) => one.close().catch(() => {})));
    await Promise.race([closing, new Promise((resolve) => setTimeout(resolve, 2000))]);
    this.redis.disconnect();
  }
}

/** What of a job is JSON, and what stands for what is none. */
const jobFields = [
  ["data", "null"],
  ["opts", "{}"],
  ["progress", "0"],
  ["stacktrace", "[]"],
] as const;

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const kindsKey = (version: string): string => `rewind:kinds:${version}`;

/** How a connection that was lost is made again: for ever, every ten seconds in the end. */
const persistent = {
  retryStrategy: (times: number) => Math.min(10_000, 200 * 2 ** Math.min(times, 6)),
} as const satisfies RedisOptions;

/** What to do where a connection failed with a code of Node's, or a message of the server's. */
function adviceOn(code: string, message: string): string {
  if (/SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER)/.test(code)) {
    return (
      "No authority that this machine trusts has signed the server's certificate: let NODE_EXTRA_CA_CERTS name the file of the " +
      "one that did (PEM)."
    );
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return "The server's certificate is of another name: give the address that it names.";
  }
  if (code === "CERT_HAS_EXPIRED") return "The server needs a new certificate.";
  if (/NOAUTH|HELLO must be called/.test(message)) {
    return "It wants a password: redis://:PASSWORD@HOST.";
  }
  return "Is Redis running there, and are the password and rediss:// (for TLS) right?";
}

/** Asks the server once. @throws DataError saying why it cannot be used. */
async function probe(Client: typeof Redis, address: string): Promise<void> {
  const client = new Client(address, { lazyConnect: true, retryStrategy: () => null });
  let said: Error | undefined;
  client.on("error", (error: Error) => (said ??= error));
  try {
    await client.connect();
    await client.ping();
  } catch (cause) {
    const { message, code = "" } = (said ?? cause) as NodeJS.ErrnoException;
    // It goes on with the words of the protocol.
    const short = message.startsWith("NOAUTH") ? "NOAUTH" : message.replace(/\.$/, "");
    throw new DataError(
      `the queue ${withoutPassword(address)} cannot be used: ${short}. ${adviceOn(code, message)}`,
      { cause },
    );
  } finally {
    client.disconnect();
  }
}
