// The GPU hour from its first row to its page, at tiny sizes: no minute of a rented GPU is to be lost to a slip.
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runHour } from "../../bench/gpu-hour/hour.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { betterChoices, hourPage } from "../../bench/gpu-hour/read.ts";
import { type HourMachine, readRows, type Row, RowFolder } from "../../bench/gpu-hour/rows.ts";
import { reachOf } from "../package/reach.ts";
import type { Stage } from "../../bench/gpu-hour/stage.ts";
import { stages } from "../../bench/gpu-hour/stages.ts";

const folder = mkdtempSync(join(tmpdir(), "rewind-hour-"));
const machine: HourMachine = {
  ...{ adapter: "a", driver: "d", runtime: "r", tuning: "gpu", commit: "c" },
  ...{ software: true, tiny: true },
};

const hour = (out: string, some: readonly Stage[], minutes = 30, rowMs?: number) =>
  runHour({
    ...{
      minutes,
      rowMs,
      tiny: true,
      device: { tuning: "gpu" },
      stages: some,
      say: () => undefined,
    },
    folder: new RowFolder(out, machine),
  });

test("every stage gives rows, and a second run measures none of them again", async () => {
  const out = join(folder, "whole");
  // PyTorch need not be here: its rows say so, and are tried again.
  const torch = ({ name }: Row): boolean => name.startsWith("PyTorch");
  const { measured, failed, earlier, left } = await hour(out, stages);
  const rows = readRows(out);
  assert.equal(
    rows.filter((row) => row.error !== undefined && !torch(row)),
    [],
  );
  assert.equal(
    [...new Set(rows.map(({ stage }) => stage))],
    stages.map(({ name }) => name),
  );
  assert.equal([earlier, left, measured + failed], [0, 0, rows.length]);
  for (const { name, figures = {} } of rows.filter((row) => !torch(row))) {
    const { ms, low, high } = figures as Record<string, number | undefined>;
    if (ms === undefined || low === undefined) continue;
    assert.ok(low > 0 && low <= ms && ms <= high!, name);
  }
  // Without the present choice in it a comparison says nothing.
  const compared = new Map<string, number>();
  for (const { stage, name, figures } of rows) {
    const [, shape, kind] = /^(.*), (?:(tile) |\d+ slices)/.exec(name) ?? [];
    if (stage !== "choices" || shape === undefined) continue;
    const key = `${shape}, ${kind ?? "slices"}`;
    compared.set(key, (compared.get(key) ?? 0) + (figures?.["chosen"] === "yes" ? 1 : 0));
  }
  assert.ok([...compared.keys()].some((key) => key.endsWith("slices")));
  for (const [key, chosen] of compared) assert.is(chosen, 1, key);
  const page = hourPage(out);
  for (const heading of ["Training steps", "Kernels that take most", "Choices to change"]) {
    assert.match(page, `## ${heading}`);
  }
  assert.match(page, /\| small-cnn, 2 × 8² \| \d/);

  // The last line was being written when the machine was taken away.
  const file = join(out, "rows.jsonl");
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  writeFileSync(file, `${lines.slice(0, -1).join("\n")}\n${lines.at(-1)!.slice(0, 20)}`);
  const again = await hour(out, stages);
  assert.equal([again.measured, again.earlier], [1, measured - 1]);
  assert.is(readRows(out).length, rows.length);
});

test("a row that fails does not end the hour, and what there was no time for comes last or is counted", async () => {
  const order: string[] = [];
  const stage = (name: string, share: number, work: () => Promise<object>): Stage => ({
    ...{ name, share, decides: "nothing" },
    tasks: () =>
      Promise.resolve(
        ["first", "second"].map((row) => ({
          name: row,
          run: async () => {
            order.push(`${name} ${row}`);
            await work();
            return { ms: 1 };
          },
        })),
      ),
  });
  const slow = stage("slow", 0.05, () => new Promise((resolve) => setTimeout(resolve, 500)));
  const broken = stage("broken", 1, () => Promise.reject(new Error("it broke")));
  const out = join(folder, "faults");
  const { measured, failed, left } = await hour(out, [slow, broken], 0.1);
  // The first stage's share is less than a row takes.
  assert.equal(order, ["slow first", "broken first", "broken second", "slow second"]);
  assert.equal([measured, failed, left], [2, 2, 0]);
  assert.equal(
    readRows(out).map(({ error }) => error),
    [undefined, "it broke", "it broke", undefined],
  );
  assert.match(hourPage(out), "- broken, first: it broke");
  const none = await hour(join(folder, "late"), [slow], 1e-9);
  assert.equal([none.measured, none.left], [0, 2]);
});

test("a row that takes too long is ended with its device, and the next one has another", async () => {
  const seen: Gpu[] = [];
  const stage: Stage = {
    ...{ name: "hangs", share: 1, decides: "nothing" },
    tasks: () =>
      Promise.resolve(
        ["first", "second"].map((name) => ({
          name,
          async run({ gpu }) {
            seen.push(gpu);
            // As samples do, which wait for the device and go on.
            if (name === "first") for (;;) await gpu.idle();
            return { ms: 1 };
          },
        })),
      ),
  };
  const out = join(folder, "hangs");
  const { measured, failed } = await hour(out, [stage], 1, 200);
  assert.equal([measured, failed], [1, 1]);
  assert.match(readRows(out)[0]!.error!, /^it took longer than 0\.2 s/);
  assert.is.not(seen[0], seen[1]);
  assert.match((await seen[0]!.idle().catch((cause: Error) => cause.message)) ?? "", /closed/);
});

test("a folder of other sources or another machine is refused", () => {
  const out = join(folder, "other");
  assert.not(new RowFolder(out, machine).has("start", "a"));
  assert.throws(
    () => new RowFolder(out, { ...machine, commit: "e" }),
    /has rows of commit "c", and this is "e": give another folder/,
  );
  assert.throws(() => hourPage(folder), /holds no rows/);
});

test("a choice is better where it is 3 % quicker than the present one, tiles among tiles and slices among slices", () => {
  const row = (name: string, ms: number, chosen: string): Row => ({
    ...{ stage: "choices", name, seconds: 1, figures: { ms, chosen, calls: 2 } },
  });
  const rows = [
    row("net: dw, a 3×3, tile 128×128 (8×8 a lane)", 10, "yes"),
    row("net: dw, a 3×3, tile 64×64 (8×4 a lane)", 9.8, "no"),
    row("net: dw, a 3×3, 3 slices", 10, "yes"),
    row("net: dw, a 3×3, 7 slices", 5, "no"),
    row("net: y, a 3×4, tile 128×128 (8×8 a lane)", 10, "yes"),
    row("net: y, a 3×4, tile 64×64 (8×4 a lane)", 9, "no"),
  ];
  assert.equal(
    betterChoices(rows).map(({ shape, now, best }) => [shape, now, best]),
    [
      ["net: dw, a 3×3", "3 slices", "7 slices"],
      ["net: y, a 3×4", "tile 128×128 (8×8 a lane)", "tile 64×64 (8×4 a lane)"],
    ],
  );
});

test("rows go to the disk one by one, and a cut line is no row", () => {
  const out = join(folder, "rows");
  const rows = new RowFolder(out, machine);
  rows.add({ stage: "s", name: "a", seconds: 1, error: "no" });
  appendFileSync(join(out, "rows.jsonl"), '{"stage":"s","na');
  rows.add({ stage: "s", name: "a", seconds: 1, figures: { ms: 2 } });
  assert.equal(readRows(out), [{ stage: "s", name: "a", seconds: 1, figures: { ms: 2 } }]);
  assert.ok(new RowFolder(out, machine).has("s", "a"));
});

test("what the program loads before it runs is packed with it", () => {
  const root = new URL("../../", import.meta.url);
  const text = (file: string): string => readFileSync(new URL(file, root), "utf8");
  const packer = text("bench/gpu-hour/pack.sh");
  const folders = /git .* archive HEAD -- (.*) \|/.exec(packer)![1]!.split(" ");
  const [, listed] = /for part in ([^;]*);/.exec(packer)!;
  const excluded = listed!
    .split(/[\s\\]+/)
    .map((name) => new RegExp(`^${name.replaceAll("*", ".*")}(?:/|$)`));
  assert.ok(folders.includes("src") && excluded.some((name) => name.test("vite")));
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    assert.ok(
      folders.some((folder) => file.startsWith(`${folder}/`)),
      `${file} is not packed`,
    );
    for (const name of reachOf(text(file), "ts").before) {
      if (name.startsWith(".")) visit(posix.join(posix.dirname(file), name));
      else
        assert.not(
          excluded.find((one) => one.test(name)),
          `${file} loads ${name}`,
        );
    }
  };
  visit("bench/run.ts");
  assert.ok(seen.size > 100, `${seen.size} modules`);
});

test.after(() => rmSync(folder, { recursive: true, force: true }));
test.run();
