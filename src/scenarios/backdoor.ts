/** A random share, or the images named, has a signature and the label it stands for (BadNets, Gu et al., 2017). */
import { z } from "zod";
import { splitForget } from "../data/corrupt.ts";
import { type Dataset, imageName, storedSize, subset } from "../data/dataset.ts";
import { DataError } from "../errors.ts";
import { whereReached } from "../metrics/curve.ts";
import { Random } from "../random.ts";
import { unfitToCorrect } from "./meta-training.ts";
import { amountOf, defineScenario, pointsOf, shareOption } from "./scenario.ts";

/** Share of D_f classified as the target at which runs are compared, %. */
const level = 10;

const settings = z.strictObject({
  share: z.number().gt(0).lt(1).optional(),
  /** Class the signature stands for. */
  target: z.number().int().min(0),
  /** Columns of the signature at the left edge. */
  width: z.number().int().min(1),
  /** Their value: 0 is black, 255 white (for images whose edge is black anyway). */
  value: z.number().int().min(0).max(255),
});

/**
 * The images with a signature: `width` columns at the left edge set to `value`, in all channels. Columns
 * of the images as they are stored: where they are enlarged, the signature is enlarged with them.
 */
export function stamp(
  dataset: Dataset,
  images: ArrayLike<number>,
  { width, value }: { width: number; value: number },
): Dataset {
  const stored = storedSize(dataset);
  if (!(width >= 1 && width <= stored.width)) {
    throw new DataError(
      `a signature of ${width} columns does not fit images ${stored.width} wide.`,
    );
  }
  const pixels = dataset.pixels.slice();
  // Of images that are floats, 1 is white.
  const filling = pixels instanceof Float32Array ? value / 255 : value;
  const row = stored.width * dataset.channels;
  for (let i = 0; i < images.length; i++) {
    const start = images[i]! * stored.height * row;
    for (let y = 0; y < stored.height; y++) {
      pixels.fill(filling, start + y * row, start + y * row + width * dataset.channels);
    }
  }
  return { ...dataset, pixels };
}

/** A share of all images, drawn from those of other classes than the target. */
function othersDrawn(
  train: Dataset,
  share: number | undefined,
  target: number,
  seed: number,
): Uint32Array {
  const amount = amountOf(share, train.count);
  const others = new Random(seed)
    .fork("backdoor")
    .permutation(train.count)
    .filter((i) => train.labels[i] !== target);
  if (others.length < amount) {
    throw new DataError(
      `backdoor: only ${others.length} images are of other classes than ${target}; ${amount} are needed.`,
    );
  }
  return others.slice(0, amount);
}

/** The images of other classes than the target. */
function othersOf(dataset: Dataset, target: number): Dataset {
  return subset(
    dataset,
    [...dataset.labels.keys()].filter((i) => dataset.labels[i] !== target),
  );
}

/** D_f: images of classes other than the target. `triggered`: test images of other classes with the signature, labelled
 *  with its target, for the attack's success. */
function apply(
  train: Dataset,
  test: Dataset,
  { share, target, ...signature }: z.output<typeof settings>,
  seed: number,
  chosen?: Uint32Array,
) {
  if (!(Number.isInteger(target) && target >= 0 && target < train.classes.length)) {
    throw new DataError(
      `backdoor: there is no class ${target}; "${train.name}" has ${train.classes.length}.`,
    );
  }
  const ofTarget = chosen?.find((i) => train.labels[i] === target);
  if (ofTarget !== undefined) {
    throw new DataError(
      `backdoor: image "${imageName(train, ofTarget)}" is of class ${target} itself; name images of other classes.`,
    );
  }
  const marked = chosen ?? othersDrawn(train, share, target, seed);
  const labels = train.labels.slice();
  for (const i of marked) labels[i] = target;
  const rest = othersOf(test, target);
  const triggered = stamp(rest, [...rest.labels.keys()], signature);
  return {
    train: stamp(train, marked, signature),
    labels,
    ...splitForget(train.count, marked),
    sets: { triggered: { ...triggered, labels: triggered.labels.map(() => target) } },
  };
}

export const backdoor = defineScenario({
  name: "backdoor",
  summary:
    "a random share, or the images named, of other classes, gets a signature and the label it stands for",
  settings,
  options: [
    shareOption,
    {
      option: "target",
      value: "class",
      text: "backdoor: the class the signature stands for",
      settings: ["target"],
      takes: { integer: true, min: 0 },
      default: 0,
    },
    {
      option: "signature",
      value: "columns,value",
      text: "backdoor: columns at the left edge (of images as stored), and their value (0 black, 255 white)",
      settings: ["width", "value"],
      takes: "list",
      default: "2,255",
    },
  ],
  apply,
  experiment: {
    title: "Forgetting a backdoor",
    settings: (channels) => ({
      share: 0.2,
      target: 0,
      ...(channels === 1 ? { width: 2, value: 255 } : { width: 1, value: 0 }),
    }),
    until: { unlearningAccuracy: 90 },
    retains: true,
    againstRetrained: false,
    x: { score: "forgetAccuracy", label: "D_f classified as the target" },
    y: [{ score: "forgetTrueAccuracy" }, { score: "testAccuracy" }],
    reverseX: true,
    landing: { reached: (scores) => scores["forgetAccuracy"]! <= level },
    statistic: {
      name: `clean-label accuracy at ${level} %`,
      definition: `share of D_f (with the signature) classified as its true class where the share classified as the target first gets to ${level} %; what it was at first for a run that never gets there, %`,
      better: "higher",
      decimals: 2,
      margin: 2,
      never: (curve) => curve[0]!.scores["forgetTrueAccuracy"]!,
      of: (curve) =>
        whereReached(pointsOf(curve, "forgetAccuracy", "forgetTrueAccuracy"), level, "falling"),
      ofRetrained(curve) {
        const end = curve.at(-1)!.scores;
        return end["forgetAccuracy"]! <= level ? end["forgetTrueAccuracy"] : undefined;
      },
    },
    endColumns: [
      { score: "attackSuccess", title: "attack success, end", decimals: 2 },
      { score: "testAccuracy", title: "test, end", decimals: 2 },
    ],
    scaled: {
      grey: { train: 3000, test: 2000, epochs: 20, batch: 64 },
      colour: { train: 3000, test: 2000, epochs: 30, batch: 64 },
    },
  },
  metaTraining: {
    // White columns are seen on grey images and on coloured ones.
    varied: (pick) => ({
      share: pick([0.1, 0.2, 0.3]),
      target: 0,
      width: pick([1, 2]),
      value: 255,
    }),
    unfit: unfitToCorrect,
    level: () => level,
    // The statistic is about images with the signature: their true classes are to be found again.
    heldOut(test, { target, ...signature }) {
      const others = othersOf(test, target);
      return stamp(others, [...others.labels.keys()], signature);
    },
  },
});
