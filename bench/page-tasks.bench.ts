/** How long the page holds its own thread while the engine works in the worker: longest tasks, in a trace of Chromium. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import type { BenchModule, BenchRow } from "./harness.ts";

/** An entry of a trace; times in microseconds. */
interface Entry {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

/** What a task is called in a trace. */
const task = "ThreadControllerImpl::RunTask";
const threadName = "thread_name";
/** How often each row is measured. */
const times = 3;

export const pageTasks: BenchModule = {
  name: "page-tasks",
  summary: "the longest task of the page's own thread while a network is trained and forgets",
  async run() {
    // Loaded where it runs: a packed GPU hour has neither tests nor browsers.
    const { browserPath, Hosted } = await import("../test/browser.ts");
    if (browserPath === undefined) {
      console.log("skipped: no Chromium is installed");
      return [];
    }
    const folder = mkdtempSync(`${tmpdir()}/rewind-page-`);
    const hosted = new Hosted(folder);
    try {
      const { build } = await import("vite");
      await build({
        configFile: fileURLToPath(new URL("../scripts/web.vite.ts", import.meta.url)),
        logLevel: "error",
        build: { outDir: folder },
      });
      const rows: BenchRow[] = [];
      for (const [name, work] of works) {
        const found: Longest[] = [];
        for (let i = 0; i < times; i++) {
          const page = await hosted.open();
          await page.waitForSelector("#images .tile");
          found.push(await longestOf(page, () => work(page)));
        }
        rows.push(rowOf(name, found));
      }
      return rows;
    } finally {
      await hosted.close();
      rmSync(folder, { recursive: true });
    }
  },
};

/** The longest tasks of one piece of work. */
interface Longest {
  /** Milliseconds by the clock. */
  readonly clock: number;
  /** Milliseconds of processor. */
  readonly processor: number;
  /** Tasks over 50 ms by the clock. */
  readonly over: number;
  /** Seconds that the work took. */
  readonly seconds: number;
}

/** Traces the page's own thread while something is done. */
async function longestOf(page: Page, work: () => Promise<void>): Promise<Longest> {
  const browser = page.context().browser()!;
  await browser.startTracing(page, { categories: ["toplevel", "__metadata", "blink.user_timing"] });
  // A mark says which of the traced threads is the page's.
  const mark = "rewind-page-tasks";
  await page.evaluate((name) => performance.mark(name), mark);
  const begin = performance.now();
  await work();
  const seconds = (performance.now() - begin) / 1000;
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as {
    traceEvents: Entry[];
  };
  const own = traceEvents.find(({ name }) => name === mark);
  if (own === undefined) throw new Error("the page's thread is not in the trace.");
  const isOwn = ({ pid, tid }: Entry): boolean => pid === own.pid && tid === own.tid;
  const main = traceEvents.some(
    (entry) => entry.name === threadName && entry.args?.name === "CrRendererMain" && isOwn(entry),
  );
  const tasks = traceEvents.filter(
    (entry) => entry.name === task && entry.ph === "X" && isOwn(entry),
  );
  if (!main || tasks.length === 0) throw new Error("the trace has no task of the page's thread.");
  const longest = (of: (entry: Entry) => number): number => Math.max(...tasks.map(of)) / 1000;
  return {
    clock: longest(({ dur = 0 }) => dur),
    processor: longest(({ tdur = 0 }) => tdur),
    over: tasks.filter(({ dur = 0 }) => dur > 50_000).length,
    seconds,
  };
}

function rowOf(name: string, found: readonly Longest[]): BenchRow {
  const sorted = found.map(({ clock }) => clock).toSorted((a, b) => a - b);
  return {
    name: `longest task, ${name}`,
    milliseconds: sorted[Math.floor(sorted.length / 2)]!,
    low: sorted[0]!,
    high: sorted.at(-1)!,
    figures: {
      "ms of processor at most": Math.max(...found.map(({ processor }) => processor)),
      "tasks over 50 ms": found.reduce((sum, { over }) => sum + over, 0),
      "s of work": found.reduce((sum, { seconds }) => sum + seconds, 0),
    },
  };
}

const says = async (page: Page, id: string, word: string): Promise<void> => {
  await page.waitForFunction(
    ([id, word]) => document.getElementById(id!)!.textContent!.startsWith(word!),
    [id, word],
    { timeout: 300_000 },
  );
};

/** Rounds of a method on the images with wrong labels. */
const forget =
  (method: string, rounds = 3) =>
  async (page: Page): Promise<void> => {
    await page.selectOption("#method", method);
    await page.fill("#rounds", String(rounds));
    await page.fill("#until", "");
    await page.click("#start");
    await says(page, "state", "Done");
  };

const learn =
  (network: string, epochs: number) =>
  async (page: Page): Promise<void> => {
    await page.click("#learn summary");
    await page.selectOption("#learn-model", network);
    await page.fill("#learn-epochs", String(epochs));
    await page.click("#learn-start");
    await says(page, "learn-state", "Done");
  };

const works: readonly (readonly [string, (page: Page) => Promise<void>])[] = [
  ["three rounds of rewind", forget("rewind")],
  [
    "three rounds beside maps and paths",
    async (page) => {
      await forget("neg-grad", 1)(page);
      await page.check("#maps");
      await page.click("#paths summary");
      await forget("rewind")(page);
    },
  ],
  ["three rounds of neg-grad", forget("neg-grad")],
  ["30 epochs of mlp", learn("mlp", 30)],
  ["6 epochs of small-cnn", learn("small-cnn", 6)],
];
