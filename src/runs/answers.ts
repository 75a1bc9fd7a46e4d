/** Answers of a network to the images of D_f (api/answers.ts), as a report says them. */
import { type Dataset, imageName } from "../data/dataset.ts";
import type { Answer as ClassAnswer } from "../metrics/answers.ts";
import { listed } from "../registry.ts";
import type { Answer, ClassAnswers, Forgotten } from "../report/forgotten.ts";
import { type Selection, selected } from "../scenarios/selection.ts";
import type { SetupConfig } from "./config.ts";
import type { Job } from "./job.ts";

/** Images of D_f that a report names; forget.json has all. */
export const mostNamed = 20;

/** What a final measurement needs and is not there, as a report says it; undefined where all is. */
export function missingFor(retained: number, tests: number): string | undefined {
  const lacking = [
    ...(retained === 0 ? ["training images outside D_f"] : []),
    ...(tests === 0 ? ["test images"] : []),
  ];
  return lacking.length === 0 ? undefined : `they need ${listed(lacking)}, and there are none`;
}

/**
 * Answers by image and by class.
 *
 * @param asked how D_f was asked for: images that were named on their own come first.
 * @param most images that are listed at most.
 */
export function describeAnswers(
  { train, labels, forget }: Pick<Job<SetupConfig>, "train" | "labels" | "forget">,
  asked: readonly Selection[] | undefined,
  before: readonly ClassAnswer[],
  after: readonly ClassAnswer[],
  most: number,
): Omit<Forgotten, "count" | "copies"> {
  const named = ({ class: number, confidence }: ClassAnswer): Answer => ({
    class: train.classes[number]!,
    confidence,
  });
  const all = Array.from(forget, (place, i) => {
    const [own, trained] = [train.labels[place]!, labels[place]!].map((at) => train.classes[at]!);
    return {
      image: imageName(train, place),
      class: own!,
      ...(own === trained ? {} : { trainedAs: trained! }),
      before: named(before[i]!),
      after: named(after[i]!),
    };
  });
  const alone = new Set(namedOn(train, asked));
  const order = [...forget.keys()].sort(
    (a, b) => Number(alone.has(forget[b]!)) - Number(alone.has(forget[a]!)) || a - b,
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
function namedOn(train: Dataset, asked: readonly Selection[] = []): Iterable<number> {
  const own = asked.filter((one) => "names" in one || "numbers" in one);
  return own.length === 0 ? [] : selected(train, own, 0);
}
