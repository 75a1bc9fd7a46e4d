// What every command does alike: version, help, typos, exit codes, --quiet and --json. In this process.
import { existsSync, readFileSync } from "node:fs";
import { Command } from "commander";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type DemoFlags, sized } from "../../src/cli/demo.ts";
import { settingsOf } from "../../src/cli/methods.ts";
import { duration } from "../../src/cli/duration.ts";
import { Course, ProgressBar, withRounds, withRuns } from "../../src/cli/progress.ts";
import { commands } from "../../src/cli/commands.ts";
import { program, runCommand } from "../../src/cli/program.ts";
import { datasetOptions } from "../../src/cli/setup-options.ts";
import { meantCommand } from "../../src/cli/suggest.ts";
import { StepTime } from "../../src/cli/step-time.ts";
import { nearest } from "../../src/nearest.ts";
import { hardlyKnown } from "../../src/cli/unlearn-job.ts";
import type { Job } from "../../src/runs/job.ts";
import { methods } from "../../src/unlearn/methods/index.ts";
import { folderOf, removeFolders } from "../data/folder.ts";
import { image, png } from "../data/images.ts";
import { archive, npy } from "../data/npy-files.ts";
import { root, type Said } from "./command.ts";

/** Runs a command in this process, and what it says meanwhile. */
async function run(...words: string[]): Promise<Said> {
  const { log, error } = console;
  const write = process.stdout.write.bind(process.stdout);
  const [out, err]: [string[], string[]] = [[], []];
  console.log = (text: string) => void out.push(`${text}\n`);
  console.error = (text: string) => void err.push(`${text}\n`);
  process.stdout.write = (text) => out.push(String(text)) > 0;
  try {
    return { code: await runCommand(words), out: out.join(""), err: err.join("") };
  } finally {
    Object.assign(console, { log, error });
    process.stdout.write = write;
  }
}

/** All commands that do something. */
function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

test("--version is that of the package", async () => {
  const { version } = JSON.parse(readFileSync(`${root}/package.json`, "utf8")) as {
    version: string;
  };
  assert.equal(await run("--version"), { code: 0, out: `${version}\n`, err: "" });
});

test("help lists commands by the terms that they have once they are loaded", async () => {
  const terms = (of: Command): string[] =>
    of.commands.map((command) => of.createHelp().subcommandTerm(command));
  const listed = terms(await program([]));
  assert.equal(
    listed,
    Object.values(commands)
      .flat()
      .map(({ term }) => term),
  );
  assert.equal(terms(await program()), listed);
  const { commands: some } = await program(["help", "train"]);
  const loaded = some.filter(({ options }) => options.length > 0);
  assert.equal(
    loaded.map((command) => command.name()),
    ["train"],
  );
});

test("every command has an example, --quiet and --json, and no default that is only a program's", async () => {
  const commands = leaves(await program());
  assert.ok(commands.length > 15);
  for (const command of commands) {
    let help = "";
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    assert.match(help, /\nExample: .*\n {2}rewind |\n {2}rewind unlearn --from/, command.name());
    assert.match(help, /\n {2}--quiet .*[^]*\n {2}--json /, command.name());
    assert.not.match(help, /default: (?:\{\}|\[\])/, command.name());
  }
});

test("typos are found before anything else, with what was meant, and end with 2", async () => {
  for (const [words, says] of [
    ["trian", /^rewind: unknown command 'trian'\n\(Did you mean train\?\)/],
    // --out is missing as well.
    ["train --epoch 3", /^rewind: unknown option '--epoch'\n\(Did you mean --epochs\?\)/],
    ["demo --method salum", /'salum' is invalid[^]*\(Did you mean salun\?\)/],
    ["demo --model resnet-18", /'resnet-18' is invalid[^]*\(Did you mean resnet18\?\)/],
    ["experiment label-nose --out never", /\(Did you mean label-noise\?\)/],
    ["methods scrubb", /no unlearning method "scrubb"; [^]*\(Did you mean scrub\?\)/],
    ["train", /^rewind: required option '--out <dir>' not specified\n\(rewind train --help/],
    ["predictor shwo", /unknown command 'shwo'\n\(Did you mean show\?\)/],
    ["forget --run T", /^rewind: unknown command 'forget'\n\(Did you mean unlearn\?\)/],
    ["test", /unknown command 'test'\n\(Did you mean evaluate\?\)/],
    ["figure forget", /unknown command 'forget'\n\(rewind figure --help/],
    [
      "unlearn T --forget-class 3 --out never",
      /^rewind: 'T' stands without an option: give a run's folder by --run, a network by --from, images by --data\.\n\(/,
    ],
    // --run and --from are missing as well.
    ["evaluate T", /'T' stands without an option: give a run's folder by --run\./],
    ["classify gone net.pt", /'net\.pt' stands without an option: give a network by --from\./],
    ["doctor T", /too many arguments for 'doctor'/],
  ] as const) {
    const { code, out, err } = await run(...words.split(" "));
    assert.is(code, 2, `${words}: ${err}`);
    assert.is(out, "");
    assert.match(err, says);
  }
  const names = (await program([])).commands.map((command) => command.name());
  for (const word of ["forget", "erase", "infer", "download"]) {
    assert.ok(names.includes(meantCommand(word)!) && !names.includes(word), word);
  }
  assert.is(nearest("quite-another", ["salun", "scrub"]), undefined);
});

test("with --json stdout has one document, of an error too; with --quiet stderr has errors alone", async () => {
  const plan = await run("plan", "--model", "tiny-cnn", "--json", "--quiet");
  assert.is(plan.err, "");
  assert.ok((JSON.parse(plan.out) as { peak: number }).peak > 0);
  const list = JSON.parse((await run("methods", "--json")).out) as { methods: { name: string }[] };
  assert.equal(
    list.methods.map(({ name }) => name),
    methods.names,
  );
  const show = await run("predictor", "show", "linear:2", "--json");
  assert.equal((JSON.parse(show.out) as { reach: unknown }).reach, "2 epochs");
  const dir = folderOf();
  for (const [words, code, name] of [
    [["evaluate", "--run", `${dir}/none`], 1, "DataError"],
    [["train", "--out", `${dir}/never`, "--from", `${dir}/none.pt`], 1, "DataError"],
    [["train", "--out", `${dir}/never`, "--data", dir], 1, "DataError"],
    [["train", "--out", `${dir}/never`, "--nowcast", "wnn"], 2, "UsageError"],
    [["train", "--out", `${dir}/never`, "--model", "convnext-t"], 1, "ShapeError"],
    [["demo", "--out", `${dir}/never`, "--predictor", `${dir}/none.h5`], 2, "UsageError"],
    [["lira", "--out", `${dir}/never`, "--train", "9", "--targets", "9"], 2, "UsageError"],
    [["train", "--epochs", "many"], 2, "UsageError"],
  ] as const) {
    const said = await run(...words, "--json", "--quiet");
    assert.is(said.code, code, said.err);
    const { error, name: kind } = JSON.parse(said.out) as { error: string; name: string };
    assert.is(kind, name);
    assert.is(said.err, `rewind: ${error}\n`);
  }
  assert.not(existsSync(`${dir}/never`), "nothing is written before all is checked");
});

test("a method's settings are listed with defaults, and how each is given", async () => {
  const salun = settingsOf(methods.find("salun"));
  assert.equal(
    salun.find(({ name }) => name === "ratio"),
    {
      name: "ratio",
      takes: "number, at least 0, at most 1",
      explanation: "share of the weights that may change: those that D_f moves most",
      default: 0.5,
      required: false,
      option: "--set ratio=…",
    },
  );
  const optimizer = salun.find(({ name }) => name === "optimizer")!;
  const usual = { name: "sgd", momentum: 0.9, weightDecay: 5e-4 };
  assert.equal(optimizer.default, usual, "of a choice among a registry's");
  for (const method of methods.all) {
    for (const { name, takes, explanation } of settingsOf(method)) {
      assert.ok(takes && explanation, `${method.name}.${name}`);
    }
  }
  assert.match((await run("methods", "rewind")).out, /\nbatch +256 +whole number, at least 1 +--f/);
  assert.match(
    (await run("methods", "fisher")).out,
    /\ngrowth .* --set growth=…\n {4}what α is multiplied by from round to round\n/,
  );
});

test("a course never goes back, and what is left is reckoned from the work since kernels are compiled", () => {
  let now = 0;
  const course = new Course(() => now);
  course.reach(0.5);
  now = 60_000;
  course.reach(0.6);
  assert.is(course.left(), "");
  now = 70_000;
  course.reach(0.7);
  assert.is(course.left(), "30 s left");
  course.reach(0.1);
  assert.is(course.share, 0.7);
  assert.equal([59.6, 200, 7500].map(duration), ["1 min 0 s", "3 min 20 s", "2 h 5 min"]);
});

test("a folder alone says which data set it holds", async () => {
  const photo = "not looked at";
  const dir = folderOf({
    "idx/train-images-idx3-ubyte": photo,
    "ten/cifar-10-batches-bin/data_batch_1.bin": photo,
    "ten/cifar-10-batches-bin/test_batch.bin": photo,
    "hundred/train.bin": photo,
    "tiny/wnids.txt": photo,
    "own/train/cat/1.png": photo,
    "arrays/mine.npz": photo,
    "other/readme.txt": photo,
  });
  const chosen = async (name: string): Promise<unknown> => {
    const command = datasetOptions(new Command(), { preset: true }).action(() => {});
    await command.parseAsync(["--data", `${dir}/${name}`], { from: "user" });
    return command.opts()["dataset"];
  };
  const names = [];
  for (const name of ["idx", "ten", "hundred", "tiny", "own", "arrays", "arrays/mine.npz"])
    names.push(await chosen(name));
  assert.equal(names, [
    "mnist",
    "cifar10",
    "cifar100",
    "tiny-imagenet",
    "image-folder",
    "npz",
    "npz",
  ]);
  const refused = await run("train", "--data", `${dir}/other`, "--out", `${dir}/never`);
  assert.is(refused.code, 1);
  assert.match(refused.err, /other: its content does not say which data set it is/);
});

test("a small folder is taken whole, in batches that make several steps an epoch", async () => {
  const flags = { dataset: "image-folder", batch: 64 } as DemoFlags;
  const dir = folderOf(
    Object.fromEntries(
      ["train", "test"].flatMap((part) =>
        ["cat", "dog"].flatMap((name) =>
          Array.from({ length: part === "train" ? 24 : 6 }, (_, i) => [
            `${part}/${name}/${i}.png`,
            // Eight bytes that say PNG: counting looks no further.
            new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]),
          ]),
        ),
      ),
    ),
  );
  const usual = await sized({ ...flags, data: dir }, () => false);
  const { train, test, batch, imageSize } = usual.flags;
  assert.equal([train, test, batch, imageSize], [48, 12, 6, 32]);
  assert.match(usual.notes.join("; "), /all 48 training and 12 test images .*--batch 6/);
  const asked = await sized({ ...flags, data: dir, train: 10, imageSize: 8 }, () => true);
  assert.equal(
    [asked.flags.train, asked.flags.batch, asked.flags.imageSize, asked.notes],
    [10, 64, 8, []],
  );
});

test("files with fewer images than is usual, in all or of the classes that are taken, are taken whole", async () => {
  const photo = await png(image(8, 8, [9, 9, 9]));
  const counts = { "train/cat": 5, "train/dog": 3, "test/cat": 2, "test/dog": 2 };
  const photos = folderOf(
    Object.fromEntries(
      Object.entries(counts).flatMap(([place, count]) =>
        Array.from({ length: count }, (_, i) => [`${place}/${i}.png`, photo] as const),
      ),
    ),
  );
  const [x, y] = [npy("|u1", [4, 2, 2, 1], Array(16).fill(7)), npy("|u1", [4], [0, 1, 0, 1])];
  const arrays = archive({ x_train: x, y_train: y, x_test: x, y_test: y });
  const mine = folderOf({ "mine.npz": arrays });
  for (const [flags, want] of [
    [{ dataset: "image-folder", data: photos, onlyClasses: ["cat"] }, [5, 2]],
    [{ dataset: "npz", data: mine }, [4, 4]],
    [{ dataset: "npz", data: mine, onlyClasses: ["1"], test: 1 }, [2, 1]],
    [{ dataset: "npz", data: mine, train: 9, test: 9 }, [9, 9]],
  ] as const) {
    const { train, test } = (await sized({ batch: 64, seed: 1, ...flags } as never, () => false))
      .flags;
    assert.equal([train, test], want);
  }
});

test("an unlearning's bar is of all its rounds, and says beside it how far predicting and measuring are", async () => {
  const { stderr } = process;
  const [write, terminal] = [stderr.write.bind(stderr), stderr.isTTY];
  let shown = "";
  const { error } = console;
  stderr.write = (text) => (shown += String(text)) !== "";
  // Deno's console does not go through it.
  console.error = (text: string) => void (shown += `${text}\n`);
  stderr.isTTY = true;
  const appears = async (what: string): Promise<void> => {
    for (let i = 0; i < 100 && !shown.includes(what); i++)
      await new Promise((r) => setTimeout(r, 50));
    assert.ok(shown.includes(what), `${what} in ${shown}`);
    shown = "";
  };
  const bar = (full: number): string => `[${"█".repeat(full)}${"░".repeat(24 - full)}]`;
  const scores = { forgetLoss: 0.5, forgetAccuracy: 11 };
  try {
    await withRounds(
      "rewind",
      1,
      new AbortController().signal,
      async ({ phase, progress }, onRound) => {
        phase!("measuring");
        progress!(1, 4);
        await appears(`rewind ${bar(0)} 0 %, round 1/1, measuring 25 %`);
        onRound({ round: 0, scores });
        // The bar's own line goes: it would stand above the one that stays.
        await appears("\n\u001B[1A\u001B[2Khardly known: 11\n");
        phase!("steps");
        progress!(3, 4);
        await appears(`rewind ${bar(16)} 67 %, round 1/1, loss on D_f 0.500`);
        progress!(4, 4);
        phase!("predicting");
        await appears(`rewind ${bar(22)} 90 %, round 1/1, predicting, loss`);
        phase!("measuring");
        progress!(1, 2);
        await appears(`rewind ${bar(23)} 97 %, round 1/1, measuring 50 %, loss`);
        onRound({ round: 1, scores });
      },
      { before: ({ forgetAccuracy }) => `hardly known: ${forgetAccuracy}` },
    );
    await appears(`rewind ${bar(24)} 100 %`);
  } finally {
    console.error = error;
    stderr.write = write;
    stderr.isTTY = terminal;
  }
});

test("a step of a large network on a software adapter is timed, once kernels are compiled", () => {
  let now = 0;
  const time = new StepTime("big has 11.2 million weights", 3, () => now);
  const at = (ms: number, done: number): string | undefined => {
    now = ms;
    return time.at(done, 50);
  };
  assert.is(at(60_000, 2), undefined);
  assert.is(
    at(70_000, 4),
    "warning: big has 11.2 million weights and the adapter is software: a step takes 5.0 s, as measured, and the 150 " +
      "steps 12 min 30 s, without what comes after them. A smaller network, smaller or fewer images or a GPU take less.",
  );
  assert.is(at(90_000, 6), undefined);
  const predicting = (ms: number, done: number): string | undefined => {
    now = ms;
    return time.predicting(done, 700);
  };
  assert.is(predicting(100_000, 2), undefined);
  assert.is(
    predicting(101_200, 4),
    "warning: predicting where the weights were takes 7 min 0 s, as measured, in each of at most 3 rounds. " +
      "--method linear-rewind and task-vector do without it.",
  );
  assert.is(predicting(102_000, 6), undefined);
  const job = (software: boolean, size: number) =>
    ({
      gpu: { adapter: { software } },
      model: { slots: [{ size }], spec: { name: "big" } },
    }) as unknown as Job;
  assert.ok(StepTime.of(job(true, 2e6)));
  assert.not(StepTime.of(job(false, 2e6)));
  assert.not(StepTime.of(job(true, 1e6)));
});

test("a network that hardly knows D_f has nothing to forget", () => {
  const said = (accuracy: number, classes: number) =>
    hardlyKnown({ forgetAccuracy: accuracy }, classes);
  assert.match(
    said(18.9, 10)!,
    /answers 18\.9 % of D_f .* guessing answers 10\.0 %: there is next to nothing/,
  );
  assert.is(said(19.1, 10), undefined);
  assert.ok(said(54, 2));
  assert.not(said(56, 2));
});

test("a process that ends under a bar gives the cursor and the lines of the terminal back", () => {
  const { isTTY, write } = process.stderr;
  let written = "";
  const before = process.listenerCount("exit");
  process.stderr.isTTY = true;
  process.stderr.write = (text: unknown) => (written += String(text)) !== "";
  try {
    const bar = new ProgressBar("fetching");
    bar.update(1, 4);
    (process.listeners("exit").at(-1) as () => void)();
    bar.stop();
  } finally {
    Object.assign(process.stderr, { isTTY, write });
  }
  const [hidden, shown] = ["\u001B[?25l", "\u001B[?25h"];
  const [cut, wrapped] = ["\u001B[?7l", "\u001B[?7h"];
  assert.ok(written.indexOf(hidden) < written.indexOf(shown), JSON.stringify(written));
  assert.ok(written.indexOf(cut) < written.indexOf(wrapped), JSON.stringify(written));
  assert.is(process.listenerCount("exit"), before);
});

test.after(removeFolders);
test("an experiment says which run it is at, and keeps a line of each", async () => {
  const { error } = console;
  const said: string[] = [];
  console.error = (line: string) => void said.push(line);
  try {
    await withRuns("experiment", 2, new AbortController().signal, ({ watch, log }) => {
      watch.progress!(1, 40);
      log("first: 12 s");
      watch.progress!(2, 40);
      log("second: 12 s");
      return Promise.resolve();
    });
  } finally {
    console.error = error;
  }
  // Not on a terminal: what moves is said every ten seconds at most.
  assert.equal(said, ["experiment: 0 %, run 1/2, step 1/40", "first: 12 s", "second: 12 s"]);
});

test.run();
