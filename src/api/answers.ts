/** What a network answers to the images of D_f, one by one: whoever wanted them gone asks about each. */
import { Owned } from "../gpu/owned.ts";
import { type Answer, answersOf } from "../metrics/answers.ts";
import { Collector } from "../train/collector.ts";
import type { Work } from "./work.ts";

/** Images a pass; larger only costs memory. */
const batch = 256;

/** The answers to all of D_f, in its order. */
export function answersToForget({
  model,
  task,
  data,
  train,
  forget,
}: Pick<Work, "model" | "task" | "data" | "train" | "forget">): Promise<Answer[]> {
  return Owned.within(async (owned) => {
    const collector = owned.add(await Collector.create(model, task, data, batch));
    return answersOf(await collector.run(forget), train.classes.length);
  });
}
