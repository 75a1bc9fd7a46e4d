/** Classification: softmax cross-entropy of labelled images. */
import { z } from "zod";
import { ImageFeed } from "../feed/image-feed.ts";
import { Value } from "../graph/value.ts";
import { softmaxCrossEntropy } from "../ops/index.ts";
import type { Objective, Task } from "./task.ts";

/** Share of each target that is spread over all classes. */
export const labelSmoothingSchema: z.ZodNumber = z.number().min(0).lt(1);

/** A row is a hit where its largest logit is its label's; the loss is in nats. */
export const classification: Task<ImageFeed> = {
  name: "classification",
  feed: (data, options) => ImageFeed.create(data, options),
  objective(graph, model, feed, { norm, labelSmoothing = 0 }) {
    const built = model.build(graph, feed.inputs, norm, feed.queue.step);
    const smoothing = { smoothing: labelSmoothing };
    const loss = softmaxCrossEntropy(built.output, feed.labels, feed.weights, smoothing);
    return { built, loss, hits: hitsOf(built.output, feed.labels) };
  },
};

function hitsOf(logits: Value, labels: Value): NonNullable<Objective["hits"]> {
  const [rows, classes] = logits.shape as [number, number];
  const value = new Value("hits", [rows], "u32", "planned");
  const launch = {
    shader: "train/hits",
    constants: { B: rows, C: classes },
    bind: { logits, labels, hits: value },
    threads: rows,
  };
  return { value, launches: [launch] };
}
