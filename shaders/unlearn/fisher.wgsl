//! import walk/thread, math/normal
// Noise on one parameter: y = original + sqrt(alpha * BOOST * variance) * normal. Element i of a seed always
// gets the same normal number (i counts through all parameters; FIRST is this one's first).
//
// y, original, variance: N elements; settings: seed (u32), alpha (f32 bits).
// Constants: N, FIRST, BOOST. Source: Golatkar, Achille, Soatto (2020).
@group(0) @binding(0) var<storage, read> original: array<f32>;
@group(0) @binding(1) var<storage, read> variance: array<f32>;
@group(0) @binding(2) var<storage, read> settings: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(thread: Thread) {
  let i = number_of(thread);
  if (i < u32(N)) {
    let deviation = sqrt(bitcast<f32>(settings[1]) * f32(BOOST) * variance[i]);
    y[i] = original[i] + deviation * normal(u32(FIRST) + i, settings[0]);
  }
}
