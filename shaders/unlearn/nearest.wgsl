//! import walk/each, math/largest, data/batch
// The nearest class of Boundary unlearning: that of the largest logit (the first of equals), the label
// itself left out where EXCLUDE is true, written to the image's place in `all`.
//
// z [B, C] logits; labels u32 [B]; order, step: see data/batch. Constants: B rows, C classes, EXCLUDE. One
// thread a row.
@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(3) var<storage, read> labels: array<u32>;
@group(0) @binding(4) var<storage, read_write> all: array<u32>;

const PER = 1u;

fn items() -> u32 {
  return u32(B);
}

fn logit(b: u32, c: u32) -> f32 {
  return z[b * u32(C) + c];
}

fn each(b: u32) {
  if (counts(b)) {
    all[example(b)] = largest(b, select(u32(C), labels[b], EXCLUDE));
  }
}
