//! import walk/each
// y = (a - b)². a, b, y: N values. Constants: N. One thread a value.
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

const PER = 1u;

fn items() -> u32 {
  return u32(N);
}

fn each(i: u32) {
  let d = a[i] - b[i];
  y[i] = d * d;
}
