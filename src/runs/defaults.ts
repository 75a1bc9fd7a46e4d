/** What runs take where nothing else is said, by name. */
export const defaults = {
  /** It needs no files. */
  dataset: "synthetic",
  /** Nothing is wrong with D_f: images are learnt as they are. */
  scenario: "standard",
  /** What a demo mends, and what predictors are learnt for. */
  damage: "label-noise",
  network: "small-cnn",
  optimizer: "adam",
  method: "rewind",
  /** What networks of diffusion are, and how they are trained, as published. */
  diffusion: { network: "unet", optimizer: "adamw", weightDecay: 1e-4, average: 0.999 },
  /** What `predictor fit` fits, and what it never learns from. */
  fitted: "invwnn",
  heldOut: { network: "small-cnn", dataset: "mnist" },
} as const;
