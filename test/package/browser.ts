/** Headless Chromium, where one is installed. */
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { chromium } from "playwright-core";

/** The browser's program; undefined where there is none. */
export const browserPath = [
  process.env["CHROMIUM"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find((path) => path !== undefined && existsSync(path));

const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
};

/**
 * What the page of each folder promises as `globalThis.result`.
 *
 * @param folders each with an index.html; they are served from http://localhost, which WebGPU wants.
 */
export async function pageResults(folders: readonly string[]): Promise<unknown[]> {
  const server = createServer(({ url = "/" }, answer) => {
    const [, which = "", ...rest] = new URL(url, "http://localhost").pathname.split("/");
    const path = join(folders[Number(which)] ?? "", rest.join("/") || "index.html");
    const there = existsSync(path);
    const type = types[extname(path)] ?? "application/octet-stream";
    answer.writeHead(there ? 200 : 404, { "content-type": type });
    answer.end(there ? readFileSync(path) : "");
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  const { port } = server.address() as AddressInfo;
  const browser = await chromium.launch({
    executablePath: browserPath!,
    args: ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--no-sandbox"],
  });
  try {
    const results: unknown[] = [];
    for (const i of folders.keys()) {
      const page = await browser.newPage();
      await page.goto(`http://localhost:${port}/${i}/`);
      results.push(await page.evaluate(() => (globalThis as { result?: Promise<unknown> }).result));
      await page.close();
    }
    return results;
  } finally {
    await browser.close();
    server.close();
  }
}
