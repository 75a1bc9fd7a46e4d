//! import walk/each
// Axes in another order: y[i0, i1, i2, i3, i4] = x[i0 S0 + i1 S1 + i2 S2 + i3 S3 + i4 S4].
// x, y: N floats. Constants: N, D1 to D4 (sizes of y's last four axes), S0 to S4 (x's strides of y's axes).
// One thread for four elements of y.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

const PER = 4u;

fn items() -> u32 {
  return u32(N);
}

fn each(i: u32) {
  let i3 = i / D4;
  let i2 = i3 / D3;
  let i1 = i2 / D2;
  let i0 = i1 / D1;
  y[i] = x[i0 * S0 + i1 % D1 * S1 + i2 % D2 * S2 + i3 % D3 * S3 + i % D4 * S4];
}
