//! part
// What every predictor of single weights reads and writes: a range of `count` coordinates.
// history: slices of `stride` floats, oldest first; coordinate i of the range lies at first + i of each.
// predicted: what it predicts goes to outFirst + i.
// Gives Range, the three bindings and snapshot(k, at). Constants: none.
struct Range {
  first: u32,
  count: u32,
  stride: u32,
  outFirst: u32,
}

@group(0) @binding(0) var<storage, read> history: array<f32>;
@group(0) @binding(1) var<storage, read_write> predicted: array<f32>;
@group(0) @binding(2) var<uniform> range: Range;

// Snapshot k, counted from the oldest, at place `at` of its slice.
fn snapshot(k: u32, at: u32) -> f32 {
  return history[k * range.stride + at];
}
