/**
 * Weights that an unlearning leaves in its folder round by round, for figures of its path: `round-N.safetensors`, and
 * `round-N.json` with how far the round moved them.
 *
 * At most so many as are asked for: where there are more rounds every second one is kept, then every fourth, and so on.
 */
import { z } from "zod";
import { movesOf, partOfMoves, type RoundMoves, type Weights } from "../analysis/moves.ts";
import { DataError } from "../errors.ts";
import { prefixed, unprefixed } from "../io/state-parts.ts";
import type { Tensors } from "../nn/model.ts";
import { listDir, readJson } from "../platform/files.ts";
import type { RunFolder } from "../report/run-folder.ts";
import type { UnlearnSession } from "../unlearn/method.ts";
import { checkedFile } from "./checked-file.ts";
import { requireModel } from "./checkpoints.ts";
import type { SetupConfig } from "./config.ts";
import type { Job } from "./job.ts";
import { unlearnedFile } from "./recorded-run.ts";

/** Bytes of snapshots that are read back to compare a round with them, at most. */
const mostHistory = 2 ** 28;

const weightsFile = (round: number): string => `round-${round}.safetensors`;
const movesFile = (round: number): string => `round-${round}.json`;

const numbers = z.array(z.number());

/** The parts of a round's moves that figures are drawn from. */
const movesSchema = z.looseObject({
  round: z.number(),
  layers: z.array(
    z.looseObject({
      name: z.string(),
      kind: z.string(),
      size: z.number(),
      drift: z.number(),
      move: z.number(),
      cosine: z.number().nullable(),
      histogram: z.looseObject({ drift: numbers, move: numbers }),
    }),
  ),
  coordinates: z.array(
    z.looseObject({
      layer: z.string(),
      index: z.number(),
      quantile: z.number(),
      history: numbers,
      after: z.number(),
    }),
  ),
});

/** Rounds from one that is kept to the next, after so many: the smallest power of two that leaves at most `most`. */
export function strideAfter(round: number, most: number): number {
  let stride = 1;
  while (Math.floor(round / stride) > most) stride *= 2;
  return stride;
}

/** Numbers of the rounds whose weights a folder has, ascending. */
export async function keptRoundNumbers(folder: RunFolder): Promise<number[]> {
  const names = await listDir(folder.path);
  return names
    .flatMap((name) => /^round-(\d+)\.safetensors$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/** Keeps a round's weights, and gives up those that are too many by now. */
export async function keepRound(
  folder: RunFolder,
  job: Job<SetupConfig>,
  session: UnlearnSession,
  round: number,
  most: number,
  before: Weights,
  after: Tensors,
): Promise<void> {
  const stride = strideAfter(round, most);
  for (const kept of await keptRoundNumbers(folder)) {
    if (kept % stride === 0) continue;
    await folder.discard(weightsFile(kept));
    await folder.discard(movesFile(kept));
  }
  if (round % stride !== 0) return;
  const { model } = job;
  const { bytes = Infinity } = session.recording ?? {};
  if (bytes <= mostHistory) {
    const histories = await session.recording!.read();
    await folder.writeJson(movesFile(round), movesOf(round, model.slots, histories, before, after));
  }
  await folder.writeCheckpoint(weightsFile(round), prefixed("model", after), {
    model: model.spec.name,
    round: String(round),
  });
}

/** Weights of a round that was kept. */
export async function keptWeights(
  folder: RunFolder,
  job: Job<SetupConfig>,
  round: number,
): Promise<Tensors> {
  const file = (await folder.readCheckpoint(weightsFile(round)))!;
  requireModel(file.metadata, job, folder.file(weightsFile(round)));
  return unprefixed("model", file.tensors);
}

/**
 * What rounds that were kept did to the weights, where their method recorded a fine-tuning.
 *
 * @param end where the run ended: of a round that it landed in the part up to there.
 * @throws DataError for a file that is damaged.
 */
export async function keptMoves(folder: RunFolder, end = Infinity): Promise<RoundMoves[]> {
  const all: RoundMoves[] = [];
  for (const round of await keptRoundNumbers(folder)) {
    if (round >= end + 1 || !(await folder.has(movesFile(round)))) continue;
    const file = folder.file(movesFile(round));
    const moves = checkedFile(movesSchema, await readJson(file), file) as unknown as RoundMoves;
    all.push(round <= end ? moves : await landedMoves(folder, moves, end));
  }
  return all;
}

/** The part of a round's moves that a run ended with. */
async function landedMoves(folder: RunFolder, moves: RoundMoves, end: number): Promise<RoundMoves> {
  const weights = async (name: string, prefix?: string): Promise<Weights> => {
    const { tensors } = (await folder.readCheckpoint(name))!;
    const own = prefix === undefined ? tensors : unprefixed(prefix, tensors);
    const lacks = moves.layers.find((layer) => own.get(layer.name)?.data.length !== layer.size);
    if (lacks === undefined) return own;
    throw new DataError(
      `"${folder.file(name)}" has no ${lacks.size} weights "${lacks.name}", of which ${movesFile(moves.round)} tells: one ` +
        "of the two files is of another run.",
    );
  };
  const whole = await weights(weightsFile(moves.round), "model");
  return partOfMoves(moves, end, whole, await weights(unlearnedFile));
}
