//! import walk/thread, math/normal
// Noise on one parameter where its Fisher information F = f / IMAGES is small, so that what D_r does not need is
// washed out: y = original + sqrt(alpha * BOOST * min(1 / (F + 1e-8), CAP)) * normal. Element i of a seed always
// gets the same normal number (i counts through all parameters; FIRST is this one's first).
//
// y, original: N elements; f: sums of squared gradients over the images; settings: seed (u32), alpha (f32 bits).
// Constants: N, FIRST, IMAGES, BOOST, CAP. Source: Golatkar, Achille, Soatto (2020).
@group(0) @binding(0) var<storage, read> original: array<f32>;
@group(0) @binding(1) var<storage, read> f: array<f32>;
@group(0) @binding(2) var<storage, read> settings: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(thread: Thread) {
  let i = number_of(thread);
  if (i < u32(N)) {
    let variance = bitcast<f32>(settings[1]) * f32(BOOST) * min(1.0 / (f[i] / f32(IMAGES) + 1e-8), f32(CAP));
    y[i] = original[i] + sqrt(variance) * normal(u32(FIRST) + i, settings[0]);
  }
}
