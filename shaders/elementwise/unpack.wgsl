//! import walk/each, walk/quads, math/half
// Halves as floats: undoes elementwise/pack.
// halves: ceil(N / 4) pairs of words; y: N contiguous floats. Constants: PER quads a thread.
@group(0) @binding(0) var<storage, read> halves: array<vec2u>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

fn each(i: u32) {
  y[i] = floats_of(halves[i]);
}
