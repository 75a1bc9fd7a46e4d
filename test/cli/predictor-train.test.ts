// `rewind predictor train` from a library to files that `--predictor` takes, at the smallest size.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import {
  type MetaStanding,
  type MetaState,
  metaStateSchema,
} from "../../src/predictors-lab/downstream/train.ts";
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

/** Of so many steps, the last of them tried. */
function learn(steps: number, out: string, ...more: string[]): ReturnType<CommandLines["run"]> {
  const length = ["--steps", `${steps}`, "--try-every", `${steps}`];
  const words = [...library, ...length, "--episodes", "1", "--meta-seeds", "1", ...more];
  return commands.run("predictor", "train", ...words, "--out", `${folder}/${out}`);
}

function train(out: string, ...more: string[]): ReturnType<CommandLines["run"]> {
  return learn(1, out, ...more);
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

  // What was computed in one precision is no start for another.
  const fast = await train("filter", "--precision", "fast");
  assert.is(fast.code, 1);
  assert.match(fast.err, /library" holds .* precision is absent there, "fast" here/);
  const recorded = `${folder}/recorded`;
  mkdirSync(recorded);
  const data = { name: "synthetic" };
  const sources = [{ name: "synthetic", data }];
  const settings = { seed: 1, length: 25, perTensor: 400, architectures: ["mlp"] };
  writeFileSync(`${recorded}/config.json`, JSON.stringify({ ...settings, sources }));
  writeFileSync(`${recorded}/training-0001.safetensors`, "");
  const record = ["predictor", "record", "--architectures", "mlp", "--trainings", "1"];
  const mixed = await commands.run(...record, "--precision", "fast", "--out", recorded);
  assert.is(mixed.code, 1);
  assert.match(mixed.err, /precision is absent there, "fast" here/);
  const same = await commands.run(...record, "--out", recorded);
  assert.is(same.code, 0, same.err);

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

/** What the file of a meta-training's state says. */
const stateOf = (file: string): MetaState =>
  metaStateSchema.parse(
    (JSON.parse(readFileSync(`${folder}/${file}`, "utf8")) as { state: unknown }).state,
  );

test("a mix is learnt to the same bits, by images that count alike or by how far each is forgotten", async () => {
  const mix = (out: string, ...words: string[]): ReturnType<CommandLines["run"]> =>
    learn(2, out, "--predictor", "mix", ...words);
  const first = await mix("mix");
  assert.is(first.code, 0, first.err);
  assert.match(first.out, /late line .*\n *mix, meta-seed 1 +2 /);
  const now = stateOf("mix/mix-1.json");
  assert.equal(
    now.tries.map(({ step }) => step),
    [2],
  );
  assert.ok(new Set(now.values).size > 20, "weights have moved apart");
  const again = await mix("again");
  assert.is(again.code, 0, again.err);
  for (const file of ["mix-1.json", "mix-1.safetensors"]) {
    assert.equal(readFileSync(`${folder}/again/${file}`), readFileSync(`${folder}/mix/${file}`));
  }
  const shown = await commands.run("predictor", "show", `${folder}/mix/mix-1.safetensors`);
  assert.match(
    shown.out,
    /reads: the trajectory, and D_f itself: two gradients at the oldest snapshot\n/,
  );
  const forgotten = await mix("forgotten", "--weighting", "forgotten");
  assert.is(forgotten.code, 0, forgotten.err);
  assert.not.equal(stateOf("forgotten/mix-1.json").values, now.values);
  const counted = await commands.run("predictor", "show", `${folder}/forgotten/mix-1.safetensors`);
  assert.match(counted.out, /; in the second images count by how far each is forgotten\n/);
  const other = await mix("mix", "--lr", "0.1");
  assert.is(other.code, 1);
  assert.match(other.err, /holds a run with another configuration/);
});

test("an InvWNN is learnt from the shipped one on, a file for each of its sets", async () => {
  const done = await train("network", "--predictor", "invwnn");
  assert.is(done.code, 0, done.err);
  assert.match(done.out, /as shipped .*\n *invwnn, meta-seed 1 +1 /);
  const shown = await commands.run("predictor", "show", `${folder}/network/invwnn-1`);
  assert.is(shown.code, 0, shown.err);
  assert.match(shown.out, /InvWNN|invwnn/);
  assert.match(shown.out, /selected .*step 1 of 1/);
  assert.ok(
    stateOf("network/invwnn-1.json").first.some((m) => m !== 0),
    "the derivative is not 0",
  );
});

test("what is learnt from several scenarios is judged by the statistic of each", async () => {
  const several = (validation: string, ...words: string[]): ReturnType<CommandLines["run"]> =>
    commands.run(
      ...["predictor", "train", "--out", `${folder}/several`, "--library", `${folder}/library-2`],
      ...["--architectures", "mlp", "--image-size", "8", "--images", "200", "--clean", "100"],
      ...["--epochs", "30", "--trainings", "4", "--validation", validation],
      ...["--steps", "2", "--episodes", "1", "--try-every", "2", "--meta-seeds", "1", ...words],
    );
  const both = ["--scenario", "standard", "--scenario", "backdoor"];
  const done = await several("2", ...both);
  assert.is(done.code, 0, done.err);
  assert.match(done.out, /predictor +chosen at step +standard +backdoor +together/);
  const report = readFileSync(`${folder}/several/train.md`, "utf8");
  assert.match(
    report,
    /- standard: test accuracy at the retrained network's UA .*on 1 training kept apart/,
  );
  assert.match(report, /Rate 0\.003, strength 1, 4 or 16: the first that gets there/);
  const { best, losses } = stateOf("several/filter-1.json");
  assert.ok(losses.every(Number.isFinite));
  const { standard, backdoor } = best!.means;
  assert.ok(standard! > 20, `${standard} % of test images`);
  const together = standard! / 0.5 / 2 + backdoor! / 2 / 2;
  assert.ok(Math.abs(best!.statistic - together) < 1e-9);
  const shown = await commands.run("predictor", "show", `${folder}/several/filter-1.safetensors`);
  assert.match(shown.out, /scenarios +standard,backdoor/);
  assert.match(
    shown.out,
    /selected .*; clean-label accuracy at 10 % \d+\.\d+ on 1 training of backdoor/,
  );
  for (const [validation, words, message] of [
    ["3", ["--scenario", "overfit"], /it is one of label-noise, backdoor, standard/],
    ["3", [...both, "--scenario", "standard"], /it is there already/],
    ["1", both, /2 scenarios need one training kept apart/],
  ] as const) {
    const { code, err } = await several(validation, ...words);
    assert.is(code, 2, err);
    assert.match(err, message);
  }
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
