// The predictor that ships still does what bench/results says of it, on drawn digits.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readModelFile } from "../../src/cli/model-file.ts";
import type { Tuned } from "../../src/experiments/plan.ts";
import { protocolOf } from "../../src/experiments/protocol.ts";
import { runSeeds } from "../../src/experiments/run.ts";
import { closeGpus, testGpu } from "../device.ts";

const results = fileURLToPath(new URL("../../bench/results", import.meta.url));
const folder = mkdtempSync(`${tmpdir()}/rewind-committed-`);

/** Points that another adapter may be away: its trained network is another one, and gains differ by as much from seed to seed. */
const otherwise = 4;

test("the shipped InvWNN gains on wrong labels what was committed", async () => {
  const of = (name: string): unknown =>
    JSON.parse(readFileSync(`${results}/small/label-noise-drawn/${name}`, "utf8"));
  const written = of("results.json") as {
    readonly adapter: string;
    readonly runtime: string;
    readonly runs: readonly { arm: string; seed: number; statistic: number }[];
  };
  const committed = written.runs.find(({ arm, seed }) => arm === "rewind" && seed === 1)!;
  const { model } = await readModelFile(`${results}/predictor/learnt/four-layers.json`);
  const protocol = protocolOf(
    "label-noise",
    { name: "synthetic" },
    { size: "small", model, only: ["rewind"] },
  );
  const gpu = await testGpu();
  const tuned = of("tuning.json") as Readonly<Record<string, Tuned>>;
  const environment = { gpu, out: folder, watch: {}, log: () => undefined };
  const [run] = await runSeeds(protocol, [1], tuned, environment);
  const { description, runtimeVersion } = gpu.adapter;
  const same = description === written.adapter && runtimeVersion === written.runtime;
  const tolerance = same ? 0 : otherwise;
  assert.ok(
    Math.abs(run!.statistic! - committed.statistic) <= tolerance,
    `${run!.statistic} points; committed ${committed.statistic} ± ${tolerance}`,
  );
});

test.after(async () => {
  rmSync(folder, { recursive: true });
  await closeGpus();
});
test.run();
