// What an earlier run wrote: the committed results load, and stand in one report with arms that run now.
import { copyFileSync, existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../src/errors.ts";
import { compare } from "../../src/experiments/comparison.ts";
import { checkTunedTogether, mergeEarlier, readEarlier } from "../../src/experiments/earlier.ts";
import { experimentPage } from "../../src/experiments/experiment-page.ts";
import { experimentNames, protocolOf } from "../../src/experiments/protocol.ts";
import { recordedExperiment } from "../../src/experiments/recorded.ts";
import { summarise } from "../../src/experiments/summary.ts";
import { finishedRun } from "../../src/experiments/trained-network.ts";
import { readTuning } from "../../src/experiments/tuning-file.ts";
import { errorOf, folderOf, removeFolders } from "../data/folder.ts";

const results = fileURLToPath(new URL("../../bench/results", import.meta.url));
const seeds = [1, 2, 3, 4, 5];
const sets = ["mnist", "cifar"];

/** A committed results.json, as far as it is compared. */
interface Written {
  readonly seeds: readonly number[];
  readonly summaries: readonly {
    readonly arm: string;
    readonly statistic: object | null;
    readonly gap?: { readonly value: number | null };
  }[];
  readonly comparisons: readonly { readonly first: string; readonly second: string }[];
}

test("committed results load, and their numbers come out again", async () => {
  const there: string[] = [];
  for (const name of experimentNames()) {
    for (const folder of sets) {
      const dir = `${results}/${name}/${folder}`;
      if (!existsSync(dir)) continue;
      there.push(`${name}/${folder}`);
      const written = JSON.parse(readFileSync(`${dir}/results.json`, "utf8")) as Written;
      const { protocol, results: read } = await recordedExperiment(dir);
      const summaries = summarise(protocol, read);
      const numbers = (all: Written["summaries"]): string[] =>
        all.map(({ arm, statistic, gap }) => JSON.stringify([arm, statistic, gap?.value])).sort();
      assert.equal(numbers(summaries), numbers(written.summaries), dir);
      const pairs = (all: Written["comparisons"]): string[] =>
        all.map(({ first, second }) => `${first} ${second}`).sort();
      assert.equal(
        // One seed alone is not compared.
        pairs(written.seeds.length > 1 ? compare(protocol, read) : []),
        pairs(written.comparisons),
        `${dir}: the arms that are compared`,
      );
    }
  }
  const classified = experimentNames().filter((name) => name !== "diffusion");
  assert.equal(
    there.sort(),
    ["diffusion/mnist", ...classified.flatMap((name) => [`${name}/cifar`, `${name}/mnist`])].sort(),
  );
});

test("results of the same statistic stand in one report with new ones, those of another are refused", async () => {
  const data = { name: "mnist", dir: "x" };
  const standard = protocolOf("standard", data, { size: "scaled", only: [] });
  const dir = `${results}/standard/mnist`;
  const earlier = await readEarlier(dir, standard, "mnist", seeds);
  const merged = mergeEarlier({ ...standard, arms: [] }, [], {}, earlier);
  const recorded = await recordedExperiment(dir);
  assert.equal(
    summarise(merged.protocol, merged.results),
    summarise(recorded.protocol, recorded.results),
  );
  const noise = protocolOf("label-noise", data, { size: "scaled", only: [] });
  try {
    await readEarlier(`${results}/label-noise/mnist`, noise, "mnist", seeds);
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /measured another statistic: largest test accuracy/);
  }
});

test("arms that take over settings run with the arm whose they are", async () => {
  const options = { size: "scaled", published: "x" } as const;
  const data = { name: "mnist", dir: "x" };
  const dir = `${results}/label-noise/mnist`;
  const earlier = await recordedExperiment(dir);
  const check = (...only: string[]): void =>
    checkTunedTogether(protocolOf("label-noise", data, { ...options, only }), earlier);
  check("salun");
  check("rewind", "rewind-newest", "random-rewind");
  assert.throws(() => check("rewind"), /rewind-newest was run with the earlier settings of rewind/);
  assert.throws(() => check("random-rewind"), /random-rewind takes over the settings of rewind/);
});

test("files of an experiment that are damaged are errors that name them", async () => {
  const data = { name: "mnist", dir: "x" };
  const protocol = protocolOf("standard", data, { size: "scaled", only: [] });
  const named = async (file: string, text: string, read: (dir: string) => Promise<unknown>) => {
    const dir = folderOf({ [file]: text });
    const there = `${results}/standard/mnist`;
    for (const other of ["results.json", "results.csv", "tuning.json"]) {
      if (other !== file) copyFileSync(`${there}/${other}`, `${dir}/${other}`);
    }
    const error = await errorOf(read(dir));
    assert.ok(error instanceof DataError, `${text}: ${error.stack}`);
    assert.match(error.message, new RegExp(`${file.replace(".", "\\.")}" is damaged`));
  };
  for (const text of ["{}", "null", "[]", '{ "arm": "x", "history": [] }']) {
    await named("result.json", text, (dir) => finishedRun(protocol, dir, undefined));
  }
  for (const text of ['{ "neg-grad": {} }', "[]", "null", '{ "a": { "settings": 1 } }']) {
    await named("tuning.json", text, readTuning);
    await named("tuning.json", text, (dir) => readEarlier(dir, protocol, "mnist", seeds));
    await named("tuning.json", text, (dir) => experimentPage(dir, false));
  }
  const of = '"experiment": "standard", "dataset": "mnist"';
  for (const text of ["null", "[]", `{ ${of}, "runs": [{ "arm": "x", "seed": 1 }] }`]) {
    await named("results.json", text, (dir) => readEarlier(dir, protocol, "mnist", seeds));
  }
  const summaries = '"summaries": [{ "arm": "plain", "seeds": 1 }]';
  const nowcast = `{ "experiment": "nowcast", "dataset": "mnist", "seeds": [1], "adapter": "a", "runtime": "r", ${summaries} }`;
  await named("results.json", nowcast, (dir) => experimentPage(dir, false));
});

test.after(removeFolders);
test.run();
