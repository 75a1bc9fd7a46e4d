//! import walk/each
// Keeps each example's outputs: all[first + b, c] = logits[b, c] for the rows that count, where first is
// the step's first position in the order list.
//
// logits [B, C]; step: rows and first position; all [examples, C]. Constants: B rows, C classes. One thread
// a logit.
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> step: array<u32>;
@group(0) @binding(2) var<storage, read_write> all: array<f32>;

const PER = 1u;

fn items() -> u32 {
  return u32(B) * u32(C);
}

fn each(i: u32) {
  if (i < step[0] * u32(C)) {
    all[step[1] * u32(C) + i] = logits[i];
  }
}
