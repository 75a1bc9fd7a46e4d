/** A small server of the S3 protocol for tests: objects in memory, behind a key whose signatures it computes itself. */
import { createHash, createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** Keys of one page of a list, so that lists have several. */
const pageSize = 7;

const sha256 = (data: string | Buffer): string => createHash("sha256").update(data).digest("hex");
const hmac = (key: string | Buffer, text: string): Buffer =>
  createHmac("sha256", key).update(text).digest();

/** As the protocol writes texts in addresses: all but letters, digits and -._~ by their numbers. */
const encoded = (text: string): string =>
  encodeURIComponent(text).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );

export class S3Server {
  readonly objects = new Map<string, Buffer>();
  /** What was asked for: `PUT KEY`. */
  readonly asked: string[] = [];
  /** Asked before a request is answered, with the host that it was sent to; one that it gives a code for is refused with that. */
  refuse: (request: string, host: string) => string | undefined = () => undefined;
  readonly id = "AKIDTESTS";
  readonly secret = "a+secret/key";
  readonly token = "session-token";
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        const { status, body = "" } = this.#answer(request, Buffer.concat(parts));
        response.writeHead(status).end(request.method === "HEAD" ? "" : body);
      });
    });
  }

  static async start(): Promise<S3Server> {
    const server = new S3Server();
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The variables that hold its key. */
  get variables(): Record<string, string> {
    return {
      AWS_ACCESS_KEY_ID: this.id,
      AWS_SECRET_ACCESS_KEY: this.secret,
      AWS_SESSION_TOKEN: this.token,
    };
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #answer(request: IncomingMessage, body: Buffer): { status: number; body?: Buffer | string } {
    const refused = (status: number, code: string) => ({
      status,
      body: `<Error><Code>${code}</Code><Message>it is &quot;${code}&quot;</Message></Error>`,
    });
    const url = new URL(request.url!, this.endpoint);
    const method = request.method!;
    const wrong = this.#wrong(request, url, body);
    if (wrong !== undefined) return refused(403, wrong);
    const [bucket, ...rest] = url.pathname.slice(1).split("/").map(decodeURIComponent);
    const key = rest.join("/");
    if (bucket !== "tests") return refused(404, "NoSuchBucket");
    this.asked.push(`${method} ${key}`);
    const code = this.refuse(`${method} ${key}`, request.headers.host!);
    if (code !== undefined) return refused(403, code);
    if (method === "GET" && key === "") return { status: 200, body: this.#list(url.searchParams) };
    if (method === "PUT") this.objects.set(key, body);
    const found = this.objects.get(key);
    if (method === "DELETE") this.objects.delete(key);
    if (method === "DELETE") return { status: 204 };
    return found === undefined ? refused(404, "NoSuchKey") : { status: 200, body: found };
  }

  /** Why a request is not of who has the key; undefined where it is. */
  #wrong(request: IncomingMessage, url: URL, body: Buffer): string | undefined {
    const header = (name: string): string => String(request.headers[name] ?? "");
    const said = header("authorization").match(
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=(\w{64})$/,
    );
    if (said === null) return "AccessDenied";
    const [, id, day, region, signed, signature] = said;
    if (id !== this.id) return "InvalidAccessKeyId";
    if (header("x-amz-security-token") !== this.token) return "InvalidToken";
    const sum = header("x-amz-content-sha256");
    if (request.method === "PUT" && sum !== sha256(body)) return "XAmzContentSHA256Mismatch";
    const names = signed!.split(";");
    if (!["host", "x-amz-date", "x-amz-content-sha256"].every((name) => names.includes(name))) {
      return "AccessDenied";
    }
    const query = [...url.searchParams]
      .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
      .sort();
    const canonical = [
      request.method,
      url.pathname.split("/").map(decodeURIComponent).map(encoded).join("/"),
      query.join("&"),
      ...names.map((name) => `${name}:${header(name)}`),
      "",
      signed,
      sum,
    ].join("\n");
    const scope = `${day}/${region}/s3/aws4_request`;
    const date = header("x-amz-date");
    const text = ["AWS4-HMAC-SHA256", date, scope, sha256(canonical)].join("\n");
    const key = [region!, "s3", "aws4_request"].reduce(hmac, hmac(`AWS4${this.secret}`, day!));
    if (hmac(key, text).toString("hex") !== signature) return "SignatureDoesNotMatch";
    return undefined;
  }

  #list(search: URLSearchParams): string {
    const from = search.get("continuation-token") ?? "";
    const keys = [...this.objects.keys()]
      .filter((key) => key.startsWith(search.get("prefix") ?? "") && key > from)
      .sort();
    const page = keys.slice(0, pageSize);
    const more = page.length < keys.length;
    const entries = page.map((key) => `<Contents><Key>${encoded(key)}</Key></Contents>`).join("");
    const next = more ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : "";
    return `<ListBucketResult>${entries}<IsTruncated>${more}</IsTruncated>${next}</ListBucketResult>`;
  }
}
