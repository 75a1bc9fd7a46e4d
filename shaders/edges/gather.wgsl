// Rows by number: y[e, :] = x[node[e], :].
// Prelude: EDGES rows of y, WIDTH floats a row (a multiple of 4). x [nodes, WIDTH], node [EDGES], y [EDGES, WIDTH].
// One thread a quad of y.
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> node: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

const QUADS = u32(WIDTH) / 4u;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (wid.y * groups.x + wid.x) * 64u + local;
  if (i >= u32(EDGES) * QUADS) {
    return;
  }
  y[i] = x[node[i / QUADS] * QUADS + i % QUADS];
}
