// What options take: every value that would be dropped, replaced or misread in silence is refused. In this process.
import { Command } from "commander";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkUnlearning } from "../../src/cli/check-inputs.ts";
import { type ForgetFlags, forgetConfig, forgetOptions } from "../../src/cli/forget-options.ts";
import { program, runCommand } from "../../src/cli/program.ts";
import { requireApart } from "../../src/cli/run-folder.ts";
import { readRetrained } from "../../src/cli/unlearn-job.ts";
import { classNames } from "../../src/cli/setup-options.ts";
import { splitForget } from "../../src/data/corrupt.ts";
import { loadDataset } from "../../src/data/index.ts";
import { UsageError } from "../../src/errors.ts";
import type { UnlearnConfig } from "../../src/runs/config.ts";
import { errorOf, folderOf, removeFolders } from "../data/folder.ts";

/** What a command line that is refused says. */
const refused = (...words: readonly string[]): Promise<string> => saidBy(2, ...words);

/** What a command says that ends with a code. */
async function saidBy(want: number, ...words: readonly string[]): Promise<string> {
  const { error, log } = console;
  const said: string[] = [];
  console.error = (text: string) => void said.push(text);
  console.log = (text: string) => void said.push(text);
  try {
    const code = await runCommand(words);
    assert.is(code, want, `${words.join(" ")}: ${said.join("\n")}`);
  } finally {
    Object.assign(console, { error, log });
  }
  return said.join("\n");
}

const out = ["--out", "never"];

/** All commands that do something. */
function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

test("a value that is empty, or given again where it replaces the first, is refused", async () => {
  for (const [words, says] of [
    [["train", "--data", "", ...out], /rewind: --data: its value is empty\./],
    [["train", "--forget-data", " ", ...out], /--forget-data: its value is empty/],
    [["train", "--seed", "", ...out], /--seed: its value is empty/],
    [["plan", "--hidden", ""], /--hidden: its value is empty/],
    [["train", "--lr", "1", "--lr", "2", ...out], /--lr is given twice, and takes one value/],
    [["train", "--augment", "--augment", "strong", ...out], /--augment is given twice/],
    [["train", ...out, ...out], /--out is given twice/],
    [["methods", ""], /<name>: it is empty/],
    [["predictor", "record", "--source", "mnist=", ...out], /it is a data set .* mnist=DIR/],
  ] as const) {
    assert.match(await refused(...words), says);
  }
});

test("numbers are decimals, within bounds that are said", async () => {
  for (const [words, says] of [
    [["--epochs", "0x10"], /--epochs <n>.* needs an integer of at least 1/],
    [["--seed", "1e99"], /needs an integer from 0 to 2147483647/],
    [["--classes", "1e308"], /needs an integer from 2 to 65536/],
    [["--picture-size", "1e9"], /needs an integer from 1 to 8192/],
    [["--picture-size", "8", "--image-size", "8"], /--picture-size is the earlier name of --im/],
    [["--image-size", "1e9"], /needs an integer from 1 to 8192/],
    [["--train", "1e12"], /needs an integer from 1 to 16777216/],
    [["--lr", "0"], /needs a number above 0 and at most 10/],
    [["--weight-decay", "Infinity"], /needs a number of at least 0\./],
    [["--clip-norm", "1e308"], /is beyond single precision/],
    [["--clip-norm", "1e-300"], /is beyond single precision/],
    [["--set", "strength=1e39"], /is beyond single precision/],
    [["--signature", "2,255,7"], /needs 2 numbers with commas between/],
    [["--milestones", "3,,4"], /needs numbers with commas between/],
    [["--label-smoothing", "1"], /needs a number of at least 0 and below 1/],
  ] as const) {
    assert.match(await refused("plan", ...words), says);
  }
  for (const [flag, value, says] of [
    ["--until-share", "50", /of at least 0 and below 1\. 50 % is 0\.5\.\n/],
    ["--forget-random", "33.3", /above 0 and below 1\. 33\.3 % is 0\.333\.\n/],
    ["--share", "20%", /from 0 to 0\.99\. 20 % is 0\.2\.\n/],
    ["--label-smoothing", "10 %", /below 1\. 10 % is 0\.1\.\n/],
    ["--share", "1", /from 0 to 0\.99\.\n/],
    ["--share", "200", /from 0 to 0\.99\.\n/],
    ["--lr", "20", /above 0 and at most 10\.\n/],
  ] as const) {
    assert.match(await refused("demo", flag, value, ...out), says);
  }
  // What takes a share names it so: the advice is given by that name.
  const options = leaves(await program()).flatMap((command) => command.options);
  for (const { flags, description } of options) {
    const isShare = /^(?:a random )?share of\b/.test(description);
    assert.ok(!isShare || flags.endsWith("<share>"), flags);
  }
  const seeds = await refused("experiment", "label-noise", "--seeds", "1e10", ...out);
  assert.match(seeds, /needs an integer from 1 to 10000/);
});

test("an option that what was chosen does not use is refused with what it is for", async () => {
  for (const [words, says] of [
    [["--momentum", "0.5"], /--momentum is for sgd; --optimizer adam does not use it\./],
    [["--target", "3"], /--target is for backdoor; --scenario standard does not use it/],
    [["--hidden", "3", "--model", "mlp"], /--hidden is for small-cnn; --model mlp does not/],
    [["--nowcast-period", "9"], /--nowcast-period is for .*; without --nowcast nothing uses it/],
    [["--method", "neg-grad", "--warmup", "1"], /--warmup is for .*; --method neg-grad does not/],
    [["--every", "4"], /--every is for .*; --method rewind does not use it/],
    [
      ["--schedule", "step", "--milestones", "5,3", "--epochs", "2"],
      /^rewind: training options: --milestones: milestones must rise, and lie within the epochs/,
    ],
    [["--milestones", "3"], /^rewind: training options: --milestones: .*"step"\.$/],
  ] as const) {
    assert.match(await refused("plan", ...words), says);
  }
  for (const option of ["--image-size", "--filters", "--hidden", "--train", "--test"]) {
    const words = ["unlearn", "--run", "a", option, "3"];
    assert.match(await refused(...words, ...out), new RegExp(`${option} belongs to --from`));
  }
  const run = folderOf({ "config.json": "{}", "inputs.json": "{}" });
  assert.match(
    await refused("unlearn", "--from", run, "--forget-class", "a", ...out),
    /it is the folder of a run, whose images are not read here: give --run in place of --from; --data DIR with it; --forget-data DIR/,
  );
  // A network that needs its description is none to be named.
  assert.not.match(await refused("plan", "--model", "describe"), /described/);
  const both = await refused("unlearn", "--run", "a", "--from", "b", ...out);
  assert.match(both, /--run and --from each name a network: give one of them/);
  const from = ["unlearn", "--from", "net.pt", "--forget-class", "a", ...out];
  assert.match(await refused(...from, "--hidden", "3"), /--hidden .*; without --model nothing/);
});

test("an option before its command is told where it stands", async () => {
  assert.match(await refused("--quiet", "methods"), /--quiet stands after the command/);
  assert.match(await refused("predictor", "--base", "oldest"), /rewind predictor show … --base/);
});

test("options of D_f that are given again add up", async () => {
  const dir = folderOf({ "1.txt": "a.png\n b c.png \n", "2.txt": "d.png\n", "3.txt": "1 2" });
  const words = ["--forget-files", `${dir}/1.txt`, "--forget-files", `${dir}/2.txt`];
  const flags = forgetOptions(new Command())
    .parse(
      [...words, "--forget-indices", `${dir}/3.txt`, "--forget-indices", `${dir}/3.txt`].concat(
        ["--forget-class", "x", "--forget-class", "y", "--forget-glob", "*1*"],
        ["--forget-random", "0.25", "--forget-random", "0.5"],
      ),
      { from: "user" },
    )
    .opts<ForgetFlags>();
  assert.equal(await forgetConfig(flags), {
    images: [
      { names: ["a.png", " b c.png "] },
      { names: ["d.png"] },
      { numbers: [1, 2] },
      { numbers: [1, 2] },
      { classes: ["x", "y"] },
      { glob: ["*1*"] },
      { share: 0.75 },
    ],
  });
  const all = ["--forget-random", "0.5", "--forget-random", "0.5"];
  assert.match(await refused("train", ...all, ...out), /makes a share of 1 together/);
});

test("a run's folder is not among the images, nor has a drawn set a folder", async () => {
  const dir = folderOf({ "train/cat/1.png": "", "test/cat/1.png": "" });
  for (const place of [dir, `${dir}/train/out`, `${dir}/../${dir.split("/").at(-1)!}/out`]) {
    const said = await refused("train", "--data", dir, "--out", place);
    assert.match(said, /lies in .*, which is read/);
  }
  assert.match(
    await refused("experiment", "overfit", "--data", dir, "--out", `${dir}/x`),
    /lies in .*, which is read/,
  );
  requireApart(`${dir}-beside`, dir, undefined);
  requireApart(`${dir}/..beside/x`, `${dir}/data`);
  assert.match(
    await refused("train", "--dataset", "synthetic", "--data", dir, ...out),
    /--data is a folder of files; --dataset synthetic has none/,
  );
  assert.match(
    await refused("export", "net.safetensors", "--hub", "--std", "1,2,3", ...out),
    /--std is for a single file; --hub writes/,
  );
});

test("an end by test accuracy needs test images", async () => {
  const drawn = { name: "synthetic", trainCount: 4, testCount: 0, seed: 0 };
  const { train, test } = await loadDataset(drawn);
  const corrupted = { train, labels: train.labels, ...splitForget(4, [0]) };
  const unlearn: UnlearnConfig = {
    method: "neg-grad",
    settings: {},
    rounds: 1,
    testFloor: 50,
    seed: 1,
  };
  const { message } = await errorOf(checkUnlearning(unlearn, { corrupted, test }));
  assert.match(message, /`testFloor` ends at a test accuracy, and there are no test images/);
  const { testFloor: _, ...without } = unlearn;
  const unseen = await errorOf(checkUnlearning({ ...without, unseen: true }, { corrupted, test }));
  assert.match(unseen.message, /`unseen` ends at a test accuracy, and there are no test images/);
  await checkUnlearning(without, { corrupted, test });
});

test("a method that gives D_f another class needs one, and the other methods do not", async () => {
  const drawn = { name: "synthetic", trainCount: 4, testCount: 0, seed: 0 };
  const { train: all, test } = await loadDataset(drawn);
  const train = { ...all, labels: new Uint16Array(4), classes: ["cat"] };
  const corrupted = { train, labels: train.labels, ...splitForget(4, [0]) };
  const check = (method: string): Promise<void> =>
    checkUnlearning({ method, settings: {} }, { corrupted, test }, { name: "mlp" });
  for (const method of ["random-label", "salun", "boundary", "boundary-expand", "delete"]) {
    const error = await errorOf(check(method));
    assert.instance(error, UsageError);
    assert.match(
      error.message,
      new RegExp(`^${method} gives .* and the network has one class: ch`),
    );
  }
  for (const method of ["rewind", "neg-grad", "fine-tune"]) await check(method);
});

test("a setting that is given twice is refused with both, and an unknown one with those there are", async () => {
  for (const [words, says] of [
    [
      ["--rate", "0.1", "--set", "learningRate=0.2"],
      /--rate and --set learningRate=0\.2 give the s/,
    ],
    [
      ["--predictor", "late", "--set", "predictor=linear:2"],
      /--predictor and --set predictor=linear/,
    ],
    [
      ["--trailing", "--set", "trailingEpoch=false"],
      /--trailing and --set trailingEpoch=false give/,
    ],
    [
      ["--set", "strength=2", "--set", "strength=3"],
      /'strength=3' is invalid\. strength=2 is there already; give one of the two/,
    ],
    [
      ["--set", "rate=1"],
      /rewind has no setting "rate"; the option --rate gives the setting learn/,
    ],
    [
      ["--set", "strenght=1"],
      /there is no setting "strenght"; there are: .*Did you mean strength/s,
    ],
  ] as const) {
    assert.match(await refused("plan", ...words), says);
  }
  assert.match(
    await refused("experiment", "overfit", ...out, "--variant", "rewind base=oldest base=newest"),
    /base=oldest is there already/,
  );
});

test("class names are there, and each is another", async () => {
  const dir = folderOf({
    "right.txt": "\uFEFFcat\r\nowl\r\n\r\n",
    "empty.txt": "\n",
    "blank.txt": "cat\n\nowl\n",
    "twice.txt": "cat\nowl\ncat\n",
    "twice.json": '["cat", "cat"]',
    "object.json": "{}",
  });
  assert.equal(await classNames(`${dir}/right.txt`), ["cat", "owl"]);
  for (const [file, says] of [
    ["empty.txt", /empty\.txt: it names no classes\.$/],
    ["blank.txt", /blank\.txt: line 2 is empty/],
    ["twice.txt", /twice\.txt: line 1 and line 3 are both "cat"/],
    ["twice.json", /twice\.json: name 1 and name 2 are both "cat"/],
    ["object.json", /object\.json: it is not a list/],
  ] as const) {
    assert.match((await errorOf(classNames(`${dir}/${file}`))).message, says);
  }
});

test("a damaged file of a run is an error that names it, and the field", async () => {
  const training = {
    ...{ data: { name: "synthetic" }, scenario: { name: "overfit" }, model: { name: "mlp" } },
    ...{ epochs: "six", batch: 8, learningRate: 0.1, schedule: "cosine", seed: 1 },
    optimizer: { name: "adam" },
  };
  for (const [config, says] of [
    [training, /config\.json is not valid: epochs: .*expected number/],
    [{ train: training }, /config\.json is not valid: train\.epochs: .*expected number/],
    [{ setup: { scenario: 1, seed: 1 } }, /config\.json is not valid: setup\.scenario: /],
    [{}, /config\.json is not valid: data: /],
  ] as const) {
    const dir = folderOf({ "config.json": JSON.stringify(config) });
    assert.match(await saidBy(1, "evaluate", "--run", dir), says);
  }
  const reports = ["null", '{ "method": "retrain", "model": "mlp", "final": {} }'];
  for (const report of reports) {
    const dir = folderOf({ "config.json": "{}", "report.json": report });
    const { message } = await errorOf(readRetrained(dir));
    assert.match(message, /report\.json" is damaged/);
  }
});

test.after(removeFolders);
test.run();
