/**
 * Whether what a method gains in `overfit` is more than a temperature would: each network of an experiment is made to forget up
 * to the level at which its methods are compared, and ends there; then its logits are divided by the temperature that is best
 * for one half of the test images, and measured on the other half. So are those of the network as it was trained.
 *
 *   npx tsx bench/temperatures.ts FOLDER [SEEDS]
 *
 * FOLDER is that of `rewind experiment overfit`, with its networks in it. Prints a Markdown page.
 */
import { join } from "node:path";
import type { Dataset } from "../src/data/dataset.ts";
import { acquireDevice } from "../src/gpu/device.ts";
import { load, type Predictions, predict, unlearn } from "../src/index.ts";
import { meanOf } from "../src/metrics/averages.ts";
import { paired } from "../src/metrics/statistics.ts";
import { exists } from "../src/platform/files.ts";
import { RunFolder } from "../src/report/run-folder.ts";
import { markdownTable } from "../src/report/table.ts";
import type { TrainConfig, UnlearnConfig } from "../src/runs/config.ts";
import { loadImages } from "../src/runs/images.ts";
import { shippedIn } from "../src/runs/unlearn-run.ts";
import { overfitLevel } from "../src/scenarios/overfit.ts";

/** The network as it was trained. */
const untouched = "as trained";

/** A network on the half of the test images that nothing was fitted to. */
interface Measured {
  readonly accuracy: number;
  /** Cross-entropy, nats, as the network answers and at the temperature. */
  readonly loss: number;
  readonly cooled: number;
  readonly temperature: number;
}

/** Mean cross-entropy of the images at some places, their logits divided by a temperature. */
function lossAt(
  logits: Float32Array,
  labels: ArrayLike<number>,
  classes: number,
  places: readonly number[],
  temperature: number,
): number {
  return meanOf(
    places.map((place) => {
      const row = [...logits.subarray(classes * place, classes * (place + 1))].map(
        (value) => value / temperature,
      );
      const top = Math.max(...row);
      const total = row.reduce((sum, value) => sum + Math.exp(value - top), 0);
      return top + Math.log(total) - row[labels[place]!]!;
    }),
  );
}

/** The temperature of the least cross-entropy between 0.1 and 1,000, by golden section of its logarithm. */
function bestTemperature(loss: (temperature: number) => number): number {
  const ratio = (Math.sqrt(5) - 1) / 2;
  let [low, high] = [Math.log(0.1), Math.log(1000)];
  for (let i = 0; i < 40; i++) {
    const [left, right] = [high - ratio * (high - low), low + ratio * (high - low)];
    if (loss(Math.exp(left)) < loss(Math.exp(right))) high = right;
    else low = left;
  }
  return Math.exp((low + high) / 2);
}

function measured(
  { logits, classes: answers }: Predictions,
  { labels, classes, count }: Dataset,
): Measured {
  const half = (odd: number): number[] =>
    Array.from({ length: count }, (_, i) => i).filter((i) => i % 2 === odd);
  const [fitted, kept] = [half(0), half(1)];
  const at = (places: readonly number[], temperature: number): number =>
    lossAt(logits, labels, classes.length, places, temperature);
  const temperature = bestTemperature((value) => at(fitted, value));
  const right = kept.filter((place) => answers[place] === labels[place]);
  return {
    accuracy: (100 * right.length) / kept.length,
    loss: at(kept, 1),
    cooled: at(kept, temperature),
    temperature,
  };
}

const [folder, seeds = "30"] = process.argv.slice(2);
if (folder === undefined) throw new Error("which folder? npx tsx bench/temperatures.ts FOLDER");
const gpu = await acquireDevice({ quiet: true });
const rows = new Map<string, Measured[]>();
const add = (arm: string, row: Measured): void => {
  rows.set(arm, [...(rows.get(arm) ?? []), row]);
};
for (let seed = 1; seed <= Number(seeds); seed++) {
  const of = (name: string): string => join(folder, `seed-${seed}`, name);
  if (!(await exists(of("trained")))) break;
  const trained = await RunFolder.open(of("trained"));
  const { train } = (await trained.config()) as { train: TrainConfig };
  const { corrupted, test } = await loadImages(train);
  const arms = ["rewind", "rewind-published", "late-rewind", "linear-rewind", "task-vector"];
  for (const arm of [untouched, ...arms]) {
    const model = await load(trained.file("checkpoint.safetensors"), { gpu });
    try {
      if (arm !== untouched) {
        const run = (await (await RunFolder.open(of(arm))).config()) as {
          readonly unlearn: UnlearnConfig;
          readonly shippedPredictor?: string;
        };
        const { shippedPredictor } = await shippedIn(run.unlearn);
        if (shippedPredictor !== run.shippedPredictor) {
          throw new Error(`${of(arm)} was run with another version of the shipped predictor`);
        }
        const { method, settings, rounds, seed: own } = run.unlearn;
        const { reason } = await unlearn(
          model,
          { forget: corrupted.train },
          {
            method: { method, settings },
            seed: own,
            until: { rounds, forgetLoss: overfitLevel, land: true },
          },
        );
        if (reason !== "forget loss") throw new Error(`${of(arm)} did not get to the level`);
      }
      add(arm, measured(await predict(model, test), test));
    } finally {
      model.destroy();
    }
  }
  console.error(`seed ${seed}`);
}
gpu.close();

const control = rows.get(untouched)!;
const cooled = (all: readonly Measured[]): number[] => all.map((one) => one.cooled);
const signed = (value: number): string => (value >= 0 ? `+${value.toFixed(3)}` : value.toFixed(3));
console.log(
  markdownTable(
    [
      { title: "network" },
      { title: "test accuracy, %", decimals: 2 },
      { title: "cross-entropy, nats", decimals: 3 },
      { title: "at the best temperature", decimals: 3 },
      { title: "that temperature", decimals: 2 },
      { title: "against the trained one at its best (95 %)", words: true },
      { title: "seeds lower", words: true },
    ],
    [...rows]
      .sort(([, a], [, b]) => meanOf(cooled(a)) - meanOf(cooled(b)))
      .map(([arm, all]) => {
        const pair = arm === untouched ? undefined : paired(cooled(all), cooled(control));
        return [
          arm,
          meanOf(all.map((one) => one.accuracy)),
          meanOf(all.map((one) => one.loss)),
          meanOf(cooled(all)),
          meanOf(all.map((one) => one.temperature)),
          ...(pair === undefined
            ? ["", ""]
            : [
                `${signed(pair.difference)} [${pair.interval.map(signed).join(", ")}]`,
                `${pair.losses} of ${pair.n}`,
              ]),
        ];
      }),
  ),
);
