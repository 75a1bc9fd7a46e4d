//! import walk/each
// Logits without their labels: y = z, and at the label so low that its share of a softmax is 0.
//
// z, y [B, C]; labels u32 [B]. Constants: B rows, C classes. One thread a logit.
@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

const PER = 1u;

fn items() -> u32 {
  return u32(B) * u32(C);
}

fn each(i: u32) {
  // Finite, so that 0 times its distance to another logit is 0.
  y[i] = select(z[i], -1e30, i % u32(C) == labels[i / u32(C)]);
}
