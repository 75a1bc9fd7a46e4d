/** Objects of a bucket by the S3 protocol: those below a prefix, by signed requests of aws4fetch. */
import { host } from "#platform";
import type { AwsClient } from "aws4fetch";
import { DataError, UsageError } from "../errors.ts";
import { sha256 } from "../platform/digest.ts";
import { requireInstalled } from "../platform/optional.ts";

/** Requests that failed by the network alone are tried so often, after 0.2 s, 0.4 s, …; those that a server failed as well. */
const tries = 5;

/** What to do where a server refuses with a code of S3. */
const advice: Readonly<Record<string, string>> = {
  AccessDenied: "Does the key have the right to list, read, write and delete there?",
  InvalidAccessKeyId: "Is AWS_ACCESS_KEY_ID right?",
  SignatureDoesNotMatch: "Are AWS_SECRET_ACCESS_KEY and the region right?",
  NoSuchBucket: "Make the bucket, or give another.",
};

/** Objects below a prefix. Keys are relative to it. */
export class Bucket {
  /** What it is called for people. */
  readonly shown: string;
  readonly #client: AwsClient;
  /** Address of the bucket, and what keys in it begin with. */
  readonly #address: string;
  readonly #prefix: string;

  private constructor(client: AwsClient, shown: string, address: string, prefix: string) {
    this.#client = client;
    this.shown = shown;
    this.#address = address;
    this.#prefix = prefix;
  }

  /**
   * Opens `s3://BUCKET[/PREFIX][?endpoint=URL&region=NAME]` with the key of the usual variables, and asks it once.
   *
   * @throws UsageError for what is no such place, without a key, or where the package is missing; DataError where the
   *   server refuses.
   */
  static async open(place: string): Promise<Bucket> {
    const url = URL.canParse(place) ? new URL(place) : undefined;
    const [strange] = [...(url?.searchParams.keys() ?? [])].filter(
      (name) => name !== "endpoint" && name !== "region",
    );
    if (
      url?.protocol !== "s3:" ||
      url.host === "" ||
      `${url.username}${url.password}${url.hash}` !== "" ||
      strange !== undefined
    ) {
      throw new UsageError(
        "the store is no bucket: it is s3://BUCKET[/PREFIX][?endpoint=URL&region=NAME], and its key stands in AWS_ACCESS_KEY_ID " +
          "and AWS_SECRET_ACCESS_KEY.",
      );
    }
    const prefix = decodeURIComponent(url.pathname.replace(/^\/+|\/+$/g, ""));
    const shown = `s3://${url.host}${prefix === "" ? "" : `/${prefix}`}`;
    const region =
      url.searchParams.get("region") ?? variable("AWS_REGION", "AWS_DEFAULT_REGION") ?? "us-east-1";
    const endpoint =
      url.searchParams.get("endpoint") ??
      variable("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL") ??
      ["https:", "", `s3.${region}.amazonaws.com`].join("/");
    if (!/^https?:\/\/[^@]+$/i.test(endpoint) || !URL.canParse(endpoint)) {
      throw new UsageError(
        `the store ${shown}: \`endpoint\` is http:// or https:// and a host, without a key.`,
      );
    }
    const accessKeyId = variable("AWS_ACCESS_KEY_ID");
    const secretAccessKey = variable("AWS_SECRET_ACCESS_KEY");
    if (accessKeyId === undefined || secretAccessKey === undefined) {
      throw new UsageError(
        `the store ${shown} needs a key: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.`,
      );
    }
    const sessionToken = variable("AWS_SESSION_TOKEN");
    const { AwsClient: Client } = await requireInstalled(
      () => import("aws4fetch"),
      "a store in a bucket needs the package aws4fetch, which is not installed: `npm install aws4fetch`.",
    );
    const client = new Client({
      ...{ accessKeyId, secretAccessKey, region, service: "s3", retries: tries },
      ...(sessionToken === undefined ? {} : { sessionToken }),
    });
    const address = `${endpoint.replace(/\/+$/, "")}/${url.host}`;
    const bucket = new Bucket(client, shown, address, prefix === "" ? "" : `${prefix}/`);
    await bucket.#page("", { "max-keys": "1" });
    return bucket;
  }

  /** The bytes of an object; undefined where there is none. */
  async get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const response = await this.#ask("read", key, { method: "GET" }, [404]);
    return response.status === 404 ? undefined : new Uint8Array(await response.arrayBuffer());
  }

  /** Whether there is an object. */
  async has(key: string): Promise<boolean> {
    return (await this.#ask("look at", key, { method: "HEAD" }, [404])).status !== 404;
  }

  /** Writes a whole object; the server compares its digest. */
  async put(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const headers = { "x-amz-content-sha256": await sha256(bytes) };
    await this.#ask("write", key, { method: "PUT", body: bytes, headers });
  }

  /** Removes an object; none there is no error. */
  async delete(key: string): Promise<void> {
    await this.#ask("remove", key, { method: "DELETE" }, [404]);
  }

  /** Keys that begin with a text. */
  async list(from: string): Promise<string[]> {
    const keys: string[] = [];
    let more: string | undefined;
    do {
      const text = await this.#page(from, more === undefined ? {} : { "continuation-token": more });
      for (const [, key] of text.matchAll(/<Key>([^<]*)<\/Key>/g)) {
        keys.push(decodeURIComponent(key!.replaceAll("+", "%20")).slice(this.#prefix.length));
      }
      more = plain(/<NextContinuationToken>([^<]*)</.exec(text)?.[1]);
    } while (more !== undefined);
    return keys;
  }

  async #page(from: string, more: Readonly<Record<string, string>>): Promise<string> {
    const query = { "list-type": "2", "encoding-type": "url", prefix: `${this.#prefix}${from}` };
    const search = new URLSearchParams({ ...query, ...more });
    return (await this.#ask("list", from, { method: "GET" }, [], search)).text();
  }

  /** @param also statuses that are answers, besides success. */
  async #ask(
    act: string,
    key: string,
    init: RequestInit,
    also: readonly number[] = [],
    search?: URLSearchParams,
  ): Promise<Response> {
    const what = `cannot ${act} ${key === "" ? "" : `"${key}" in `}the store ${this.shown}`;
    const address =
      search === undefined
        ? `${this.#address}/${inAddress(`${this.#prefix}${key}`)}`
        : `${this.#address}?${search.toString()}`;
    const response = await this.#sent(address, init, what);
    if (response.ok || also.includes(response.status)) return response;
    const text = await response.text().catch(() => "");
    const code = plain(/<Code>([^<]{1,100})</.exec(text)?.[1]);
    const message = plain(/<Message>([^<]{1,300})</.exec(text)?.[1]) ?? "";
    throw new DataError(
      [
        `${what}: the server answered ${response.status}${code === undefined ? "" : ` ${code}`}.`,
        ...[message, advice[code ?? ""] ?? ""].filter((part) => part !== ""),
      ].join(" "),
    );
  }

  async #sent(address: string, init: RequestInit, what: string): Promise<Response> {
    for (let i = 1; ; i++) {
      try {
        return await this.#client.fetch(address, init);
      } catch (cause) {
        const { message, cause: below } = cause as Error;
        const why = (below as Error | undefined)?.message ?? message;
        if (i === tries) throw new DataError(`${what}: ${why}. Is the server there?`, { cause });
        await new Promise((resolve) => setTimeout(resolve, 100 * 2 ** i));
      }
    }
  }
}

/** The first of some variables that is set. */
function variable(...names: readonly string[]): string | undefined {
  return names.map((name) => host.variable?.(name)).find((one) => one !== undefined && one !== "");
}

/** A key as a part of an address. */
function inAddress(key: string): string {
  return key.split("/").map(encodeURIComponent).join("/");
}

/** Text of XML. */
function plain(text: string | undefined): string | undefined {
  const signs: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'" };
  return text
    ?.replaceAll(/&(lt|gt|quot|apos);/g, (_, name: string) => signs[name]!)
    .replaceAll("&amp;", "&");
}
