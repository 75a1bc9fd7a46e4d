/** The original network as a teacher: what methods that distil from it have in common. */
import { applyOperation, type Operation } from "../graph/graph.ts";
import type { Value } from "../graph/value.ts";
import type { ImageFeed } from "../feed/image-feed.ts";
import type { Model } from "../nn/model.ts";
import { distillation } from "../ops/index.ts";
import type { StepOptions } from "../train/task-trainer.ts";

const withoutLabelOperation: Operation<null> = {
  name: "withoutLabel",
  takes: { logits: "f32", labels: "u32" },
  shape: ([logits]) => logits!,
  forward: ({ inputs: [z, labels], y }) => {
    const [B, C] = y.shape as [number, number];
    const bind = { z: z!, labels: labels!, y };
    return [{ shader: "unlearn/without-label", constants: { B, C }, bind, threads: B * C }];
  },
};

/** Logits [B, C] whose softmax has nothing at the labels [B] (u32); it has no gradient. */
export function withoutLabel(logits: Value, labels: Value): Value {
  return applyOperation(withoutLabelOperation, [logits, labels], null);
}

/** How a student is held against its teacher. */
export interface Distilled {
  readonly temperature: number;
  /** The teacher's logits have nothing at the images' labels. */
  readonly withoutLabel?: boolean;
  /** What is minimised, made of the distance to the teacher (T² KL(teacher ‖ student), the mean) and the loss. */
  readonly weigh: (kl: Value, loss: Value) => Value;
}

/** Distillation from a teacher added to the objective of a student that classifies images. */
export function distilled(
  teacher: Model,
  { temperature, withoutLabel: masked = false, weigh }: Distilled,
): NonNullable<StepOptions["objective"]> {
  return (plain, feed, graph) => {
    const { built, loss } = plain;
    const target = teacher.build(graph, feed.inputs, "frozen");
    const { labels, weights } = feed as ImageFeed;
    const kl = graph.build(() => {
      const logits = masked ? withoutLabel(target.output, labels) : target.output;
      return distillation(built.output, logits, weights, temperature);
    });
    const bindings = new Map([...built.bindings, ...target.bindings]);
    return {
      ...plain,
      built: { ...built, bindings },
      minimise: graph.build(() => weigh(kl, loss)),
    };
  };
}
