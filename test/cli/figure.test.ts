// `rewind figure`: from the folders of runs to pictures and their numbers.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { csvParse } from "d3-dsv";
import { test } from "uvu";
import { calledOf } from "../../src/runs/class-maps-figure.ts";
import * as assert from "uvu/assert";
import { CommandLines } from "./command.ts";

const folder = mkdtempSync(`${tmpdir()}/rewind-figure-`);
const network = ["--model", "small-cnn", "--filters", "2,4", "--hidden", "0"];
const data = ["--train", "80", "--test", "40", "--epochs", "2"];

const commands = new CommandLines();

async function done(...words: string[]): Promise<string> {
  const { code, out, err } = await commands.run(...words);
  assert.is(code, 0, err);
  return out;
}

test.before(async () => {
  const trained = `${folder}/trained`;
  await done("train", ...network, ...data, "--scenario", "backdoor", "--out", trained);
  const words = ["--method", "rewind", "--predictor", "linear", "--rate", "1e-3"];
  const kept = ["--rounds", "2", "--keep-rounds", "4"];
  await done("unlearn", "--run", trained, ...words, ...kept, "--out", `${folder}/run`);
});

test("cam draws images of D_f before and after each run, and measures all of D_f on the signature", async () => {
  const out = `${folder}/figures`;
  await done("figure", "cam", `${folder}/run`, "--out", out, "--count", "3");
  const maps = JSON.parse(readFileSync(`${out}/cam.json`, "utf8"));
  assert.equal([maps.weights, maps.map], ["gradient", { height: 14, width: 14 }]);
  assert.is(maps.forget, 16);
  // Two white columns of 28, and two more around them.
  assert.equal(maps.signature, { pixels: 56, margin: 2, area: 4 / 28 });
  const names = ["no unlearning", "rewind"];
  assert.equal(
    maps.networks.map(({ name }: { name: string }) => name),
    names,
  );
  assert.is(maps.rows.length, 6);
  for (const [i, row] of maps.rows.entries()) {
    assert.is(row.form, i % 2 === 0 ? "as in the data set" : "as trained on");
    assert.is(row.seen.length, 2);
    assert.ok(row.class !== "0" && row.trainedAs === "0");
    assert.ok(row.seen.every(({ map }: { map: number[] }) => map.length === 196));
  }
  // The line of every image in the CSV adds up to the means in the JSON.
  const lines = csvParse(readFileSync(`${out}/cam.csv`, "utf8"));
  assert.is(lines.length, 2 * 2 * 16);
  for (const { name, onSignature } of maps.networks) {
    for (const { form, shares } of onSignature) {
      const own = lines
        .filter((line) => line["network"] === name && line["images"] === form)
        .map((line) => line["share on the signature"]!)
        .filter((text) => text !== "");
      assert.is(own.length, shares.n);
      const mean = own.reduce((sum, text) => sum + Number(text), 0) / own.length;
      assert.ok(own.length === 0 || Math.abs(mean - shares.mean) < 1e-5);
    }
  }
  const svg = readFileSync(`${out}/cam.svg`, "utf8");
  assert.is([...svg.matchAll(/<image /g)].length, 6 * 3);
});

test("landscape measures a grid over the plane of a run's rounds, and places the run's own scores in it", async () => {
  const out = `${folder}/figures`;
  const words = ["figure", "landscape", `${folder}/run`, "--out", out];
  await done(...words, "--side", "3");
  const { images, sets, explained, paths, grid } = JSON.parse(
    readFileSync(`${out}/landscape.json`, "utf8"),
  );
  assert.equal(images, { test: 40, forget: 16 });
  // Two rounds lie in the plane through them and the trained weights.
  assert.is(sets, 2);
  assert.ok(Math.abs(explained[0] + explained[1] - 1) < 1e-5);
  const [{ name, points }] = paths;
  assert.is(name, "rewind");
  assert.equal(
    points.map(({ round }: { round: number }) => round),
    [0, 1, 2],
  );
  const metrics = readFileSync(`${folder}/run/metrics.jsonl`, "utf8").trim().split("\n");
  for (const [i, point] of points.entries()) {
    assert.ok(point.off <= 1e-3 * Math.hypot(point.a, point.b));
    if (i > 0) assert.equal(point.scores, JSON.parse(metrics[i]!).scores);
  }
  assert.is(grid.places.length, 9);
  assert.ok(
    grid.places.every(({ test, forget }: Record<string, number>) => test! >= 0 && forget! <= 100),
  );
  const lines = csvParse(readFileSync(`${out}/landscape.csv`, "utf8"));
  assert.is(lines.length, 9 + 3);
  assert.ok(readFileSync(`${out}/landscape.svg`, "utf8").includes("first principal component"));

  await done(...words, "--perturbations", "3");
  const perturbed = JSON.parse(readFileSync(`${out}/landscape-perturbed.json`, "utf8"));
  assert.equal([perturbed.sets, perturbed.perturbations.length, perturbed.grid], [5, 3, null]);
});

test("moves compares each round of a rewind with the fine-tuning that it recorded", async () => {
  const out = `${folder}/figures`;
  await done("figure", "moves", `${folder}/run`, "--out", out);
  const { rounds } = JSON.parse(readFileSync(`${out}/moves.json`, "utf8"));
  assert.equal(
    rounds.map(({ round, window }: Record<string, number>) => [round, window]),
    [
      [1, 15],
      [2, 15],
    ],
  );
  for (const { layers, coordinates } of rounds) {
    assert.is(layers.length, 6);
    for (const { drift, move, cosine } of layers) {
      // A straight line from the window's end to its start goes on beyond it.
      assert.ok(drift > 0 && move > 0 && cosine < 0);
    }
    // The first snapshot is what the round began with.
    for (const { before, history } of coordinates) assert.is(history[0], before);
  }
  const lines = csvParse(readFileSync(`${out}/moves.csv`, "utf8"));
  assert.equal(Number(lines[0]!["length of the move"]), rounds[0].layers[0].move);
  assert.is(lines.length, 12);
  // A run that landed in a round took a part of it.
  const landed = `${folder}/landed`;
  const words = ["--method", "rewind", "--predictor", "linear", "--rate", "1e-3", "--rounds", "9"];
  await done(
    ...["unlearn", "--run", `${folder}/trained`, ...words, "--keep-rounds", "9"],
    ...["--until-loss", "4", "--land", "--out", landed],
  );
  const ended = JSON.parse(await done("figure", "moves", landed, "--out", out, "--json"));
  const { rounds: at } = JSON.parse(readFileSync(`${landed}/report.json`, "utf8"));
  assert.not(Number.isInteger(at));
  const { totals } = ended.runs[0];
  const expected = [...Array.from({ length: Math.floor(at) }, (_, i) => i + 1), at];
  assert.equal(
    totals.map(({ round }: Record<string, number>) => round),
    expected,
  );
  const read = JSON.parse(readFileSync(`${landed}/round-${Math.ceil(at)}.json`, "utf8"));
  const parts = JSON.parse(readFileSync(`${out}/moves.json`, "utf8")).rounds.at(-1);
  assert.is(parts.layers[0].move, (at - Math.floor(at)) * read.layers[0].move);
  const told = await done("figure", "moves", landed, "--out", out);
  assert.ok(told.includes(` is the part of round ${Math.ceil(at)} up to where the run landed.`));
  for (const [file, text, says] of [
    ["report.json", "{}", /report\.json" is damaged.*[^]*history/],
    ["round-1.json", "null", /round-1\.json" is damaged/],
  ] as const) {
    const written = readFileSync(`${landed}/${file}`);
    writeFileSync(`${landed}/${file}`, text);
    const damaged = await commands.run("figure", "moves", landed, "--out", out);
    assert.is(damaged.code, 1);
    assert.match(damaged.err, says);
    writeFileSync(`${landed}/${file}`, written);
  }
  const config = readFileSync(`${landed}/config.json`, "utf8");
  writeFileSync(`${landed}/config.json`, config.replace(/"rounds": 9/, '"rounds": "two"'));
  const changed = await commands.run("figure", "moves", landed, "--out", out);
  assert.match(changed.err, /config\.json" is damaged[^]*at unlearn\.rounds/);
  cpSync(`${folder}/run`, `${folder}/unkept`, {
    recursive: true,
    filter: (path) => !/round-\d+\.json$/.test(path),
  });
  const none = await commands.run("figure", "moves", `${folder}/unkept`, "--out", out);
  assert.is(none.code, 1);
  assert.match(none.err, /has no round-N\.json: its run did not keep its rounds \(--keep-rounds\)/);
});

test("folders that are no runs of one network are refused before anything is computed", async () => {
  const none = await commands.run("figure", "cam", `${folder}/trained`, "--out", `${folder}/no`);
  assert.is(none.code, 1);
  assert.match(none.err, /is no folder of an unlearning/);
});

test("an image is called by its number, or by the end of its name, which tells it from others", () => {
  const names = ["17", "train/cat/3.png", "train/n01443537/n01443537_106.JPEG"];
  assert.equal([...calledOf(names).values()], ["image 17", "3", "…1443537_106"]);
  const alike = ["Hund", "Katze"].map((name) => `train/${name}/Foto Nr. 1 – été.png`);
  assert.equal([...calledOf([...alike, ...alike]).values()], ["Hund…– été", "Katze…– été"]);
  assert.equal([...calledOf(["train/cat/3.png", "train/dog/3.png"]).values()], ["cat/3", "dog/3"]);
  assert.equal([...calledOf(["a/x.jpg", "a/x.png"]).values()], ["x.jpg", "x.png"]);
});

test.after(async () => {
  await commands.close();
  rmSync(folder, { recursive: true });
});
test.run();
