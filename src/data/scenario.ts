/** What is wrong with the training data of an experiment, and which pictures are D_f. */
import { Random } from "../random.ts";
import { mislabel, splitForget } from "./corrupt.ts";
import { DataError } from "../errors.ts";
import { type Dataset, storedSize, subset } from "./dataset.ts";

/** Settings of a scenario; see {@link damage}. */
export type Scenario =
  | { readonly name: "standard"; readonly share: number }
  | { readonly name: "label-noise"; readonly share: number }
  | {
      readonly name: "backdoor";
      readonly share: number;
      /** Class the signature stands for. */
      readonly target: number;
      /** Columns of the signature at the left edge. */
      readonly width: number;
      /** Their value: 0 is black, 255 white (for pictures whose edge is black anyway). */
      readonly value: number;
    }
  | { readonly name: "overfit" };

/** Training data with something wrong in it. */
export interface Damaged {
  /** Pictures as they are trained on, with their true labels. */
  readonly train: Dataset;
  /** Labels they are trained with, [count]. */
  readonly labels: Uint16Array<ArrayBuffer>;
  /** Picture numbers of D_f and D_r, ascending. */
  readonly forget: Uint32Array<ArrayBuffer>;
  readonly retain: Uint32Array<ArrayBuffer>;
  /** Test pictures of other classes with the signature, labelled with its target: attack success. */
  readonly triggered?: Dataset;
}

/**
 * The pictures with a signature: `width` columns at the left edge set to `value`, in all channels. Columns
 * of the pictures as they are stored: where they are enlarged, the signature is enlarged with them.
 */
export function stamp(
  dataset: Dataset,
  pictures: ArrayLike<number>,
  { width, value }: { width: number; value: number },
): Dataset {
  const stored = storedSize(dataset);
  if (!(width >= 1 && width <= stored.width)) {
    throw new DataError(
      `a signature of ${width} columns does not fit pictures ${stored.width} wide.`,
    );
  }
  const pixels = dataset.pixels.slice();
  const row = stored.width * dataset.channels;
  for (let i = 0; i < pictures.length; i++) {
    const start = pictures[i]! * stored.height * row;
    for (let y = 0; y < stored.height; y++) {
      pixels.fill(value, start + y * row, start + y * row + width * dataset.channels);
    }
  }
  return { ...dataset, pixels };
}

function amountOf(share: number, count: number): number {
  const amount = Math.round(share * count);
  if (amount < 1 || amount >= count) {
    throw new DataError(
      `a share of ${share} of ${count} pictures makes a D_f of ${amount}: it needs at least one picture, ` +
        "and one must stay.",
    );
  }
  return amount;
}

/**
 * Applies a scenario.
 *
 * - `standard`: a random share is to be forgotten; nothing is wrong with it.
 * - `label-noise`: a random share gets a wrong label, uniform over the other classes.
 * - `backdoor`: a random share, of classes other than the target, gets a signature and the target's label
 *   (BadNets, Gu et al., 2017).
 * - `overfit`: everything is D_f, and there is no D_r: the network has seen too few pictures.
 */
export function damage(train: Dataset, test: Dataset, scenario: Scenario, seed: number): Damaged {
  if (scenario.name === "backdoor") return backdoor(train, test, scenario, seed);
  if (scenario.name === "label-noise") {
    amountOf(scenario.share, train.count);
    const { labels, changed } = mislabel(train, scenario.share, seed);
    return { train, labels, ...splitForget(train.count, changed) };
  }
  const labels = train.labels.slice();
  if (scenario.name === "overfit") {
    return { train, labels, ...splitForget(train.count, [...labels.keys()]) };
  }
  const amount = amountOf(scenario.share, train.count);
  const drawn = new Random(seed).fork("standard").permutation(train.count).slice(0, amount);
  return { train, labels, ...splitForget(train.count, drawn) };
}

function backdoor(
  train: Dataset,
  test: Dataset,
  scenario: Extract<Scenario, { name: "backdoor" }>,
  seed: number,
): Damaged {
  const { target } = scenario;
  if (!(Number.isInteger(target) && target >= 0 && target < train.classes.length)) {
    throw new DataError(
      `backdoor: there is no class ${target}; "${train.name}" has ${train.classes.length}.`,
    );
  }
  const amount = amountOf(scenario.share, train.count);
  const others = new Random(seed)
    .fork("backdoor")
    .permutation(train.count)
    .filter((i) => train.labels[i] !== target);
  if (others.length < amount) {
    throw new DataError(
      `backdoor: only ${others.length} pictures are of other classes than ${target}; ${amount} are needed.`,
    );
  }
  const drawn = others.slice(0, amount);
  const labels = train.labels.slice();
  for (const i of drawn) labels[i] = target;
  const rest = subset(
    test,
    [...test.labels.keys()].filter((i) => test.labels[i] !== target),
  );
  const marked = stamp(rest, [...rest.labels.keys()], scenario);
  return {
    train: stamp(train, drawn, scenario),
    labels,
    ...splitForget(train.count, drawn),
    triggered: { ...marked, labels: marked.labels.map(() => target) },
  };
}
