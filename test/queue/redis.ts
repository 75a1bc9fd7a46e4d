/** A Redis server for tests: on a port of its own, with a password and an append-only file. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { connect, createServer } from "node:net";

/** Whether there is a redis-server. */
export const hasRedis = spawnSync("redis-server", ["--version"]).status === 0;

/** A port that nothing listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** A server that is running, or was. */
export class RedisServer {
  readonly port: number;
  readonly #folder: string;
  #process: ChildProcess | undefined;

  private constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
  }

  static async start(folder: string): Promise<RedisServer> {
    mkdirSync(folder, { recursive: true });
    const server = new RedisServer(await freePort(), folder);
    await server.begin();
    return server;
  }

  get address(): string {
    return `redis://:secret@127.0.0.1:${this.port}`;
  }

  /** Starts it, with what its file holds. */
  async begin(): Promise<void> {
    const words = ["--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.#folder];
    const kept = ["--save", "", "--appendonly", "yes", "--requirepass", "secret"];
    this.#process = spawn("redis-server", [...words, ...kept], { stdio: "ignore" });
    while (!(await listens(this.port))) await new Promise((resolve) => setTimeout(resolve, 50));
  }

  /** Ends it at once, as a machine does that loses its power. */
  async kill(): Promise<void> {
    const ended = new Promise((resolve) => this.#process!.once("exit", resolve));
    this.#process!.kill("SIGKILL");
    await ended;
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
