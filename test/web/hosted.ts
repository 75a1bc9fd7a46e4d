/** A folder on a web server, opened in a real browser. */
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/** How long a page may take for a step on a slow machine that does other work. */
const patience = 60_000;

/** A folder below an address of its own, and the browser that looks at it. */
export class Hosted {
  readonly #folder: string;
  #server: Server | undefined;
  #browser: Browser | undefined;
  /** What pages complained of: errors, warnings of the policy, requests that failed. */
  readonly problems: string[] = [];
  /** Addresses that pages asked for. */
  readonly asked: string[] = [];

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The folder's address: below another, as on a host that has more than one page. */
  get address(): string {
    return `http://localhost:${(this.#server!.address() as AddressInfo).port}/some/where/`;
  }

  /** Opens the page anew. @param before a script that runs before those of the page and its workers. */
  async open(browserPath: string, before = ""): Promise<Page> {
    await this.#serve(before);
    this.#browser ??= await chromium.launch({
      executablePath: browserPath,
      args: ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--no-sandbox"],
    });
    const page = await this.#browser.newPage();
    page.setDefaultTimeout(patience);
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.problems.push(message.text());
    });
    page.on("pageerror", (error) => this.problems.push(error.message));
    page.on("requestfailed", (request) => this.problems.push(`failed: ${request.url()}`));
    page.on("request", (request) => {
      // A file that is saved has an address in the page's own memory.
      if (!request.url().startsWith("blob:")) this.asked.push(request.url());
    });
    await page.goto(this.address);
    return page;
  }

  async close(): Promise<void> {
    await this.#browser?.close();
    this.#server?.close();
  }

  #before = "";

  async #serve(before: string): Promise<void> {
    this.#before = before;
    if (this.#server !== undefined) return;
    this.#server = createServer(({ url = "/" }, answer) => {
      const name = new URL(url, "http://localhost").pathname.replace("/some/where/", "");
      const path = join(this.#folder, name === "" ? "index.html" : name);
      const there = existsSync(path);
      const type = types[extname(path)] ?? "application/octet-stream";
      answer.writeHead(there ? 200 : 404, { "content-type": type, "cache-control": "no-store" });
      const body = there ? readFileSync(path) : "";
      answer.end(extname(path) === ".js" ? this.#before + body.toString() : body);
    });
    await new Promise<void>((resolve) => this.#server!.listen(0, "localhost", resolve));
  }
}
