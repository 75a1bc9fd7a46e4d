import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../src/errors.ts";
import { RunFolder } from "../../src/report/run-folder.ts";

const root = mkdtempSync(`${tmpdir()}/rewind-folder-`);

async function fails(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
  } catch (error) {
    assert.instance(error, DataError);
    return (error as Error).message;
  }
  return "did not fail";
}

test("a folder is resumed with its own configuration and refused with another", async () => {
  const path = `${root}/a`;
  // Nothing came of the first command: the corrected one takes its place.
  assert.not((await RunFolder.start(path, { seed: -1 })).resumed);
  for (const name of ["inputs.json", "forget.json"]) writeFileSync(`${path}/${name}`, "{}");
  const { folder, resumed } = await RunFolder.start(path, { seed: 1 });
  assert.not(await folder.has("inputs.json"));
  assert.not(resumed);
  assert.ok((await RunFolder.start(path, { seed: 1 })).resumed);
  await folder.log({ epoch: 1 });
  assert.match(
    await fails(() => RunFolder.start(path, { seed: 2, unlearn: { rounds: 3 } })),
    /another configuration \(config\.json\): seed is 1 there, 2 here, and 1 more\./,
  );
});

test("what is no run's folder is told by what it is", async () => {
  const { folder } = await RunFolder.start(`${root}/run`, { seed: 1 });
  await folder.write("checkpoint.safetensors", "x");
  mkdirSync(`${root}/plain`);
  writeFileSync(`${root}/plain/net.pt`, "x");
  for (const [path, says] of [
    ["run/checkpoint.safetensors", /is not a run folder: it is a file in one\. Give ".*\/run"\.$/],
    ["plain/net.pt", /net\.pt" is not a run folder: it is a file\. .* \(`checkpoint`\)\.$/],
    ["plain", /is not a run folder: it has no config\.json\. Run `rewind train` first\.$/],
    ["none", /is not a run folder: there is no such folder\. Run `rewind train` first\.$/],
  ] as const) {
    assert.match(await fails(() => RunFolder.open(`${root}/${path}`)), says);
  }
});

test("paths are found again where the folder and what it read were moved together", async () => {
  const [here, there] = [`${root}/here`, `${root}/there`];
  mkdirSync(`${here}/data`, { recursive: true });
  const config = { data: { dir: `${here}/data` }, classes: ["data", "/none"], list: [here] };
  const { folder } = await RunFolder.start(`${here}/runs/a`, config);
  await folder.log({ epoch: 1 });
  assert.equal(await folder.config(), config);
  assert.equal(JSON.parse(readFileSync(folder.file("config.json"), "utf8")), {
    ...config,
    pathsFromHere: { [`${here}/data`]: "../../data", [here]: "../.." },
  });
  renameSync(here, there);
  const moved = { data: { dir: `${there}/data` }, classes: ["data", "/none"], list: [there] };
  const again = await RunFolder.open(`${there}/runs/a`);
  assert.equal(await again.config(), moved);
  assert.equal(await again.relocated({ dir: `${here}/data` }), { dir: `${there}/data` });
  assert.ok((await RunFolder.start(`${there}/runs/a`, moved)).resumed);
  // What is still at its path is taken from there.
  mkdirSync(`${here}/data`, { recursive: true });
  assert.equal(await again.config(), { ...moved, data: { dir: `${here}/data` }, list: [here] });
});

test("a torn last line of metrics.jsonl is dropped, whole lines stay", async () => {
  const path = `${root}/b`;
  const { folder } = await RunFolder.start(path, {});
  await folder.log({ epoch: 1, loss: 0.5 });
  await folder.log({ epoch: 2, loss: Number.NaN });
  appendFileSync(`${path}/metrics.jsonl`, '{"epoch": 3, "lo');
  const again = (await RunFolder.start(path, {})).folder;
  assert.equal(await again.metrics(), [
    { epoch: 1, loss: 0.5 },
    { epoch: 2, loss: null },
  ]);
  await again.keepMetrics((line) => line["epoch"] === 1);
  assert.is(readFileSync(`${path}/metrics.jsonl`, "utf8"), '{"epoch":1,"loss":0.5}\n');
});

test("checkpoints come back as they were written, and no temporary file stays", async () => {
  const path = `${root}/c`;
  const { folder } = await RunFolder.start(path, {});
  assert.is(await folder.readCheckpoint("x.safetensors"), undefined);
  const tensors = new Map([["w", { shape: [2], data: Float32Array.of(1, -2) }]]);
  await folder.writeCheckpoint("x.safetensors", tensors, { model: "m" });
  const read = await folder.readCheckpoint("x.safetensors");
  assert.equal(read!.tensors.get("w")!.data, Float32Array.of(1, -2));
  assert.equal(read!.metadata, { model: "m" });
  assert.equal(readdirSync(path).sort(), ["config.json", "x.safetensors"]);
});

test("a folder without config.json is no run folder", async () => {
  assert.match(
    await fails(() => RunFolder.open(root)),
    /is not a run folder: it has no config.json/,
  );
});

test.after(() => rmSync(root, { recursive: true, force: true }));
test.run();
