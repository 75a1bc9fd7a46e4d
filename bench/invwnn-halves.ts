/**
 * What InvWNN would predict from products of halves: whether matrix units could do its large layers.
 *
 * `npx tsx bench/invwnn-halves.ts CONV FC BIAS [--coordinates N] [--seed S]`: the three files of a predictor, such as those
 * of models/weights. Histories are those of a fine-tuning on D_f: a small CNN of digits with wrong labels. The network is
 * computed in float64; then once more with the factors of its second and third layer, and the second's results, rounded to
 * halves, as predict/invwnn-matrices does, and with each as a sum of two halves. The inputs stay as they are: many of their
 * differences are below the smallest half. Errors are root mean squares as a share of the predicted moves'.
 */
import { Command } from "commander";
import { closeAll } from "../src/cli/device-options.ts";
import { acquireDevice } from "../src/gpu/device.ts";
import {
  corrupt,
  loadPredictor,
  methods,
  predictHistories,
  Random,
  train,
  unlearn,
} from "../src/index.ts";
import { loadDataset } from "../src/entries/data.ts";
import { bothStreams } from "../src/predictors/invwnn/streams.ts";
import { invWnnSpec } from "../src/predictors/invwnn/weights.ts";
import { fromKerasLayers, fromTensors } from "../src/predictors/two-stream.ts";
import { parseWeightFile } from "../src/predictors/weight-file.ts";
import { readBytes } from "../src/platform/files.ts";
import { textTable } from "../src/report/table.ts";
import { nearestHalf } from "../test/nearest-half.ts";
import { asItIs, predictReference, type Rounding } from "../test/predictors/invwnn-float64.ts";

/** What becomes of the factors of the large layers. */
const roundings: Readonly<Record<string, Rounding>> = {
  float64: asItIs,
  halves: nearestHalf,
  // The rest counts 2¹¹ times, so that it is no smaller than the first.
  "two halves": (value) => {
    const high = nearestHalf(value);
    return high + nearestHalf((value - high) * 2 ** 11) * 2 ** -11;
  },
};

/** Histories of weights of every kind, from one round of rewinding. */
async function histories(
  count: number,
  seed: number,
): Promise<Readonly<Record<"conv" | "fc" | "bias", number[][]>>> {
  const images = await loadDataset({ name: "synthetic", trainCount: 400, testCount: 100, seed });
  const data = { ...corrupt(images.train, images.test, { name: "label-noise", share: 0.2 }, seed) };
  const model = await train("small-cnn", data, { epochs: 10, batch: 20, seed });
  const kinds = new Map(model.model.slots.map(({ name, kind }) => [name, kind]));
  let recorded = new Map<string, Float32Array>();
  await unlearn(model, data, {
    ...{ method: methods.rewind({ learningRate: 1e-4 }), until: { rounds: 1 }, seed },
    async onRound(_, { recording }) {
      recorded = new Map(await recording!.read());
    },
  });
  model.destroy();
  const random = new Random(seed);
  const found: Record<"conv" | "fc" | "bias", number[][]> = { conv: [], fc: [], bias: [] };
  for (const [name, values] of recorded) {
    const kind = kinds.get(name) as keyof typeof found;
    const size = values.length / 15;
    for (let i = 0; i < size; i++) {
      found[kind].push(Array.from({ length: 15 }, (_, k) => values[k * size + i]!));
    }
  }
  for (const kind of ["conv", "fc", "bias"] as const) {
    const order = random.shuffle(Uint32Array.from(found[kind].keys()));
    found[kind] = [...order.slice(0, count)].map((i) => found[kind][i]!);
  }
  return found;
}

const rms = (values: readonly number[]): number =>
  Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);

async function run(files: readonly string[], coordinates: number, seed: number): Promise<void> {
  const kinds = ["conv", "fc", "bias"] as const;
  const gpu = await acquireDevice({ quiet: true });
  const predictor = await loadPredictor(undefined);
  const all = await histories(coordinates, seed);
  const rows: (string | number)[][] = [];
  for (const [i, kind] of kinds.entries()) {
    const path = files[i]!;
    const file = await parseWeightFile(await readBytes(path), path, {});
    const weights =
      file.format === "keras"
        ? fromKerasLayers(invWnnSpec, file.layers, file.numbering)
        : fromTensors(invWnnSpec, file.tensors);
    const cases = all[kind];
    const [exact, ...others] = Object.values(roundings).map((of) =>
      cases.map((history) => predictReference(weights, history, bothStreams, of)),
    );
    // From the newest weight to the predicted one.
    const moves = cases.map((history, at) => history[0]! + exact![at]! - history.at(-1)!);
    const set = predictor.sets.find((one) => one.kinds.includes(kind))!;
    const kernel = (await predictHistories(gpu, predictor, set, cases)).residual;
    const shipped = path.includes("models/weights");
    const errorOf = (values: ArrayLike<number>): number =>
      (100 * rms(exact!.map((value, at) => values[at]! - value))) / rms(moves);
    rows.push([
      ...[kind, cases.length, rms(moves).toExponential(1)],
      ...others.map((values) => errorOf(values).toPrecision(3)),
      shipped ? errorOf(kernel).toPrecision(3) : "–",
    ]);
  }
  gpu.close();
  console.log(
    textTable(
      [
        ...["weights", "coordinates", "move, rms"].map((title) => ({ title })),
        ...Object.keys(roundings)
          .slice(1)
          .map((name) => ({ title: `${name}, %` })),
        { title: "the kernel in float32, %" },
      ],
      rows,
    ),
  );
}

const command = new Command("invwnn-halves")
  .argument("<files...>", "files of conv, fc and bias")
  .option("--coordinates <n>", "of each kind, at most", "300")
  .option("--seed <s>", "of data, training and choice", "1")
  .action(async (files: string[], flags: { coordinates: string; seed: string }) => {
    await run(files, Number(flags.coordinates), Number(flags.seed));
    closeAll();
  });
await command.parseAsync();
process.exit(0);
