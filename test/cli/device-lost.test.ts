// A device that is lost in the middle of a phase: the command fails, or goes on with another device to the same bits.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { shareDevice } from "../../src/cli/device-options.ts";
import { runCommand } from "../../src/cli/program.ts";
import { closeGpus, testGpu } from "../device.ts";
import {
  contentsOf,
  differencesOf,
  run as runVictim,
  undisturbed,
  victims,
} from "../faults/kill.ts";
import { losing, type Loss, resuming } from "../faults/loss.ts";

const folder = mkdtempSync(`${tmpdir()}/rewind-lost-`);
const demo = [
  ...["demo", "--dataset", "synthetic", "--train", "60", "--test", "30", "--model", "mlp"],
  ...["--epochs", "3", "--batch", "20", "--save-every", "0", "--rounds", "2"],
  ...["--method", "linear-rewind", "--until-share", "0", "--quiet"],
];

/** Runs the command; its first devices are lost one after the other. Gives its exit code, and how many it opened. */
async function run(
  out: string,
  losses: readonly Loss[],
  ...more: string[]
): Promise<{ code: number; devices: number }> {
  const { code, devices } = await losing(losses, () =>
    runCommand([...demo, ...more, "--out", out]),
  );
  return { code, devices };
}

/** What a run came to: its weights, and everything it says but for times. */
function outcome(out: string): object {
  const timeless = (text: string): unknown =>
    JSON.parse(text, (key, value: unknown) =>
      /seconds$/i.test(key) || key === "gpuBytes" ? undefined : value,
    );
  const read = (name: string): Buffer => readFileSync(`${out}/${name}`);
  const lines = read("metrics.jsonl").toString().trim().split("\n");
  return {
    weights: read("checkpoint.safetensors").toString("base64"),
    trained: read("trained.safetensors").toString("base64"),
    report: timeless(read("report.json").toString()),
    metrics: lines.map((line) => timeless(line)),
  };
}

const whole = `${folder}/whole`;
const resume = ["--on-device-lost", "resume"];

test("a run without a loss opens one device", async () => {
  assert.equal(await run(whole, [], ...resume), { code: 0, devices: 1 });
});

test("lost while it uploads, trains and measures: the same bits", async () => {
  const out = `${folder}/training`;
  const losses = [
    { what: "write", time: 20 },
    { what: "train", time: 4 },
    { what: "evaluate", time: 2 },
  ];
  assert.equal(await run(out, losses, ...resume), { code: 0, devices: 4 });
  assert.equal(outcome(out), outcome(whole));
});

test("lost while it records, rewinds and is attacked: the same bits", async () => {
  const out = `${folder}/unlearning`;
  const losses = [
    { what: "train", time: 12 },
    { what: "rewind", time: 2 },
    { what: "collect", time: 2 },
  ];
  assert.equal(await run(out, losses, ...resume), { code: 0, devices: 4 });
  assert.equal(outcome(out), outcome(whole));
});

test("lost while it reads back, without the option: it fails, and the same command goes on", async () => {
  const out = `${folder}/failing`;
  assert.equal(await run(out, [{ what: "read", time: 20 }]), { code: 1, devices: 1 });
  assert.equal(await run(out, []), { code: 0, devices: 1 });
  assert.equal(outcome(out), outcome(whole));
});

test("a device that is lost again and again ends the run after three others", async () => {
  const losses = Array.from({ length: 9 }, () => ({ what: "write", time: 5 }));
  assert.equal(await run(`${folder}/hopeless`, losses, ...resume), { code: 1, devices: 4 });
});

/** Where the other commands lose theirs; `npm run kill -- --devices` tries all phases. */
const others: readonly (readonly [string, Loss])[] = [
  ["train", { what: "train", time: 2 }],
  ["unlearn", { what: "rewind", time: 2 }],
  ["experiment standard", { what: "train", time: 12 }],
  ["lira", { what: "read", time: 60 }],
  ["oracle build", { what: "train", time: 3 }],
  ["oracle measure", { what: "collect", time: 1 }],
];

for (const [name, loss] of others) {
  test(`${name}, lost on its way: the same folder`, async () => {
    const victim = victims.find((one) => one.name.startsWith(name))!;
    const root = mkdtempSync(`${folder}/other-`);
    shareDevice(await testGpu());
    const { words, contents } = await undisturbed(root, resuming(victim));
    shareDevice(undefined);
    let said = "";
    const { code, devices } = await losing([loss], async () => {
      const ended = await runVictim(words(`${root}/out`), undefined);
      said = ended.said;
      return ended.code;
    });
    assert.is(code, 0, said);
    assert.is(devices, 2);
    assert.equal(differencesOf(contentsOf(`${root}/out`), contents), []);
  });
}

test.after(async () => {
  shareDevice(undefined);
  rmSync(folder, { recursive: true });
  await closeGpus();
});
test.run();
