//! import walk/each, math/log-sum-exp
// The margin of Boundary unlearning: dz = gradient of log sum over k != y of exp z_k, minus z_y, for logits
// z [B, C] with labels y. That of the cross-entropy is this times 1 - p_y, so its sign is the same; but
// 1 - p_y is 0 in 32 bits where an image is memorised.
//
// z, dz [B, C]; labels u32 [B]. Constants: B rows, C classes. One thread a row.
@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> dz: array<f32>;

alias Logit = f32;
const T = 1.0;
const PER = 1u;

fn items() -> u32 {
  return u32(B);
}

// The label's own is as low as to add nothing.
fn logit(b: u32, c: u32) -> f32 {
  return select(z[b * u32(C) + c], -3.4e38, c == labels[b]);
}

fn each(b: u32) {
  let row = exponentials(b);
  for (var c = 0u; c < u32(C); c++) {
    dz[b * u32(C) + c] = select(exp(logit(b, c) - row.top) / row.sum, -1.0, c == labels[b]);
  }
}
