//! import walk/each, walk/quads
// y = original where keep is 0. Puts back, to the bit, what an update changed outside a mask.
//
// y, original, keep: N contiguous elements. Constants: PER quads a thread.
@group(0) @binding(0) var<storage, read> original: array<vec4f>;
@group(0) @binding(1) var<storage, read> keep: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

fn each(i: u32) {
  y[i] = select(original[i], y[i], keep[i] != vec4u());
}
