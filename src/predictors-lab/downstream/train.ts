/**
 * Meta-training: a predictor's numbers are learnt for what unlearning is for, a better network where as much is forgotten.
 *
 * A step rewinds some end states to a level of forgetting, those of each scenario in turn, and moves the numbers by Adam
 * against the mean of the episodes' derivatives, each brought to length 1. Those that are best in the experiments'
 * statistics, on trainings kept apart, are kept: the loss of single episodes differs too much to choose by. All that is drawn follows from the seeds and the number of
 * the step, so that a training goes on from its state to the same bits.
 */
import { z } from "zod";
import type { Predictor } from "../../predictors/predictor.ts";
import { Random } from "../../random.ts";
import type { Watch } from "../../train/replay.ts";
import { taught } from "./end-states.ts";
import { drawOf, type Episode, type Place } from "./episode.ts";
import type { Learner } from "./learner.ts";

/** What decides a meta-training, given a library and what is learnt. */
export interface MetaSettings {
  readonly steps: number;
  /** End states that are rewound in a step. */
  readonly episodes: number;
  /** Steps from one try on the trainings kept apart to the next. */
  readonly tryEvery: number;
  /** Largest learning rate; it falls along a cosine. */
  readonly learningRate: number;
  readonly seed: number;
}

/** How end states kept apart are rewound at first; with more strength where that does not get there. */
export const triedAs = { learningRate: 3e-3, strength: 1 } as const;

/** Places that stay open, at most: each holds a network, its images and some programs. */
const mostOpen = 24;

/** End states of a scenario, by number: those to learn from, and those kept apart. */
export interface Division {
  readonly scenario: string;
  readonly learnt: readonly number[];
  readonly kept: readonly number[];
}

/** End states by number, opened when they are needed. Owns those that are open. */
export class Places {
  readonly divisions: readonly Division[];
  readonly #make: (i: number) => Promise<Place>;
  readonly #open = new Map<number, Place>();

  /** @param make opens an end state. */
  constructor(make: (i: number) => Promise<Place>, divisions: readonly Division[]) {
    this.#make = make;
    this.divisions = divisions;
  }

  /** An end state on the device: of those that are open, the one not used for longest makes room. */
  async open(i: number): Promise<Place> {
    const place = this.#open.get(i) ?? (await this.#make(i));
    this.#open.delete(i);
    this.#open.set(i, place);
    const [oldest] = this.#open;
    if (oldest !== undefined && this.#open.size > mostOpen) {
      this.#open.delete(oldest[0]);
      oldest[1].destroy();
    }
    return place;
  }

  destroy(): void {
    for (const place of this.#open.values()) place.destroy();
    this.#open.clear();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}

const numbers = z.array(z.number());

const standingSchema = z.object({
  /** What predictors are chosen by: the mean over scenarios, each in units of its experiment's margin. */
  statistic: z.number(),
  /** Mean statistic of each scenario's experiment, by the scenario's name. */
  means: z.record(z.string(), z.number()),
});

/** How a predictor does on the trainings kept apart. */
export type MetaStanding = z.output<typeof standingSchema>;

const stateSchema = z.object({
  step: z.number().int().min(0),
  values: numbers,
  first: numbers,
  second: numbers,
  best: standingSchema.extend({ step: z.number(), values: numbers }).nullable(),
  losses: z.array(z.number().nullable()),
  tries: z.array(standingSchema.extend({ step: z.number() })),
});

/** Where a meta-training is: numbers, moments of Adam, and the best so far. */
export type MetaState = z.output<typeof stateSchema>;

export const metaStateSchema: z.ZodType<MetaState> = stateSchema;

/** The beginning: the straight line. */
export function metaStart({ start }: Pick<Learner, "start">): MetaState {
  const zeros = start.map(() => 0);
  const nothing = { step: 0, best: null, losses: [], tries: [] };
  return { ...nothing, values: [...start], first: zeros, second: zeros };
}

/** What a predictor is worth on the trainings kept apart. */
export async function standingOf(
  predictor: Predictor,
  places: Places,
  seed: number,
  watch: Watch = {},
): Promise<MetaStanding> {
  const means: Record<string, number> = {};
  let statistic = 0;
  const { divisions } = places;
  for (const { scenario, kept } of divisions) {
    let sum = 0;
    for (const i of kept) {
      const place = await places.open(i);
      sum += await place.statistic(predictor, { ...triedAs, seed: seed + i }, watch);
    }
    const { better, margin } = taught(scenario).experiment.statistic;
    const mean = sum / kept.length;
    means[scenario] = mean;
    statistic += (better === "higher" ? mean : -mean) / margin / divisions.length;
  }
  return { statistic, means };
}

/** One step of Adam. */
function adam(
  state: MetaState,
  gradient: readonly number[],
  rate: number,
  { rates }: Pick<Learner, "rates">,
): MetaState {
  const [decay1, decay2] = [0.9, 0.99];
  const step = state.step + 1;
  const first = state.first.map((m, i) => decay1 * m + (1 - decay1) * gradient[i]!);
  const second = state.second.map((v, i) => decay2 * v + (1 - decay2) * gradient[i]! ** 2);
  const values = state.values.map((value, i) => {
    const m = first[i]! / (1 - decay1 ** step);
    const v = second[i]! / (1 - decay2 ** step);
    return value - ((rates?.[i] ?? 1) * rate * m) / (Math.sqrt(v) + 1e-8);
  });
  return { ...state, step, values, first, second };
}

/** The mean of derivatives, each of length 1: losses of end states differ tenfold. */
export function meanDirection(episodes: readonly Episode[], size: number): number[] {
  const mean = Array.from({ length: size }, () => 0);
  for (const { gradient } of episodes) {
    if (gradient === undefined) continue;
    const length = Math.sqrt(gradient.reduce((sum, g) => sum + g ** 2, 0));
    if (length > 0) gradient.forEach((g, i) => (mean[i]! += g / length / episodes.length));
  }
  return mean;
}

/** The next step from a state; after it, where it is due, a try on the trainings kept apart. */
export async function metaStep(
  state: MetaState,
  settings: MetaSettings,
  learner: Learner,
  places: Places,
  watch: Watch = {},
): Promise<MetaState> {
  const { steps, episodes, tryEvery, learningRate, seed } = settings;
  const random = new Random(seed).fork(`meta step ${state.step}`);
  const found: Episode[] = [];
  const { divisions } = places;
  for (let e = 0; e < episodes; e++) {
    const { learnt } = divisions[(state.step * episodes + e) % divisions.length]!;
    const place = await places.open(learnt[random.int(learnt.length)]!);
    found.push(await place.episode(learner, state.values, drawOf(random), watch));
  }
  const rate = (learningRate / 2) * (1 + Math.cos((Math.PI * state.step) / steps));
  const next = adam(state, meanDirection(found, state.values.length), rate, learner);
  const known = found.flatMap(({ loss }) => loss ?? []);
  const loss = known.length === 0 ? null : known.reduce((a, b) => a + b, 0) / known.length;
  const losses = [...state.losses, loss];
  if (next.step % tryEvery !== 0 && next.step !== steps) return { ...next, losses };
  const standing = await standingOf(learner.predictor(next.values), places, triedSeed, watch);
  const { step, values } = next;
  const tries = [...state.tries, { step, ...standing }];
  const better = state.best === null || standing.statistic > state.best.statistic;
  const best = better ? { step, values, ...standing } : state.best;
  return { ...next, losses, tries, best };
}

/** Every predictor, of every meta-seed, is tried with the same orders of D_f. */
export const triedSeed = 77;
