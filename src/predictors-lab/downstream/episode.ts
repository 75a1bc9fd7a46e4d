/** One rewind of an end state to a level of forgetting, and what it says of the weights of the steps. */
import { DivergedError } from "../../errors.ts";
import type { Gpu } from "../../gpu/device.ts";
import { Owned } from "../../gpu/owned.ts";
import type { Tensors } from "../../nn/model.ts";
import type { Predictor } from "../../predictors/predictor.ts";
import { weightedSteps } from "../../predictors/weighted-steps/predictor.ts";
import { rowNames, rowsOf, type StepWeights } from "../../predictors/weighted-steps/weights.ts";
import type { Random } from "../../random.ts";
import type { TrainConfig } from "../../runs/config.ts";
import { type Job, prepareJob } from "../../runs/job.ts";
import { scenarios } from "../../scenarios/index.ts";
import type { Watch } from "../../train/replay.ts";
import { unlearn } from "../../unlearn/driver.ts";
import { RewindSession, rewindSettings } from "../../unlearn/methods/rewind.ts";
import { shortenRound } from "../../unlearn/shorten-round.ts";
import { scoresOf } from "./end-states.ts";
import { metaGradient, type RecordedRound } from "./meta-gradient.ts";
import { matched, Slope } from "./slope.ts";

/** Rounds of a rewind at most. */
export const mostRounds = 8;

/** Images a step of the fine-tuning on D_f. */
const batch = 200;

/** How an end state is rewound. */
export interface Draw {
  readonly learningRate: number;
  readonly strength: number;
  /** Where the rewind lands: a share of the first accuracy on D_f. */
  readonly level: number;
  readonly seed: number;
}

/** A draw of meta-training: rates and strengths evenly on a logarithmic scale. */
export function drawOf(random: Random): Draw {
  const between = (low: number, high: number): number => low * (high / low) ** random.float();
  return {
    learningRate: between(1e-3, 1e-2),
    strength: between(0.5, 3),
    level: 0.15 + 0.35 * random.float(),
    seed: random.int(2 ** 31),
  };
}

/** What an episode found. */
export interface Episode {
  /** How the clean loss changes with the weights, [rows, inputs]; undefined where the rewind diverged or did nothing. */
  readonly gradient?: Float64Array;
  readonly rounds: number;
  /** Clean cross-entropy at its best temperature where it landed, in nats. */
  readonly loss?: number;
}

/** An end state on the device. Owns its network, its images and what measures them. */
export class Place {
  readonly #job: Job;
  readonly #trained: Tensors;
  readonly #clean: Slope;
  readonly #forget: Slope;
  readonly #owned: Owned;

  private constructor(job: Job, trained: Tensors, clean: Slope, forget: Slope, owned: Owned) {
    this.#job = job;
    this.#trained = trained;
    this.#clean = clean;
    this.#forget = forget;
    this.#owned = owned;
  }

  /** @param trained weights of the end state. */
  static open(gpu: Gpu, train: TrainConfig, trained: Tensors): Promise<Place> {
    return Owned.during(async (owned) => {
      const job = owned.add(await prepareJob(gpu, train));
      const { model, test, testData, labels } = job;
      const { data, items } = job.request(train.seed).forget;
      const all = Uint32Array.from(test.labels.keys());
      const clean = owned.add(await Slope.create(model, testData, all, test.labels));
      const theirs = Uint16Array.from(items, (i) => labels[i]!);
      const forget = owned.add(await Slope.create(model, data, items, theirs));
      return new Place(job, trained, clean, forget, owned);
    });
  }

  async #session(predictor: Predictor, draw: Omit<Draw, "level">): Promise<RewindSession> {
    const job = this.#job;
    job.model.load(this.#trained);
    const { learningRate, strength } = draw;
    const settings = rewindSettings.parse({ learningRate, strength, batch });
    return RewindSession.create(job.request(draw.seed), predictor, settings);
  }

  /** Rewinds by the weights until D_f is forgotten as far as the draw says, and looks where that has led. */
  async episode(weights: StepWeights, draw: Draw, watch: Watch = {}): Promise<Episode> {
    const { model } = this.#job;
    return Owned.within(async (owned) => {
      const predictor = weightedSteps(weights, { name: "in training", source: "meta-training" });
      const session = owned.add(await this.#session(predictor, draw));
      const level = draw.level * (await scoresOf(this.#job)).forget;
      const reached = async (): Promise<boolean> => (await scoresOf(this.#job)).forget <= level;
      const rounds: RecordedRound[] = [];
      let before = this.#trained;
      try {
        for (;;) {
          await session.round(watch);
          const arrived = await reached();
          const after =
            arrived || rounds.length === mostRounds - 1 ? undefined : await model.save();
          let share = 1;
          if (arrived) share = await shortenRound(model, before, await model.save(), reached);
          rounds.push(await this.#recorded(session, draw.strength * share));
          if (after === undefined) break;
          before = after;
        }
      } catch (cause) {
        if (cause instanceof DivergedError) return { rounds: rounds.length };
        throw cause;
      }
      const end = await model.parameters.read();
      const last = new Map(
        rounds.at(-1)!.tensors.map(({ name }) => {
          const from = before.get(name)!.data;
          return [name, Float64Array.from(end.get(name)!, (w, i) => w - from[i]!)];
        }),
      );
      const answers = await this.#clean.answers(watch);
      const temperature = answers.bestTemperature();
      const loss = answers.loss(temperature);
      if (!Number.isFinite(loss)) return { rounds: rounds.length };
      const clean = await this.#clean.gradient(answers.cotangent(temperature), watch);
      const own = await this.#forget.answers(watch);
      const forgotten = await this.#forget.gradient(own.cotangent(1), watch);
      const slope = matched(clean, forgotten, last);
      const gradient = metaGradient(rounds, weights, weights.values, slope);
      if (!gradient.every(Number.isFinite)) return { rounds: rounds.length, loss };
      return { gradient, rounds: rounds.length, loss };
    });
  }

  /** What the last round's trajectory was. */
  async #recorded(session: RewindSession, strength: number): Promise<RecordedRound> {
    const histories = await session.recording.read();
    const gradients = (await session.recording.gradients?.()) ?? [];
    const slots = this.#job.model.slots.filter(({ name }) => histories.has(name));
    const rows = rowsOf(slots);
    const tensors = slots.map(({ name }, t) => ({
      name,
      row: rowNames.indexOf(rows[t]!),
      history: histories.get(name)!,
      gradients: gradients.map((of) => of.get(name)!),
    }));
    return { tensors, strength };
  }

  /**
   * The statistic of the scenario's experiment for a rewind by a predictor: for wrong labels, the gain in test
   * accuracy, in points. A rewind that never arrives gains nothing.
   */
  async statistic(
    predictor: Predictor,
    draw: Omit<Draw, "level">,
    watch: Watch = {},
  ): Promise<number> {
    const job = this.#job;
    const experiment = scenarios.find(job.config.scenario.name).experiment!;
    const names = [experiment.x, ...experiment.y].map(({ score }) => score);
    return Owned.within(async (owned) => {
      const session = owned.add(await this.#session(predictor, draw));
      const { history } = await unlearn(session, {
        stop: { rounds: mostRounds, ...experiment.until },
        evaluate: () => job.evaluate({}, names),
        endOnDivergence: true,
        watch,
      });
      return experiment.statistic.of(history, undefined) ?? 0;
    });
  }

  destroy(): void {
    this.#owned.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
