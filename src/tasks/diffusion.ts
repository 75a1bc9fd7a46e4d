/** Diffusion: the noise of noisy images is told from them and from its variance (Ho, Jain and Abbeel 2020). */
import { NoiseFeed } from "../feed/noise-feed.ts";
import { meanSquaredError } from "../ops/index.ts";
import type { Task } from "./task.ts";

/** The loss is the mean squared error of the noise, whose variance is 1. Nothing is right or wrong. */
export const diffusion: Task<NoiseFeed> = {
  name: "diffusion",
  feed: (data, options) => NoiseFeed.create(data, options),
  objective(graph, model, feed, { norm }) {
    const built = model.build(graph, feed.inputs, norm, feed.queue.step);
    return { built, loss: meanSquaredError(built.output, feed.noise, feed.weights) };
  },
};
