// `rewind predictor train` from a library to files that `--predictor` takes, at the smallest size.
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import type { MetaStanding } from "../../src/predictors-lab/downstream/train.ts";
import { stepFile } from "../../src/predictors/weighted-steps/predictor.ts";
import { folderOf, removeFolders } from "../data/folder.ts";
import { CommandLines } from "./command.ts";

const commands = new CommandLines();

interface Printed {
  readonly controls: Readonly<Record<string, MetaStanding>>;
  readonly results: readonly (MetaStanding & { readonly file: string; readonly step: number })[];
}

const folder = folderOf();

/** Trainings that learn by heart and gain by retraining; which images they have is the seed's matter. */
const library = [
  ...["--architectures", "mlp", "--image-size", "12", "--images", "100", "--clean", "100"],
  ...["--epochs", "80", "--trainings", "3", "--validation", "1", "--library", `${folder}/library`],
];

function train(out: string, ...more: string[]): ReturnType<CommandLines["run"]> {
  const steps = ["--steps", "1", "--episodes", "1", "--try-every", "1", "--meta-seeds", "1"];
  const words = [...library, ...steps, "--out", `${folder}/${out}`, ...more];
  return commands.run("predictor", "train", ...words);
}

test("a filter is learnt, kept, and what an InvWNN begins at", async () => {
  // Once all is trained the library is free for another meta-training, while this one learns.
  let free = false;
  const look = setInterval(() => {
    const [learning, held] = ["filter", "library"].map((one) =>
      existsSync(`${folder}/${one}/.lock`),
    );
    const ended = existsSync(`${folder}/filter/train.json`);
    if (learning === true && held === false && !ended) free = true;
  }, 20);
  const first = await train("filter", "--json");
  clearInterval(look);
  assert.is(first.code, 0, first.err);
  assert.ok(free);
  const { controls, results } = JSON.parse(first.out) as Printed;
  assert.equal(Object.keys(controls), ["line", "late line"]);
  assert.is(results[0]!.file, "filter-1.safetensors");
  const manifest = readFileSync(`${folder}/filter/train.json`, "utf8");
  assert.not.match(manifest, new RegExp(folder), "folders of this machine stay out");
  // The same command finds all done, and writes the same bytes where the file is gone.
  const file = `${folder}/filter/filter-1.safetensors`;
  const bytes = readFileSync(file);
  rmSync(file);
  const again = await train("filter", "--json");
  assert.is(again.code, 0, again.err);
  assert.equal(readFileSync(file), bytes);
  assert.not.match(again.err, /end state/);

  // Neither a state nor a library that is another is taken for its own.
  const state = `${folder}/filter/filter-1.json`;
  const written = readFileSync(state, "utf8");
  for (const [damage, says] of [
    [written.slice(0, 99), /filter-1\.json" is not valid JSON.* Remove it and this meta-training/],
    ["{}", /filter-1\.json" holds no state of a meta-training\. Remove it/],
    [
      written.replace('"step": 1', '"step": 7'),
      /filter-1\.json" is damaged: its SHA-256 is another/,
    ],
  ] as const) {
    writeFileSync(state, damage);
    const { code, err } = await train("filter");
    assert.is(code, 1, err);
    assert.match(err, says);
  }
  writeFileSync(state, written);
  const known = `${folder}/filter/inputs.json`;
  writeFileSync(known, readFileSync(known, "utf8").replace(/[0-9a-f]{64}/, "0".repeat(64)));
  const other = await train("filter");
  assert.is(other.code, 1);
  assert.match(
    other.err,
    /library end-state-0001.safetensors: the content is not what .* give another --out/,
  );

  const network = await train("invwnn", "--predictor", "invwnn", "--start", file, "--json");
  assert.is(network.code, 0, network.err);
  const learnt = JSON.parse(network.out) as Printed;
  assert.equal(Object.keys(learnt.controls), ["line", "late line", "start"]);
  for (const set of ["conv", "fc", "bias"]) {
    assert.ok(existsSync(`${folder}/invwnn/invwnn-1/invwnn-${set}.safetensors`), set);
  }
  const shown = await commands.run("predictor", "show", `${folder}/invwnn/invwnn-1`);
  assert.is(shown.code, 0, shown.err);
});

test("what cannot be learnt is refused before anything is trained", async () => {
  const weights = (window: number, gradients: boolean): string => {
    const values = new Float32Array(5 * (window + 1)).subarray(gradients ? 0 : 10);
    const { tensors, metadata } = stepFile({ window, gradients, values });
    const file = `${folder}/${window}-${gradients}.safetensors`;
    writeFileSync(file, writeSafetensors(tensors, metadata));
    return file;
  };
  const mix = weights(15, true);
  for (const [exit, words, message] of [
    [2, ["--start", mix], /--start .*: filter begins at a filter, .* holds "rewind mix 1"/],
    [2, ["--predictor", "invwnn", "--start", mix], /invwnn begins at a filter/],
    [
      2,
      ["--predictor", "mix", "--weighting", "forgotten", "--start", mix],
      /its images count by --weighting even; give that/,
    ],
    [2, ["--start", weights(9, false)], /it looks at 9 snapshots; here it is 15/],
    [1, ["--start", `${folder}/nothing`], /nothing.* no such file/],
    [2, ["--source", "mnist"], /mnist is read from files: give its folder, mnist=DIR/],
    [2, ["--source", "synthetic=x"], /synthetic is drawn, and takes no folder/],
    [2, ["--source", "synthetic", "--source", "synthetic"], /it is there already/],
    [2, ["--weighting", "forgotten"], /filter reads no gradients on D_f; take --predictor mix/],
  ] as const) {
    const { code, err } = await train("refused", ...words);
    assert.is(code, exit, err);
    assert.match(err, message);
    assert.not.ok(existsSync(`${folder}/refused`), words.join(" "));
  }
  const none = ["--trainings", "3", "--validation", "3", "--out", `${folder}/refused`];
  const refused = await commands.run("predictor", "train", "--library", `${folder}/none`, ...none);
  assert.is(refused.code, 2);
  assert.match(refused.err, /of 3 trainings label-noise has 3, and none would be left to learn/);
  assert.not.ok(existsSync(`${folder}/none`));
  const size = await train("refused", "--seed", "2");
  assert.is(size.code, 1);
  assert.match(
    size.err,
    /library" holds a run with another configuration.* Give another --library/,
  );
});

test.after(() => commands.close());
test.after(removeFolders);
test.run();
