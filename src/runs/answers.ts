/** What a network answers to the images of D_f, one by one: whoever wanted them gone asks about each. */
import { type Dataset, imageName } from "../data/dataset.ts";
import { Owned } from "../gpu/owned.ts";
import { answersOf } from "../metrics/answers.ts";
import type { Answer, ClassAnswers, Forgotten } from "../report/forgotten.ts";
import { selected } from "../scenarios/selection.ts";
import { Collector } from "../train/collector.ts";
import type { ForgetConfig, SetupConfig } from "./config.ts";
import type { Job } from "./job.ts";

/** Images a pass; larger only costs memory. */
const batch = 256;

/** Images of D_f that a report names; forget.json has all. */
export const mostNamed = 20;

/** The answers to all of D_f, in its order. */
export async function answersToForget({
  model,
  task,
  data,
  train,
  forget,
}: Pick<Job<SetupConfig>, "model" | "task" | "data" | "train" | "forget">): Promise<Answer[]> {
  const logits = await Owned.within(async (owned) => {
    const collector = owned.add(await Collector.create(model, task, data, batch));
    return collector.run(forget);
  });
  return answersOf(logits, train.classes.length).map(({ class: number, confidence }) => ({
    class: train.classes[number]!,
    confidence,
  }));
}

/**
 * Answers by image and by class.
 *
 * @param asked how D_f was asked for: images that were named on their own come first.
 * @param most images that are listed at most.
 */
export function describeAnswers(
  { train, labels, forget }: Pick<Job<SetupConfig>, "train" | "labels" | "forget">,
  asked: ForgetConfig | undefined,
  before: readonly Answer[],
  after: readonly Answer[],
  most: number,
): Omit<Forgotten, "count" | "copies"> {
  const all = Array.from(forget, (place, i) => {
    const [own, trained] = [train.labels[place]!, labels[place]!].map((at) => train.classes[at]!);
    return {
      image: imageName(train, place),
      class: own!,
      ...(own === trained ? {} : { trainedAs: trained! }),
      before: before[i]!,
      after: after[i]!,
    };
  });
  const named = new Set(namedOn(train, asked));
  const order = [...forget.keys()].sort(
    (a, b) => Number(named.has(forget[b]!)) - Number(named.has(forget[a]!)) || a - b,
  );
  const classes = train.classes.flatMap((name): ClassAnswers[] => {
    const mine = all.filter((one) => (one.trainedAs ?? one.class) === name);
    const known = (when: "before" | "after"): number =>
      mine.filter((one) => one[when].class === name).length;
    if (mine.length === 0) return [];
    return [{ class: name, images: mine.length, before: known("before"), after: known("after") }];
  });
  const answers = order.slice(0, most).map((at) => all[at]!);
  return { images: answers.map(({ image }) => image), answers, classes };
}

/** Places of the images that a selection names on their own. */
function namedOn(train: Dataset, asked: ForgetConfig | undefined): Iterable<number> {
  const own = (asked?.images ?? []).filter((one) => "names" in one || "numbers" in one);
  return own.length === 0 ? [] : selected(train, own, 0);
}
