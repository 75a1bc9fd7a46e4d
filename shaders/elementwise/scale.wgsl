// y = FACTOR x. x, y: N contiguous elements. The derivative is the same kernel on dy.
// Prelude: N elements, PER quads a thread (graph/elementwise.ts), FACTOR. One thread for PER
// quads.
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

const QUADS = (u32(N) + 3u) / 4u;

fn first_quad(wid: vec3u, groups: vec3u, local: u32) -> u32 {
  return (wid.y * groups.x + wid.x) * (64u * PER) + local;
}

// Zero behind element N, so that the padding of an arena's views stays zero.
fn within(v: vec4f, quad: u32) -> vec4f {
  if (N % 4 == 0) {
    return v;
  }
  return select(vec4f(), v, 4u * quad + vec4u(0u, 1u, 2u, 3u) < vec4u(N));
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  for (var k = 0u; k < PER; k++) {
    let i = first_quad(wid, groups, local) + 64u * k;
    if (i < QUADS) {
      y[i] = within(x[i] * FACTOR, i);
    }
  }
}
