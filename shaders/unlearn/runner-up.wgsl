//! import walk/each, math/log-sum-exp
// The cotangent towards what the network would name if not the label: dz = weights[b] (p - m) for logits z [B, C] with
// labels y, p = softmax(z), m = softmax of the logits but the label's, m[y] = 0. Both take the largest of their own
// logits off first: where an image is memorised, exp(z_k - z_y) of all others is 0 in 32 bits. Where FORGOTTEN it is multiplied by
// 1 - p[y]: an image counts by how far it is forgotten.
//
// z, dz [B, C]; labels u32 [B]; weights [B], 0 for rows that do not count. Constants: B rows, C classes, FORGOTTEN. One thread
// a row.
@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> dz: array<f32>;

// All logits, and those but the label's, which is as low as to add nothing.
alias Logit = vec2f;
const T = 1.0;
const PER = 1u;

fn items() -> u32 {
  return u32(B);
}

fn logit(b: u32, c: u32) -> vec2f {
  let value = z[b * u32(C) + c];
  return vec2f(value, select(value, -3.4e38, c == labels[b]));
}

fn each(b: u32) {
  let row = exponentials(b);
  // 1 - p[y] from the other classes' sum: the difference of two numbers near 1 would have no digits left.
  let others = exp(row.top.y - row.top.x) * row.sum.y / row.sum.x;
  let weight = weights[b] * select(1.0, others, FORGOTTEN);
  for (var c = 0u; c < u32(C); c++) {
    let share = exp(logit(b, c) - row.top) / row.sum;
    dz[b * u32(C) + c] = select(weight * (share.x - share.y), 0.0, weights[b] == 0.0);
  }
}
