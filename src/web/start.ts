/** What the page opens with: drawn digits, some with wrong labels, and a network that has learnt those too. */
import type { Dataset } from "../data/dataset.ts";
import { syntheticDigits } from "../data/synthetic.ts";
import { corrupt } from "../scenarios/index.ts";
import type { Corrupted } from "../scenarios/scenario.ts";

/** How the network in `start.safetensors` was trained; `scripts/web-start.ts` does it again. */
export const startTraining = {
  network: "small-cnn",
  settings: { filters: [6, 12], hidden: 32 },
  images: 300,
  tests: 200,
  scenario: "label-noise",
  /** Share of wrong labels. */
  share: 0.1,
  epochs: 60,
  batch: 50,
  learningRate: 3e-3,
  seed: 1,
} as const;

/** Images with the labels that the network was trained with, and images that it never saw. */
export interface StartImages extends Corrupted {
  readonly test: Dataset;
  /** The training images before labels were made wrong. */
  readonly clean: Dataset;
}

/** The images: the same wherever they are drawn. */
export function startImages(): StartImages {
  const { images, tests, share, seed } = startTraining;
  const test = syntheticDigits(tests, seed, "test");
  const clean = syntheticDigits(images, seed);
  const noise = { name: startTraining.scenario, share };
  return { ...corrupt(clean, test, noise, seed), test, clean };
}
