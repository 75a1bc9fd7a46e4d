/**
 * How a predictor behaves: its answers to histories of known shape, so that a user can tell whether it fits
 * their network before it touches a weight.
 *
 * Answers are counted in epochs: (predicted - nearest snapshot) over the mean step, positive where a
 * predictor goes on beyond the window. A straight line extrapolated by U epochs gives U.
 */
import type { Gpu } from "../gpu/device.ts";
import type { LineChart, Series } from "../figures/plot.ts";
import { Random } from "../random.ts";
import { predictHistories } from "../predictors/histories.ts";
import type { Predictor } from "../predictors/predictor.ts";

/** A usual weight, and its usual change in an epoch of fine-tuning. */
const weight = 0.05;
const step = 5e-4;

/** Histories of one x: several where noise is averaged over. */
interface Point {
  readonly x: number;
  readonly histories: readonly Float64Array[];
}

/** One question asked of a predictor: an axis, and histories for each place on it. */
export interface Probe {
  readonly name: string;
  readonly title: string;
  readonly xLabel: string;
  readonly logX: boolean;
  /** Epochs in which answers are counted come from this step. */
  readonly stepOf: (x: number) => number;
  readonly points: readonly Point[];
  /** What the shape's own continuation U epochs on would be. */
  readonly truth?: (x: number, horizon: number) => number;
}

/** Share of the movement done at t in [0, 1]: an exponential of the given bend, 0 being a straight line. */
export function bent(bend: number, t: number): number {
  return bend === 0 ? t : Math.expm1(-bend * t) / Math.expm1(-bend);
}

/** The questions for a predictor of this window and direction. */
export function probes({
  window,
  direction,
  times: taken = Array.from({ length: window }, (_, k) => k),
}: Pick<Predictor, "window" | "direction" | "times">): Probe[] {
  const times = taken.map((time) => time - taken[0]!);
  const epochs = times.at(-1)!;
  const line = (from: number, by: number, noise?: () => number): Float64Array =>
    Float64Array.from(times, (time) => from + by * time + (noise?.() ?? 0));
  const random = new Random(1);
  const bends = [-4, -3, -2, -1, -0.5, 0, 0.5, 1, 2, 3, 4, 6];
  const powers = (low: number, high: number, perDecade: number): number[] =>
    Array.from({ length: (high - low) * perDecade + 1 }, (_, i) => 10 ** (low + i / perDecade));
  return [
    {
      ...{ name: "scale", title: "A straight line, slow to fast", xLabel: "step an epoch" },
      ...{ logX: true, stepOf: (x) => x },
      points: powers(-6, -2, 2).map((x) => ({ x, histories: [line(weight, x)] })),
      truth: (_, horizon) => horizon,
    },
    {
      ...{ name: "magnitude", title: "A straight line, small to large weights", xLabel: "weight" },
      ...{ logX: true, stepOf: () => step },
      points: powers(-3, 0, 3).map((x) => ({ x, histories: [line(x, step)] })),
      truth: (_, horizon) => horizon,
    },
    {
      ...{ name: "bend", title: "Speeding up (left), slowing down (right)" },
      ...{ xLabel: "bend b of 1 - exp(-b t)", logX: false, stepOf: () => step },
      points: bends.map((x) => ({
        x,
        histories: [
          Float64Array.from(times, (time) => weight + step * epochs * bent(x, time / epochs)),
        ],
      })),
      truth(x, horizon) {
        const past = direction === "past";
        const beyond = past ? -bent(x, -horizon / epochs) : bent(x, 1 + horizon / epochs) - 1;
        return epochs * beyond;
      },
    },
    {
      ...{ name: "noise", title: "A straight line with noise", xLabel: "noise (steps)" },
      ...{ logX: false, stepOf: () => step },
      points: [0, 0.25, 0.5, 1, 1.5, 2, 3, 4].map((x) => ({
        x,
        histories: Array.from({ length: x === 0 ? 1 : 256 }, () =>
          line(weight, step, () => x * step * random.normal()),
        ),
      })),
      truth: (_, horizon) => horizon,
    },
  ];
}

/** Mean answer and its standard deviation, in epochs beyond the window. */
export interface Answer {
  readonly x: number;
  readonly mean: number;
  readonly deviation: number;
}

/** What one weight set answers. */
export interface Response {
  readonly set: string;
  readonly answers: Readonly<Record<string, readonly Answer[]>>;
  /** Residual of a weight of 0.3 that does not move: what frozen weights drift by at each prediction. */
  readonly atRest: number;
}

/** Puts every question to every weight set. */
export async function predictorResponse(gpu: Gpu, predictor: Predictor): Promise<Response[]> {
  const { window, direction, sets } = predictor;
  const asked = probes(predictor);
  const still = new Float64Array(window).fill(0.3);
  const all = [still, ...asked.flatMap(({ points }) => points.flatMap((one) => one.histories))];
  const responses: Response[] = [];
  for (const set of sets) {
    const { residual } = await predictHistories(gpu, predictor, set, all);
    let at = 1;
    const answers = asked.map(({ name, points, stepOf }) => {
      const list = points.map(({ x, histories }): Answer => {
        const epochs = histories.map((history) => {
          const [oldest, newest] = [history[0]!, history.at(-1)!];
          const base = predictor.base === "oldest" ? oldest : newest;
          const predicted = base + residual[at++]!;
          const beyond = direction === "past" ? oldest - predicted : predicted - newest;
          return beyond / stepOf(x);
        });
        const mean = epochs.reduce((sum, value) => sum + value, 0) / epochs.length;
        const square = epochs.reduce((sum, value) => sum + (value - mean) ** 2, 0);
        return { x, mean, deviation: Math.sqrt(square / epochs.length) };
      });
      return [name, list] as const;
    });
    responses.push({ set: set.name, answers: Object.fromEntries(answers), atRest: residual[0]! });
  }
  return responses;
}

/** What a probe's shapes themselves do beyond the window; undefined where no one horizon is aimed at. */
export function truthOf(
  { points, truth }: Probe,
  { horizon }: Pick<Predictor, "horizon">,
): Series | undefined {
  if (truth === undefined || horizon === undefined) return undefined;
  return { name: "the shape itself", points: points.map(({ x }) => ({ x, y: truth(x, horizon) })) };
}

/** One chart a probe: a curve for each weight set, with one deviation around it. */
export function responseCharts(predictor: Predictor, responses: readonly Response[]): LineChart[] {
  return probes(predictor).map((probe) => {
    const series = responses.map(({ set, answers }): Series => ({
      name: set,
      points: answers[probe.name]!.map(({ x, mean, deviation }) =>
        deviation === 0
          ? { x, y: mean }
          : { x, y: mean, low: mean - deviation, high: mean + deviation },
      ),
    }));
    const truth = truthOf(probe, predictor);
    return {
      ...{ title: probe.title, xLabel: probe.xLabel, logX: probe.logX },
      yLabel: "epochs beyond the window",
      series: truth === undefined ? series : [truth, ...series],
    };
  });
}
