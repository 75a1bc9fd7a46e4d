/** Headless Chromium, where one is installed, and folders on a web server for it. */
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/** The browser's program; undefined where there is none. */
export const browserPath = [
  process.env["CHROMIUM"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find((path) => path !== undefined && existsSync(path));

/** Starts the browser with WebGPU on a software adapter. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: browserPath!,
    args: ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--no-sandbox"],
  });
}

/** What axe-core finds on a page, a line each. */
export async function complaints(page: Page): Promise<string[]> {
  const source = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
  await page.evaluate(readFileSync(source, "utf8"));
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    const { violations } = await axe.run();
    return violations.map(({ id, nodes }) => `${id}: ${nodes[0]!.html}`);
  });
}

/** How long a page may take for a step on a slow machine that does other work. */
const patience = 60_000;

/** A folder below an address of its own, and the browser that looks at it. */
export class Hosted {
  readonly #folder: string;
  #server: Server | undefined;
  #browser: Browser | undefined;
  #context: BrowserContext | undefined;
  #before = "";
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

  /** Opens the page anew, and closes those before, whose engines would go on. @param before a script that runs before those of the page and its workers. */
  async open(before = ""): Promise<Page> {
    await this.#serve(before);
    this.#browser ??= await startBrowser();
    await this.#context?.close();
    this.#context = await this.#browser.newContext();
    return this.tab();
  }

  /** Opens the page in another tab, beside what {@link open} opened. */
  async tab(): Promise<Page> {
    const page = await this.#context!.newPage();
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
