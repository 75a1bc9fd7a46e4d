//! import walk/each, math/largest, math/nan, lane/f32
// hits[b] = 1 if the largest logit of row b (the first, on ties) is the label's, else 0;
// 0 where a logit of the row is NaN.
// Constants: B rows, C classes. logits [B, C], labels [B]. One thread a row.
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> hits: array<u32>;

const PER = 1u;

fn items() -> u32 {
  return u32(B);
}

fn logit(b: u32, c: u32) -> f32 {
  return logits[b * u32(C) + c];
}

fn each(b: u32) {
  var unknown = false;
  for (var c = 0u; c < u32(C); c++) {
    unknown = unknown | is_nan(logit(b, c));
  }
  hits[b] = select(0u, 1u, largest(b, u32(C)) == labels[b] && !unknown);
}
