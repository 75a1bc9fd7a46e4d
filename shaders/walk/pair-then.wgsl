//! part
//! import walk/quads, walk/each, lane/vec4f
//! needs value, after
// As walk/pair, with what comes after: y = after(value(a, b), i). a, b, y: N contiguous floats.
// Constants: PER quads a thread.
@group(0) @binding(0) var<storage, read> a: array<Lane>;
@group(0) @binding(1) var<storage, read> b: array<Lane>;
@group(0) @binding(2) var<storage, read_write> y: array<Lane>;

fn each(i: u32) {
  y[i] = within(after(value(a[i], b[i]), i), i);
}
