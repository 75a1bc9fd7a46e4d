//! part
//! import walk/quads, lane/vec4f
//! needs gradient
// As walk/backward, where two gradients arrive: dx = gradient(at, a + b). at, a, b, dx: N contiguous floats.
// Constants: PER quads a thread.
@group(0) @binding(0) var<storage, read> at: array<vec4f>;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;

fn each(i: u32) {
  dx[i] = within(gradient(at[i], a[i] + b[i]), i);
}

@compute @workgroup_size(64)
fn backward(thread: Thread) {
  walk(thread);
}
