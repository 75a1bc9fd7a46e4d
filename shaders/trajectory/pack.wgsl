//! import walk/each, walk/quads, math/half
// A snapshot in half precision: its difference from the oldest one, times 1024 so that the small steps of
// fine-tuning stay clear of the subnormals (below 6e-8).
// snapshot, oldest: N floats, a multiple of 128; packed: N / 4 pairs of words. Constants: PER quads a
// thread.
@group(0) @binding(0) var<storage, read> snapshot: array<vec4f>;
@group(0) @binding(1) var<storage, read> oldest: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> packed: array<vec2u>;

fn each(i: u32) {
  packed[i] = halves_of(1024.0 * (snapshot[i] - oldest[i]));
}
