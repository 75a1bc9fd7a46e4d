// Half precision for storage: pack rounds to nearest even, two values a word; unpack is exact. Values
// beyond 65,504 become infinite.
// x, y: N contiguous floats; halves, kept: ceil(N / 4) pairs of words.
// Prelude: N elements, PER quads a thread (graph/elementwise.ts). One thread for PER quads.
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> halves: array<vec2u>;
@group(0) @binding(2) var<storage, read> kept: array<vec2u>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

const QUADS = (u32(N) + 3u) / 4u;

fn first_quad(wid: vec3u, groups: vec3u, local: u32) -> u32 {
  return (wid.y * groups.x + wid.x) * (64u * PER) + local;
}

@compute @workgroup_size(64)
fn pack(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  for (var k = 0u; k < PER; k++) {
    let i = first_quad(wid, groups, local) + 64u * k;
    if (i < QUADS) {
      let v = x[i];
      halves[i] = vec2u(pack2x16float(v.xy), pack2x16float(v.zw));
    }
  }
}

@compute @workgroup_size(64)
fn unpack(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  for (var k = 0u; k < PER; k++) {
    let i = first_quad(wid, groups, local) + 64u * k;
    if (i < QUADS) {
      let w = kept[i];
      y[i] = vec4f(unpack2x16float(w.x), unpack2x16float(w.y));
    }
  }
}
