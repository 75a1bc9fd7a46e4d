// The page as it is hosted, in a real browser: what a person does there, and that it is the numbers of Node.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { zipSync } from "fflate";
import type { Page } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { build } from "vite";
import { encodePng } from "../../src/data/encode-png.ts";
import { syntheticDigits } from "../../src/data/synthetic.ts";
import { enlargedImage, overlaid } from "../../src/figures/overlay.ts";
import {
  classMaps,
  corrupt,
  load,
  methods,
  metrics,
  predict,
  type Progress,
  subset,
  train,
  unlearn,
} from "../../src/index.ts";
import { readSafetensors } from "../../src/io/safetensors.ts";
import { invWnnSpec } from "../../src/predictors/invwnn/weights.ts";
import { startImages } from "../../src/web/start.ts";
import { archive as numpyArchive, npy } from "../data/npy-files.ts";
import { file as parquetFile, numbers } from "../data/parquet-file.ts";
import { entry, tar } from "../data/tars.ts";
import { namedWeights } from "../io/keras-fixture.ts";
import { floatBytes, torchFile } from "../io/torch-fixture.ts";
import { closeGpus, testGpu } from "../device.ts";
import { browserPath, complaints, Hosted } from "../browser.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(`${tmpdir()}/rewind-web-`);
const rounds = 2;
/** Settings that are none of the usual ones. */
const [seed, learningRate, kinds] = [3, 1e-3, ["conv", "fc"] as ["conv", "fc"]];
/** Places of the tiles that are clicked: two with wrong labels and one with its own, as the page shows them. */
const clicked = [0, 3, 40];
/** InvWNN's layers in the order in which Keras numbers them. */
const kerasRoles = [
  ...["value", "difference"].flatMap((stream) =>
    invWnnSpec.layers.map((layer) => `${stream}.${layer}`),
  ),
  "output",
];

const cells = (page: Page): Promise<string[][]> =>
  page
    .locator("#numbers tr")
    .evaluateAll((rows) =>
      rows.map((row) => [...row.children].map((cell) => cell.textContent ?? "")),
    );

const answers = (page: Page): Promise<string[]> =>
  page
    .locator("#answers .tile")
    .evaluateAll((tiles) => tiles.map((tile) => tile.textContent ?? ""));

/** The bytes of the file that a button saves. */
async function downloaded(page: Page, button: string): Promise<Buffer> {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click(button)]);
  return readFileSync(await download.path());
}

/** Chooses the images of {@link clicked}, settings and the files of a predictor, and begins. */
async function begin(page: Page): Promise<void> {
  await page.waitForSelector("#images .tile");
  await page.click("#choose-none");
  for (const i of clicked) await page.locator("#images .tile").nth(i).click();
  await page.fill("#rounds", String(rounds));
  await page.fill("#until", "");
  await page.click("#method-details summary");
  await page.fill("#seed", String(seed));
  await page.locator("#method-fields").getByLabel("learning rate").fill(String(learningRate));
  await page.locator("#method-fields").getByLabel("kinds").selectOption(kinds);
  const sets = ["conv", "fc", "bias"].map(
    (set) => `${root}/models/weights/invwnn-${set}.safetensors`,
  );
  await page.setInputFiles("#predictor-file", sets);
  await page.waitForFunction(() =>
    document.getElementById("state")!.textContent!.startsWith("The predictor is"),
  );
  await page.click("#start");
}

const ended = (page: Page, word = "Done") =>
  page.waitForFunction(
    (word) => document.getElementById("state")!.textContent!.startsWith(word),
    word,
  );

/** Presses Tab until an element has the focus, so often at most. */
async function tabTo(page: Page, selector: string, most = 40): Promise<void> {
  for (let pressed = 0; pressed < most; pressed++) {
    await page.keyboard.press("Tab");
    const there = await page.evaluate((it) => document.activeElement!.matches(it), selector);
    if (there) return;
  }
  assert.unreachable(`no Tab leads to ${selector}`);
}

/** Waits until all pictures and charts are drawn. */
const drawnAll = (page: Page) => page.waitForSelector("html:not([data-drawing])");

/** Whether nothing runs out of the screen sideways. */
const fitsAcross = (page: Page) =>
  page.waitForFunction(() => document.documentElement.scrollWidth <= innerWidth);

/** Waits until an element is on the screen as a whole. */
const inView = (page: Page, selector: string) =>
  page.waitForFunction((it) => {
    const { top, bottom, height } = document.querySelector(it)!.getBoundingClientRect();
    return height > 0 && top >= 0 && bottom <= innerHeight;
  }, selector);

/** The network after the rounds of a run that was not left. */
let straight: Buffer | undefined;

/** Drops files on the page. */
function drop(page: Page, files: Readonly<Record<string, readonly number[]>>): Promise<void> {
  return page.evaluate(`{
    const moved = new DataTransfer();
    for (const [name, bytes] of Object.entries(${JSON.stringify(files)}))
      moved.items.add(new File([new Uint8Array(bytes)], name));
    document.dispatchEvent(new DragEvent("drop", { dataTransfer: moved, bubbles: true }));
  }`);
}

if (browserPath === undefined) {
  test("in a browser", () => console.log("skipped: no Chromium is installed"));
} else {
  const hosted = new Hosted(folder);

  test("three clicked images are forgotten, with the numbers of Node", async () => {
    await build({
      ...{ configFile: `${root}/scripts/web.vite.ts`, logLevel: "error" },
      build: { outDir: folder },
    });
    const page = await hosted.open();
    await page.waitForSelector(".tile");
    assert.match((await page.textContent("#network"))!, /19,898 weights/);
    assert.equal(await complaints(page), []);

    await page.click("#choose-none");
    assert.ok(await page.locator("#start").isDisabled(), "nothing is chosen");
    await begin(page);
    assert.is(await page.textContent("#chosen"), "3 images of 300 are chosen.");
    await page.waitForFunction(() =>
      document.getElementById("state")!.textContent!.startsWith("Done"),
    );
    assert.equal(await complaints(page), []);

    const { train, labels, test: tests, forget: wrong } = startImages();
    const first = new Set(wrong);
    const others = Array.from({ length: train.count }, (_, i) => i).filter((i) => !first.has(i));
    const forget = clicked.map((i) => [...wrong, ...others][i]!).sort((a, b) => a - b);
    const model = await load(readFileSync(`${root}/src/web/start.safetensors`), {
      gpu: await testGpu(),
    });
    const history: Progress[] = [];
    const said: string[][] = [];
    const seen = async (progress: Progress): Promise<void> => {
      history.push(progress);
      const { names } = await predict(model, subset(train, forget));
      said.push([...names]);
    };
    await unlearn(
      model,
      { train, labels, forget, test: tests },
      {
        ...{ method: methods.rewind({ learningRate, kinds }), seed, until: { rounds } },
        ...{ onStart: seen, onRound: seen },
      },
    );
    model.destroy();

    const [, ...rows] = await cells(page);
    assert.is(rows.length, rounds + 1);
    const shown = metrics.all.filter(
      ({ unit, name }) => unit === "%" && name in history[0]!.scores,
    );
    for (const [round, row] of rows.entries()) {
      for (const [i, { name }] of shown.entries()) {
        // Adapters round otherwise: an image whose two best classes lie close may change sides. One test image is 0.5 %.
        const [got, wanted] = [Number(row[i + 1]), history[round]!.scores[name]!];
        assert.ok(Math.abs(got - wanted) <= 1, `round ${round}, ${name}: ${got} for ${wanted}`);
      }
    }

    straight = await downloaded(page, "#save");
    const last = await answers(page);
    assert.is(last.length, clicked.length);
    await page.locator("#round").fill("0");
    const before = await answers(page);
    assert.not.equal(before, last, "the slider goes back");
    for (const [i, text] of before.entries()) assert.match(text, `says “${said[0]![i]}”`);

    await page.check("#maps");
    await page.waitForFunction(() =>
      document.getElementById("maps-say")!.textContent!.startsWith("Grad-CAM"),
    );
    await drawnAll(page);
    const pictures = await page
      .locator("#answers canvas")
      .evaluateAll((all) =>
        (all as HTMLCanvasElement[]).map((canvas) => [
          ...canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height).data,
        ]),
      );
    await page.uncheck("#maps");

    const saved = await load(await downloaded(page, "#save"), { gpu: await testGpu() });
    const { names } = await predict(saved, subset(train, forget));
    assert.equal(names, said[0], "the state of round 0 is the network as it was opened");
    const looked = await classMaps(saved, subset(train, forget));
    saved.destroy();
    assert.is(pictures.length, forget.length);
    const [size, area] = [train.pixels.length / train.count, looked.height * looked.width];
    for (const [i, place] of forget.entries()) {
      const pixels = train.pixels.subarray(place * size, (place + 1) * size);
      const image = enlargedImage({ ...train, pixels }, 84);
      const { data } = overlaid(image, looked.maps.subarray(i * area, (i + 1) * area), looked);
      // A map is drawn from its least value to its largest: what adapters round otherwise moves a colour by a level or two.
      const worst = data.reduce(
        (most, v, at) => Math.max(most, Math.abs(v - pictures[i]![at]!)),
        0,
      );
      assert.ok(worst <= 4, `the map of image ${place}: ${worst} of 255`);
    }

    await page.setViewportSize({ width: 390, height: 844 });
    // The chart follows when it is told of its new width.
    await fitsAcross(page);
    await page.emulateMedia({ colorScheme: "dark", reducedMotion: "reduce" });
    // Where less motion is wanted not even what has a style of its own moves.
    const moving = await page.evaluate(`(() => {
      for (const one of document.querySelectorAll("section")) one.style.transition = "opacity 9s";
      const moves = [...document.querySelectorAll("*")].filter((one) => {
        const { transitionDuration, animationName } = getComputedStyle(one);
        return transitionDuration !== "0s" || animationName !== "none";
      });
      return moves.length + document.getAnimations().length;
    })()`);
    assert.is(moving, 0);
    assert.equal(await complaints(page), []);
    assert.equal(hosted.problems, []);
  });

  test("a run is stopped, and the next begins anew and stands beside it", async () => {
    const page = await hosted.open();
    await page.waitForSelector(".tile");
    // By the keyboard alone.
    await tabTo(page, ".skip", 1);
    await page.keyboard.press("Enter");
    await tabTo(page, "#images .tile", 9);
    const ring = (place: number): Promise<string> =>
      page
        .locator("#images .tile")
        .nth(place)
        .evaluate((tile) => {
          const { outlineStyle, outlineWidth, outlineOffset } = getComputedStyle(tile);
          return `${outlineStyle} ${outlineWidth} ${outlineOffset}`;
        });
    assert.not.equal(await ring(0), await ring(1), "both are chosen, and one has the focus");
    await page.keyboard.press("Space");
    assert.is(await page.textContent("#chosen"), "29 images of 300 are chosen.");
    assert.match(await ring(0), /^solid 3px/);
    await page.keyboard.press("Enter");
    assert.is(await page.textContent("#chosen"), "30 images of 300 are chosen.");
    // Arrows go through the images, of which one alone is on the way of Tab.
    const onImage = (): Promise<number> =>
      page
        .locator("#images .tile")
        .evaluateAll((tiles) => tiles.indexOf(document.activeElement as HTMLElement));
    const columns = await page.locator("#images .tile").evaluateAll((tiles) => {
      const tops = tiles.map((tile) => (tile as HTMLElement).offsetTop);
      return tops.filter((top) => top === tops[0]).length;
    });
    for (const [key, place] of [
      ["ArrowLeft", 0],
      ["ArrowRight", 1],
      ["ArrowDown", 1 + columns],
      ["ArrowUp", 1],
      ["End", 119],
      ["ArrowRight", 119],
      ["Home", 0],
      ["ArrowRight", 1],
    ] as const) {
      await page.keyboard.press(key);
      assert.is(await onImage(), place, key);
    }
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Tab");
    assert.is(await onImage(), 1, "Tab comes back to where it left");
    await tabTo(page, "#start", 9);
    await page.keyboard.press("Enter");
    await page.waitForSelector("#answers .tile");
    await drop(page, { "late.png": [1] });
    await page.waitForSelector("#open-error:not([hidden])");
    assert.match((await page.textContent("#open-error"))!, /^The page works: drop the files again/);
    assert.match((await page.textContent("#network-save"))!, /as it was before forgetting/);
    await tabTo(page, "#cancel");
    await page.keyboard.press("Space");
    await ended(page, "Stopped: ");
    await page.fill("#rounds", "1");
    await page.keyboard.press("Enter");
    await ended(page);
    assert.is((await cells(page)).length, 3);

    // Who stops a run at once is heard before its work begins, and sees what was seen before.
    const title = await page.textContent("#title");
    await page.evaluate(`{
      for (const id of ["start", "cancel"]) document.getElementById(id).click();
    }`);
    await ended(page, "Stopped before anything was done");
    assert.is(await page.textContent("#title"), title);
    assert.is(await page.locator("#beside option").count(), 2, "nothing, and the run before");

    await page.focus("#start");
    await tabTo(page, "#round", 9);
    await page.keyboard.press("ArrowLeft");
    assert.is(await page.textContent("#round-number"), "0");
    await page.selectOption("#beside", { index: 1 });
    const others = await page
      .locator("#other-answers .tile")
      .evaluateAll((tiles) => tiles.map((tile) => tile.textContent ?? ""));
    assert.equal(others, await answers(page), "both runs start from the same network");
    assert.match((await page.getAttribute("#other-chart", "aria-label"))!, /^Curves over rounds/);
    await page.click("#paths summary");
    await page.waitForFunction(() =>
      document.getElementById("paths-say")!.textContent!.startsWith("Before the first round"),
    );
    await page.locator("#round").press("ArrowRight");
    await page.waitForSelector("#paths-chart .uplot");
    assert.match(
      (await page.textContent("#paths-say"))!,
      /^Round 1 fine-tunes .* takes 15 snapshots, .* drifted by 0\.\d+ and was moved by 0\.\d+, cosine -[01]\.\d+\.$/,
    );
    const ways = (await page.getAttribute("#paths-chart", "aria-label"))!.matchAll(
      /Weight \d+ drifts by ([\d.e-]+), and is set to ([\d.e-]+) from where it was\./g,
    );
    const moved = [...ways].map(([, drift, set]) => [Number(drift), Number(set)]);
    assert.is(moved.length, 2);
    for (const [drift, set] of moved) assert.ok(drift! * set! < 0, `${set} goes back on ${drift}`);
    assert.equal(await complaints(page), []);

    writeFileSync(`${folder}/report.html`, await downloaded(page, "#report"));
    await page.goto(`${hosted.address}report.html`);
    assert.is(await page.textContent("h1"), "2 runs");
    const headings = await page.locator("h2, h3").allTextContents();
    for (const title of ["Side by side", "rewind (run 2)", "rewind (run 1)", "Images of D_f"]) {
      assert.ok(headings.includes(title), `${title} in ${headings.join(", ")}`);
    }
    assert.is(await page.locator(".gallery img").count(), 40);
    assert.ok((await page.locator("figure svg").count()) >= 3, "charts are drawn");
    assert.match((await page.textContent("main"))!, /AUC of confidence, D_f against test: 0\.\d/);
    assert.equal(await complaints(page), []);
    assert.equal(hosted.problems, []);
  });

  test("after a reload a run goes on to the same bits, and two tabs do not write over each other's", async () => {
    const page = await hosted.open();
    await begin(page);
    await page.click("#pause");
    await page.waitForFunction(() => document.querySelectorAll("#numbers tr").length === 2);
    assert.is(await page.textContent("#state"), "Paused after round 0.");
    const other = await hosted.tab();
    await other.waitForSelector("#images .tile");
    assert.not(await other.locator("#unfinished").isVisible(), "another tab works on it");
    await other.selectOption("#method", "neg-grad");
    await other.fill("#rounds", "1");
    await other.fill("#until", "");
    await other.click("#start");
    await ended(other);
    assert.is(
      await other.textContent("#kept-say"),
      "Another tab keeps its own run: a reload of this one would lose what runs here.",
    );
    await page.click("#pause");
    await page.waitForFunction(() => document.querySelectorAll("#numbers tr").length === 3);
    await page.reload();
    await page.waitForSelector("#go-on");
    assert.match(
      (await page.textContent("#unfinished-says"))!,
      /left before its end: rewind on 3 images of “drawn digits”, 1 of 2 rounds done/,
    );
    assert.equal(await complaints(page), []);
    // Other work takes it out of sight alone: nothing takes its place unasked.
    await drop(page, { "wrong.png": [1] });
    await page.waitForSelector("#open-error:not([hidden])");
    await page.waitForSelector("#go-on");
    const asked = page.waitForEvent("dialog");
    const pressed = page.click("#start");
    const question = await asked;
    assert.match(question.message(), /^A run was left before its end.*lose that one\?$/);
    await question.dismiss();
    await pressed;
    assert.ok(await page.locator("#pause").isHidden(), "nothing began");
    // Whoever is quick presses twice, and what would begin another run.
    await page.evaluate(`{
      for (const id of ["go-on", "go-on", "start"]) document.getElementById(id).click();
    }`);
    await ended(page);
    assert.not(await page.locator("#error").isVisible());
    assert.is((await cells(page)).length, rounds + 2);
    assert.ok((await downloaded(page, "#save")).equals(straight!), "the network has the same bits");

    await page.reload();
    await page.waitForSelector("#go-on");
    assert.match((await page.textContent("#unfinished-says"))!, /2 of 2 rounds done\.$/);
    await page.click("#go-on");
    await page.waitForFunction(() => document.querySelectorAll("#numbers tr").length === 4);
    assert.ok((await downloaded(page, "#save")).equals(straight!), "it is there again");
    await page.reload();
    await page.waitForSelector("#discard");

    // What one tab goes on with the other cannot discard.
    await other.click("#start");
    await other.click("#pause");
    await other.waitForFunction(() => document.querySelectorAll("#numbers tr").length === 2);
    for (const tab of [other, page]) await tab.reload();
    await page.waitForSelector("#discard");
    await other.click("#go-on");
    await other.click("#pause");
    await other.waitForFunction(() => document.querySelectorAll("#numbers tr").length === 2);
    await page.click("#discard");
    await page.waitForSelector("#error:not([hidden])");
    assert.match((await page.textContent("#error"))!, /^Another tab works on the run/);
    assert.ok(await page.locator("#discard").isVisible());
    await other.click("#pause");
    await ended(other);
    await page.reload();
    await page.waitForSelector("#discard");
    assert.match(
      (await page.textContent("#unfinished-says"))!,
      /neg-grad on 30 images of “drawn digits”, 1 of 1 rounds done\.$/,
    );
    await page.click("#discard");
    await page.waitForSelector("#unfinished", { state: "hidden" });
    await page.reload();
    await page.waitForSelector("#images .tile");
    assert.not(await page.locator("#unfinished").isVisible(), "it was discarded");
    assert.equal(hosted.problems, []);
  });

  test("a link sets the page up; where the browser keeps nothing a run works, and the page says so", async () => {
    const page = await hosted.open(
      'indexedDB.open = () => { throw new DOMException("denied", "SecurityError"); };',
    );
    await page.waitForSelector("#images .tile");
    await page.click("#choose-none");
    for (const i of clicked) await page.locator("#images .tile").nth(i).click();
    await page.selectOption("#method", "neg-grad");
    await page.fill("#rounds", "9");
    await page.fill("#until", "67");
    await page.click("#method-details summary");
    await page.fill("#seed", "5");
    // A number that is half typed is no number left as usual.
    const rate = page.locator("#method-fields").getByLabel("learning rate");
    await rate.pressSequentially("1e-");
    for (const button of ["#copy-link", "#start"]) {
      await page.click("#method-details summary");
      await page.click(button);
      assert.ok(await rate.evaluate((field) => field === document.activeElement), button);
      assert.ok(await page.locator("#link").isHidden());
      assert.ok(await page.locator("#pause").isHidden());
    }
    await rate.fill("");
    await page.click("#copy-link");
    await page.waitForSelector("#link");
    const link = await page.inputValue("#link");
    assert.ok(
      link.startsWith(`${hosted.address}#v=1&method=neg-grad&rounds=9&until=67&land=true&seed=5&`),
      link,
    );
    await page.goto("about:blank");
    await page.goto(link);
    await page.waitForSelector("#images .tile");
    assert.is(await page.textContent("#chosen"), "3 images of 300 are chosen.");
    assert.is(await page.inputValue("#method"), "neg-grad");
    assert.is(await page.inputValue("#rounds"), "9");
    assert.is(await page.inputValue("#until"), "67");
    assert.ok(await page.isChecked("#land"));
    assert.is(await page.inputValue("#seed"), "5");
    await page.evaluate(() => (location.hash = "#v=9"));
    await page.waitForSelector("#error:not([hidden])");
    assert.match(
      (await page.textContent("#error"))!,
      /^This link cannot be read: it is of version 9/,
    );
    await inView(page, "#error");
    assert.equal(await complaints(page), []);
    // So it is where the page was opened for it, until there is another.
    await page.reload();
    await page.waitForSelector("#images .tile");
    assert.match((await page.textContent("#error"))!, /^This link cannot be read/);
    await inView(page, "#error");
    await page.evaluate((hash) => (location.hash = hash), new URL(link).hash);
    await page.waitForFunction(() =>
      document.getElementById("link-says")!.textContent!.startsWith("Set up"),
    );
    assert.ok(await page.locator("#error").isHidden());
    await page.click("#start");
    await ended(page, "Done: enough is forgotten");
    const [, ...rows] = (await cells(page)).map((row) => row.map(Number));
    const [first, last] = [rows[0]!, rows.at(-1)!];
    for (const row of rows) {
      assert.is(row[1]! <= 0.67 * first[1]!, row === last, `${row[1]} % of D_f in round ${row[0]}`);
    }
    const lost = first[2]! - last[2]!;
    const [, said] =
      /Other images suffer: accuracy on D_r fell by ([\d.]+) points/.exec(
        (await page.textContent("#round-says"))!,
      ) ?? [];
    assert.is(said !== undefined, lost >= 5, `${lost} points are lost, ${said} are spoken of`);
    if (said !== undefined) assert.ok(Math.abs(Number(said) - lost) < 0.11, `${said} for ${lost}`);
    assert.is(
      await page.textContent("#kept-say"),
      "This browser keeps nothing of the run (it allows this page no storage): a reload would lose it.",
    );
    assert.equal(hosted.problems, []);
  });

  test("a run ends on the level, with a part of its last round, and is there again after a reload", async () => {
    const page = await hosted.open();
    await page.waitForSelector("#images .tile");
    assert.ok(await page.isChecked("#land"), "that is what most want");
    await page.fill("#until", "");
    assert.ok(await page.locator("#land").isDisabled(), "there is no level to end on");
    await page.fill("#until", "50");
    await page.selectOption("#method", "retrain");
    for (const id of ["#until", "#land"]) {
      assert.ok(await page.locator(id).isDisabled(), "it begins anew");
    }
    await page.selectOption("#method", "neg-grad");
    await page.click("#method-details summary");
    await page.locator("#method-fields").getByLabel("learning rate").fill("0.02");
    /** Runs to the level. @returns what is measured after each round, and the network after the last. */
    const run = async (
      land: boolean,
      begin = () => page.click("#start"),
    ): Promise<{ rows: string[][]; network: Buffer }> => {
      await page.setChecked("#land", land);
      await begin();
      await ended(page, "Done: enough is forgotten");
      const [, ...rows] = await cells(page);
      return { rows, network: await downloaded(page, "#save") };
    };
    const whole = await run(false);
    const last = whole.rows.length - 1;
    assert.ok(last > 1, "a whole round comes before");
    await page.locator("#round").fill(String(last - 1));
    const before = await downloaded(page, "#save");
    const landed = await run(true);
    assert.is(landed.rows.length, whole.rows.length);
    assert.equal(
      landed.rows.slice(0, -1).map((row) => row.slice(0, -1)),
      whole.rows.slice(0, -1).map((row) => row.slice(0, -1)),
      "up to there they are the same, but for the time",
    );
    const [, name, percent] = /^(\d+) \(its first ([\d.]+) %\)$/.exec(landed.rows[last]![0]!) ?? [];
    assert.is(Number(name), last);
    assert.is(await page.textContent("#round-number"), landed.rows[last]![0]);
    const saved = `network-within-round-${last}.safetensors`;
    assert.is(await page.textContent("#kept-say"), `Saved as ${saved}.`);
    const [start, there, past] = [whole.rows[0]!, landed.rows[last]!, whole.rows[last]!];
    assert.ok(Number(there[1]) <= 0.5 * Number(start[1]), `${there[1]} % of D_f, of ${start[1]}`);
    assert.ok(Number(there[1]) >= Number(past[1]), `${there[1]} and ${past[1]} % of D_f`);
    assert.ok(Number(there[2]) >= Number(past[2]), `${there[2]} and ${past[2]} % of D_r`);

    // Its weights lie on the line between the two ends of the round, where the page says.
    const tensors = (file: Buffer) => readSafetensors(file).tensors;
    const [from, to, at] = [before, whole.network, landed.network].map(tensors);
    let [along, length] = [0, 0];
    let worst = 0;
    for (const [tensor, { data }] of at!) {
      const [a, b] = [from!.get(tensor)!.data, to!.get(tensor)!.data];
      for (const [i, value] of data.entries()) {
        along += (value - a[i]!) * (b[i]! - a[i]!);
        length += (b[i]! - a[i]!) ** 2;
      }
    }
    const share = along / length;
    for (const [tensor, { data }] of at!) {
      const [a, b] = [from!.get(tensor)!.data, to!.get(tensor)!.data];
      for (const [i, value] of data.entries()) {
        worst = Math.max(worst, Math.abs(value - (a[i]! + share * (b[i]! - a[i]!))));
      }
    }
    assert.ok(worst < 1e-6, `a weight is off the line by ${worst}`);
    assert.ok(Math.abs(100 * share - Number(percent)) < 0.6, `${share} for ${percent} %`);

    await page.reload();
    await page.waitForSelector("#go-on");
    assert.match(
      (await page.textContent("#unfinished-says"))!,
      new RegExp(`, ${last} of 8 rounds done; enough is forgotten`),
    );
    await page.click("#go-on");
    await page.waitForFunction(
      (count) => document.querySelectorAll("#numbers tr").length === count,
      last + 2,
    );
    assert.equal((await cells(page)).slice(1), landed.rows);
    assert.ok((await downloaded(page, "#save")).equals(landed.network), "the same bits");

    // One that lands in its first round has no whole round that the browser could go on from.
    await page.selectOption("#method", "neg-grad");
    await page.click("#method-details summary");
    await page.locator("#method-fields").getByLabel("learning rate").fill("1");
    // Where it is to pause after that it ends, as no round comes after it.
    const first = await run(true, async () => {
      const press = (...ids: string[]): Promise<void> =>
        page.evaluate((all) => all.forEach((id) => document.getElementById(id)!.click()), ids);
      await press("start", "pause");
      await ended(page, "Paused after round 0.");
      await press("pause", "pause");
    });
    assert.match(first.rows[1]![0]!, /^1 \(its first [\d.]+ %\)$/);
    await page.reload();
    await page.waitForSelector("#go-on");
    await page.click("#go-on");
    await page.waitForFunction(() => document.querySelectorAll("#numbers tr").length === 3);
    assert.equal((await cells(page)).slice(1), first.rows);
    assert.ok((await downloaded(page, "#save")).equals(first.network), "the same bits");
    assert.equal(await complaints(page), []);
    assert.equal(hosted.problems, []);
  });

  test("images come from files: an archive of folders, damaged files, files that are dropped", async () => {
    const page = await hosted.open();
    await page.waitForSelector(".tile");
    const { pixels } = syntheticDigits(10, 5);
    const size = 28 * 28;
    const grey = (i: number): Uint8Array => pixels.subarray(i * size, (i + 1) * size) as Uint8Array;
    const files: Record<string, Uint8Array> = { "mine/cats/note.txt": new Uint8Array([65]) };
    for (let i = 0; i < 10; i++) {
      const data = new Uint8ClampedArray(4 * size).map((_, at) =>
        at % 4 === 3 ? 255 : grey(i)[at >> 2]!,
      );
      const png = await encodePng({ width: 28, height: 28, data });
      files[`mine/${i % 2 === 0 ? "cats" : "dogs"}/${i}.png`] = png;
    }
    const archive = Buffer.from(zipSync(files));
    const open = async (buffer: Buffer): Promise<void> => {
      await page.setInputFiles("#image-files", { name: "all.zip", mimeType: "", buffer });
      await page.waitForSelector("#image-again:enabled");
    };
    await open(archive);
    assert.match(
      (await page.textContent("#images-says"))!,
      /“mine”, 8 images of 2 classes to learn, and 2 to test on; 28×28 in colour/,
    );
    assert.match(
      (await page.textContent("#images-notes"))!,
      /1 file passed over: 1 \.txt.*2 of 10 images, .* held back/,
    );
    assert.match((await page.textContent("#problem"))!, /^The network that came with the page/);
    const tiles = async (): Promise<[string, string, number[]][]> => {
      await drawnAll(page);
      return page.evaluate(`[...document.querySelectorAll("#images .tile")].map((tile) => {
        const { data } = tile.querySelector("canvas").getContext("2d").getImageData(0, 0, 28, 28);
        return [tile.title, tile.textContent, Array.from(data).filter((_, i) => i % 4 === 1)];
      })`);
    };
    const drawn = await tiles();
    assert.is(drawn.length, 8);
    for (const [title, text, values] of drawn) {
      const [, folder, i] = /^(\w+)\/(\d)\.png$/.exec(title)!;
      assert.is(text, `“${folder}”`);
      assert.equal(values, [...grey(Number(i))], title);
    }
    assert.equal(await complaints(page), []);

    await page.setInputFiles("#image-files", {
      ...{ name: "all.zip", mimeType: "", buffer: archive.subarray(0, 3000) },
    });
    await page.waitForSelector("#open-error:not([hidden])");
    assert.match(
      (await page.textContent("#open-error"))!,
      /^"all.zip" is a zip archive that is damaged/,
    );
    const refused = async (file: Uint8Array, why: RegExp): Promise<void> => {
      await page.setInputFiles("#image-files", {
        ...{ name: "all.zip", mimeType: "", buffer: Buffer.from(file) },
      });
      await page.waitForSelector("#image-again:enabled");
      assert.match((await page.textContent("#open-error"))!, why);
    };
    const odd = files["mine/dogs/3.png"]!.slice();
    odd[odd.length - 20]! ^= 1;
    await refused(zipSync({ ...files, "mine/dogs/3.png": odd }), /mine\/dogs\/3\.png: .*damaged/);

    // More than the page may hold is refused before it is decoded; made smaller it can be stopped.
    const [side, many] = [1000, 400];
    const large = await encodePng({
      ...{ width: side, height: side, data: new Uint8ClampedArray(4 * side * side).fill(255) },
    });
    const numbered = Array.from({ length: many }, (_, i) => [`${i % 2}/${i}.png`, large] as const);
    await refused(
      zipSync(Object.fromEntries(numbered), { level: 0 }),
      /^400 images of 1000×1000×3 are 1\.1 GiB, .*“To learn, at most”.*“Side”/,
    );
    await page.fill("#image-side", "28");
    await page.click("#image-again");
    await page.waitForFunction(
      () => document.querySelector<HTMLProgressElement>("#open-bar")!.value > 0,
    );
    assert.equal(await complaints(page), []);
    await page.click("#open-stop");
    await page.waitForSelector("#open-work", { state: "hidden" });
    assert.ok(await page.locator("#open-error").isHidden(), "who stops it knows why");
    await page.fill("#image-side", "");
    assert.is(await page.locator("#images .tile").count(), 8, "nothing is lost");

    // Words that know no end, and letters that run to the left.
    const [long, leftwards] = ["Donaudampfschiff".repeat(9), "كلب كبير"];
    const named = Array.from({ length: 6 }, (_, i) => {
      const folder = i % 2 === 0 ? long : leftwards;
      return [`תמונות/${folder}/${long}${i}.png`, files["mine/dogs/3.png"]!] as const;
    });
    await open(Buffer.from(zipSync(Object.fromEntries(named))));
    assert.match((await page.textContent("#images-says"))!, /“תמונות”, 5 images of 2 classes/);
    const after = await page.evaluate(`(() => {
      const name = document.querySelector("#images-says bdi");
      const digit = document.createRange();
      digit.setStart(name.nextSibling, 3);
      digit.setEnd(name.nextSibling, 4);
      return digit.getBoundingClientRect().left - name.getBoundingClientRect().right;
    })()`);
    assert.ok((after as number) > 0, "the number stands after the name");
    await page.selectOption("#choose-class", long);
    const of = (await tiles()).filter(([, text]) => text === `“${long}”`).length;
    assert.is(await page.textContent("#chosen"), `${of} images of 5 are chosen.`);
    const cut = { name: `${long}.zip`, mimeType: "", buffer: archive.subarray(0, 3000) };
    await page.setInputFiles("#image-files", cut);
    await page.waitForSelector("#open-error:not([hidden])");
    await page.setViewportSize({ width: 390, height: 844 });
    await fitsAcross(page);
    assert.equal(await complaints(page), []);
    await page.setViewportSize({ width: 1280, height: 720 });

    // The other kinds of files that the page names.
    const image = files["mine/dogs/3.png"]!;
    const parts = { train: [1, 0, 1, 0], test: [0, 1] };
    const wholes = Object.entries(parts).map(([part, labels]) => [
      [
        `x_${part}`,
        npy(
          "|u1",
          [labels.length, 28, 28],
          labels.flatMap(() => [...grey(3)]),
        ),
      ],
      [`y_${part}`, npy("|u1", [labels.length], labels)],
    ]) as [string, Uint8Array][][];
    const tables = Object.entries(parts).map(([part, labels]) => {
      const same = labels.map(() => image);
      return [`${part}-0.parquet`, parquetFile(same, { label: numbers(...labels) })] as const;
    });
    const shards = Object.entries(parts).map(([part, labels]) => {
      const both = labels.map((label, i) => [
        entry(`${i}.png`, image),
        entry(`${i}.cls`, String(label)),
      ]);
      return [`${part}-0.tar`, tar(...both.flat())] as const;
    });
    for (const [kind, named] of [
      ["npz", [["mine.npz", numpyArchive(Object.fromEntries(wholes.flat()))]]],
      ["parquet", tables],
      ["webdataset", shards],
    ] as const) {
      const given = named.map(([name, bytes]) => ({
        name,
        mimeType: "",
        buffer: Buffer.from(bytes),
      }));
      await page.setInputFiles("#image-files", given);
      await page.waitForFunction(
        (name) => document.getElementById("images-says")!.textContent!.includes(`“${name}”`),
        kind,
      );
      assert.match(
        (await page.textContent("#images-says"))!,
        /4 images of 2 classes to learn, and 2 to test on; 28×28/,
      );
      const shown = await tiles();
      assert.equal([...shown].map(([, text]) => text).sort(), ["“0”", "“0”", "“1”", "“1”"], kind);
      for (const [, , values] of shown) assert.equal(values, [...grey(3)], kind);
    }

    // A network of PyTorch, which does not say how it is used, and a predictor of Keras.
    const sizes = Object.entries({ hidden1: [64, 2352], hidden2: [32, 64], head: [2, 32] }).flatMap(
      ([layer, shape]) => [
        [`${layer}.weight`, shape] as const,
        [`${layer}.bias`, shape.slice(0, 1)] as const,
      ],
    );
    const tensors = sizes.map(([name, shape], at) => {
      const count = shape.reduce((a, b) => a * b, 1);
      const values = Float32Array.from({ length: count }, (_, i) => Math.sin(i + at) / 8);
      return [name, { shape, bytes: floatBytes(values) }] as const;
    });
    const torch = torchFile(Object.fromEntries(tensors));
    await drop(page, { "mine.pt": [...torch] });
    await page.waitForFunction(() =>
      document.getElementById("open-error")!.textContent!.includes("“Architecture”"),
    );
    await page.selectOption("#network-model", "mlp");
    await page.selectOption("#network-prepared", "none");
    await page.click("#network-again");
    await page.waitForFunction(() =>
      document.getElementById("network")!.textContent!.includes("“mlp”"),
    );

    const shipped = readSafetensors(readFileSync(`${root}/models/weights/invwnn-conv.safetensors`));
    const layers = kerasRoles.map((role, i) => {
      const [kernel, bias] = ["weight", "bias"].map((part) =>
        shipped.tensors.get(`${role}.${part}`)!,
      );
      return { layer: `dense_${i + 1}`, kernel: kernel!, bias: bias! };
    });
    const buffer = Buffer.from(await namedWeights(layers));
    const openPredictor = (): Promise<void> =>
      page.setInputFiles("#predictor-file", { name: "InvWNN.h5", mimeType: "", buffer });
    await openPredictor();
    await page.waitForFunction(() =>
      document.getElementById("state")!.textContent!.startsWith("The predictor is"),
    );

    // Six images of MNIST's training part, as a person drops its two files.
    const idx = (shape: number[], data: Uint8Array): number[] => [
      ...[0, 0, 8, shape.length, ...shape.flatMap((n) => [0, 0, n >> 8, n & 255])],
      ...data,
    ];
    const network = readFileSync(`${root}/src/web/start.safetensors`);
    const mine = {
      "train-images-idx3-ubyte": idx([6, 28, 28], pixels.subarray(0, 6 * size) as Uint8Array),
      "train-labels-idx1-ubyte": idx([6], Uint8Array.from([1, 2, 3, 4, 5, 6])),
    };
    // With them the network that learnt them, which is told from images by its content.
    await drop(page, { ...mine, "mine.safetensors": [...network] });
    await page.waitForFunction(() =>
      document.getElementById("images-says")!.textContent!.includes("5 images of 10 classes"),
    );
    await page.waitForSelector("#problem", { state: "hidden" });
    await page.locator("#images .tile").first().click();
    assert.ok(await page.locator("#start").isEnabled());
    assert.is(await page.textContent("#chosen"), "1 image of 5 is chosen.");
    await drop(page, { "cut.safetensors": [...network.subarray(0, 5000)] });
    await page.waitForSelector("#open-error:not([hidden])");
    assert.match((await page.textContent("#open-error"))!, /^"cut.safetensors" .* cut short/);
    await page.setInputFiles("#network-file", { name: "a.pt", mimeType: "", buffer: archive });
    await page.waitForFunction(() =>
      document.getElementById("open-error")!.textContent!.startsWith('"a.pt" is'),
    );
    const end = Buffer.concat([Buffer.from("PK\x05\x06"), Buffer.alloc(18)]);
    await page.setInputFiles("#image-files", { name: "empty.zip", mimeType: "", buffer: end });
    await page.waitForFunction(() =>
      document.getElementById("open-error")!.textContent!.startsWith('"empty.zip" is a zip'),
    );
    assert.ok(await page.locator("#start").isEnabled(), "nothing is lost");
    // The predictor that was open serves where files that hold none came after it.
    await openPredictor();
    await page.waitForSelector("#start:enabled");
    await page.setInputFiles("#predictor-file", {
      ...{ name: "other.pt", mimeType: "", buffer: Buffer.from(torch) },
    });
    await page.waitForSelector("#error:not([hidden])");
    assert.match((await page.textContent("#error"))!, /^Predictor "other\.pt"/);
    await page.fill("#rounds", "1");
    await page.fill("#until", "");
    await page.click("#start");
    await ended(page);
    assert.equal(hosted.problems, []);
  });

  test("a network is trained on images with wrong labels, and images in files are found among them", async () => {
    const page = await hosted.open();
    await page.waitForSelector(".tile");
    await page.click("#learn summary");
    const [share, network, epochs] = [0.2, "mlp", 3];
    await page.selectOption("#scenario", "standard");
    await page.click("#wrong-apply");
    await page.waitForFunction(() =>
      / \d+ of them to forget by “standard”,/.test(
        document.getElementById("images-says")!.textContent!,
      ),
    );
    await page.selectOption("#scenario", "label-noise");
    await page.locator("#scenario-fields").getByLabel("share").fill(String(share));
    await page.fill("#scenario-seed", "5");
    await page.click("#wrong-apply");
    await page.waitForFunction(() =>
      document.getElementById("images-says")!.textContent!.includes("60 of them with wrong labels"),
    );
    assert.match((await page.textContent("#problem"))!, /^The network that came with the page/);
    await page.selectOption("#learn-model", network);
    await page.fill("#learn-epochs", String(epochs));
    assert.equal(await complaints(page), []);
    const learnt = (word = "Done") =>
      page.waitForFunction(
        (word) => document.getElementById("learn-state")!.textContent!.startsWith(word),
        word,
      );
    await page.evaluate(`{
      for (const id of ["learn-start", "learn-pause"]) document.getElementById(id).click();
    }`);
    assert.match((await page.textContent("#learn-state"))!, /^It pauses after this epoch/);
    await learnt("Paused after epoch 1. It knows");
    await page.reload();
    await page.waitForSelector("#go-on");
    assert.match(
      (await page.textContent("#unfinished-says"))!,
      /^A training was left before its end: mlp on “drawn digits”, 1 of 3 epochs done\. It goes on/,
    );
    assert.equal(await complaints(page), []);
    await page.click("#go-on");
    await learnt();
    assert.ok(await page.locator("#problem").isHidden());
    assert.is(await page.textContent("#chosen"), "60 images of 300 are chosen.");
    const { clean, test: tests } = startImages();
    /** What a training in Node says at its end, and the network. */
    const onNode = async (scenario: Parameters<typeof corrupt>[2]) => {
      const images = corrupt(clean, tests, scenario, 5);
      let last = { accuracy: 0, loss: 0 };
      const options = { epochs, batch: 50, learningRate: 3e-3, seed: 1, gpu: await testGpu() };
      const onEpoch = (_: number, totals: typeof last) => (last = totals);
      const model = await train(network, images, { ...options, onEpoch });
      return { ...images, model, last };
    };
    /** The same as the page says it. */
    const inPage = async () => {
      const text = (await page.textContent("#learn-state"))!;
      const [, accuracy, loss] = /knows ([\d.]+) % of the images; loss ([\d.]+)\./.exec(text)!;
      return { accuracy: Number(accuracy), loss: Number(loss) };
    };
    const alike = (of: { accuracy: number; loss: number }, wanted: typeof of): void => {
      // Adapters round otherwise: two of the 300 images may change sides.
      const { accuracy, loss } = wanted;
      assert.ok(Math.abs(of.accuracy - accuracy) < 0.7, `${of.accuracy} for ${accuracy}`);
      assert.ok(Math.abs(of.loss - loss) < 0.01, `${of.loss} for ${loss}`);
    };
    const noisy = await onNode({ name: "label-noise", share });
    noisy.model.destroy();
    alike(await inPage(), noisy.last);

    // One that was not left has the same bits, and is there again after its end.
    const gone = await downloaded(page, "#network-save");
    await page.click("#learn-start");
    await learnt();
    const trained = await downloaded(page, "#network-save");
    assert.ok(trained.equals(gone), "the network has the same bits");
    await page.reload();
    await page.waitForSelector("#go-on");
    assert.match((await page.textContent("#unfinished-says"))!, /, 3 of 3 epochs done\.$/);
    await page.click("#go-on");
    await learnt();
    alike(await inPage(), noisy.last);
    assert.ok((await downloaded(page, "#network-save")).equals(trained), "it is there again");

    const png = async (images: typeof clean, place: number): Promise<Buffer> => {
      const data = new Uint8ClampedArray(4 * 784).map((_, at) =>
        at % 4 === 3 ? 255 : images.pixels[place * 784 + (at >> 2)]!,
      );
      return Buffer.from(await encodePng({ width: 28, height: 28, data }));
    };
    await page.click("#choose-none");
    const files = [png(clean, 3), png(clean, 77), png(tests, 0)].map(async (bytes, i) => ({
      ...{ name: `${i}.png`, mimeType: "", buffer: await bytes },
    }));
    await page.setInputFiles("#choose-files", await Promise.all(files));
    await page.waitForFunction(() =>
      document.getElementById("chosen")!.textContent!.includes("found"),
    );
    assert.is(
      await page.textContent("#chosen"),
      "2 images of 300 are chosen. 2 images of the files were found. 1 image of the files is not among these.",
    );

    // It has no maps to show what it looks at.
    await page.selectOption("#method", "neg-grad");
    await page.fill("#rounds", "1");
    await page.click("#start");
    await ended(page);
    await page.click("#maps");
    await page.waitForSelector("#error:not([hidden])");
    assert.is(await page.textContent("#maps-say"), "");
    assert.not(await page.isChecked("#maps"));

    // Another network learns a backdoor, and forgets a class of it.
    const [target, forgotten] = [3, 7];
    await page.selectOption("#scenario", "backdoor");
    await page.fill("#scenario-seed", "5");
    await page.locator("#scenario-fields").getByLabel("share").fill("0.1");
    await page.locator("#scenario-fields").getByLabel("target").fill(String(target));
    await page.click("#wrong-apply");
    await page.waitForFunction(() =>
      document.getElementById("images-says")!.textContent!.includes("30 of them with wrong labels"),
    );
    await page.click("#learn-start");
    await learnt();
    const marked = await onNode({ name: "backdoor", share: 0.1, target, width: 2, value: 255 });
    const { accuracy, loss } = await inPage();
    alike({ accuracy, loss }, marked.last);
    const ofClass = [...marked.labels.keys()].filter((i) => marked.labels[i] === forgotten);
    await page.selectOption("#choose-class", String(forgotten));
    assert.is(await page.textContent("#chosen"), `${ofClass.length} images of 300 are chosen.`);

    // The report says how the network was trained, after a reload too.
    await page.selectOption("#method", "neg-grad");
    await page.fill("#rounds", "1");
    await page.click("#start");
    await ended(page);
    const [heads, first] = await cells(page);
    assert.ok(heads!.includes("attack success, %"), heads!.join());
    const { names: said } = await predict(marked.model, subset(marked.train, ofClass));
    marked.model.destroy();
    const known = (100 * said.filter((name) => name === String(forgotten)).length) / said.length;
    assert.ok(Math.abs(Number(first![1]) - known) < 101 / said.length, `${first} for ${known} %`);
    // At once: a report of few images may be there before a second click.
    await page.evaluate(() => {
      for (const id of ["report", "report-stop"]) document.getElementById(id)!.click();
    });
    await page.waitForFunction(() =>
      document.getElementById("kept-say")!.textContent!.startsWith("Stopped"),
    );
    await page.reload();
    await page.click("#go-on");
    await page.waitForSelector("#report:enabled");
    const report = (await downloaded(page, "#report")).toString();
    assert.match(report, /Mean training loss of each epoch/);
    const row = new RegExp(`<th scope="row">${epochs}</th><td>(\\S+?)</td><td>(\\S+?)</td>`);
    const [, endLoss, endAccuracy] = row.exec(
      report.slice(report.indexOf("training accuracy (%)")),
    )!;
    assert.ok(Math.abs(Number(endLoss) - loss) < 1e-3, `${endLoss} for ${loss}`);
    assert.is(Number(endAccuracy).toFixed(1), accuracy.toFixed(1));
    assert.match(report, /under &quot;training&quot;<[^]*?<code>learning<wbr>Rate<[^]*?0\.003/);
    assert.equal(hosted.problems, []);
  });

  test("a device that is lost, refused or too small is told, and the next run takes another; a full storage keeps what it has", async () => {
    const page = await hosted.open(`if (self.GPUAdapter && !("gpuFaults" in self)) {
      // "full": as where a driver has no more memory; "small": as where the largest buffer is; "busy": no device is given.
      self.gpuFaults = "";
      const request = GPUAdapter.prototype.requestDevice;
      GPUAdapter.prototype.requestDevice = async function (...given) {
        if (gpuFaults === "busy") throw new DOMException("too many are open.", "OperationError");
        const device = (self.lastDevice = await request.apply(this, given));
        const { popErrorScope } = GPUDevice.prototype;
        device.popErrorScope = async () =>
          (await popErrorScope.call(device)) ??
          (gpuFaults === "full" ? new GPUOutOfMemoryError("there is no more") : null);
        const { limits } = device;
        const get = (own, name) =>
          gpuFaults === "small" && name === "maxBufferSize" ? 20000 : own[name];
        Object.defineProperty(device, "limits", { get: () => new Proxy(limits, { get }) });
        return device;
      };
    }
    const put = IDBObjectStore.prototype.put;
    // As where storage is full: all that is written with round 1 is given up.
    IDBObjectStore.prototype.put = function (value, key) {
      if (key !== "round 1") return put.call(this, value, key);
      this.transaction.abort();
      throw new DOMException("full", "QuotaExceededError");
    };
`);
    await page.waitForSelector(".tile");
    await page.fill("#rounds", "1");
    const worker = page.workers()[0]!;
    const fails = async (why: RegExp): Promise<void> => {
      await page.waitForSelector("#error:not([hidden])");
      assert.match((await page.textContent("#error"))!, why);
      await page.waitForSelector("#start:enabled");
      assert.is(await page.locator("#images .tile").count(), 120, "nothing is lost");
      await worker.evaluate('gpuFaults = ""');
    };
    for (const [fault, why] of [
      ["full", /^Out of GPU memory: .* was refused: there is no more\. Close other tabs and/],
      [
        "small",
        /^Out of GPU memory: .* the adapter's largest buffer is 0\.019 MiB\. Close other tabs/,
      ],
    ] as const) {
      await worker.evaluate(`gpuFaults = "${fault}"`);
      await page.click("#start");
      await fails(why);
    }
    await page.click("#start");
    await page.waitForSelector("#answers .tile");
    await worker.evaluate("lastDevice.destroy()");
    await fails(/^The device was lost \(destroyed\): .*[^.]\. Images and network are still here/);
    await worker.evaluate('gpuFaults = "busy"');
    await page.click("#start");
    await fails(/refused a device: too many are open\. Close other tabs and programs/);

    // As in a tab that is hidden: no frame is drawn, and timers come once a second.
    await page.evaluate(`{
      const later = setTimeout;
      requestAnimationFrame = () => 0;
      setTimeout = (work, ms = 0, ...given) => later(work, Math.max(1000, ms), ...given);
    }`);
    await page.click("#start");
    await page.waitForFunction(
      () => document.getElementById("state")!.textContent!.startsWith("Done"),
      undefined,
      { polling: 100 },
    );
    assert.is((await cells(page)).length, 3);
    assert.is(
      await page.textContent("#kept-say"),
      "This browser keeps no more of the run (its storage is full): a reload would go back to round 0.",
    );
    // The run whose device was lost is measured on another, once there is one.
    await page.selectOption("#beside", { index: 1 });
    await worker.evaluate('lastDevice.destroy(); gpuFaults = "busy"');
    await page.click("#report");
    await fails(/refused a device: too many are open/);
    assert.match((await downloaded(page, "#report")).toString(), /<h2[^>]*>/);
    assert.is(await page.textContent("#kept-say"), "Saved as report.html.");
    assert.ok(await page.locator("#error").isHidden());
    await page.reload();
    await page.waitForSelector("#go-on");
    assert.match(
      (await page.textContent("#unfinished-says"))!,
      /rewind on 30 images of “drawn digits”, 0 of 1 rounds done/,
    );
    assert.equal(hosted.problems, []);
  });

  test("without WebGPU the page says what is missing", async () => {
    const page = await hosted.open(
      'Object.defineProperty((self.WorkerNavigator ?? Navigator).prototype, "gpu", { get: () => undefined });',
    );
    await page.waitForSelector("#open-error:not([hidden])");
    assert.match((await page.textContent("#open-error"))!, /^No WebGPU: this browser has none/);
  });

  test("the page may reach no other host", async () => {
    const page = await hosted.open();
    const policy = await page.getAttribute("meta[http-equiv=Content-Security-Policy]", "content");
    assert.match(policy!, "default-src 'none'");
    assert.not.match(policy!.replace("'wasm-unsafe-eval'", ""), /https?:|\*|unsafe/);
    // A worker that comes from an address would be bound by nothing.
    await page.waitForSelector(".tile");
    const directive = await page.workers()[0]!.evaluate(`new Promise((resolve) => {
      addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
      fetch("http://localhost:1/").catch(() => undefined);
    })`);
    assert.is(directive, "connect-src", "the engine may reach no other host either");
    const licences = readFileSync(`${folder}/licenses.md`, "utf8");
    for (const name of ["comlink", "fflate", "@jsquash/png", "uplot", "zod", "wgsl_reflect"]) {
      assert.match(licences, new RegExp(`^## ${name} [\\d.]+ \\(.+\\)\n\n\\S`, "m"), name);
    }
    const blocked = await page.evaluate(() => fetch("http://localhost:1/").catch(() => "blocked"));
    assert.is(blocked, "blocked");
    assert.match(hosted.problems.join(), /Content Security Policy/);
    const html = readFileSync(`${folder}/index.html`, "utf8");
    for (const [, address] of html.matchAll(/(?:src|href)="([^"]+)"/g)) {
      assert.ok(/^(?:\.\/|#)/.test(address!), address);
      assert.ok(address!.startsWith("#") || existsSync(`${folder}/${address}`), address);
    }
    assert.equal(
      hosted.asked.filter((url) => !url.startsWith(hosted.address)),
      [],
    );
  });

  test("the program of docs/browser.md runs in a page", async () => {
    const [, program] = /```ts\n([^]*?)```/.exec(readFileSync(`${root}/docs/browser.md`, "utf8"))!;
    const own = mkdtempSync(`${tmpdir()}/rewind-web-own-`);
    writeFileSync(`${own}/program.ts`, program!);
    writeFileSync(
      `${own}/index.html`,
      '<!doctype html><html lang="en"><title>t</title><link rel="icon" href="data:,"><body><script type="module" src="./program.ts"></script></body></html>',
    );
    await build({
      ...{ configFile: `${root}/scripts/web.vite.ts`, root: own, logLevel: "error" },
      resolve: { alias: { "rewind-webgpu": `${root}/src/index.ts` } },
      build: { outDir: `${own}/built` },
    });
    const page = new Hosted(`${own}/built`);
    const shown = await page.open();
    await shown.waitForFunction(() => document.body.textContent!.startsWith("after"));
    assert.match(
      (await shown.textContent("body"))!,
      /^after [1-4] rounds: (?:(?:lies|stands)(?:, |$)){10}/,
    );
    assert.equal(page.problems, []);
    await page.close();
    rmSync(own, { recursive: true, force: true });
  });

  test.after(() => hosted.close());
}

test.after(async () => {
  rmSync(folder, { recursive: true, force: true });
  await closeGpus();
});
test.run();
