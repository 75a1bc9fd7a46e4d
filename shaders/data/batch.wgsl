//! part
// Which examples make up a batch. order: numbers of examples; step: see train/next-step, how many rows of
// the batch count and where they start in `order`. Constants: none.
@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read> step: array<u32>;

// Whether row b counts; the others are padding.
fn counts(b: u32) -> bool {
  return b < step[0];
}

// The example of row b, which must count.
fn example(b: u32) -> u32 {
  return order[step[1] + b];
}
