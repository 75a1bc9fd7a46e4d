// Weights that an unlearning keeps round by round: how many, and which are given up.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../src/errors.ts";
import { RunFolder } from "../../src/report/run-folder.ts";
import {
  keepRound,
  keptMoves,
  keptRoundNumbers,
  keptWeights,
  strideAfter,
} from "../../src/runs/kept-rounds.ts";
import type { Slot } from "../../src/weights/arena.ts";
import { errorOf } from "../data/folder.ts";

test("the stride is the smallest power of two that keeps few enough", () => {
  assert.equal(
    [1, 4, 5, 9, 16, 20].map((round) => strideAfter(round, 4)),
    [1, 1, 2, 2, 4, 8],
  );
  assert.equal(
    [1, 2, 3, 4].map((round) => strideAfter(round, 1)),
    [1, 2, 2, 4],
  );
});

test("rounds are kept with their weights and moves, and every second given up where they are too many", async () => {
  const path = mkdtempSync(`${tmpdir()}/rewind-kept-`);
  const { folder } = await RunFolder.start(path, { some: "run" });
  const slots: Slot[] = [{ name: "w", shape: [2], kind: "fc", shard: 0, offset: 0, size: 2 }];
  const job = { model: { slots, spec: { name: "made" } } } as unknown as Parameters<
    typeof keepRound
  >[1];
  const at = (round: number) =>
    new Map([["w", { shape: [2], data: Float32Array.of(round, -round) }]]);
  const recording = {
    bytes: 16,
    read: async () => new Map([["w", Float32Array.of(0, 0, 1, 1)]]),
  };
  const session = { recording } as unknown as Parameters<typeof keepRound>[2];
  const kept: number[][] = [];
  for (let round = 1; round <= 6; round++) {
    await keepRound(folder, job, session, round, 3, at(round - 1), at(round));
    kept.push(await keptRoundNumbers(folder));
  }
  assert.equal(kept, [[1], [1, 2], [1, 2, 3], [2, 4], [2, 4], [2, 4, 6]]);
  assert.equal([...(await keptWeights(folder, job, 4)).get("w")!.data], [4, -4]);
  const moves = await keptMoves(folder);
  assert.equal(
    moves.map(({ round }) => round),
    [2, 4, 6],
  );
  // It ended with three quarters of the sixth round.
  await folder.writeCheckpoint("checkpoint.safetensors", at(5.75), {});
  const parts = await keptMoves(folder, 5.75);
  assert.equal(
    parts.map(({ round }) => round),
    [2, 4, 5.75],
  );
  assert.is(parts[2]!.layers[0]!.move, 0.75 * moves[2]!.layers[0]!.move);
  assert.equal(
    (await keptMoves(folder, 4.5)).map(({ round }) => round),
    [2, 4],
  );
  await folder.writeCheckpoint("checkpoint.safetensors", new Map(), {});
  const foreign = await errorOf(keptMoves(folder, 5.75));
  assert.match(
    foreign.message,
    /checkpoint\.safetensors" has no 2 weights "w", of which round-6\.json/,
  );
  assert.is(moves[0]!.layers[0]!.move, Math.SQRT2);
  for (const text of ["{}", "null", '{ "round": 4, "layers": [{}], "coordinates": [] }']) {
    const damaged = await RunFolder.open(path);
    const written = readFileSync(`${path}/round-4.json`);
    writeFileSync(`${path}/round-4.json`, text);
    const error = await errorOf(keptMoves(damaged));
    assert.ok(error instanceof DataError && /round-4\.json" is damaged/.test(error.message), text);
    writeFileSync(`${path}/round-4.json`, written);
  }
  // A method that records nothing, or too much to read back, keeps its weights alone.
  await keepRound(folder, job, {} as typeof session, 7, 9, at(6), at(7));
  const large = { recording: { ...recording, bytes: 2 ** 40 } } as unknown as typeof session;
  await keepRound(folder, job, large, 8, 9, at(7), at(8));
  assert.equal(
    readdirSync(path)
      .filter((name) => /^round-[78]/.test(name))
      .sort(),
    ["round-7.safetensors", "round-8.safetensors"],
  );
  rmSync(path, { recursive: true });
});

test.run();
