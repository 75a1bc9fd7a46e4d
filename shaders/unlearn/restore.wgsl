// y = original where keep is 0. Puts back, to the bit, what an update changed outside a mask.
//
// y, original, keep: N contiguous elements. Prelude: N elements, PER quads a thread.
@group(0) @binding(0) var<storage, read> original: array<vec4f>;
@group(0) @binding(1) var<storage, read> keep: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  for (var k = 0u; k < PER; k++) {
    let i = (wid.y * groups.x + wid.x) * (64u * PER) + 64u * k + local;
    if (i < (u32(N) + 3u) / 4u) {
      y[i] = select(original[i], y[i], keep[i] != vec4u());
    }
  }
}
