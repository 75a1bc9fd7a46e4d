//! import walk/each, math/normal
// Images with noise: y = x + SIGMA n, n standard normal numbers of the step's seed, one for each place of the batch.
//
// x, y: N values; step: see train/next-step. Constants: N, SIGMA. One thread a value.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> step: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

const PER = 1u;

fn items() -> u32 {
  return u32(N);
}

fn each(i: u32) {
  y[i] = x[i] + SIGMA * normal(i, step[2]);
}
