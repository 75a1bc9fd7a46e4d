// The page of runs: its numbers, what strangers' names do to it, and that it needs nothing else.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { pathToFileURL } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runCommand } from "../../src/cli/program.ts";
import { experimentPage } from "../../src/experiments/experiment-page.ts";
import { inOneLine, type Page, pageText } from "../../src/report/page.ts";
import { configTables, runPage, type RunView } from "../../src/report/run-page.ts";
import { commandLine, numbersLine, settingsOf } from "../../src/report/written-numbers.ts";
import { readViews } from "../../src/runs/run-view.ts";
import { browserPath, complaints, startBrowser } from "../browser.ts";

const folder = mkdtempSync(`${tmpdir()}/rewind-page-`);
const evil = `<script>alert("1")</script>'&\u202Egnp.exe\u0007`;
const long = `${"very-long-".repeat(60)}.png`;
const pixel =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==";

const history = [
  { round: 0, steps: 0, seconds: 0, scores: { forgetAccuracy: 80.25, testAccuracy: 61.5 } },
  { round: 1, steps: 4, seconds: 2, scores: { forgetAccuracy: 12.125, testAccuracy: 64.75 } },
];

const report = {
  dataset: evil,
  scenario: "label-noise",
  model: "mlp",
  method: "rewind",
  settings: {},
  seed: 1,
  images: { train: 4000, forget: 1234, test: 100 },
  forgotten: {
    images: [evil, long],
    answers: [evil, long].map((image) => ({
      image,
      class: evil,
      trainedAs: "\u05D0\u05D1",
      before: { class: "cat", confidence: 0.875 },
      after: { class: "dog", confidence: 0.5 },
    })),
    classes: [{ class: evil, images: 1234, before: 1000, after: 30 }],
    count: 1234,
    copies: 0,
  },
  rounds: 1,
  stoppedBy: "rounds",
  seconds: 3.25,
  unlearnSeconds: 2,
  adapter: "a",
  runtime: "node",
  gpuBytes: 2 ** 20,
  before: history[0]!.scores,
  after: history[1]!.scores,
  missing: "they need images",
  definitions: { forgetAccuracy: "a share" },
};

/** A folder of a run. */
function made(name: string, change: object = {}): string {
  const path = `${folder}/${name}`;
  mkdirSync(path);
  const write = (file: string, value: unknown): void =>
    writeFileSync(`${path}/${file}`, JSON.stringify(value));
  write("config.json", { unlearn: { learningRate: 0.1 + 0.2, note: evil } });
  write("command.json", { version: "0.1.0", words: ["unlearn", "--out", "it's <b>"] });
  write("report.json", { ...report, ...change });
  const lines = history.map((line) => `${JSON.stringify({ phase: "unlearn", ...line })}\n`);
  writeFileSync(`${path}/metrics.jsonl`, lines.join(""));
  return path;
}

async function viewsOf(...names: string[]): Promise<RunView[]> {
  const views = await readViews(
    names.map((name) => `${folder}/${name}`),
    false,
  );
  return views.map((view) => ({ ...view, images: new Map([[evil, pixel]]) }));
}

test.before(() => {
  made("one");
  made("two", { method: "neg-grad" });
});

test("rows of whole numbers are written by their ends", () => {
  assert.is(numbersLine([1, 2, 3, 4, 5]), "1, 2, 3, 4, 5");
  assert.is(numbersLine([1, 2, 3, 4, 5, 6, 9, 11, 12]), "1 to 6, 9, 11, 12");
  assert.is(numbersLine([]), "");
});

test("numbers are the report's, rounded, and without the noise of floats", async () => {
  const text = pageText(await runPage(await viewsOf("one")));
  for (const part of [
    "80.3 → 12.1\u00A0%",
    "−68.1 points",
    "<td>80.25</td><td>12.13</td>",
    "<td>+3.25</td>",
  ]) {
    assert.ok(text.includes(part), part);
  }
  assert.match(text, /The first 2 of 1,234 images/);
  assert.match(text, /1,000 were answered as they were trained before, 30 after/);
  assert.equal(settingsOf({ a: { b: 0.1 + 0.2 }, c: [1, 2] }), [
    { name: "a.b", value: "0.3" },
    { name: "c", value: "1, 2" },
  ]);
  assert.not.match(text, /0\.30000/);
  assert.ok(text.includes("<code>learning<wbr>Rate</code>"), "a name is broken where a word ends");
  assert.ok(text.includes("<strong><bdi>very<wbr>-long<wbr>-very<wbr>-"), "and that of a file");
  assert.is(
    inOneLine("1 ± 2 %, 3 s of 4 samples"),
    "1\u00A0±\u00A02\u00A0%, 3\u00A0s of 4 samples",
  );
});

test("names of strangers stay text, and the page asks for nothing", async () => {
  const text = pageText(await runPage(await viewsOf("one", "two")));
  assert.not.match(text, /<script|<b>|\u202E|javascript:|<link|@import|url\(/i);
  assert.not.ok(text.includes("\u0007"));
  assert.match(
    text,
    /&lt;script&gt;alert\(&quot;1&quot;\)&lt;\/script&gt;&#39;&amp;⟨U\+202E⟩gnp\.exe⟨U\+0007⟩/,
  );
  assert.equal(
    [...text.matchAll(/(?:src|href)="([^"]{0,5})/g)].filter(([, to]) => !/^(?:#|data:)/.test(to!)),
    [],
  );
  assert.match(text, /default-src &#39;none&#39;|default-src 'none'/);
  assert.is(commandLine(["unlearn", "--out", "it's"]), "rewind unlearn --out 'it'\\''s'");
});

test("the same runs give the same bytes; several stand side by side, each under its own name", async () => {
  const [first, second] = await Promise.all(
    [0, 1].map(async () => pageText(await runPage(await viewsOf("one", "two")))),
  );
  assert.is(first, second);
  assert.match(first!, /<h1><bdi>2 runs<\/bdi>/);
  assert.match(first!, /All runs started from the same scores/);
  const ids = [...first!.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  assert.is(new Set(ids).size, ids.length);
});

test("figures that lie in the folder stand on the page with their numbers; maps of images can be left out", async () => {
  const path = made("drawn");
  mkdirSync(`${path}/figures`);
  const put = (name: string, data: object): void => {
    writeFileSync(`${path}/figures/${name}.json`, JSON.stringify(data));
    writeFileSync(`${path}/figures/${name}.svg`, `<svg><script>${name}</script></svg>`);
  };
  const layers = [
    { drift: 3, move: 1.5, cosine: -1 },
    { drift: 4, move: 2, cosine: -1 },
  ];
  put("moves", { name: evil, rounds: [{ round: 1, layers }] });
  const shares = { mean: 0.25, deviation: 0.125, n: 600 };
  put("cam", {
    forget: 600,
    signature: { area: 0.14, margin: 2 },
    networks: [{ name: "rewind", onSignature: [{ form: "as trained on", shares }] }],
  });
  const place = { a: 0.5, b: 0.25, off: 0.125 };
  put("landscape", {
    images: { test: 250, forget: 125 },
    directions: "paths",
    sets: 7,
    explained: [0.5, 0.25],
    paths: [{ name: "rewind", points: [place] }],
  });
  const text = pageText(await runPage(await readViews([path], true)));
  // All layers: lengths 5 and 2.5, straight back.
  assert.match(text, /<td>5\.0000<\/td><td>2\.5000<\/td><td>[-−]1\.000<\/td>/);
  assert.match(text, /<bdi>rewind<\/bdi><\/th><td>25\.0\u00A0±\u00A012\.5 \(600\)/);
  assert.match(text, /The plane holds 75\.0 %/);
  assert.match(text, /<td>1<\/td><td>0\.500<\/td><td>0\.250<\/td><td>0\.125<\/td>/);
  assert.is([...text.matchAll(/<img src="data:image\/svg\+xml;base64,/g)].length, 3);
  assert.not.match(text, /<script/);
  const without = pageText(await runPage(await readViews([path], false)));
  assert.is([...without.matchAll(/<img src="data:image\/svg\+xml;base64,/g)].length, 2);
  assert.not.match(without, /Class activation maps/);
  cpSync(path, `${folder}/shown`, { recursive: true });
  writeFileSync(`${path}/figures/moves.svg`, "<html>");
  await refused("drawn", /moves\.svg" is no drawing/);
});

test("a run of a version that said pictures has a page", async () => {
  const path = made("earlier", { images: undefined, pictures: report.images });
  assert.match(pageText(await runPage(await readViews([path], false))), /1,234 of 4,000 training/);
});

/** Reads the run of that name. @throws where it can be read, or the error says something else. */
async function refused(name: string, message: RegExp): Promise<void> {
  try {
    await viewsOf(name);
  } catch (error) {
    return assert.match((error as Error).message, message);
  }
  assert.unreachable(name);
}

test("a run that is not finished or is damaged is an error that names the file", async () => {
  const open = made("open");
  rmSync(`${open}/report.json`);
  await refused("open", /open" has no report\.json: its run is not finished/);
  made("damaged", { before: "none" });
  await refused("damaged", /damaged\/report\.json" is damaged, or of another version [^]*before/);
  writeFileSync(`${made("cut")}/report.json`, '{"dataset": ');
  await refused("cut", /cut\/report\.json" is not valid JSON/);
  for (const [i, text] of ["{}", "null", "[]"].entries()) {
    const name = `nothing-${i}`;
    writeFileSync(`${made(name)}/report.json`, text);
    await refused(name, /report\.json" is damaged/);
  }
  await refused("nowhere", /is not a run folder/);
});

test("the command writes the page of an experiment from its committed results", async () => {
  const out = `${folder}/experiment.html`;
  const { log } = console;
  console.log = () => undefined;
  try {
    const words = ["report", "bench/results/label-noise/mnist", "--out", out, "--private"];
    assert.is(await runCommand(words), 0);
  } finally {
    console.log = log;
  }
  const text = readFileSync(out, "utf8");
  const { summaries } = JSON.parse(
    readFileSync("bench/results/label-noise/mnist/results.json", "utf8"),
  ) as { summaries: { arm: string; statistic: { mean: number; deviation: number } | null }[] };
  for (const { arm, statistic } of summaries) {
    assert.ok(text.includes(`<bdi>${arm}</bdi>`), arm);
    if (statistic === null) continue;
    const { mean, deviation } = statistic;
    assert.ok(
      text.includes(`<td>${mean.toFixed(2)}\u00A0±\u00A0${deviation.toFixed(2)}</td>`),
      arm,
    );
  }
});

test("a list among the settings stands with them, by its name", () => {
  const config = { seed: 1, tuningSeeds: [101, 102], forget: {}, train: { epochs: 3 } };
  const tables = configTables(config).map(({ text }) => text);
  assert.is(tables.length, 2);
  assert.match(tables[0]!, /seed[^]*tuning(?:<wbr>)?Seeds[^]*101, 102[^]*forget[^]*as usual/);
  assert.match(tables[1]!, /under [^]*train[^]*epochs/);
});

test("a page counts the seeds on which an arm gets there, as its table does", async () => {
  // One of thirty does not, and counts as something all the same.
  const text = pageText(await experimentPage("bench/results/small/backdoor-cifar"));
  assert.ok(text.includes("29 of 30 seeds"));
  assert.ok(text.includes("<td>29 of 30</td>"));
});

if (browserPath !== undefined) {
  const pages: Readonly<Record<string, () => Promise<Page>>> = {
    runs: async () =>
      runPage([...(await viewsOf("one", "two")), ...(await readViews([`${folder}/shown`], true))]),
    experiment: () => experimentPage("bench/results/label-noise/mnist"),
    nowcasting: () => experimentPage("bench/results/nowcast"),
  };

  test("axe-core finds nothing on the pages, which are no wider than a phone, light and dark", async () => {
    const browser = await startBrowser();
    try {
      for (const [name, made] of Object.entries(pages)) {
        const path = `${folder}/${name}.html`;
        writeFileSync(path, pageText(await made()));
        for (const colorScheme of ["light", "dark"] as const) {
          const context = await browser.newContext({
            colorScheme,
            viewport: { width: 390, height: 800 },
          });
          const page = await context.newPage();
          await page.goto(pathToFileURL(path).href);
          assert.is(await page.evaluate("document.documentElement.scrollWidth"), 390, name);
          assert.equal(await complaints(page), [], `${name}, ${colorScheme}`);
          await context.close();
        }
      }
    } finally {
      await browser.close();
    }
  });
}

test.after(() => rmSync(folder, { recursive: true }));
test.run();
