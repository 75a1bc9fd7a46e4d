/** A Redis server for tests: on a port of its own, with a password and an append-only file. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
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

/** A certificate of a server, for Redis to show and a client to check. */
export interface Certificates {
  /** Of who signed it: what clients must trust. */
  readonly authority: string;
  readonly key: string;
  readonly certificate: string;
}

/** Makes a certificate for 127.0.0.1 and an authority that signs it, by openssl. */
export function certificates(folder: string): Certificates {
  mkdirSync(folder, { recursive: true });
  const file = (name: string): string => `${folder}/${name}`;
  const openssl = (...words: string[]): void => {
    const { status, stderr } = spawnSync("openssl", words, { encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
  };
  const fresh = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const made = (name: string): string[] => ["-keyout", file(`${name}.key`), "-out", file(name)];
  openssl("req", "-x509", ...fresh, "-subj", "/CN=tests", "-days", "2", ...made("authority"));
  openssl("req", ...fresh, "-subj", "/CN=127.0.0.1", ...made("request"));
  writeFileSync(file("names"), "subjectAltName=IP:127.0.0.1\n");
  openssl(
    ...["x509", "-req", "-in", file("request"), "-days", "2", "-extfile", file("names")],
    ...["-CA", file("authority"), "-CAkey", file("authority.key"), "-CAcreateserial"],
    ...["-out", file("certificate")],
  );
  return {
    authority: file("authority"),
    key: file("request.key"),
    certificate: file("certificate"),
  };
}

/** A server that is running, or was. */
export class RedisServer {
  readonly port: number;
  readonly #folder: string;
  #process: ChildProcess | undefined;

  readonly #tls: Certificates | undefined;

  private constructor(port: number, folder: string, tls?: Certificates) {
    this.port = port;
    this.#folder = folder;
    this.#tls = tls;
  }

  /** @param tls with these it listens by TLS alone. */
  static async start(folder: string, tls?: Certificates): Promise<RedisServer> {
    mkdirSync(folder, { recursive: true });
    const server = new RedisServer(await freePort(), folder, tls);
    await server.begin();
    return server;
  }

  get address(): string {
    return `${this.#tls === undefined ? "redis" : "rediss"}://:secret@127.0.0.1:${this.port}`;
  }

  /** Starts it, with what its file holds. */
  async begin(): Promise<void> {
    const port = String(this.port);
    const listening =
      this.#tls === undefined
        ? ["--port", port]
        : [
            ...["--port", "0", "--tls-port", port, "--tls-auth-clients", "no"],
            ...["--tls-cert-file", this.#tls.certificate, "--tls-key-file", this.#tls.key],
            ...["--tls-ca-cert-file", this.#tls.authority],
          ];
    const words = [...listening, "--bind", "127.0.0.1", "--dir", this.#folder];
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
