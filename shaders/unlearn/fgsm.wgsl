//! import walk/each
// The image after one step of the fast gradient sign method, in the network's form.
// x = (pixel / 255 - mean) / deviation;
// y = (clamp(round(255 (x · deviation + mean + EPSILON sign(dx))) / 255, 0, 1) - mean) / deviation.
//
// x, dx, y [B, SIZE]; normalisation: mean [SIZE], then deviation [C]. Constants: B, SIZE values an image, C
// channels, EPSILON in pixels of [0, 1]. One thread a value.
// Source: Goodfellow, Shlens, Szegedy (2015); Boundary unlearning (Chen et al., 2023).
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dx: array<f32>;
@group(0) @binding(2) var<storage, read> normalisation: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

const PER = 1u;

fn items() -> u32 {
  return u32(B) * u32(SIZE);
}

fn each(i: u32) {
  let mean = normalisation[i % u32(SIZE)];
  let deviation = normalisation[u32(SIZE) + i % u32(C)];
  let moved = x[i] * deviation + mean + EPSILON * sign(dx[i]);
  y[i] = (clamp(round(moved * 255.0) / 255.0, 0.0, 1.0) - mean) / deviation;
}
