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
  const first = await train("filter", "--json");
  assert.is(first.code, 0, first.err);
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

test("what nothing can begin at is refused before anything is trained", async () => {
  const weights = (window: number, gradients: boolean): string => {
    const values = new Float32Array(5 * (window + 1)).subarray(gradients ? 0 : 10);
    const { tensors, metadata } = stepFile({ window, gradients, values });
    const file = `${folder}/${window}-${gradients}.safetensors`;
    writeFileSync(file, writeSafetensors(tensors, metadata));
    return file;
  };
  const mix = weights(15, true);
  for (const [exit, words, message] of [
    [2, ["--start", mix], /--start .*: filter begins at a filter, a \.safetensors file/],
    [2, ["--predictor", "invwnn", "--start", mix], /invwnn begins at a filter/],
    [2, ["--start", weights(9, false)], /it looks at 9 snapshots; here it is 15/],
    [1, ["--start", `${folder}/nothing`], /nothing.* no such file/],
    [2, ["--weighting", "forgotten"], /filter reads no gradients on D_f; take --predictor mix/],
  ] as const) {
    const { code, err } = await train("refused", ...words);
    assert.is(code, exit, err);
    assert.match(err, message);
    assert.not.ok(existsSync(`${folder}/refused`), words.join(" "));
  }
});

test.after(() => commands.close());
test.after(removeFolders);
test.run();
