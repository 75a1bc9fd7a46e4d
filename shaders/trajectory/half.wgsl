// Snapshots in half precision: differences from the oldest one, times 1024 so that the small steps of
// fine-tuning stay clear of the subnormals (below 6e-8), two a word.
// snapshot, oldest: slices of N floats, a multiple of 128; packed: N / 4 pairs of words;
// differences: SLICES of them; snapshots: SLICES + 1 slices of N floats, oldest first.
// Prelude: N, SLICES, PER quads a thread (graph/elementwise.ts). One thread for PER quads of a slice.
@group(0) @binding(0) var<storage, read> snapshot: array<vec4f>;
@group(0) @binding(1) var<storage, read> oldest: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> packed: array<vec2u>;
@group(0) @binding(3) var<storage, read> differences: array<vec2u>;
@group(0) @binding(4) var<storage, read_write> snapshots: array<vec4f>;

const quads = u32(N) / 4u;

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
    if (i < quads) {
      let d = 1024.0 * (snapshot[i] - oldest[i]);
      packed[i] = vec2u(pack2x16float(d.xy), pack2x16float(d.zw));
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
    if (i < quads) {
      let first = oldest[i];
      snapshots[i] = first;
      for (var slice = 0u; slice < SLICES; slice++) {
        let w = differences[slice * quads + i];
        let d = vec4f(unpack2x16float(w.x), unpack2x16float(w.y));
        snapshots[(slice + 1u) * quads + i] = first + d / 1024.0;
      }
    }
  }
}
