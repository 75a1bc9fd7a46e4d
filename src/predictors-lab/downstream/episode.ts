/** One rewind of an end state to a level of forgetting, and what it says of the predictor in training. */
import { DivergedError } from "../../errors.ts";
import type { Gpu } from "../../gpu/device.ts";
import { GpuDataset } from "../../feed/gpu-dataset.ts";
import { Owned } from "../../gpu/owned.ts";
import type { Scores } from "../../metrics/metric.ts";
import type { Tensors } from "../../nn/model.ts";
import type { Predictor } from "../../predictors/predictor.ts";
import { rowNames, rowsOf } from "../../predictors/weighted-steps/weights.ts";
import type { Random } from "../../random.ts";
import type { TrainConfig } from "../../runs/config.ts";
import { type Job, prepareJob } from "../../runs/job.ts";
import type { EndScores } from "../../scenarios/meta-training.ts";
import type { Watch } from "../../train/replay.ts";
import { RewindSession, rewindSettings } from "../../unlearn/methods/rewind.ts";
import { shortenRound } from "../../unlearn/shorten-round.ts";
import { scoresOf, type Taught, taught } from "./end-states.ts";
import type { Learner } from "./learner.ts";
import type { RecordedRound } from "./meta-gradient.ts";
import { matched, Slope } from "./slope.ts";

/** Rounds of a rewind at most. */
export const mostRounds = 8;

/** How many times the strength a rewind has that does not get there with less, as experiments tune the lengths of steps. */
export const strengthFactors = [1, 4, 16] as const;

/** Scores of a rewind from its start on. */
type History = readonly { readonly scores: Scores }[];

/** Images a step of the fine-tuning on D_f. */
const batch = 200;

/** How an end state is rewound. */
export interface Draw {
  readonly learningRate: number;
  readonly strength: number;
  /** Decides, in [0, 1), where the rewind lands; see {@link MetaTraining.level}. */
  readonly level: number;
  readonly seed: number;
}

/** A draw of meta-training: rates and strengths evenly on a logarithmic scale. */
export function drawOf(random: Random): Draw {
  const between = (low: number, high: number): number => low * (high / low) ** random.float();
  return {
    learningRate: between(1e-3, 1e-2),
    strength: between(0.5, 3),
    level: random.float(),
    seed: random.int(2 ** 31),
  };
}

/** What an episode found. */
export interface Episode {
  /** How the clean loss changes with what is learnt; undefined where the rewind diverged or did nothing. */
  readonly gradient?: Float64Array;
  readonly rounds: number;
  /** Cross-entropy on held-out images at its best temperature where it landed, in nats. */
  readonly loss?: number;
}

/** The images whose cross-entropy is to be low, on the device, with their labels; `owned` takes over what is uploaded. */
async function heldOutImages(
  { gpu, info, test, testData, config }: Job,
  { metaTraining }: Taught,
  owned: Owned,
): Promise<{ data: GpuDataset; labels: Uint16Array }> {
  if (metaTraining.heldOut === undefined) return { data: testData, labels: test.labels };
  const { name: _, ...settings } = config.scenario;
  const images = metaTraining.heldOut(test, settings);
  const { mean, deviation } = info.preprocessing;
  const data = owned.add(await GpuDataset.upload(gpu, images, mean, deviation));
  return { data, labels: images.labels };
}

/** An end state on the device. Owns its network, its images and what measures them. */
export class Place {
  readonly #job: Job;
  readonly #scenario: Taught;
  readonly #trained: Tensors;
  readonly #scores: EndScores;
  readonly #heldOut: Slope;
  readonly #forget: Slope;
  readonly #owned: Owned;

  private constructor(parts: {
    readonly job: Job;
    readonly scenario: Taught;
    readonly trained: Tensors;
    readonly scores: EndScores;
    readonly heldOut: Slope;
    readonly forget: Slope;
    readonly owned: Owned;
  }) {
    this.#job = parts.job;
    this.#scenario = parts.scenario;
    this.#trained = parts.trained;
    this.#scores = parts.scores;
    this.#heldOut = parts.heldOut;
    this.#forget = parts.forget;
    this.#owned = parts.owned;
  }

  /**
   * @param trained weights of the end state.
   * @param scores its scores, which say where rewinds land.
   */
  static open(
    gpu: Gpu,
    train: TrainConfig,
    { tensors: trained, scores }: { readonly tensors: Tensors; readonly scores: EndScores },
  ): Promise<Place> {
    const scenario = taught(train.scenario.name);
    return Owned.during(async (owned) => {
      const job = owned.add(await prepareJob(gpu, train));
      const { model, labels } = job;
      const { data, items } = job.request(train.seed).forget;
      const images = await heldOutImages(job, scenario, owned);
      const all = Uint32Array.from(images.labels.keys());
      const heldOut = owned.add(await Slope.create(model, images.data, all, images.labels));
      const theirs = Uint16Array.from(items, (i) => labels[i]!);
      const forget = owned.add(await Slope.create(model, data, items, theirs));
      return new Place({ job, scenario, trained, scores, heldOut, forget, owned });
    });
  }

  /** Unlearning accuracy of the network trained without D_f, %, where the experiment is measured against it. */
  get #retrainedUa(): number | undefined {
    return this.#scenario.experiment.againstRetrained
      ? 100 - this.#scores.retrained.forget
      : undefined;
  }

  async #session(predictor: Predictor, draw: Omit<Draw, "level">): Promise<RewindSession> {
    const job = this.#job;
    job.model.load(this.#trained);
    const { learningRate, strength } = draw;
    const settings = rewindSettings.parse({ learningRate, strength, batch });
    return RewindSession.create(job.request(draw.seed), predictor, settings);
  }

  /**
   * Rewinds until it is there, the last round shortened to end there, or for {@link mostRounds} rounds.
   *
   * @param onRound called after each round with the share of it that was kept, the weights before it, and whether it is there.
   */
  async #rewind(
    session: RewindSession,
    isThere: () => Promise<boolean>,
    onRound: (share: number, before: Tensors, arrived: boolean) => Promise<void>,
    watch: Watch,
  ): Promise<void> {
    const { model } = this.#job;
    let before = this.#trained;
    for (let round = 1; round <= mostRounds; round++) {
      await session.round(watch);
      const arrived = await isThere();
      const after = await model.save();
      const share = arrived ? await shortenRound(model, before, after, isThere) : 1;
      await onRound(share, before, arrived);
      if (arrived) return;
      before = after;
    }
  }

  /** Rewinds by the predictor in training until D_f is forgotten as far as the draw says, and looks where that has led. */
  async episode(
    learner: Learner,
    values: readonly number[],
    draw: Draw,
    watch: Watch = {},
  ): Promise<Episode> {
    const { model } = this.#job;
    return Owned.within(async (owned) => {
      const session = owned.add(await this.#session(learner.predictor(values), draw));
      const level = this.#scenario.metaTraining.level(this.#scores, draw.level);
      const rounds: RecordedRound[] = [];
      let before = this.#trained;
      try {
        await this.#rewind(
          session,
          async () => (await scoresOf(this.#job)).forget <= level,
          async (share, from) => {
            rounds.push(await this.#recorded(session, draw.strength * share));
            before = from;
          },
          watch,
        );
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
      const answers = await this.#heldOut.answers(watch);
      const temperature = answers.bestTemperature();
      const loss = answers.loss(temperature);
      if (!Number.isFinite(loss)) return { rounds: rounds.length };
      const better = await this.#heldOut.gradient(answers.cotangent(temperature), watch);
      const own = await this.#forget.answers(watch);
      const forgotten = await this.#forget.gradient(own.cotangent(1), watch);
      const slope = matched(better, forgotten, last);
      const gradient = await learner.gradient(rounds, values, slope, draw.seed);
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
   * The statistic of the scenario's experiment for a rewind by a predictor, which ends at the experiment's level of
   * forgetting. One that does not get there is done anew with more strength ({@link strengthFactors}): how far an answer
   * goes is tuned in experiments, and one that answers far is not the better for it. For one that never gets there what
   * the experiment counts it as, else 0.
   */
  async statistic(
    predictor: Predictor,
    draw: Omit<Draw, "level">,
    watch: Watch = {},
  ): Promise<number> {
    const { statistic } = this.#scenario.experiment;
    let history: History = [];
    for (const times of strengthFactors) {
      history = await this.#followed(
        predictor,
        { ...draw, strength: draw.strength * times },
        watch,
      );
      const value = statistic.of(history, this.#retrainedUa);
      if (value !== undefined) return value;
    }
    return statistic.never?.(history) ?? 0;
  }

  /** The scores of a rewind, before it and after each of its rounds; it ends at the experiment's level of forgetting. */
  async #followed(predictor: Predictor, draw: Omit<Draw, "level">, watch: Watch): Promise<History> {
    const { x, y, landing } = this.#scenario.experiment;
    const names = [x, ...y].map(({ score }) => score);
    const evaluate = (): Promise<Scores> => this.#job.evaluate({}, names);
    const retrainedUa = this.#retrainedUa;
    return Owned.within(async (owned) => {
      const session = owned.add(await this.#session(predictor, draw));
      const start = await evaluate();
      const history = [{ scores: start }];
      let scores = start;
      const isThere = async (): Promise<boolean> => {
        scores = await evaluate();
        return retrainedUa === undefined
          ? landing?.reached(scores, start) === true
          : 100 - scores[x.score]! >= retrainedUa;
      };
      const onRound = async (_: number, _before: Tensors, arrived: boolean): Promise<void> => {
        // A round that was shortened is another network than the last one measured.
        history.push({ scores: arrived ? await evaluate() : scores });
      };
      try {
        await this.#rewind(session, isThere, onRound, watch);
      } catch (cause) {
        if (!(cause instanceof DivergedError)) throw cause;
      }
      return history;
    });
  }

  destroy(): void {
    this.#owned.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
