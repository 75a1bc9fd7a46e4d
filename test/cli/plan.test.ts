import { test } from "uvu";
import * as assert from "uvu/assert";
import { CommandLines, rewind, type Said } from "./command.ts";

const commands = new CommandLines();

/** Runs `rewind plan`. */
const plan = (...words: string[]): Promise<Said> => commands.run("plan", ...words);

interface Printed {
  readonly images: { readonly size: number; readonly channels: number };
  readonly rows: readonly {
    readonly phase: string;
    readonly what: string;
    readonly bytes: number;
  }[];
  readonly peak: number;
}

/** Bytes of one purpose while one thing is done. */
async function bytes(phase: string, what: string, ...words: string[]): Promise<number> {
  const { code, out, err } = await plan(...words, "--json");
  assert.is(code, 0, err);
  const { rows } = JSON.parse(out) as Printed;
  return rows.find((row) => row.phase === phase && row.what === what)!.bytes;
}

const small = ["--model", "tiny-cnn", "--train", "600", "--test", "100"];
const activations = "activations and their gradients";

test("a plan is a table by phase, and needs neither data nor an adapter", async () => {
  const { code, out, err } = rewind("plan", ...small, "--dataset", "cifar10");
  assert.is(code, 0, err);
  assert.is(err, "");
  assert.match(
    out,
    /^tiny-cnn, 600 \+ 100 images 32×32×3, 10 classes; training batch 64, rewind batch 256\n/,
  );
  assert.match(
    out,
    /\nthroughout\n[^]*\nwhile training\n[^]*\nwhile unlearning\n[^]*\n  trajectory /,
  );
  assert.match(out, /\npeak +\d+\.\d MiB\n$/);
  assert.match((await plan(...small, "--method", "fisher")).out, /training batch 64, fisher\n/);
  const forecast = ["--nowcast", "wnn", "--nowcast-predictor", "linear:-2:5"];
  const reference = await plan(...small, ...forecast, "--method", "retrain");
  assert.match(reference.err, /was trained with forecasts \(--nowcast\), and this is without/);
});

test("--profile estimates a training step: its operations are those of the layers, its time that of the slower ceiling", async () => {
  interface Step {
    readonly step: {
      readonly kernels: readonly {
        readonly kernel: string;
        readonly calls: number;
        readonly flop: number;
        readonly milliseconds: number;
        readonly waitsFor: string;
      }[];
      readonly dispatches: number;
      readonly milliseconds: number;
    };
  }
  const words = ["--model", "small-cnn", "--dataset", "mnist", "--batch", "8", "--profile"];
  // A millionth of a second a dispatch, and memory without end: only arithmetic counts.
  const { code, out, err } = await plan(...words, "--ceilings", "0.001,1e12,1e-9", "--json");
  assert.is(code, 0, err);
  const { kernels, dispatches, milliseconds } = (JSON.parse(out) as Step).step;
  assert.is(
    kernels.reduce((sum, { calls }) => sum + calls, 0),
    dispatches,
  );
  const forward = kernels.find(({ kernel }) => kernel === "conv2d/forward-pooled")!;
  // 28×28×1 → 16 and 14×14×16 → 32, windows of 3×3, two operations a multiply-add; a quarter is left, of four each, and is
  // compared with 0.
  const pooled = 14 ** 2 * 16 + 7 ** 2 * 32;
  const flop = 2 * 8 * 9 * (28 ** 2 * 16 + 14 ** 2 * 16 * 32) + 8 * 5 * pooled;
  assert.equal([forward.calls, forward.flop, forward.waitsFor], [2, flop, "arithmetic"]);
  assert.ok(Math.abs(forward.milliseconds - flop / 1e6) < 1e-6 * forward.milliseconds);
  const launches = await plan(...words, "--ceilings", "1e9,1e12,1000", "--json");
  const slow = (JSON.parse(launches.out) as Step).step;
  assert.ok(
    Math.abs(slow.milliseconds - dispatches) < 1e-6 * dispatches,
    "a millisecond a dispatch",
  );
  assert.ok(milliseconds > forward.milliseconds);
  const refused = await plan(...words, "--ceilings", "1,2");
  assert.is(refused.code, 2);
  assert.match(refused.err, /^rewind: --ceilings: three numbers above 0, .*; got "1,2"\.\n$/);
  for (const [unused, why] of [
    [words.slice(0, -1), /--ceilings is for --profile; add that/],
    [words, /--ceilings: the fourth number is for --precision mixed/],
  ] as const) {
    const { code: status, err: said } = await plan(...unused, "--ceilings", "1,2,3,4");
    assert.is(status, 2);
    assert.match(said, why);
  }
  const software = await plan(...words, "--adapter", "software");
  assert.is(software.code, 2);
  assert.match(software.err, /the ceilings are an H200's .* leave --adapter out/);
  // Where training fits and what comes after it does not, the step is told all the same.
  const tight = await plan(...words, "--max-binding", "20", "--forget-batch", "512", "--json");
  assert.is(tight.code, 1);
  assert.match(tight.err, /training fits, and rewind with one of these: --forget-batch/);
  assert.ok((JSON.parse(tight.out) as Step).step.dispatches >= dispatches);
});

test("--memory refuses what does not fit and names what does", async () => {
  assert.is((await plan(...small, "--memory", "200")).code, 0);
  const { code, out, err } = await plan(...small, "--memory", "12");
  assert.is(code, 1);
  assert.is(out, "");
  assert.match(
    err,
    /^rewind: out of GPU memory: .* may take 12\.0 MiB\. .* these fit: --batch \d+; /,
  );
  const [, batch] = /--batch (\d+);/.exec(err)!;
  // Training then fits; unlearning has a batch of its own.
  const next = await plan(...small, "--memory", "12", "--batch", batch!);
  const [, forget] = /training fits, and rewind with one of these: --forget-batch (\d+);/.exec(
    next.err,
  )!;
  const fits = await plan(...small, "--memory", "12", "--batch", batch!, "--forget-batch", forget!);
  assert.is(fits.code, 0, fits.err);
});

test("options that save memory do", async () => {
  // Stages to recompute.
  const staged = ["--model", "tiny-resnet", "--train", "600", "--test", "100"];
  const training = (...words: string[]): Promise<number> =>
    bytes("training", activations, ...staged, ...words);
  const whole = await training();
  assert.ok((await training("--micro-batch", "16")) < 0.3 * whole);
  assert.ok((await training("--recompute")) < 0.8 * whole);
  assert.ok((await training("--activations", "f16")) < 0.8 * whole);
  assert.ok((await training("--batch", "128")) > 1.8 * whole);
  // Chunks in half precision are unpacked into 64 MiB that all share: what is saved shows in large networks.
  const large = ["--model", "resnet18-cifar", "--train", "600", "--test", "100"];
  const trajectory = (...words: string[]): Promise<number> =>
    bytes("unlearning", "trajectory", ...large, ...words);
  assert.ok((await trajectory("--trajectory", "f16")) < 0.7 * (await trajectory()));
});

test("a plan reads images where only these tell what is needed: D_f that is named, and folders", async () => {
  const named = await plan("--forget-class", "3", "--train", "60", "--test", "20", "--json");
  assert.is(named.code, 0, named.err);
  const { train, forget } = (JSON.parse(named.out) as { images: Record<string, number> }).images;
  assert.equal([train, forget], [60, 6]);
  const said = await plan("--forget-class", "3", "--classes", "4");
  assert.match(said.err, /--classes: the images are read, and say it/);
  const folder = await plan("--dataset", "image-folder", "--train", "60");
  assert.match(
    folder.err,
    /give --data, whose images are read, or --image-size, --channels, --cla/,
  );
});

test("networks that the default images are too small for are planned for larger ones, which is said", async () => {
  for (const model of ["pvt-v2-b0", "convnext-atto", "convnext-t"]) {
    const { code, out, err } = await plan("--model", model);
    assert.is(code, 0, err);
    assert.match(out, /images 64×64×3/);
    assert.match(
      out,
      /does not take 28×28 images, the default: planned for 64×64×3\. --dataset or --image/,
    );
  }
  const grey = await plan("--model", "convnext-atto", "--channels", "1", "--json");
  const { size, channels } = (JSON.parse(grey.out) as Printed).images;
  assert.equal([size, channels], [64, 1]);
  const asked = await plan("--model", "convnext-atto", "--picture-size", "96");
  assert.match(asked.out, /images 96×96×1/);
  assert.not.match(asked.out, /planned for/);
  const chosen = await plan("--model", "convnext-atto", "--dataset", "mnist");
  assert.is(chosen.code, 1);
  assert.match(chosen.err, /is smaller than the 2×2 window/);
});

test.after(() => commands.close());
test.run();
