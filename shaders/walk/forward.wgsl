//! part
//! import walk/quads, lane/vec4f
//! needs value
// A function of one value, element-wise: y = value(x). x, y: N contiguous floats.
// Constants: PER quads a thread. The importing file declares value(x: vec4f) -> vec4f.
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

fn each(i: u32) {
  y[i] = within(value(x[i]), i);
}

@compute @workgroup_size(64)
fn forward(thread: Thread) {
  walk(thread);
}
