/** What runs take where nothing else is said, by name. */
export const defaults = {
  /** It needs no files. */
  dataset: "synthetic",
  scenario: "label-noise",
  network: "small-cnn",
  optimizer: "adam",
  method: "rewind",
} as const;
