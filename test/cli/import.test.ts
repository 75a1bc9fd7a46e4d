// `rewind import` and `rewind export` from the command line.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { modelSpec } from "../../models/index.ts";
import { publishedNetwork } from "../../models/published.ts";
import { exportPretrained } from "../../src/io/pretrained.ts";
import { readSafetensors, type Tensor, writeSafetensors } from "../../src/io/safetensors.ts";
import { declare } from "../../src/nn/model.ts";
import { Random } from "../../src/random.ts";
import { denseLayers, namedWeights } from "../io/keras-fixture.ts";
import { floatBytes, torchFile } from "../io/torch-fixture.ts";
import { CommandLines } from "./command.ts";

const folder = mkdtempSync(`${tmpdir()}/rewind-import-`);

/** A published checkpoint of ConvNeXt-Atto with 12 classes. */
function checkpoint(channels = 3): Map<string, Tensor> {
  const declared = declare(modelSpec({ name: "convnext-atto" }, [32, 32, channels], 12));
  const slots = [...declared.parameters.values()];
  const random = new Random(1);
  const tensors = new Map(
    slots.map((slot) => [slot.name, { shape: slot.shape, data: slot.init(slot.shape, random) }]),
  );
  return exportPretrained(publishedNetwork("convnext-atto"), slots, tensors, "timm");
}

const commands = new CommandLines();
const network = ["--model", "convnext-atto", "--image-size", "32"];

test("a .pt of timm becomes a checkpoint, and an export gives its tensors back", async () => {
  const tensors = checkpoint();
  const file = torchFile(
    Object.fromEntries(
      [...tensors].map(([name, { shape, data }]) => [name, { shape, bytes: floatBytes(data) }]),
    ),
  );
  writeFileSync(`${folder}/atto.pt`, file);
  const imported = await commands.run(
    ...["import", `${folder}/atto.pt`, ...network, "--classes", "12", "--head", "keep"],
    ...["--out", `${folder}/atto.safetensors`],
  );
  assert.is(imported.code, 0, imported.err);
  assert.match(imported.out, /128 tensors, .* from the names of timm\./);
  const exported = await commands.run(
    ...["export", `${folder}/atto.safetensors`, "--out", `${folder}/back.safetensors`],
  );
  assert.is(exported.code, 0, exported.err);
  assert.match(exported.out, /with the names of timm/);
  assert.equal(readSafetensors(readFileSync(`${folder}/back.safetensors`)).tensors, tensors);

  // A folder is taken by what lies in it.
  mkdirSync(`${folder}/hub`);
  cpSync(`${folder}/back.safetensors`, `${folder}/hub/model.safetensors`);
  const again = ["--classes", "12", "--head", "keep", "--out", `${folder}/again.safetensors`];
  const taken = await commands.run("import", `${folder}/hub`, ...network, ...again);
  assert.is(taken.code, 0, taken.err);
  const files = [`${folder}/again.safetensors`, `${folder}/atto.safetensors`];
  assert.equal(...(files.map((file) => readFileSync(file)) as [Buffer, Buffer]));
});

test("a network of one's own goes out by its folder and under the names it has; its folder starts a training", async () => {
  const run = `${folder}/run`;
  const data = ["--train", "40", "--test", "10", "--epochs", "1", "--filters", "2,4"];
  const trained = await commands.run("train", ...data, "--hidden", "0", "--out", run);
  assert.is(trained.code, 0, trained.err);
  const out = `${folder}/own.safetensors`;
  const exported = await commands.run("export", run, "--out", out);
  assert.is(exported.code, 0, exported.err);
  assert.match(exported.out, /6 tensors with the names they have here/);
  const hub = await commands.run("export", run, "--format", "same", "--hub", "--out", out);
  assert.is(hub.code, 2);
  const none = await commands.run("export", `${folder}/hub/..`, "--out", out);
  assert.match(none.err, /is a folder without a network/);
  const on = ["train", ...data, "--hidden", "0", "--from", run, "--out", `${folder}/on`];
  const { code, err } = await commands.run(...on);
  assert.is(code, 0, err);
});

test("a file says how many channels its images have", async () => {
  writeFileSync(`${folder}/grey.safetensors`, writeSafetensors(checkpoint(1)));
  const out = `${folder}/imported-grey.safetensors`;
  const source = ["import", `${folder}/grey.safetensors`, ...network, "--out", out];
  const imported = await commands.run(...source);
  assert.is(imported.code, 0, imported.err);
  const { tensors } = readSafetensors(readFileSync(out));
  assert.equal(tensors.get("stem.conv.weight")?.shape, [4, 4, 1, 40]);
  const scaled = await commands.run(...source, "--std", "0.2,0.2,0.2");
  assert.match(scaled.err, /has 1 input channels?, and there are 3 standard deviations/);
});

test("a checkpoint for other classes says to replace the head; without it the rest is there", async () => {
  writeFileSync(`${folder}/timm.safetensors`, writeSafetensors(checkpoint()));
  const source = ["import", `${folder}/timm.safetensors`, ...network, "--classes", "10"];
  const out = `${folder}/body.safetensors`;
  const kept = await commands.run(...source, "--head", "keep", "--out", out);
  assert.is(kept.code, 1);
  assert.match(kept.err, /2 of another shape: head\.fc\.weight .* replace the head/);
  const imported = await commands.run(...source, "--out", out);
  assert.is(imported.code, 0, imported.err);
  assert.match(imported.out, /126 tensors.*the classifier is left out/);

  const refused = await commands.run("import", `${folder}/none.pt`, ...network, "--out", out);
  assert.is(refused.code, 1);
  assert.match(refused.err, /none\.pt.*no such file/);
});

test("what was done to find the tensors is printed; a wrong or damaged file is one line", async () => {
  const tensors = Object.fromEntries(
    [...checkpoint()].map(([name, { shape, data }]) => [
      `module._orig_mod.${name}`,
      { shape, bytes: floatBytes(data) },
    ]),
  );
  // The kind is told by the content, whatever the name says.
  const given = `${folder}/wrapped.h5`;
  writeFileSync(given, torchFile(tensors, { inside: "net" }));
  const out = `${folder}/wrapped.safetensors`;
  const imported = await commands.run("import", given, ...network, "--classes", "12", "--out", out);
  assert.is(imported.code, 0, imported.err);
  assert.is(
    imported.err,
    `${given}: tensors taken from "net".\n` +
      `${given}: prefix \`module._orig_mod.\` taken off all 128 names.\n`,
  );
  const keyed = await commands.run("import", given, ...network, "--key", "ema", "--out", out);
  assert.match(keyed.err, /--key ema of the checkpoint holds no tensors/);

  const keras = await namedWeights(denseLayers(["dense_1"]));
  writeFileSync(`${folder}/damaged.pt`, keras.fill(0xff, 96, 800));
  const damaged = await commands.run("import", `${folder}/damaged.pt`, ...network, "--out", out);
  assert.is(damaged.code, 1);
  assert.match(damaged.err, /^[^\n]*damaged\.pt" is a damaged HDF5 file; copy it again\.\n$/);
  writeFileSync(`${folder}/page.pt`, "<!DOCTYPE html><title>Not found</title>");
  const page = await commands.run("import", `${folder}/page.pt`, ...network, "--out", out);
  assert.match(page.err, /^[^\n]*page\.pt" is a web page \("Not found"\), not the file[^\n]*\n$/);
});

test.after(async () => {
  await commands.close();
  rmSync(folder, { recursive: true });
});
test.run();
