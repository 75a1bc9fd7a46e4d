//! import walk/each, walk/quads, math/half
// Floats as halves: what keeps an activation between its last forward and its first backward use.
// x: N contiguous floats; halves: ceil(N / 4) pairs of words. Constants: PER quads a thread.
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> halves: array<vec2u>;

fn each(i: u32) {
  halves[i] = halves_of(x[i]);
}
