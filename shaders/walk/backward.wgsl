//! part
//! import walk/quads, lane/vec4f
//! needs gradient
// The gradient of a function of one value: dx = gradient(at, dy), where `at` is its input or its output,
// whichever the function's file names. at, dy, dx: N contiguous floats.
// Constants: PER quads a thread. The importing file declares gradient(at: vec4f, dy: vec4f) -> vec4f.
@group(0) @binding(0) var<storage, read> at: array<vec4f>;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;

fn each(i: u32) {
  dx[i] = within(gradient(at[i], dy[i]), i);
}

@compute @workgroup_size(64)
fn backward(thread: Thread) {
  walk(thread);
}
