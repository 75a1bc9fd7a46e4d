// `rewind figure`: from the folders of runs to pictures and their numbers.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { csvParse } from "d3-dsv";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { rewind } from "./command.ts";

const folder = mkdtempSync(`${tmpdir()}/rewind-figure-`);
const network = ["--model", "small-cnn", "--filters", "2,4", "--hidden", "0"];
const data = ["--train", "80", "--test", "40", "--epochs", "2"];

function done(...words: string[]): string {
  const { code, out, err } = rewind(...words);
  assert.is(code, 0, err);
  return out;
}

test.before(() => {
  const trained = `${folder}/trained`;
  done("train", ...network, ...data, "--scenario", "backdoor", "--out", trained);
  done(
    "unlearn",
    "--run",
    trained,
    "--method",
    "neg-grad",
    "--rounds",
    "2",
    "--out",
    `${folder}/run`,
  );
});

test("cam draws images of D_f before and after each run, and measures all of D_f on the signature", () => {
  const out = `${folder}/figures`;
  done("figure", "cam", `${folder}/run`, "--out", out, "--count", "3");
  const maps = JSON.parse(readFileSync(`${out}/cam.json`, "utf8"));
  assert.equal([maps.weights, maps.map], ["gradient", { height: 14, width: 14 }]);
  assert.is(maps.forget, 16);
  // Two white columns of 28, and two more around them.
  assert.equal(maps.signature, { pixels: 56, margin: 2, area: 4 / 28 });
  const names = ["no unlearning", "neg-grad"];
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

test("folders that are no runs of one network are refused before anything is computed", () => {
  const none = rewind("figure", "cam", `${folder}/trained`, "--out", `${folder}/no`);
  assert.is(none.code, 1);
  assert.match(none.err, /is no folder of an unlearning/);
});

test.after(() => rmSync(folder, { recursive: true }));
test.run();
